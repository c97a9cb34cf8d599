package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// transaction is where the session stands, beyond what the server says.
type transaction struct {
	open   bool // Begin was called, and End wasn't
	begun  bool // the server has carried BEGIN out
	failed bool // the server has refused BEGIN, or hasn't answered in time: nothing but rolling back is possible
	opts   driver.TxOptions
}

// Begin implements driver.Session. The server is told together with the first statement.
func (s *session) Begin(ctx context.Context, opts driver.TxOptions) error {
	if f := s.usable(ctx, driver.Begin); f != nil {
		return f
	}
	if s.tx.open || s.status != 'I' {
		return driver.Faultf(driver.Argument, "a transaction is open already; savepoints nest")
	}
	s.tx = transaction{open: true, opts: opts}
	return nil
}

// text is the BEGIN of a transaction.
func (tx *transaction) text() string {
	text := "BEGIN"
	switch tx.opts.Isolation {
	case driver.ReadCommitted:
		text += " ISOLATION LEVEL READ COMMITTED"
	case driver.RepeatableRead:
		text += " ISOLATION LEVEL REPEATABLE READ"
	case driver.Serializable:
		text += " ISOLATION LEVEL SERIALIZABLE"
	}
	if tx.opts.ReadOnly {
		text += " READ ONLY"
	}
	if tx.opts.Deferrable {
		text += " DEFERRABLE"
	}
	return text
}

// due reports whether BEGIN has to be sent before anything else.
func (tx *transaction) due() bool { return tx.open && !tx.begun && !tx.failed }

// appendBegin appends a BEGIN that is due, and reports whether there was one. If it fails, the server skips all that comes
// behind it up to the Sync, so nothing runs outside of the transaction that was meant to be in it.
func (s *session) appendBegin() bool {
	if !s.tx.due() {
		return false
	}
	s.out = appendBare(s.out, s.tx.text())
	for _, limit := range s.back.to.limits {
		s.out = appendBare(s.out, limit)
	}
	return true
}

// control runs one of the driver's own statements, which returns nothing, behind a BEGIN that is due.
func (s *session) control(ctx context.Context, phase driver.Phase, text string) *driver.Fault {
	s.StartCall(ctx)
	defer s.EndCall()
	s.out = s.out[:0]
	s.running = running{phase: phase, begin: s.tx.due()}
	if s.running.begin {
		text = strings.Join(slices.Concat([]string{s.tx.text()}, s.back.to.limits, []string{text}), "; ")
	}
	s.out = appendQuery(s.out, text)
	if f := s.flush(ctx, 1); f != nil {
		return f
	}
	for {
		if row, f := s.answer(ctx); row == nil {
			return f
		}
	}
}

// End implements driver.Session. A commit that fails leaves no transaction open.
func (s *session) End(ctx context.Context, commit bool) error {
	if !commit {
		if f := s.rollback(ctx); f != nil {
			return f
		}
		return nil
	}
	if f := s.usable(ctx, driver.Commit); f != nil {
		if f.Kind == driver.TxDone {
			s.undo, s.tx = true, transaction{}
		}
		return f
	}
	if !s.tx.open && s.status == 'I' {
		return driver.Faultf(driver.TxDone, "no transaction is open")
	}
	if s.tx.due() {
		s.tx = transaction{}
		return nil
	}
	f := s.control(ctx, driver.Commit, "COMMIT")
	switch {
	case f == nil && s.running.undone:
		f = driver.Faultf(driver.TxDone, "PostgreSQL has rolled the transaction back, because an earlier error had ended it")
		f.Phase, f.Sent = driver.Commit, true
	case f == nil:
		s.tx = transaction{}
		return nil
	}
	if s.owed == 0 && s.Broken == nil && s.status != 'I' { // the transaction is as it was
		f.Verdict = driver.Never
		_ = s.rollback(ctx)
	}
	f.TxDead = true
	s.tx = transaction{}
	return f
}

// rollback ends the transaction. What can't be done now is done before the session is used again: nothing can commit the
// transaction any more.
func (s *session) rollback(ctx context.Context) *driver.Fault {
	if s.rows.Open {
		_, _ = s.rows.Abandon(ctx)
	}
	s.undo, s.tx = true, transaction{}
	if s.Broken != nil || s.owed > 0 || ctx.Err() != nil {
		return nil
	}
	if s.CancelSent() {
		short, cancel := context.WithTimeout(ctx, netdriver.AnswerTime)
		f := s.Settle(short, driver.Rollback)
		if cancel(); f != nil {
			return nil
		}
	}
	return s.RollBack(ctx)
}

// RollBack implements netdriver.Protocol.
func (s *session) RollBack(ctx context.Context) *driver.Fault {
	s.tx = transaction{}
	if s.status != 'I' {
		if f := s.control(ctx, driver.Rollback, "ROLLBACK"); f != nil {
			f.Evict = f.Evict || s.owed == 0
			return f
		}
	}
	s.undo = false
	return nil
}

// Savepoint implements driver.Session.
func (s *session) Savepoint(ctx context.Context, op driver.SavepointOp, name string) error {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return f
	}
	text := [...]string{
		driver.SavepointSet: "SAVEPOINT ", driver.SavepointRelease: "RELEASE SAVEPOINT ", driver.SavepointRollback: "ROLLBACK TO SAVEPOINT ",
	}[op]
	if f := s.control(ctx, driver.Run, text+`"`+strings.ReplaceAll(name, `"`, `""`)+`"`); f != nil {
		return f
	}
	return nil
}

// TxState implements driver.Session.
func (s *session) TxState() driver.TxState {
	switch {
	case s.Broken != nil:
		return driver.TxUnknown
	case s.undo:
		return driver.TxIdle
	case s.owed > 0 && !s.rows.Open: // what isn't answered is either in the transaction, or has ended it
		if s.tx.open {
			return driver.TxDead
		}
		return driver.TxIdle
	case s.status == 'E', s.tx.failed, s.tx.begun && s.owed == 0 && s.status == 'I':
		return driver.TxDead
	case s.tx.open, s.status == 'T':
		return driver.TxOpen
	}
	return driver.TxIdle
}
