package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// session is a connection as the seam knows it. It lives as long as the connection, and nothing is allocated for a call.
type session struct {
	netdriver.Session
	*wire
	back  *backend
	cache cache
	rows  rows
	batch jobs
	trip  netdriver.Trip // of batches
	tx    transaction
	ear   netdriver.Ear

	out        []byte            // messages to be sent
	owed       int               // answers, each up to its ReadyForQuery, that are still to come
	running    running           // what was sent last
	undo       bool              // a transaction has to be rolled back before anything else
	describing *description      // what is being read, if it's a description
	row        *pgproto3.DataRow // the frontend's own, which is used again and again
	native     *pgconn.PgConn
	who        *identity // as the server has it, once it was asked: see Identity
}

// running is the call that was sent last, and what has come of it so far.
type running struct {
	stmt      *driver.Stmt // nil for one of the driver's own
	text      string       // as the server got it
	phase     driver.Phase
	mark      int64 // bytes that had been written before it
	begin     bool  // BEGIN went in front of it, and hasn't been answered
	limits    int   // SET LOCALs behind that BEGIN, which haven't been answered
	guard     guard // a transaction that only reads is around it
	bound     bool  // the server has taken its arguments
	copying   bool  // it's a COPY, and its data was sent with it
	alone     bool  // it's committed, but the wait for a synchronous standby was cancelled
	undone    bool  // what it did was to roll back
	completed int   // commands
	result    driver.Result
	failure   *driver.Fault
}

// guard is how far the transaction around a statement that must only read has come. It's sent and ended with the statement,
// and no part of what the session's user knows.
type guard uint8

const (
	unguarded guard = iota
	guardSent       // nothing of it is answered
	guardOpen       // BEGIN is
	guardDone       // so is the statement
)

func newSession(w *wire, back *backend) *session {
	s := &session{wire: w, back: back}
	s.rows.s = s
	s.rows.Init(&s.rows, &s.Session)
	s.Init(s, &back.Backend, w.conn)
	kept := back.to.StatementCache
	if back.to.PgBouncer {
		kept = defaultStatementCache // of descriptions
	}
	s.cache.init(kept)
	return s
}

// Execute implements driver.Session.
func (s *session) Execute(ctx context.Context, req *driver.Request) (driver.Result, error) {
	if f := s.enter(ctx, req); f != nil {
		return driver.Result{}, f
	}
	for again := false; ; again = true {
		st, f := s.send(ctx, req)
		for f == nil {
			var row *pgproto3.DataRow
			if row, f = s.answer(ctx); row == nil {
				break
			}
		}
		if f != nil && !again && s.outdated(st, f) {
			continue
		}
		s.leave(st)
		if f != nil {
			s.endGuard(ctx)
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
		var row *pgproto3.DataRow
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
			s.endGuard(ctx)
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
	if strings.IndexByte(req.Native, 0) >= 0 {
		return driver.Faultf(driver.Syntax, "the statement holds a zero byte")
	}
	if req.Stmt.Class == driver.Setting && (!s.tx.open || !endsWithTx(req.Native)) {
		s.Dirty = true
	}
	s.StartCall(ctx)
	return nil
}

// leave ends the call of a statement; st is nil if it came to none.
func (s *session) leave(st *prepared) {
	s.EndCall()
	if st != nil && st.once {
		s.cache.drop(st)
	}
}

// endGuard rolls back what a guarded statement that failed has left, so that the next one needn't wait for that.
func (s *session) endGuard(ctx context.Context) {
	if s.running.guard != unguarded && s.undo && !s.Unsettled() && s.Broken == nil && ctx.Err() == nil {
		_ = s.RollBack(ctx)
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
	if s.tx.begun && s.status == 'I' {
		return s.over()
	}
	return nil
}

// over is the fault of a call in a transaction that can't go on.
func (s *session) over() *driver.Fault {
	f := driver.Faultf(driver.TxDone, "PostgreSQL has ended the transaction because of an earlier error")
	f.TxDead = true
	return f
}

// send prepares the statement unless that was done before, and sends it with its arguments, behind a BEGIN that is due.
func (s *session) send(ctx context.Context, req *driver.Request) (*prepared, *driver.Fault) {
	st, f := s.prepared(ctx, req)
	if f != nil {
		return nil, f
	}
	s.out = s.out[:0]
	s.running = running{stmt: req.Stmt, text: req.Native, phase: driver.Run, begin: s.appendBegin()}
	s.out = s.cache.appendClosed(s.out)
	guarded := req.ReadOnly && !s.tx.open && s.status == 'I'
	if guarded {
		s.running.guard, s.undo = guardSent, true // until it's known to be over
		s.out = appendBare(s.out, "BEGIN READ ONLY")
	}
	if st.name == "" {
		s.out = appendParse(s.out, "", st.text, st.oids)
	}
	if s.out, f = appendBind(s.out, st, req.Args); f != nil {
		s.cache.reclose()
		return st, f
	}
	if st.name == "" {
		s.out = appendDescribe(s.out, 'P', "")
	}
	if s.out = appendExecute(s.out); guarded {
		s.out = appendBare(s.out, "COMMIT")
	}
	s.out = appendSync(s.out)
	return st, s.flush(ctx, 1)
}

// endsWithTx reports whether a SET ends with the transaction.
func endsWithTx(text string) bool {
	words := strings.Fields(text[:min(len(text), 64)])
	if len(words) < 2 || !strings.EqualFold(words[0], "set") {
		return false
	}
	return strings.EqualFold(words[1], "local") || strings.EqualFold(words[1], "transaction") || strings.EqualFold(words[1], "constraints")
}
