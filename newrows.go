package plinth

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// NewRows returns rows that were given, for a fake Querier in an application's tests. A value is nil, a bool, any
// integer or float, a string, []byte, time.Time, a Decimal, or a nested value ([]any, map[string]any);
// what is of another type, or a row of another length than columns, is an error of Next. A row that is one error and
// nothing else makes reading fail with it there:
//
//	plinth.NewRows([]string{"id"}, []any{1}, []any{plinth.ErrUnavailable})
func NewRows(columns []string, rows ...[]any) *Rows {
	g := &given{rows: rows}
	for _, name := range columns {
		g.cols = append(g.cols, driver.Column{Name: name})
	}
	r := &Rows{cols: g.cols}
	r.eng = &Engine{} // nobody watches
	r.eng.hooks.Store(&hooks{})
	r.st = &state{target: &target{info: driver.Info{Engine: "given"}}}
	r.eng.state.Store(r.st)
	r.set = &r.st.settings
	r.sess, r.call.rows = idleSession{}, g
	r.ctx = context.Background()
	return r
}

// given is driver.Rows over values in memory.
type given struct {
	cols []driver.Column
	rows [][]any
}

func (g *given) Columns() []driver.Column { return g.cols }

func (g *given) Next(context.Context) ([]driver.Value, error) {
	if len(g.rows) == 0 {
		return nil, io.EOF
	}
	row := g.rows[0]
	g.rows = g.rows[1:]
	if len(row) == 1 {
		if err, ok := row[0].(error); ok {
			return nil, &driver.Fault{Kind: contextKind(err), Phase: driver.Fetch, Err: err}
		}
	}
	if len(row) != len(g.cols) {
		return nil, driver.Faultf(driver.Argument, "a row of %d values for %d columns", len(row), len(g.cols))
	}
	vals := make([]driver.Value, len(row))
	for i, v := range row {
		var err error
		if vals[i], err = valueOf(v); err != nil {
			return nil, err
		}
	}
	return vals, nil
}

func (g *given) Close(context.Context) (driver.Result, error) {
	g.rows = nil
	return driver.Result{}, nil
}

func valueOf(v any) (driver.Value, error) {
	switch v := v.(type) {
	case []any, map[string]any:
		return driver.NestedValue(v), nil
	}
	simple, err := driver.Simplify(v)
	if err != nil {
		return driver.Value{}, err
	}
	switch v := simple.(type) {
	case nil:
		return driver.NullValue(), nil
	case bool:
		return driver.BoolValue(v), nil
	case int64:
		return driver.IntValue(v), nil
	case uint64:
		return driver.UintValue(v), nil
	case float64:
		return driver.FloatValue(v), nil
	case driver.Decimal:
		return driver.DecimalValue(string(v)), nil
	case string:
		return driver.TextValue(v), nil
	case []byte:
		return driver.BytesValue(v), nil
	case time.Time:
		return driver.TimeValue(v), nil
	}
	return driver.Value{}, fmt.Errorf("plinth: a %T can't be the value of a row", v)
}

// idleSession stands where Rows without a database would have one.
type idleSession struct{ driver.Session }

func (idleSession) TxState() driver.TxState { return driver.TxIdle }
func (idleSession) Release(driver.Fate)     {}
