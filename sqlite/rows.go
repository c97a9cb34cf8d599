package sqlite

import (
	"context"
	"io"
	"slices"

	"github.com/plinthdb/plinth/driver"
)

// rows are a session's open rows; there is one a session, used again and again.
//
// A statement that only reads is stepped row by row. One that writes and returns rows (RETURNING) has run to its end
// before its first row is handed out, so that what it wrote stands, whatever becomes of the rows; SQLite itself
// keeps such rows in memory, too, until all is written.
type rows struct {
	s       *session
	st      *stmt // nil: nothing is left to step
	open    bool
	large   bool // its arguments are
	ready   bool // st stands on a row that wasn't handed out
	columns []driver.Column
	vals    []driver.Value  // of one row
	done    <-chan struct{} // of the context that is watched
	result  driver.Result

	kept []driver.Value // rows that were read ahead, one after the other
	next int            // in kept
}

// maxSpareValues is how large kept may be to be used again.
const maxSpareValues = 1 << 10

// Columns implements driver.Rows.
func (r *rows) Columns() []driver.Column { return r.columns }

// Next implements driver.Rows.
func (r *rows) Next(ctx context.Context) ([]driver.Value, error) {
	if !r.open {
		return nil, io.EOF
	}
	if r.st == nil { // it has run to its end: what it wrote stands, and so does its answer
		return r.nextKept()
	}
	if done := ctx.Done(); done != nil {
		select {
		case <-done:
			return nil, r.s.fault(ctx, driver.Fetch, ctx.Err(), nil)
		default:
		}
		if done != r.done {
			r.done = done
			r.s.watch.start(ctx)
		}
	}
	if !r.ready {
		more, err := r.st.Step()
		if err != nil {
			f := r.s.fault(ctx, driver.Fetch, err, nil)
			r.end()
			return nil, f
		}
		if !more {
			return nil, r.finish(ctx)
		}
	}
	r.ready = false
	read(r.st.Stmt, r.vals)
	return r.vals, nil
}

func (r *rows) nextKept() ([]driver.Value, error) {
	width := len(r.columns)
	if r.next+width > len(r.kept) || width == 0 {
		return nil, io.EOF
	}
	row := r.kept[r.next : r.next+width : r.next+width]
	r.next += width
	return row, nil
}

// keep reads the row that the statement stands on, and all that follow.
func (r *rows) keep(st *stmt) (err error) {
	width := st.ColumnCount()
	for more := true; more && err == nil; more, err = st.Step() {
		r.kept = slices.Grow(r.kept, width)
		r.kept = r.kept[:len(r.kept)+width]
		read(st.Stmt, r.kept[len(r.kept)-width:])
	}
	return err
}

// Close implements driver.Rows. It doesn't block.
func (r *rows) Close(ctx context.Context) (driver.Result, error) {
	if !r.open {
		return r.result, nil
	}
	err := r.finish(ctx)
	r.open = false
	if cap(r.kept) > maxSpareValues {
		r.kept = nil
	}
	clear(r.kept)
	clear(r.vals)
	if err != io.EOF {
		return r.result, err
	}
	return r.result, nil
}

// finish ends the statement. It returns io.EOF if all went well.
func (r *rows) finish(ctx context.Context) error {
	if r.st == nil {
		return io.EOF
	}
	if err := r.st.Reset(); err != nil {
		f := r.s.fault(ctx, driver.Fetch, err, nil)
		r.end()
		return f
	}
	r.end()
	return io.EOF
}

// end gives up the statement, which has been reset.
func (r *rows) end() {
	r.s.leave(r.st, r.large)
	r.st = nil
}
