package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/postgres/internal/pgvalue"
)

// rows are the session's rows.
type rows struct {
	netdriver.Rows
	s       *session
	st      *prepared
	columns []driver.Column
	types   []*pgvalue.Type
	formats []int16
}

// begin makes the rows those of a statement that was just sent.
func (r *rows) begin(ctx context.Context, st *prepared) {
	r.Begin(ctx)
	r.st, r.columns, r.types, r.formats = st, st.columns, st.types, st.resultFormats
	r.Size(len(r.columns))
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
	r.Size(n)
}

// take reads a row that has come.
func (r *rows) take(row *pgproto3.DataRow) *driver.Fault {
	if len(row.Values) != len(r.types) {
		return &driver.Fault{Kind: driver.Unknown, Phase: driver.Fetch, Sent: true, Evict: true,
			Err: fmt.Errorf("the server sent a row of %d values for %d columns", len(row.Values), len(r.types))}
	}
	for i, src := range row.Values {
		v, err := r.types[i].Decode(src, r.formats[i], &r.Arena)
		if err != nil {
			return netdriver.Undecodable(err, r.columns[i].Name)
		}
		r.Vals[i] = v
	}
	return nil
}

// Columns implements driver.Rows.
func (r *rows) Columns() []driver.Column { return r.columns }

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

// MayCut implements netdriver.RowReader. To cancel a write would undo it, and to cancel a query ends its transaction. An answer that
// is all there needn't be.
func (r *rows) MayCut(doomed bool) bool {
	s := r.s
	harmless := s.running.stmt.Access == driver.Read && !s.tx.open && s.status == 'I'
	return !s.in.theEnd() && (doomed || harmless)
}

// drop forgets the rows, whatever is left of them.
func (r *rows) drop() {
	if r.Open {
		r.Drop()
		r.st = nil
	}
}

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
