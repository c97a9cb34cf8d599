package mariadb

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
	"github.com/plinthdb/plinth/mariadb/internal/value"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// rows are the session's rows: there is one set at a time, and it is used again and again. They are read from the network
// as they are asked for.
type rows struct {
	s      *session
	st     *prepared // nil if the statement was sent as text
	plan   *plan
	own    plan     // of a statement that was sent as text
	fields [][]byte // of the row of the text protocol that is being read
	vals   []driver.Value
	arena  arena.Arena

	result  driver.Result
	open    bool            // until Close
	doomed  bool            // what they are in is about to be rolled back
	fetched bool            // a row has come
	over    bool            // the answer was read to its end, or was given up
	ready   bool            // vals hold a row that Next hasn't returned yet
	err     *driver.Fault   // why the rows ended early
	done    <-chan struct{} // of the context that is watched
}

// begin makes the rows those of a statement that was just sent. What columns it has is told with the answer.
func (r *rows) begin(ctx context.Context, st *prepared) {
	r.st, r.own = st, plan{}
	r.arena.Reset()
	if r.plan = &r.own; st != nil {
		r.plan = &st.plan
	}
	r.open, r.fetched, r.over, r.ready, r.err, r.done, r.result = true, false, false, false, nil, ctx.Done(), driver.Result{}
}

// describe takes the description of a result. Of a prepared statement it's the same slice as before, unless its tables have
// changed.
func (r *rows) describe(res *wire.Result) {
	if !r.plan.fits(res) {
		*r.plan = r.s.back.to.newPlan(res)
	}
	if n := len(res.Columns); cap(r.vals) < n {
		r.vals, r.fields = make([]driver.Value, n), make([][]byte, n)
	} else {
		r.vals, r.fields = r.vals[:n], r.fields[:n]
	}
}

// take reads a row that has come.
func (r *rows) take(row []byte) *driver.Fault {
	r.fetched = true
	var column int
	var err error
	if r.plan.binary {
		column, err = value.DecodeBinaryRow(row, r.plan.values, r.vals, &r.arena)
	} else {
		column, err = r.takeText(row)
	}
	switch {
	case err == nil:
		r.ready = true
		return nil
	case column < 0:
		return &driver.Fault{Kind: driver.Unknown, Phase: driver.Fetch, Sent: true, Evict: true,
			Err: fmt.Errorf("%w: %w", wire.ErrProtocol, err)}
	}
	return undecodable(err, r.plan.columns[column].Name)
}

// takeText reads a row of the text protocol. It returns which column an error is of, -1 if it's of all.
func (r *rows) takeText(row []byte) (column int, err error) {
	if err := wire.SplitText(row, r.fields); err != nil {
		return -1, err
	}
	for i, src := range r.fields {
		if r.vals[i], err = r.plan.values[i].DecodeText(src, &r.arena); err != nil {
			return i, err
		}
	}
	return 0, nil
}

func undecodable(err error, column string) *driver.Fault {
	f, ok := err.(*driver.Fault)
	if !ok {
		f = &driver.Fault{Kind: driver.Unknown, Err: err}
	}
	named := *f
	named.Phase, named.Sent = driver.Fetch, true
	named.Err = fmt.Errorf("column %q: %w", column, f.Err)
	return &named
}

// finished marks rows that were read to the end.
func (r *rows) finished() {
	r.over, r.result = true, r.s.running.result
	if r.st != nil {
		r.st.used = true
	}
}

// Columns implements driver.Rows.
func (r *rows) Columns() []driver.Column {
	if !r.open {
		return nil
	}
	return r.plan.columns
}

// Next implements driver.Rows.
func (r *rows) Next(ctx context.Context) ([]driver.Value, error) {
	switch {
	case !r.open:
		return nil, io.EOF
	case r.err != nil:
		return nil, r.err
	case r.over:
		return nil, io.EOF
	}
	if done := ctx.Done(); done != nil {
		select {
		case <-done:
			return nil, r.fail(r.s.Interrupted(ctx))
		default:
		}
		if done != r.done {
			r.done = done
			r.s.EndCall()
			r.s.StartCall(ctx)
		}
	}
	if !r.ready {
		row, f := r.s.answer(ctx)
		if f == nil && row == nil {
			r.s.leave(r.st)
			r.finished()
			return nil, io.EOF
		}
		if f == nil {
			if f = r.take(row); f != nil {
				f = r.s.Unusable(ctx, f)
			}
		}
		if f != nil {
			return nil, r.fail(f)
		}
	}
	r.ready = false
	return r.vals, nil
}

// fail ends the rows early.
func (r *rows) fail(f *driver.Fault) *driver.Fault {
	r.s.leave(r.st)
	r.finished()
	r.err = f
	return f
}

// drainTime is for how long Close reads the rest of a result before it has the server end it.
const drainTime = 5 * time.Millisecond

// Close implements driver.Rows. What is left of a write has to be read: to end it would undo it.
func (r *rows) Close(ctx context.Context) (driver.Result, error) {
	if !r.open {
		return r.result, nil
	}
	var f *driver.Fault
	if !r.over {
		f = r.rest(ctx)
		r.result = r.s.running.result
	}
	r.drop()
	if f != nil {
		return driver.Result{}, f
	}
	return r.result, nil
}

// Abandon implements driver.Abandoner.
func (r *rows) Abandon(ctx context.Context) (driver.Result, error) {
	r.doomed = true
	defer func() { r.doomed = false }()
	return r.Close(ctx)
}

// rest ends an answer that wasn't read to its end.
func (r *rows) rest(ctx context.Context) *driver.Fault {
	s := r.s
	defer s.leave(r.st)
	if ctx.Err() != nil {
		return s.Interrupted(ctx)
	}
	if ctx.Done() != r.done {
		s.EndCall()
		s.StartCall(ctx)
	}
	if r.doomed || s.running.stmt.Access == driver.Read { // to end a query leaves its transaction as it is
		defer s.Impatient(drainTime)()
	}
	for s.Awaited() > 0 {
		if _, f := s.answer(ctx); f != nil {
			if f.Code == queryInterrupted && s.CancelSent() && s.Awaited() == 0 && !s.CallOver() {
				return nil
			}
			return f
		}
	}
	return nil
}

// drop forgets the rows, whatever is left of them.
func (r *rows) drop() {
	if !r.open {
		return
	}
	r.open, r.over, r.ready, r.err, r.done, r.st = false, true, false, nil, nil, nil
	if len(r.vals) > maxSpareValues {
		r.vals, r.fields = nil, nil
	}
	clear(r.vals)
	clear(r.fields)
	r.arena.Reset()
}

// maxSpareValues bounds the memory that is kept for the next rows.
const maxSpareValues = 256
