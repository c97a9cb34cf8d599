package mariadb

import (
	"context"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// How much is sent before the server's answer is waited for: of the bulk protocol, which costs a round trip and is answered
// once, and of executions one by one, whose answers have to fit the network's buffers, for nobody reads them meanwhile.
const (
	bulkBytes, bulkRows   = 512 << 10, 10_000
	batchBytes, batchRows = 32 << 10, 200
)

// bulkSavepoint is set before each command of the bulk protocol.
const bulkSavepoint = "plinth_bulk"

// ExecuteMany implements driver.Bulk: by the bulk protocol (https://mariadb.com/kb/en/com_stmt_bulk_execute/) where the
// server and the statement have it, else by executions that are sent together.
//
// The bulk protocol doesn't tell which row has failed. So what it did is undone, and its rows are executed one by one up to
// the one that fails.
func (s *session) ExecuteMany(ctx context.Context, requests iter.Seq2[*driver.Request, error]) (driver.Result, int, error) {
	b := bulk{s: s, ctx: ctx}
	for req, err := range requests {
		f := b.add(req, err)
		switch {
		case f != nil:
			return driver.Result{}, b.row, f
		case err != nil:
			return driver.Result{}, b.row, err
		}
	}
	if f := b.flush(); f != nil {
		return driver.Result{}, b.row, f
	}
	return b.result, 0, nil
}

// bulk is one call of ExecuteMany.
type bulk struct {
	s   *session
	ctx context.Context

	stmt *driver.Stmt
	st   *prepared
	fast bool // the bulk protocol does it

	pulled int // rows that were asked for
	done   int // rows that the server has taken
	row    int // that failed, or 0

	types []byte // of the rows after those: two bytes a parameter, TypeNull where all are NULL so far
	buf   []byte // the values of them, without indicators
	ends  []int  // where each value ends in buf, negative (and one less) where it's NULL
	rows  int

	out    []byte // what is sent
	params wire.Params

	result driver.Result
}

// add takes a row, or the error of one. What comes before it fails before it does.
func (b *bulk) add(req *driver.Request, err error) *driver.Fault {
	b.pulled++
	if b.ctx.Err() != nil {
		b.row = b.pulled
		return netdriver.Ended(b.ctx, driver.Prepare, nil)
	}
	if err == nil && (b.st == nil || req.Native != b.st.text) {
		f := b.flush()
		if f == nil {
			f = b.prepare(req)
		}
		if f != nil {
			return f
		}
	}
	var f *driver.Fault
	if err == nil {
		f = b.bind(req.Args)
	}
	if err != nil || f != nil {
		if earlier := b.flush(); earlier != nil {
			return earlier
		}
		b.row = b.pulled
		return f
	}
	bytes, rows := batchBytes, batchRows
	if b.fast {
		bytes, rows = min(bulkBytes, b.s.maxPacket/2), bulkRows
	}
	if len(b.buf) >= bytes || b.rows >= rows {
		return b.flush()
	}
	return nil
}

// prepare makes the statement ready.
func (b *bulk) prepare(req *driver.Request) *driver.Fault {
	s := b.s
	if f := s.enter(b.ctx, req); f != nil {
		return f
	}
	defer s.EndCall()
	st := s.cache.get(req.Native)
	if st == nil {
		var f *driver.Fault
		if st, f = s.prepare(b.ctx, req); f != nil {
			b.row = b.pulled
			return f
		}
	}
	b.stmt, b.st = req.Stmt, st
	b.fast = s.Capabilities()&wire.CapBulk != 0 && len(st.stmt.Params) > 0 && writes(req.Stmt.Verb)
	b.types = b.types[:0]
	return nil
}

// writes reports whether the bulk protocol is made for statements of a verb.
func writes(verb string) bool {
	return verb == "INSERT" || verb == "REPLACE" || verb == "UPDATE" || verb == "DELETE"
}

// bind adds a row to those that are to be sent. A parameter has one type in all of them.
func (b *bulk) bind(args []any) *driver.Fault {
	n := len(b.st.stmt.Params)
	if len(args) != n {
		return driver.Faultf(driver.Argument, "the statement has %d placeholders, and %d arguments were given", n, len(args))
	}
	before, ends := len(b.buf), len(b.ends)
	undo := func() { b.buf, b.ends = b.buf[:before], b.ends[:ends] }
	if b.rows == 0 {
		b.types = b.types[:0]
		for range n {
			b.types = append(b.types, wire.TypeNull, 0)
		}
	}
	for i, arg := range args {
		out, typ, flag, f := appendArgument(b.buf, i, arg)
		if f != nil {
			undo()
			return f
		}
		b.buf = out
		if typ == wire.TypeNull {
			b.ends = append(b.ends, -len(b.buf)-1)
			continue
		}
		b.ends = append(b.ends, len(b.buf))
		switch {
		case b.types[2*i] == wire.TypeNull:
			b.types[2*i], b.types[2*i+1] = typ, flag
		case b.types[2*i] != typ || b.types[2*i+1] != flag: // such a row begins the next ones
			undo()
			if f := b.flush(); f != nil {
				return f
			}
			return b.bind(args)
		}
	}
	b.rows++
	return nil
}

// flush sends the rows that were added, and reads what has come of them.
func (b *bulk) flush() *driver.Fault {
	if b.rows == 0 {
		return nil
	}
	f := b.s.usable(b.ctx, driver.Run)
	if f == nil {
		if b.fast && b.rows > 1 {
			f = b.sendBulk()
		} else {
			f = b.sendBatch(0, b.rows)
		}
	}
	if f != nil {
		return f
	}
	b.done += b.rows
	b.buf, b.ends, b.rows = b.buf[:0], b.ends[:0], 0
	return nil
}

// sendBulk sends the rows by the bulk protocol, and if one is refused again one by one.
func (b *bulk) sendBulk() *driver.Fault {
	s := b.s
	f := b.bulk()
	if f == nil {
		b.count()
		return nil
	}
	if f.Code == "" || f.TxDead || f.Evict || s.Awaited() > 0 || s.Broken != nil || s.running.stray {
		return f
	}
	b.fast = f.Kind != driver.Unsupported // which is of this command, and not of the statement: the caller needn't hear of it
	if b.ctx.Err() != nil {
		if !b.fast {
			f = netdriver.Ended(b.ctx, driver.Run, nil)
		}
		return f
	}
	if back := s.control(b.ctx, driver.Run, "ROLLBACK TO SAVEPOINT "+bulkSavepoint); back != nil || s.running.warned {
		if back != nil && !b.fast {
			return back
		}
		return f // the transaction is over; or the table has none, and the rows before that are in it for good
	}
	for at := 0; at < b.rows; {
		n := 1
		for n < batchRows && at+n < b.rows && b.end(at+n)-b.start(at) < batchBytes {
			n++
		}
		if f := b.sendBatch(at, n); f != nil {
			return f
		}
		at += n
	}
	return nil
}

// bulk sends one command of the bulk protocol, behind a savepoint.
func (b *bulk) bulk() *driver.Fault {
	s, n := b.s, len(b.types)/2
	b.out = b.out[:0]
	from := 0
	for _, end := range b.ends {
		if end < 0 {
			b.out, from = append(b.out, wire.BulkNull), -end-1
			continue
		}
		b.out = append(append(b.out, wire.BulkValue), b.buf[from:end]...)
		from = end
	}
	for i := range n { // a NULL of any type is one
		if b.types[2*i] == wire.TypeNull {
			b.types[2*i] = wire.TypeVarString
		}
	}
	s.StartCall(b.ctx)
	defer s.EndCall()
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begins: s.sendBegin() + 1}
	s.SendQuery("SAVEPOINT " + bulkSavepoint)
	s.cache.sendClosed(s.Conn)
	s.SendBulk(b.st.stmt, b.types, b.out, false)
	if f := s.flush(b.ctx); f != nil {
		return f
	}
	return s.toEnd(b.ctx)
}

func (b *bulk) start(row int) int {
	if row == 0 {
		return 0
	}
	return b.end(row - 1)
}

func (b *bulk) end(row int) int {
	end := b.ends[(row+1)*len(b.types)/2-1]
	if end < 0 {
		return -end - 1
	}
	return end
}

// sendBatch executes n of the rows one by one, in one round trip. The server runs those behind one that fails, too, but
// nobody keeps what they do.
func (b *bulk) sendBatch(at, n int) *driver.Fault {
	s, width := b.s, len(b.types)/2
	s.StartCall(b.ctx)
	defer s.EndCall()
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begins: s.sendBegin()}
	s.cache.sendClosed(s.Conn)
	for row := at; row < at+n; row++ {
		p := &b.params
		p.Types, p.Nulls = b.types, p.Nulls[:0]
		for range (width + 7) / 8 {
			p.Nulls = append(p.Nulls, 0)
		}
		for i, end := range b.ends[row*width : (row+1)*width] {
			if end < 0 {
				p.Nulls[i/8] |= 1 << (i % 8)
			}
		}
		if width > 0 {
			p.Values = b.buf[b.start(row):b.end(row)]
		}
		s.SendExecute(b.st.stmt, *p)
	}
	if f := s.flush(b.ctx); f != nil {
		return f
	}
	if f := s.toEnd(b.ctx); f != nil {
		if s.Awaited() == 0 && f.Code != "" && !s.running.stray {
			b.row = b.done + at + s.running.reached + 1
		}
		return f
	}
	b.count()
	return nil
}

// count adds what the last command did.
func (b *bulk) count() {
	b.result.RowsAffected += b.s.running.result.RowsAffected
	if id := b.s.running.result.LastInsertID; id != 0 {
		b.result.LastInsertID = id
	}
}
