package mariadb

import (
	"context"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/value"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// bulkBytes and bulkRows are how much one command of the bulk protocol has at most.
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
	buf   []byte // those rows as the bulk protocol has them: an indicator a value, and what isn't NULL
	ends  []int  // where each row ends in buf

	nulls, values []byte // of one row, as an execution has it

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
	if !b.fast || len(b.ends) >= bulkRows || len(b.buf) >= min(bulkBytes, b.s.maxPacket/2) {
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
	if len(b.ends) == 0 {
		b.types = b.types[:0]
		for range n {
			b.types = append(b.types, wire.TypeNull, 0)
		}
	}
	before := len(b.buf)
	for i, arg := range args {
		at := len(b.buf)
		out, typ, flag, f := appendArgument(append(b.buf, wire.BulkValue), i, arg)
		if f != nil {
			b.buf = b.buf[:before]
			return f
		}
		b.buf = out
		known := b.types[2*i : 2*i+2]
		switch {
		case typ == wire.TypeNull:
			b.buf[at] = wire.BulkNull
		case known[0] == typ && known[1] == flag:
		case known[0] == wire.TypeNull:
			known[0], known[1] = typ, flag
		default: // such a row begins the next ones
			b.buf = b.buf[:before]
			if f := b.flush(); f != nil {
				return f
			}
			return b.bind(args)
		}
	}
	b.ends = append(b.ends, len(b.buf))
	return nil
}

// flush sends the rows that were added, and reads what has come of them.
func (b *bulk) flush() *driver.Fault {
	if len(b.ends) == 0 {
		return nil
	}
	f := b.s.usable(b.ctx, driver.Run)
	if f == nil {
		f = b.send(0, len(b.ends))
	}
	if f != nil {
		return f
	}
	b.done += len(b.ends)
	b.buf, b.ends = b.buf[:0], b.ends[:0]
	return nil
}

// send sends the rows of a range, and if they are refused each half of them, until it's known which row is.
func (b *bulk) send(from, to int) *driver.Fault {
	s := b.s
	if !b.fast || to-from == 1 {
		for row := from; row < to; row++ {
			if f := b.sendRow(row); f != nil {
				return f
			}
		}
		return nil
	}
	f := b.sendBulk(from, to)
	switch {
	case f == nil:
		return nil
	case f.Code == "" || f.TxDead || f.Evict || s.Awaited() > 0 || s.Broken != nil || s.running.stray:
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

// sendBulk sends the rows of a range in one command of the bulk protocol, behind a savepoint.
func (b *bulk) sendBulk(from, to int) *driver.Fault {
	s := b.s
	for i := 0; i < len(b.types); i += 2 { // a NULL of any type is one
		if b.types[i] == wire.TypeNull {
			b.types[i] = wire.TypeVarString
		}
	}
	s.StartCall(b.ctx)
	defer s.EndCall()
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begins: s.sendBegin() + 1}
	s.SendQuery("SAVEPOINT " + bulkSavepoint)
	s.cache.sendClosed(s.Conn)
	s.SendBulk(b.st.stmt, b.types, b.buf[b.start(from):b.ends[to-1]], false)
	return b.answered()
}

// sendRow executes one of the rows.
func (b *bulk) sendRow(row int) *driver.Fault {
	s := b.s
	s.StartCall(b.ctx)
	defer s.EndCall()
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begins: s.sendBegin()}
	s.cache.sendClosed(s.Conn)
	s.SendExecute(b.st.stmt, b.execution(row))
	f := b.answered()
	if f != nil && f.Code != "" && s.Awaited() == 0 && !s.running.stray {
		b.row = b.done + row + 1
	}
	return f
}

// answered sends what is queued, and adds up what it did.
func (b *bulk) answered() *driver.Fault {
	s := b.s
	f := s.flush(b.ctx)
	if f == nil {
		f = s.toEnd(b.ctx)
	}
	if f != nil {
		return f
	}
	b.result.RowsAffected += s.running.result.RowsAffected
	if id := s.running.result.LastInsertID; id != 0 {
		b.result.LastInsertID = id
	}
	return nil
}

// start returns where a row begins in buf.
func (b *bulk) start(row int) int {
	if row == 0 {
		return 0
	}
	return b.ends[row-1]
}

// execution returns a row as an execution has it.
func (b *bulk) execution(row int) wire.Params {
	b.nulls, b.values = b.nulls[:0], b.values[:0]
	rest := b.buf[b.start(row):b.ends[row]]
	for i := 0; i < len(b.types)/2; i++ {
		if i%8 == 0 {
			b.nulls = append(b.nulls, 0)
		}
		indicator := rest[0]
		rest = rest[1:]
		if indicator == wire.BulkNull {
			b.nulls[i/8] |= 1 << (i % 8)
			continue
		}
		n := value.Size(b.types[2*i], rest)
		b.values, rest = append(b.values, rest[:n]...), rest[n:]
	}
	return wire.Params{Nulls: b.nulls, Types: b.types, Values: b.values}
}
