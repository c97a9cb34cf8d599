package mariadb

import (
	"context"
	"errors"
	"fmt"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// session is a connection as the seam knows it. It lives as long as the connection, and nothing is allocated for a call.
type session struct {
	netdriver.Session
	*link
	back  *backend
	cache cache
	rows  rows
	batch batch
	tx    transaction
	args  arguments
	ear   netdriver.Ear

	running running // what was sent last
	undo    bool    // a transaction has to be rolled back before anything else
	native  *Conn
	who     *identity // as the server has it, once it was asked: see Identity
}

// running is the call that was sent last, and what has come of it so far.
type running struct {
	stmt      *driver.Stmt // nil for one of the driver's own
	text      string       // as the server got it
	phase     driver.Phase
	mark      int64 // bytes that had been written before it
	begins    int   // answers to what opens the transaction that are still to come
	preparing bool  // then the answer to a prepare
	behind    int   // answers that are still to come when all of its own have
	stray     bool  // what opens the transaction was refused, and the statement went behind it all the same
	guarded   bool  // a transaction that only reads is around it, which is no part of what the session's user knows

	answer  *wire.Result // that is being read
	inRows  bool         // its rows are
	spoken  bool         // there were rows already: those of the next results are thrown away
	results int          // that weren't rows
	reached int          // of them before the failure
	warned  bool         // the server has warned of something
	returns bool         // its rows are those that it wrote (RETURNING)
	result  driver.Result
	failure *driver.Fault
}

func newSession(l *link, back *backend) *session {
	s := &session{link: l, back: back}
	s.rows.s = s
	s.rows.Init(&s.rows, &s.Session)
	s.Init(s, &back.Backend, l.NetConn())
	s.cache.init(back.to.StatementCache)
	return s
}

// Execute implements driver.Session.
func (s *session) Execute(ctx context.Context, req *driver.Request) (driver.Result, error) {
	if f := s.enter(ctx, req); f != nil {
		return driver.Result{}, f
	}
	for again := false; ; again = true {
		st, f := s.send(ctx, req)
		if f == nil {
			f = s.toEnd(ctx)
		}
		if f != nil && !again && s.outdated(st, f) {
			continue
		}
		s.leave(st)
		if f != nil {
			return driver.Result{}, f
		}
		return s.running.result, nil
	}
}

// Query implements driver.Session.
func (s *session) Query(ctx context.Context, req *driver.Request) (driver.Rows, error) {
	if f := s.enter(ctx, req); f != nil {
		return nil, f
	}
	for again := false; ; again = true {
		st, f := s.send(ctx, req)
		var row []byte
		if f == nil {
			s.rows.begin(ctx, st)
			row, f = s.answer(ctx)
		}
		if f != nil && !again && s.outdated(st, f) {
			s.rows.Open = false
			continue
		}
		if f == nil && row != nil {
			s.running.phase = driver.Fetch
			if f = s.rows.take(row); f == nil {
				s.rows.Ready = true
				return &s.rows, nil
			}
			f = s.Unusable(ctx, f)
		}
		if f != nil {
			s.leave(st)
			s.rows.Open = false
			return nil, f
		}
		s.rows.Finish()
		return &s.rows, nil
	}
}

// enter begins the call of a statement: its context is watched from now on. Unless there is a fault, leave has to follow.
func (s *session) enter(ctx context.Context, req *driver.Request) *driver.Fault {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return f
	}
	if (req.ReadOnly || s.tx.opts.ReadOnly) && !guardable(req.Stmt) {
		f := driver.Faultf(driver.ReadOnly, "this %s isn't kept from writing by a transaction that only reads", req.Stmt.Verb)
		f.Hint = onlyReads
		return f
	}
	if req.Stmt.Class == driver.Setting {
		s.Dirty = true
	}
	s.StartCall(ctx)
	return nil
}

// leave ends the call of a statement; st is nil if it was sent as text, or came to nothing.
func (s *session) leave(st *prepared) {
	s.EndCall()
	if st != nil && st.once {
		s.cache.drop(st)
	}
}

// usable says why no call can begin, or nil.
func (s *session) usable(ctx context.Context, phase driver.Phase) *driver.Fault {
	if f := s.Startable(ctx, phase, s.rows.Open); f != nil {
		return f
	}
	if s.tx.failed {
		return s.over()
	}
	if f := s.Settle(ctx, phase); f != nil {
		return f
	}
	if s.undo {
		if f := s.RollBack(ctx); f != nil {
			return f
		}
	}
	if s.tx.begun && s.tx.unsure {
		if f := s.look(ctx, phase); f != nil {
			return f
		}
	}
	return nil
}

// over is the fault of a call in a transaction that can't go on.
func (s *session) over() *driver.Fault {
	f := driver.Faultf(driver.TxDone, "an earlier error has ended the transaction")
	f.TxDead = true
	return f
}

// send sends the statement with its arguments, behind a START TRANSACTION that is due. It's prepared unless that was done
// before, or has no use: then it's sent as text, and there is no prepared.
func (s *session) send(ctx context.Context, req *driver.Request) (*prepared, *driver.Fault) {
	st, f := s.prepared(ctx, req)
	if f != nil {
		return st, f
	}
	size := len(req.Native)
	if st != nil {
		if f := s.args.encode(req.Args); f != nil {
			return st, f
		}
		size = len(s.args.params.Values)
	}
	if size > s.maxPacket {
		return st, s.tooLarge(size)
	}
	s.open(req, driver.Run)
	if req.ReadOnly && !s.tx.open && !s.inTransaction() {
		s.sendGuard()
	}
	if st == nil {
		s.SendQuery(req.Native)
	} else {
		s.SendExecute(st.stmt, s.args.params)
	}
	if s.running.guarded {
		s.SendQuery("COMMIT")
	}
	return st, s.flush(ctx)
}

// tooLarge is the fault of what would make the server hang up.
func (s *session) tooLarge(size int) *driver.Fault {
	f := driver.Faultf(driver.TooLarge, "the statement and its arguments are of %d bytes, and the server takes %d", size, s.maxPacket)
	f.Hint = "raise the server's max_allowed_packet, or send less at once"
	return f
}

// open begins what is sent for a statement.
func (s *session) open(req *driver.Request, phase driver.Phase) {
	s.running = running{stmt: req.Stmt, text: req.Native, phase: phase, begins: s.sendBegin()}
	s.cache.sendClosed(s.Conn)
}

// flush sends what is queued.
func (s *session) flush(ctx context.Context) *driver.Fault {
	s.running.mark = s.Written()
	err := s.Flush()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wire.ErrTooLarge):
		return driver.Faultf(driver.TooLarge, "%w", err)
	}
	return s.lost(ctx, s.running.phase, err)
}

// answer reads up to the next row, which it returns, or to the end of the call: then it returns neither a row nor a fault, or
// what went wrong. The row is valid until the next call.
func (s *session) answer(ctx context.Context) ([]byte, *driver.Fault) {
	run := &s.running
	for s.Awaited() > run.behind {
		row, err := s.step()
		if err != nil {
			if said, ok := err.(*wire.ServerError); ok {
				s.refused(ctx, said)
				continue
			}
			if errors.Is(err, wire.ErrInfileRefused) {
				s.failed(&driver.Fault{Kind: driver.Unsupported, Phase: run.phase, Err: err,
					Hint: "Conn.LoadData of the native connection sends what a reader gives it"})
				continue
			}
			if err = s.TimedOut(err); err == nil {
				continue
			}
			if err == netdriver.ErrNoAnswer {
				return nil, s.unanswered(ctx)
			}
			return nil, s.lost(ctx, run.phase, err)
		}
		if row != nil && run.failure == nil {
			return row, nil
		}
	}
	if run.guarded {
		s.undo = s.inTransaction() // its COMMIT may have been what a KILL QUERY ended
	}
	if run.stray && run.failure != nil && !run.failure.Evict && run.results > 0 && s.Status()&wire.StatusInTransaction == 0 {
		run.failure.Verdict = driver.Ambiguous // inside a transaction the whole would run again otherwise
		run.failure.Err = fmt.Errorf("the transaction couldn't be opened, and the statement was carried out on its own: %w", run.failure.Err)
	}
	return nil, run.failure
}

// step reads the next part of the answers that are awaited. It returns a row, if that is what came, of the first result.
func (s *session) step() ([]byte, error) {
	run := &s.running
	switch {
	case run.begins > 0:
		if _, err := s.ReadResult(); err != nil {
			return nil, err
		}
		s.began()
	case run.preparing:
		st, err := s.ReadPrepared()
		if err != nil {
			return nil, err
		}
		run.preparing = false
		s.cache.described(st)
	case run.inRows:
		row, err := s.ReadRow()
		if err != nil {
			return nil, err
		}
		if row == nil {
			run.inRows, run.spoken = false, true
			s.noticeCommit()
			return nil, nil
		}
		if run.returns {
			run.result.RowsAffected++
		}
		if !run.spoken {
			return row, nil
		}
	default:
		res, err := s.ReadResult()
		if err != nil {
			return nil, err
		}
		run.answer = res
		if res.Columns != nil {
			run.inRows, run.returns = true, run.stmt != nil && returning(run.stmt.Verb)
			if !run.spoken && s.rows.Open {
				s.rows.describe(res)
			}
			return nil, nil
		}
		run.results++
		run.warned = run.warned || res.OK.Warnings > 0
		run.result.RowsAffected += int64(res.OK.AffectedRows)
		if res.OK.LastInsertID != 0 {
			run.result.LastInsertID = int64(res.OK.LastInsertID)
		}
		s.noticeCommit()
	}
	return nil, nil
}

// returning reports whether rows that come of a statement are those that it wrote: what the server says at their end has no number.
func returning(verb string) bool {
	return verb == "INSERT" || verb == "DELETE" || verb == "REPLACE" || verb == "UPDATE"
}

// began counts one of the answers to what opens the transaction.
func (s *session) began() {
	run := &s.running
	if run.begins--; run.begins > 0 {
		return
	}
	s.tx.begun = !run.stray && !run.guarded
	s.CancelNow()
}

// toEnd reads all that is awaited, and throws rows away.
func (s *session) toEnd(ctx context.Context) *driver.Fault {
	for {
		if row, f := s.answer(ctx); row == nil {
			return f
		}
	}
}

// Idle implements netdriver.Protocol.
func (s *session) Idle() bool {
	if s.tx.open && !s.tx.begun && !s.tx.failed {
		s.tx = transaction{}
	}
	return !s.inTransaction() && !s.tx.open && !s.undo
}

// DropRows implements netdriver.Protocol.
func (s *session) DropRows() { s.rows.drop() }

// Reset implements netdriver.Protocol.
func (s *session) Reset(ctx context.Context) error {
	if s.to.Database == "" && s.Tracked().Schema != "" {
		return errors.New("a database was chosen, which can't be taken back")
	}
	if f := s.reset(ctx); f != nil {
		return f
	}
	return nil
}

// reset makes the server forget what the session has set for itself, and makes the session's settings again.
func (s *session) reset(ctx context.Context) *driver.Fault {
	s.StartCall(ctx)
	defer s.EndCall()
	s.cache.forget()
	s.running = running{phase: driver.Run}
	s.SendReset()
	if s.to.Database != "" {
		s.SendInitDB(s.to.Database)
	}
	for _, text := range s.to.setup {
		s.SendQuery(text)
	}
	if f := s.flush(ctx); f != nil {
		return f
	}
	if f := s.toEnd(ctx); f != nil {
		return f
	}
	if s.Status()&(wire.StatusNoBackslash|wire.StatusANSIQuotes) != 0 { // the server's own, which a new session changes
		return driver.Faultf(driver.Unsupported, "the server's own sql_mode has to be changed")
	}
	return nil
}
