package mariadb

import (
	"context"
	"fmt"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/value"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// rows are the session's rows.
type rows struct {
	netdriver.Rows
	s      *session
	st     *prepared // nil if the statement was sent as text
	plan   *plan
	own    plan     // of a statement that was sent as text
	fields [][]byte // of the row of the text protocol that is being read
}

// begin makes the rows those of a statement that was just sent. What columns it has is told with the answer.
func (r *rows) begin(ctx context.Context, st *prepared) {
	r.Begin(ctx)
	r.st, r.own = st, plan{}
	if r.plan = &r.own; st != nil {
		r.plan = &st.plan
	}
}

// describe takes the description of a result. Of a prepared statement it's the same slice as before, unless its tables have
// changed.
func (r *rows) describe(res *wire.Result) {
	if !r.plan.fits(res) {
		*r.plan = r.s.back.to.newPlan(res)
	}
	n := len(res.Columns)
	if r.Size(n); cap(r.fields) < n {
		r.fields = make([][]byte, n)
	} else {
		r.fields = r.fields[:n]
	}
}

// take reads a row that has come.
func (r *rows) take(row []byte) *driver.Fault {
	var column int
	var err error
	if r.plan.binary {
		column, err = value.DecodeBinaryRow(row, r.plan.values, r.Vals, &r.Arena)
	} else {
		column, err = r.takeText(row)
	}
	switch {
	case err == nil:
		return nil
	case column < 0:
		return &driver.Fault{Kind: driver.Unknown, Phase: driver.Fetch, Sent: true, Evict: true,
			Err: fmt.Errorf("%w: %w", wire.ErrProtocol, err)}
	}
	return netdriver.Undecodable(err, r.plan.columns[column].Name)
}

// takeText reads a row of the text protocol. It returns which column an error is of, -1 if it's of all.
func (r *rows) takeText(row []byte) (column int, err error) {
	if err := wire.SplitText(row, r.fields); err != nil {
		return -1, err
	}
	for i, src := range r.fields {
		if r.Vals[i], err = r.plan.values[i].DecodeText(src, &r.Arena); err != nil {
			return i, err
		}
	}
	return 0, nil
}

// Columns implements driver.Rows.
func (r *rows) Columns() []driver.Column {
	if !r.Open {
		return nil
	}
	return r.plan.columns
}

// ReadRow implements netdriver.RowReader.
func (r *rows) ReadRow(ctx context.Context) (bool, *driver.Fault) {
	row, f := r.s.answer(ctx)
	if row == nil || f != nil {
		return false, f
	}
	if f = r.take(row); f != nil {
		return false, r.s.Unusable(ctx, f)
	}
	return true, nil
}

// EndCall implements netdriver.RowReader.
func (r *rows) EndCall() driver.Result {
	r.s.leave(r.st)
	return r.s.running.result
}

// MayCut implements netdriver.RowReader. To end a write would undo it; to end a query leaves its transaction as it is.
func (r *rows) MayCut(doomed bool) bool { return doomed || r.s.running.stmt.Access == driver.Read }

// drop forgets the rows, whatever is left of them.
func (r *rows) drop() {
	if !r.Open {
		return
	}
	r.st = nil
	if r.Drop(); r.Vals == nil {
		r.fields = nil
	}
	clear(r.fields)
}
