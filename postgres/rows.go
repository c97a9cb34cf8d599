package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/postgres/internal/pgvalue"
)

// rows are the session's rows: there is one set at a time, and it is used again and again. They are read from the network
// as they are asked for.
type rows struct {
	s       *session
	st      *prepared
	columns []driver.Column
	types   []*pgvalue.Type
	formats []int16
	vals    []driver.Value
	arena   pgvalue.Arena

	result driver.Result
	open   bool            // until Close
	over   bool            // the answer was read to its end, or was given up
	ready  bool            // vals hold a row that Next hasn't returned yet
	err    *driver.Fault   // why the rows ended early
	done   <-chan struct{} // of the context that is watched
	doomed bool            // the transaction will be rolled back
}

// begin makes the rows those of a statement that was just sent.
func (r *rows) begin(ctx context.Context, st *prepared) {
	r.st, r.columns, r.types, r.formats = st, st.columns, st.types, st.resultFormats
	r.open, r.over, r.ready, r.err, r.done, r.result = true, false, false, nil, ctx.Done(), driver.Result{}
	r.arena.Reset()
	r.size()
}

func (r *rows) size() {
	if n := len(r.columns); cap(r.vals) < n {
		r.vals = make([]driver.Value, n)
	} else {
		r.vals = r.vals[:n]
	}
}

// redescribe is for a statement that is parsed anew each time, whose columns may be other ones than the last time. Their
// number is the same, or binding would have failed.
func (r *rows) redescribe(m *pgproto3.RowDescription) {
	same := len(m.Fields) == len(r.columns)
	for i := 0; same && i < len(m.Fields); i++ {
		f := &m.Fields[i]
		same = f.DataTypeOID == r.types[i].OID && string(f.Name) == r.columns[i].Name
	}
	if same {
		return
	}
	r.s.cache.drop(r.st)
	n := len(m.Fields)
	r.columns, r.types, r.formats = make([]driver.Column, n), make([]*pgvalue.Type, n), make([]int16, n)
	for i := range m.Fields {
		f := &m.Fields[i]
		t := r.s.back.knownType(f.DataTypeOID)
		if t == nil || f.Format != t.ResultFormat() && f.Format != pgvalue.Text {
			r.s.running.failure = &driver.Fault{Kind: driver.Unknown, Phase: driver.Fetch, Verdict: driver.IfSafe, Sent: true,
				Err: fmt.Errorf("the type of column %q has changed", f.Name)}
			return
		}
		r.columns[i], r.types[i], r.formats[i] = driver.Column{Name: string(f.Name), Type: t.Name}, t, f.Format
	}
	r.size()
}

// take reads a row that has come.
func (r *rows) take(row *pgproto3.DataRow) *driver.Fault {
	if len(row.Values) != len(r.types) {
		return &driver.Fault{Kind: driver.Unknown, Phase: driver.Fetch, Sent: true, Evict: true,
			Err: fmt.Errorf("the server sent a row of %d values for %d columns", len(row.Values), len(r.types))}
	}
	for i, src := range row.Values {
		v, err := r.types[i].Decode(src, r.formats[i], &r.arena)
		if err != nil {
			return undecodable(err, r.columns[i].Name)
		}
		r.vals[i] = v
	}
	r.ready = true
	return nil
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
}

// Columns implements driver.Rows.
func (r *rows) Columns() []driver.Column { return r.columns }

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

// drainTime is for how long Close reads the rest of a result before it has the server cancel it.
const drainTime = 5 * time.Millisecond

// Close implements driver.Rows. What is left of a write, or of a query in a transaction that goes on, has to be read: to
// cancel it would undo the write, and end the transaction.
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
	harmless := s.running.stmt.Access == driver.Read && !s.tx.open && s.status == 'I'
	if !s.in.theEnd() && (r.doomed || harmless) {
		defer s.Impatient(drainTime)()
	}
	for s.owed > 0 {
		if _, f := s.answer(ctx); f != nil {
			if f.Code == queryCanceled && s.CancelSent() && s.owed == 0 && !s.CallOver() {
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
	if cap(r.vals) > maxSpareValues {
		r.vals = nil
	}
	clear(r.vals)
	r.arena.Reset()
}

// maxSpareValues bounds the memory that is kept for the next rows.
const maxSpareValues = 256

// inbound is what a connection's messages are read from. It remembers how that ended so far.
type inbound struct {
	conn io.Reader
	last [6]byte
	big  bool // the buffer that is read into is large
	shut bool // nothing is read
}

// maxSpareIn is how large a buffer to read into is kept.
const maxSpareIn = 64 << 10

// errShut is what is read from an inbound that is shut.
var errShut = errors.New("nothing is read now")

// Read implements io.Reader.
func (h *inbound) Read(p []byte) (int, error) {
	if h.shut {
		return 0, errShut
	}
	h.big = h.big || len(p) > maxSpareIn
	n, err := h.conn.Read(p)
	if n >= len(h.last) {
		copy(h.last[:], p[n-len(h.last):n])
	} else {
		copy(h.last[:], h.last[n:])
		copy(h.last[len(h.last)-n:], p[:n])
	}
	return n, err
}

// shed gives back the memory of large messages, of which nothing is left to be read: the frontend does so when it begins
// to read the next one.
func (s *session) shed() {
	if s.row != nil {
		clear(s.row.Values[:cap(s.row.Values)])
	}
	if s.ReadBufferLen() == 0 {
		s.in.big, s.in.shut = false, true
		_, _ = s.Receive()
		s.in.shut = false
	}
}

// theEnd reports whether it ended in what looks like a ReadyForQuery: then most likely a whole answer is there.
func (h *inbound) theEnd() bool {
	return h.last[0] == 'Z' && string(h.last[1:5]) == "\x00\x00\x00\x05"
}
