package netdriver

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// Rows are a session's rows, as far as they are the same in any protocol: there is one set at a time, it is used again and
// again, and rows are read from the network as they are asked for. A driver embeds it in its own rows, which are a RowReader
// by that, and driver.Rows with a Columns. It's ready after Init.
type Rows struct {
	Vals  []driver.Value // of the row that was read last
	Arena arena.Arena    // what they are copied into
	Open  bool           // from Begin to Close
	Ready bool           // Vals hold a row that Next hasn't returned yet

	s      *Session
	own    RowReader
	result driver.Result
	over   bool            // the answer was read to its end, or was given up
	doomed bool            // the transaction will be rolled back
	err    *driver.Fault   // why the rows ended early
	done   <-chan struct{} // of the context that is watched
}

// RowReader is a driver's rows, as Rows need to know them.
type RowReader interface {
	// ReadRow reads the next row into Vals, or reports false at the end of all that is awaited. After a fault nothing more
	// can be read.
	ReadRow(ctx context.Context) (more bool, f *driver.Fault)
	// EndCall ends the call that the rows are of, and returns what the server has said of it.
	EndCall() driver.Result
	// MayCut reports whether the server may be asked to end what is left of the rows, whose effects, and those of a
	// transaction that isn't doomed, must stay.
	MayCut(doomed bool) bool
}

// Init makes the rows own's part, and s's.
func (r *Rows) Init(own RowReader, s *Session) { r.own, r.s = own, s }

// Begin makes the rows those of a statement that was just sent.
func (r *Rows) Begin(ctx context.Context) {
	r.Open, r.Ready, r.over, r.err, r.done, r.result = true, false, false, nil, ctx.Done(), driver.Result{}
	r.Arena.Reset()
}

// Size makes Vals n values, which are of no row yet.
func (r *Rows) Size(n int) {
	if cap(r.Vals) < n {
		r.Vals = make([]driver.Value, n)
	} else {
		r.Vals = r.Vals[:n]
	}
}

// Next implements driver.Rows.
func (r *Rows) Next(ctx context.Context) ([]driver.Value, error) {
	switch {
	case !r.Open:
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
	if r.Ready {
		r.Ready = false
		return r.Vals, nil
	}
	more, f := r.own.ReadRow(ctx)
	switch {
	case f != nil:
		return nil, r.fail(f)
	case !more:
		r.Finish()
		return nil, io.EOF
	}
	return r.Vals, nil
}

// Finish ends the call of rows of which no more will come.
func (r *Rows) Finish() { r.over, r.result = true, r.own.EndCall() }

func (r *Rows) fail(f *driver.Fault) *driver.Fault {
	r.Finish()
	r.err = f
	return f
}

// Close implements driver.Rows. Unless it may be cut, what is left is read.
func (r *Rows) Close(ctx context.Context) (driver.Result, error) {
	if !r.Open {
		return r.result, nil
	}
	var f *driver.Fault
	if !r.over {
		f = r.rest(ctx)
		r.Finish()
	}
	r.s.own.DropRows()
	if f != nil {
		return driver.Result{}, f
	}
	return r.result, nil
}

// Abandon implements driver.Abandoner.
func (r *Rows) Abandon(ctx context.Context) (driver.Result, error) {
	r.doomed = true
	defer func() { r.doomed = false }()
	return r.Close(ctx)
}

// drainTime is for how long Close reads the rest of a result before it has the server end it.
const drainTime = 5 * time.Millisecond

// rest ends an answer that wasn't read to its end.
func (r *Rows) rest(ctx context.Context) *driver.Fault {
	s := r.s
	if ctx.Err() != nil {
		return s.Interrupted(ctx)
	}
	if ctx.Done() != r.done {
		s.EndCall()
		s.StartCall(ctx)
	}
	if r.own.MayCut(r.doomed) {
		defer s.Impatient(drainTime)()
	}
	for s.own.Awaited() > 0 {
		if f := s.own.Skip(ctx); f != nil {
			if s.Broken == nil && s.own.Hit() && s.CancelSent() && s.own.Awaited() == 0 && !s.CallOver() {
				return nil
			}
			return f
		}
	}
	return nil
}

// maxSpareValues bounds the memory that is kept for the next rows.
const maxSpareValues = 256

// Drop forgets the rows, whatever is left of them. Of too many columns Vals are nil afterwards.
func (r *Rows) Drop() {
	r.Open, r.Ready, r.over, r.err, r.done = false, false, true, nil, nil
	if cap(r.Vals) > maxSpareValues {
		r.Vals = nil
	}
	clear(r.Vals)
	r.Arena.Reset()
}

// Undecodable is the fault of a row with a value that can't be read because of err.
func Undecodable(err error, column string) *driver.Fault {
	f, ok := err.(*driver.Fault)
	if !ok {
		f = &driver.Fault{Kind: driver.Unknown, Err: err}
	}
	named := *f
	named.Phase, named.Sent = driver.Fetch, true
	named.Err = fmt.Errorf("column %q: %w", column, f.Err)
	return &named
}
