package postgres

import (
	"context"
	"iter"
	"slices"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// How much is sent before the server's answer is waited for. A chunk of COPY costs a round trip, and is one message, which
// the server reads whole before it answers anything. What a batch's rows are answered with has to fit the network's
// buffers, for nobody reads it while the batch is written; so a batch is small, and a large row is one of its own.
const (
	copyBytes, copyRows   = 256 << 10, 10_000
	batchBytes, batchRows = 32 << 10, 200
)

// ExecuteMany implements driver.Bulk: by COPY where the statement is a plain INSERT into a table that takes one (see
// copying), else in batches.
func (s *session) ExecuteMany(ctx context.Context, requests iter.Seq2[*driver.Request, error]) (driver.Result, int, error) {
	b := bulk{s: s, ctx: ctx}
	b.buf, b.starts = s.back.loads.Take()
	defer func() {
		b.end()
		s.back.loads.Keep(b.buf, b.starts)
	}()
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
	} else if len(b.starts) > 1 && len(b.buf) > batchBytes {
		if f := b.flushButLast(); f != nil {
			return f
		}
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
	defer s.EndCall()
	b.end()
	st, f := s.prepared(b.ctx, req)
	if f == nil && plain(req.Native) {
		var oids []uint32
		if b.copy, oids, f = s.copying(b.ctx, req, len(st.params)); f == nil && b.copy != nil && !slices.Equal(oids, st.oids) {
			s.cache.drop(st) // the columns' types are other ones by now
			st, f = s.prepared(b.ctx, req)
		}
	}
	if f != nil {
		b.row = b.pulled
		return f
	}
	b.stmt, b.st = req.Stmt, st
	return nil
}

// end ends the use of the statement.
func (b *bulk) end() {
	if b.st != nil && b.st.once {
		b.s.cache.drop(b.st)
	}
	b.st, b.copy = nil, nil
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

// flushButLast sends the rows before the last one, with which the batch is too large.
func (b *bulk) flushButLast() *driver.Fault {
	last := len(b.starts) - 1
	row := slices.Clone(b.buf[b.starts[last]:])
	b.buf, b.starts = b.buf[:b.starts[last]], b.starts[:last]
	if f := b.flush(); f != nil {
		return f
	}
	b.buf, b.starts = append(b.buf, row...), append(b.starts, 0)
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
	if f != nil && b.s.owed == 0 && ofItsRow(f) {
		b.row = b.done + done + 1
	}
	return f
}

// ofItsRow reports whether it's a row that has made the statement fail, and not the end of its time.
func ofItsRow(f *driver.Fault) bool { return f.Code != "" && f.Code != queryCanceled }

// send sends messages that bind and execute, and returns how many of them were completed.
func (b *bulk) send(data []byte) (completed int, f *driver.Fault) {
	s := b.s
	s.StartCall(b.ctx)
	defer s.EndCall()
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
