package postgres

import (
	"context"
	"iter"

	"github.com/plinthdb/plinth/driver"
)

// How much is sent before the server's answer is waited for. A chunk of COPY costs a round trip; what a batch's rows are
// answered with has to fit the network's buffers, for nobody reads it meanwhile.
const (
	copyBytes, copyRows   = 256 << 10, 10_000
	batchBytes, batchRows = 32 << 10, 200
)

// ExecuteMany implements driver.Bulk: by COPY where the statement is a plain INSERT into a table that takes one (see
// copying), else in batches.
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
	copy *copying // how the statement is copied; nil if it isn't

	pulled int // rows that were asked for
	done   int // rows that the server has taken
	row    int // that failed, or 0

	buf    []byte // the rows after those
	starts []int  // where each of them begins in it
	copied bool   // they are for COPY
	saved  bool   // there is a savepoint before them

	result driver.Result
}

// add takes a row, or the error of one. What comes before it fails before it does.
func (b *bulk) add(req *driver.Request, err error) *driver.Fault {
	b.pulled++
	if b.ctx.Err() != nil {
		b.row = b.pulled
		return ended(b.ctx, driver.Prepare, nil)
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
		// A chunk is as its first row can be: a row that can't be copied ends one of COPY.
		copied := len(b.starts) == 0 || b.copied
		if copied {
			copied, f = b.tuple(req.Args)
		}
		if !copied && f == nil {
			if b.copied {
				if f := b.flush(); f != nil {
					return f
				}
			}
			f = b.bind(req.Args)
		}
	}
	if err != nil || f != nil {
		if earlier := b.flush(); earlier != nil {
			return earlier
		}
		b.row = b.pulled
		return f
	}
	bytes, rows := batchBytes, batchRows
	if b.copied {
		bytes, rows = copyBytes, copyRows
	}
	if len(b.buf) >= bytes || len(b.starts) >= rows {
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
	defer s.watch.end()
	st := s.cache.get(req.Native)
	if st == nil {
		var f *driver.Fault
		if st, f = s.prepare(b.ctx, req); f != nil {
			b.row = b.pulled
			return f
		}
	}
	b.stmt, b.st = req.Stmt, st
	var f *driver.Fault
	b.copy, f = s.copyOf(b.ctx, st)
	return f
}

// bind adds a row to the batch.
func (b *bulk) bind(args []any) *driver.Fault {
	start := len(b.buf)
	out, f := appendBind(b.buf, b.st, args)
	if f != nil {
		b.buf = out[:start]
		return f
	}
	b.buf = appendExecute(out)
	b.starts = append(b.starts, start)
	return nil
}

// flush sends the rows that were added, and reads what has come of them.
func (b *bulk) flush() *driver.Fault {
	if len(b.starts) == 0 {
		b.buf, b.copied = b.buf[:0], false
		return nil
	}
	f := b.s.usable(b.ctx, driver.Run)
	if f == nil {
		if b.copied {
			f = b.flushCopy()
		} else {
			f = b.flushBatch()
		}
	}
	if f != nil {
		return f
	}
	b.done += len(b.starts)
	b.result.RowsAffected += b.s.running.result.RowsAffected
	b.buf, b.starts, b.copied = b.buf[:0], b.starts[:0], false
	return nil
}

func (b *bulk) flushBatch() *driver.Fault {
	done, f := b.send(appendSync(b.buf))
	if f != nil && b.s.owed == 0 && f.Code != "" {
		b.row = b.done + done + 1
	}
	return f
}

// send sends messages that bind and execute, and returns how many of them were completed.
func (b *bulk) send(data []byte) (completed int, f *driver.Fault) {
	s := b.s
	s.begin(b.ctx)
	defer s.watch.end()
	s.out = s.out[:0]
	s.running = running{stmt: b.stmt, text: b.st.text, phase: driver.Run, begin: s.appendBegin()}
	s.out = s.cache.appendClosed(s.out)
	if b.st.name == "" {
		s.out = appendParse(s.out, "", b.st.text, b.st.oids)
	}
	if f := s.flushWith(b.ctx, 1, data); f != nil {
		return 0, f
	}
	f = s.toEnd(b.ctx)
	if f != nil {
		s.outdated(b.st, f)
	}
	return s.running.completed, f
}

// flushWith sends what is in out, and data behind it.
func (s *session) flushWith(ctx context.Context, answers int, data []byte) *driver.Fault {
	if f := s.flush(ctx, answers); f != nil {
		return f
	}
	if _, err := s.conn.Write(data); err != nil {
		return s.lost(ctx, s.running.phase, err)
	}
	return nil
}

// toEnd reads all that is owed, and throws rows away.
func (s *session) toEnd(ctx context.Context) *driver.Fault {
	for {
		if row, f := s.answer(ctx); row == nil {
			return f
		}
	}
}
