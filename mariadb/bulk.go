package mariadb

import (
	"context"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/value"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// bulkBytes and bulkRows are how much one command of the bulk protocol has at most. One is under way while the next is made
// ready.
const bulkBytes, bulkRows = 512 << 10, 10_000

// bulkSavepoint is set before each command of the bulk protocol.
const bulkSavepoint = "plinth_bulk"

// ExecuteMany implements driver.Bulk: by the bulk protocol (https://mariadb.com/kb/en/com_stmt_bulk_execute/) where the
// server and the statement have it, else by one execution after the other. Those aren't sent together: if one ended the
// transaction (a deadlock does) the server would carry those behind it out without any, and for good.
//
// The bulk protocol doesn't tell which row has failed. So what it did is undone, and it's given half of the rows, and so on,
// until the one that fails is alone.
func (s *session) ExecuteMany(ctx context.Context, requests iter.Seq2[*driver.Request, error]) (driver.Result, int, error) {
	b := bulk{s: s, ctx: ctx}
	defer b.end()
	for _, c := range []*chunk{&b.next, &b.sent} {
		c.buf, c.ends = s.back.loads.Take()
		defer func() { s.back.loads.Keep(c.buf, c.ends) }()
	}
	for req, err := range requests {
		f := b.add(req, err)
		switch {
		case f != nil:
			return driver.Result{}, b.row, f
		case err != nil:
			return driver.Result{}, b.row, err
		}
	}
	if f := b.finish(); f != nil {
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

	next chunk // the rows after those that were sent
	sent chunk // the server is at work on them, if there are any

	nulls, values []byte // of one row, as an execution has it

	result driver.Result
}

// chunk is rows that are sent together.
type chunk struct {
	types []byte // two bytes a parameter, TypeNull where all are NULL so far
	buf   []byte // the rows as the bulk protocol has them: an indicator a value, and what isn't NULL
	ends  []int  // where each row ends in buf
}

// start returns where a row begins in buf.
func (c *chunk) start(row int) int {
	if row == 0 {
		return 0
	}
	return c.ends[row-1]
}

// add takes a row, or the error of one. What comes before it fails before it does.
func (b *bulk) add(req *driver.Request, err error) *driver.Fault {
	b.pulled++
	if b.ctx.Err() != nil {
		b.row = b.pulled
		return netdriver.Ended(b.ctx, driver.Prepare, nil)
	}
	if err == nil && (b.st == nil || req.Native != b.st.text) {
		f := b.finish()
		if f == nil {
			f = b.prepare(req)
		}
		if f != nil {
			return f
		}
	}
	var bad *driver.Fault // this row is
	if err == nil {
		var fits bool
		if fits, bad = b.bind(req.Args); bad == nil && !fits {
			if f := b.flush(); f != nil {
				return f
			}
			_, bad = b.bind(req.Args)
		}
	}
	if err != nil || bad != nil {
		if f := b.finish(); f != nil {
			return f
		}
		b.row = b.pulled
		return bad
	}
	if !b.fast || len(b.next.ends) >= bulkRows || len(b.next.buf) >= min(bulkBytes, b.s.maxPacket/2) {
		return b.flush()
	}
	return nil
}

// prepare makes the statement ready.
func (b *bulk) prepare(req *driver.Request) *driver.Fault {
	s := b.s
	b.end()
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
	return nil
}

// end ends the use of the statement, and of the call if the rows have ended early: what is under way is settled before the session's
// next use.
func (b *bulk) end() {
	b.s.EndCall()
	if b.st != nil && b.st.once {
		b.s.cache.drop(b.st)
	}
	b.st = nil
}

// writes reports whether the bulk protocol is made for statements of a verb.
func writes(verb string) bool {
	return verb == "INSERT" || verb == "REPLACE" || verb == "UPDATE" || verb == "DELETE"
}

// bind adds a row to those that are to be sent, unless it has to begin the next ones: a parameter has one type in all of them, and
// the server takes them as a whole.
func (b *bulk) bind(args []any) (fits bool, f *driver.Fault) {
	n := len(b.st.stmt.Params)
	if len(args) != n {
		return false, driver.Faultf(driver.Argument, "the statement has %d placeholders, and %d arguments were given", n, len(args))
	}
	c := &b.next
	if len(c.ends) == 0 {
		c.types = c.types[:0]
		for range n {
			c.types = append(c.types, wire.TypeNull, 0)
		}
	}
	before := len(c.buf)
	for i, arg := range args {
		at := len(c.buf)
		out, typ, flag, f := appendArgument(append(c.buf, wire.BulkValue), i, arg)
		if f != nil {
			c.buf = c.buf[:before]
			return false, f
		}
		c.buf = out
		known := c.types[2*i : 2*i+2]
		switch {
		case typ == wire.TypeNull:
			c.buf[at] = wire.BulkNull
		case known[0] == typ && known[1] == flag:
		case known[0] == wire.TypeNull:
			known[0], known[1] = typ, flag
		default:
			c.buf = c.buf[:before]
			return false, nil
		}
	}
	if size := bulkHeader + len(c.types) + len(c.buf); size > b.s.maxPacket {
		c.buf = c.buf[:before]
		if before == 0 {
			f = b.s.tooLarge(size)
		}
		return false, f
	}
	c.ends = append(c.ends, len(c.buf))
	return true, nil
}

// bulkHeader is how long a command of the bulk protocol is in front of its types and rows.
const bulkHeader = 7

// flush sends the rows that were added, once those before are answered, and returns while the server is at work on them: the
// next ones are made ready meanwhile.
func (b *bulk) flush() *driver.Fault {
	if f := b.settle(); f != nil || len(b.next.ends) == 0 {
		return f
	}
	if f := b.s.usable(b.ctx, driver.Run); f != nil {
		return f
	}
	b.next, b.sent = b.sent, b.next
	n := len(b.sent.ends)
	if b.fast || n == 1 {
		return b.dispatch(0, n)
	}
	f := b.send(0, n) // the rows before have shown that the bulk protocol doesn't do the statement
	if f == nil {
		b.taken()
	}
	return f
}

// settle reads what has come of the rows that were sent.
func (b *bulk) settle() *driver.Fault {
	n := len(b.sent.ends)
	if n == 0 {
		return nil
	}
	f := b.outcome(0, n)
	if f == nil {
		b.taken()
	}
	return f
}

// taken counts the rows that were sent.
func (b *bulk) taken() {
	b.done += len(b.sent.ends)
	b.sent.buf, b.sent.ends = b.sent.buf[:0], b.sent.ends[:0]
}

// finish sends the rows that were added, and waits until all are answered.
func (b *bulk) finish() *driver.Fault {
	if f := b.flush(); f != nil {
		return f
	}
	return b.settle()
}

// dispatch sends one row as an execution, or several in one command of the bulk protocol, behind a savepoint. outcome has to
// follow, unless there is a fault.
func (b *bulk) dispatch(from, to int) *driver.Fault {
	s, c := b.s, &b.sent
	s.StartCall(b.ctx)
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begins: s.sendBegin()}
	if to-from == 1 {
		s.cache.sendClosed(s.Conn)
		s.SendExecute(b.st.stmt, b.execution(from))
	} else {
		s.running.begins++
		s.SendQuery("SAVEPOINT " + bulkSavepoint)
		s.cache.sendClosed(s.Conn)
		for i := 0; i < len(c.types); i += 2 { // a NULL of any type is one
			if c.types[i] == wire.TypeNull {
				c.types[i] = wire.TypeVarString
			}
		}
		s.SendBulk(b.st.stmt, c.types, c.buf[c.start(from):c.ends[to-1]], false)
	}
	f := s.flush(b.ctx)
	if f != nil {
		s.EndCall()
	}
	return f
}

// outcome reads what has come of the rows of a range that were dispatched. If they were refused each half of them is sent
// again, until it's known which row is.
func (b *bulk) outcome(from, to int) *driver.Fault {
	s := b.s
	f := s.toEnd(b.ctx)
	s.EndCall()
	if f == nil {
		b.result.RowsAffected += s.running.result.RowsAffected
		if id := s.running.result.LastInsertID; id != 0 {
			b.result.LastInsertID = id
		}
		return nil
	}
	if f.Code == "" || s.Awaited() > 0 || s.running.stray {
		return f
	}
	if forgotten(f) {
		s.outdated(b.st, f)
		return f
	}
	if to-from == 1 {
		b.row = b.done + from + 1
		return f
	}
	if f.TxDead || f.Evict || s.Broken != nil {
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
	half := (from + to) / 2
	if f := b.send(from, half); f != nil {
		return f
	}
	return b.send(half, to)
}

// send sends rows of those that were dispatched again, and waits for what comes of them.
func (b *bulk) send(from, to int) *driver.Fault {
	step := 1
	if b.fast {
		step = to - from
	}
	for ; from < to; from += step {
		f := b.dispatch(from, from+step)
		if f == nil {
			f = b.outcome(from, from+step)
		}
		if f != nil {
			return f
		}
	}
	return nil
}

// execution returns a row as an execution has it.
func (b *bulk) execution(row int) wire.Params {
	b.nulls, b.values = b.nulls[:0], b.values[:0]
	c := &b.sent
	rest := c.buf[c.start(row):c.ends[row]]
	for i := 0; i < len(c.types)/2; i++ {
		if i%8 == 0 {
			b.nulls = append(b.nulls, 0)
		}
		indicator := rest[0]
		rest = rest[1:]
		if indicator == wire.BulkNull {
			b.nulls[i/8] |= 1 << (i % 8)
			continue
		}
		n := value.Size(c.types[2*i], rest)
		b.values, rest = append(b.values, rest[:n]...), rest[n:]
	}
	return wire.Params{Nulls: b.nulls, Types: c.types, Values: b.values}
}
