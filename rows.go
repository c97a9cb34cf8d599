package plinth

import (
	"context"
	"io"
	"iter"
	"reflect"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/scan"
)

// Rows are the answer to a query, read one by one. They hold a connection until they are closed, which reading
// to the end does by itself. One goroutine at a time may use them.
type Rows struct {
	call
	cols  []driver.Column
	vals  []driver.Value // of the current row; nil before the first and after the last
	docs  bool           // the rows are documents: each has its own columns
	err   error
	ended bool

	plan   *scan.Plan   // the last one used
	planOf reflect.Type // what it is for; nil if each row has columns of its own

	unread error // a row couldn't be read into what it was asked for: for those who watch
}

// Next goes to the next row and reports whether there is one. After false, Err tells an end from a failure.
func (r *Rows) Next() bool {
	if r.ended {
		return false
	}
	vals, err := r.call.rows.Next(r.ctx)
	if err != nil {
		if err == io.EOF {
			err = nil
		}
		r.finish(err)
		return false
	}
	r.vals = vals
	if r.docs {
		r.cols = r.call.rows.Columns()
	}
	r.ev.Rows++
	return true
}

// Close ends the query, whether or not all its rows were read, and gives the connection back. It returns what Err
// returns, and may be called more than once.
func (r *Rows) Close() error {
	if !r.ended {
		r.finish(nil)
	}
	return r.err
}

// Err returns why Next stopped early, or nil.
func (r *Rows) Err() error { return r.err }

func (r *Rows) finish(err error) {
	defer r.hold.leave() // also when a hook ends the goroutine
	r.ended, r.vals = true, nil
	result, cerr := r.call.rows.Close(r.ctx)
	r.finished(result, err, cerr)
}

// abandon closes the rows where what they were queried in is about to be undone.
func (r *Rows) abandon(ctx context.Context) {
	if r.ended {
		return
	}
	defer r.hold.leave()
	r.ended, r.vals = true, nil
	var err error
	if a, ok := r.call.rows.(driver.Abandoner); ok {
		_, err = a.Abandon(ctx)
	} else {
		_, err = r.call.rows.Close(ctx)
	}
	r.finished(Result{}, nil, err)
}

// finished ends the call of rows that are closed. err is why there were no further rows, cerr is of closing them.
func (r *Rows) finished(result Result, err, cerr error) {
	r.result = result
	if err == nil {
		err = cerr
	}
	r.err = final(r.attempted(err))
	seen := r.err
	if seen == nil {
		seen = r.unread
	}
	r.end(r.ctx, seen)
}

// Result returns what the statement did besides returning rows (INSERT … RETURNING). It's known once the rows are closed.
func (r *Rows) Result() Result { return r.result }

// Columns returns the names of the columns. Where the rows are documents they are those of the current one, and before Next
// those of the first.
func (r *Rows) Columns() []string { return columnNames(r.cols) }

// Row returns the current row, which may be kept.
func (r *Rows) Row() Row {
	return Row{cols: r.cols, vals: append([]driver.Value(nil), r.vals...), doc: r.docs}
}

// Scan reads the current row into dest: a pointer for each column, with the conversions that the docs' table lists.
func (r *Rows) Scan(dest ...any) error {
	if r.vals == nil {
		return r.st.usage(ErrArgument, string(hook.Query), "Scan without a current row: call Next first")
	}
	if len(dest) != len(r.vals) {
		return r.st.usage(ErrArgument, string(hook.Query), "Scan into %d destinations, but the result has %d columns: %v",
			len(dest), len(r.vals), r.Columns())
	}
	if err := scan.Row(r.cols, r.vals, dest); err != nil {
		return r.scanError(err)
	}
	return nil
}

// All reads the rows as a sequence and closes them at its end, or when the loop is left.
func (r *Rows) All() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		defer r.Close()
		for r.Next() {
			if !yield(r.Row(), nil) {
				return
			}
		}
		if r.err != nil {
			yield(Row{}, r.err)
		}
	}
}

// into reads the current row into dst, a pointer to a t.
func (r *Rows) into(t reflect.Type, dst any) error {
	if r.planOf != t {
		find := r.eng.plans.Plan
		if r.docs {
			find = r.eng.plans.DocumentPlan
		}
		plan, err := find(t, r.cols)
		if err != nil {
			return r.scanError(err)
		}
		if r.plan = plan; !r.docs {
			r.planOf = t
		}
	}
	if err := r.plan.Into(r.vals, dst); err != nil {
		return r.scanError(err)
	}
	return nil
}

func (r *Rows) scanError(err error) error {
	r.unread = final(r.st.failed(string(hook.Query), r.stmt, err, false, true))
	return r.unread
}

func columnNames(cols []driver.Column) []string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	return names
}
