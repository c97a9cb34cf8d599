package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// session is a connection as the seam knows it. It lives as long as the connection, and nothing is allocated for a call.
type session struct {
	*wire
	back  *backend
	slot  *pool.Conn[*session] // while it's borrowed
	watch watch
	cache cache
	rows  rows
	tx    transaction

	out        []byte        // messages to be sent
	owed       int           // answers, each up to its ReadyForQuery, that are still to come
	running    running       // what was sent last
	waiting    waiting       // how far it got with waiting for an answer
	hurried    time.Duration // if not 0, reading has a deadline of ours: see impatient
	cancel     *canceling    // a cancel request that may still be under way
	undo       bool          // a transaction has to be rolled back before anything else
	broken     error         // why nothing can run on the connection any more
	dirty      bool          // settings may have been changed
	describing *description  // what is being read, if it's a description
	copying    bool          // COPY was sent with its data
	native     *pgconn.PgConn
}

// running is the call that was sent last, and what has come of it so far.
type running struct {
	stmt      *driver.Stmt // nil for one of the driver's own
	text      string       // as the server got it
	phase     driver.Phase
	mark      int64 // bytes that had been written before it
	begin     bool  // BEGIN went in front of it, and hasn't been answered
	bound     bool  // the server has taken its arguments
	warned    bool  // the server has warned of something
	undone    bool  // what it did was to roll back
	completed int   // commands
	result    driver.Result
	failure   *driver.Fault
}

func newSession(w *wire, back *backend) *session {
	s := &session{wire: w, back: back}
	s.rows.s = s
	s.watch.init(w.conn)
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
			return driver.Result{}, f
		}
		st.used = true
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
			s.rows.open = false
			continue
		}
		if f == nil && row != nil {
			s.running.phase = driver.Fetch
			if f = s.rows.take(row); f == nil {
				return &s.rows, nil
			}
			f = s.abandon(ctx, f)
		}
		s.leave(st)
		if f != nil {
			s.rows.open = false
			return nil, f
		}
		s.rows.finished()
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
	if req.Stmt.Class == driver.Setting && !(s.tx.open && endsWithTx(req.Native)) {
		s.dirty = true
	}
	s.begin(ctx)
	return nil
}

// begin begins a call.
func (s *session) begin(ctx context.Context) {
	s.waiting = patient
	s.watch.start(ctx)
}

// leave ends the call of a statement; st is nil if it came to none.
func (s *session) leave(st *prepared) {
	s.watch.end()
	if st != nil && st.once {
		s.cache.drop(st)
	}
}

// usable says why no call can begin, or nil.
func (s *session) usable(ctx context.Context, phase driver.Phase) *driver.Fault {
	switch {
	case s.broken != nil:
		return &driver.Fault{Kind: driver.Unavailable, Phase: phase, Verdict: driver.Again, Evict: true,
			Err: fmt.Errorf("the connection broke before: %w", s.broken)}
	case ctx.Err() != nil:
		return ended(ctx, phase, nil)
	case s.rows.open:
		return driver.Faultf(driver.Busy, "the rows of the query before are still open")
	}
	if s.tx.failed {
		return s.over()
	}
	if s.unsettled() {
		if f := s.settle(ctx, phase); f != nil {
			return f
		}
	}
	if s.undo {
		if f := s.undone(ctx); f != nil {
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
	st := s.cache.get(req.Native)
	if st == nil {
		var f *driver.Fault
		if st, f = s.prepare(ctx, req); f != nil {
			return nil, f
		}
	}
	s.out = s.out[:0]
	s.running = running{stmt: req.Stmt, text: req.Native, phase: driver.Run, begin: s.appendBegin()}
	s.out = s.cache.appendClosed(s.out)
	if st.name == "" {
		s.out = appendParse(s.out, "", st.text, st.oids)
	}
	var f *driver.Fault
	if s.out, f = appendBind(s.out, st, req.Args); f != nil {
		s.cache.reclose()
		return st, f
	}
	if st.name == "" {
		s.out = appendDescribe(s.out, 'P', "")
	}
	s.out = appendSync(appendExecute(s.out))
	return st, s.flush(ctx, 1)
}

// flush sends what is in out, to which n answers will come.
func (s *session) flush(ctx context.Context, n int) *driver.Fault {
	s.running.mark = s.sock.written.Load()
	s.owed += n
	_, err := s.conn.Write(s.out)
	if cap(s.out) > maxSpareOut {
		s.out = nil
	}
	s.out = s.out[:0]
	if err != nil {
		return s.lost(ctx, s.running.phase, err)
	}
	return nil
}

// maxSpareOut is how much memory is kept for what is sent next.
const maxSpareOut = 64 << 10

// answer reads up to the next row, which it returns, or to the end of all that was sent: then it returns neither a row nor
// a fault, or what went wrong.
func (s *session) answer(ctx context.Context) (*pgproto3.DataRow, *driver.Fault) {
	run := &s.running
	for {
		msg, err := s.Receive()
		if err != nil {
			if err = s.timedOut(err); err == nil {
				continue
			}
			if err == errNoAnswer {
				return nil, s.unanswered(ctx)
			}
			return nil, s.lost(ctx, run.phase, err)
		}
		switch m := msg.(type) {
		case *pgproto3.DataRow:
			if run.failure == nil {
				return m, nil
			}
		case *pgproto3.CommandComplete:
			if run.begin {
				run.begin, s.tx.begun = false, true
				continue
			}
			run.completed++
			run.result.RowsAffected += rowsAffected(m.CommandTag)
			run.undone = string(m.CommandTag) == "ROLLBACK"
		case *pgproto3.ReadyForQuery:
			s.owed--
			s.status = m.TxStatus
			if s.owed == 0 {
				return nil, run.failure
			}
		case *pgproto3.ErrorResponse:
			s.refused(ctx, m)
		default:
			if f := s.aside(ctx, msg); f != nil {
				return nil, f
			}
		}
	}
}

// aside takes the messages that are no part of most answers.
func (s *session) aside(ctx context.Context, msg pgproto3.BackendMessage) *driver.Fault {
	run := &s.running
	if s.describing != nil {
		s.describing.take(msg)
	}
	switch m := msg.(type) {
	case *pgproto3.BindComplete:
		run.bound = !run.begin
	case *pgproto3.RowDescription:
		if s.describing == nil && s.rows.open {
			s.rows.redescribe(m)
		}
	case *pgproto3.ParameterStatus:
		s.params[m.Name] = m.Value
	case *pgproto3.NoticeResponse:
		run.warned = run.warned || m.SeverityUnlocalized == "WARNING" || m.Severity == "WARNING"
	case *pgproto3.EmptyQueryResponse:
		if run.stmt != nil {
			run.failure = driver.Faultf(driver.Syntax, "the statement is empty")
		}
	case *pgproto3.CopyInResponse: // the server has skipped the Sync that followed, so it gets another
		if s.copying { // what it wants is on its way
			break
		}
		s.copyRefused()
		s.out = appendSync(appendCopyFail(s.out))
		return s.flush(ctx, 0)
	case *pgproto3.CopyOutResponse, *pgproto3.CopyBothResponse:
		s.copyRefused()
	}
	return nil
}

func (s *session) copyRefused() {
	if s.running.failure == nil {
		s.running.failure = driver.Faultf(driver.Unsupported, "COPY to or from the client doesn't go through Execute or Query")
		s.running.failure.Hint = "use ExecuteMany, or the native connection"
	}
}

const (
	queryCanceled     = "57014"
	readOnlyTx        = "25006"
	unknownStatement  = "26000"
	notSupported      = "0A000"
	protocolViolation = "08P01"
)

// refused remembers an error of the server's as what becomes of the call. The first counts.
func (s *session) refused(ctx context.Context, m *pgproto3.ErrorResponse) {
	run := &s.running
	f := s.back.to.serverFault(run.phase, m)
	if f.Evict && f.TxDead { // the server has ended the session
		s.broken = f
	}
	if run.failure != nil {
		return
	}
	if run.begin {
		f.Phase, f.TxDead, s.tx.failed = driver.Begin, true, true
	}
	switch f.Code {
	case queryCanceled:
		if s.cancel != nil && s.watch.hasFired() {
			native := f
			f = ended(ctx, run.phase, native.Err)
			f.Sent, f.Code = native.Sent, native.Code
		}
	case readOnlyTx:
		s.readOnly(f)
	}
	if f.Position > 0 && run.stmt != nil && !samePrefix(run.stmt.Text, run.text, f.Position) {
		f.Position = 0
	}
	run.failure = f
}

// samePrefix reports whether two texts have the same first n-1 characters, so that a position means the same in both.
func samePrefix(a, b string, n int) bool {
	for i := range b {
		if n--; n == 0 {
			return strings.HasPrefix(a, b[:i])
		}
	}
	return n == 1 && strings.HasPrefix(a, b) && utf8.ValidString(b)
}

// readOnly is asked about a write that was refused because the session only reads. If nobody has asked for that, the server
// isn't the one to write to any more.
func (s *session) readOnly(f *driver.Fault) {
	if s.tx.opts.ReadOnly || s.dirty || s.native != nil || s.back.to.readsOnly() {
		f.Evict, f.Verdict = false, driver.Never
		return
	}
	f.Evict, f.Verdict = true, driver.Again
	s.back.pool.Invalidate()
}

// readsOnly reports whether sessions that can't write are what was asked for.
func (t *target) readsOnly() bool {
	if t.Role == RoleReadOnly || t.Role == RoleStandby || t.Role == RolePreferStandby {
		return true
	}
	for name, value := range t.RuntimeParams {
		if strings.EqualFold(name, "default_transaction_read_only") && !strings.EqualFold(value, "off") {
			return true
		}
	}
	return false
}

// unanswered is the fault of a call that ended before the server answered it. The session is settled before it's used again.
func (s *session) unanswered(ctx context.Context) *driver.Fault {
	run := &s.running
	f := ended(ctx, run.phase, nil)
	f.Sent = run.phase >= driver.Run && s.sock.written.Load() > run.mark
	switch {
	case !f.Sent:
	case run.phase == driver.Commit:
		f.Verdict = driver.Ambiguous
	case s.mayHaveApplied():
		f.Verdict = driver.IfSafe
	}
	if s.tx.open { // to wait for more answers in it would take the time that the context hasn't got
		f.TxDead, s.tx.failed = true, true
	}
	return f
}

// mayHaveApplied reports whether what runs is a write that needs no COMMIT.
func (s *session) mayHaveApplied() bool {
	return s.running.stmt != nil && s.running.stmt.Access == driver.Write && !s.tx.open && s.status != 'T' && s.status != 'E'
}

// lost is the fault of a call during which the connection broke.
func (s *session) lost(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	if s.broken == nil {
		s.broken = err
	}
	run := &s.running
	if run.failure != nil && run.failure.Evict { // the server has said why
		return run.failure
	}
	sent := phase >= driver.Run && s.sock.written.Load() > run.mark
	if s.watch.wasKilled() {
		f := &driver.Fault{Kind: driver.Closed, Phase: phase, Sent: sent, Evict: true,
			Err: fmt.Errorf("interrupted, because the engine was closed: %w", err)}
		switch {
		case sent && phase == driver.Commit:
			f.Verdict = driver.Ambiguous
		case sent && s.mayHaveApplied():
			f.Verdict = driver.IfSafe
		}
		return f
	}
	f := s.back.to.wireFault(ctx, phase, sent, err)
	f.Evict = true
	return f
}

// abandon ends a call whose answer can't be used, because of f. If the connection is good the rest is thrown away.
func (s *session) abandon(ctx context.Context, f *driver.Fault) *driver.Fault {
	if f.Evict {
		s.broken = f
		return f
	}
	for s.owed > 0 {
		if _, worse := s.answer(ctx); worse != nil {
			return worse
		}
	}
	return f
}

// rowsAffected reads the number at the end of a command's tag; what a SELECT returned isn't affected.
func rowsAffected(tag []byte) int64 {
	if len(tag) == 0 || tag[0] == 'S' || tag[0] == 'F' { // SELECT, FETCH; SET and the like have no number
		return 0
	}
	var n int64
	for i, c := range tag {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
		case c == ' ' && i+1 < len(tag):
			n = 0 // INSERT 0 5: the first is an OID of old
		default:
			n = 0
		}
	}
	return n
}

// endsWithTx reports whether a SET ends with the transaction.
func endsWithTx(text string) bool {
	words := strings.Fields(text[:min(len(text), 64)])
	if len(words) < 2 || !strings.EqualFold(words[0], "set") {
		return false
	}
	return strings.EqualFold(words[1], "local") || strings.EqualFold(words[1], "transaction") || strings.EqualFold(words[1], "constraints")
}

// Native implements driver.Session: it returns a *pgconn.PgConn of github.com/jackc/pgx/v5. It must not be closed, and the
// session must not be used while it works. The connection isn't used again after this borrower.
func (s *session) Native() any {
	s.dirty = true
	if s.native == nil && s.broken == nil && s.owed == 0 {
		conn, err := s.wire.construct()
		if err != nil {
			return nil
		}
		s.native = conn
	}
	return s.native
}

// Release implements driver.Session. What takes time is done in the background, while the session still counts as borrowed.
func (s *session) Release(fate driver.Fate) {
	s.watch.end() // a call that panicked hasn't
	s.rows.drop()
	slot := s.slot
	s.slot = nil
	if s.tx.open && !s.tx.begun && s.owed == 0 && s.status == 'I' {
		s.tx = transaction{}
	}
	reset := fate == driver.Reset || s.dirty
	s.undo = s.undo && s.status != 'I'
	switch {
	case fate == driver.Destroy || s.broken != nil || s.native != nil:
		slot.Destroy()
	case !s.unsettled() && s.status == 'I' && !s.tx.open && !reset:
		slot.Release()
	default:
		s.back.aside(func() {
			if err := s.renew(reset); err != nil {
				slot.Destroy()
				return
			}
			slot.Release()
		})
	}
}

// renew makes a session as good as new, or says that it can't be done in time.
func (s *session) renew(reset bool) error {
	ctx, cancel := context.WithTimeout(s.back.life, settleTime)
	defer cancel()
	if s.owed > 0 {
		s.requestCancel()
	}
	if f := s.settle(ctx, driver.Rollback); f != nil {
		return f
	}
	if f := s.undone(ctx); f != nil {
		return f
	}
	if !reset {
		return nil
	}
	if s.back.to.PgBouncer {
		return errors.New("what was set may be in any of PgBouncer's connections")
	}
	if f := s.control(ctx, driver.Run, "DISCARD ALL"); f != nil {
		return f
	}
	s.cache.forget()
	return s.configure(ctx)
}

// configure has the host make its settings.
func (s *session) configure(ctx context.Context) error {
	if err := s.back.host.OnConnect(ctx, s); err != nil {
		return err
	}
	s.rows.drop()
	if f := s.settle(ctx, driver.Dial); f != nil {
		return f
	}
	if f := s.undone(ctx); f != nil {
		return f
	}
	s.dirty = false
	return nil
}
