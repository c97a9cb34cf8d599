package mariadb

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/plinthdb/plinth/driver"
)

// transaction is where the session stands, beyond what the server says.
type transaction struct {
	open   bool // Begin was called, and End wasn't
	begun  bool // the server has carried START TRANSACTION out
	unsure bool // an error may have ended it on the server: that is asked before anything else runs
	failed bool // it's over, or the server hasn't answered in time: nothing but rolling back is possible
	opts   driver.TxOptions
}

// Begin implements driver.Session. The server is told together with the first statement.
func (s *session) Begin(ctx context.Context, opts driver.TxOptions) error {
	if f := s.usable(ctx, driver.Begin); f != nil {
		return f
	}
	if s.tx.open || s.inTransaction() {
		return driver.Faultf(driver.Argument, "a transaction is open already; savepoints nest")
	}
	s.tx = transaction{open: true, opts: opts}
	return nil
}

// due reports whether START TRANSACTION has to be sent before anything else.
func (tx *transaction) due() bool { return tx.open && !tx.begun && !tx.failed }

// sendBegin queues what opens a transaction that is due, and returns how many answers that brings.
//
// If the server refuses it, it still runs what was sent behind it. It refuses next to nothing here (see running.stray), and
// a KILL QUERY, of which that could come, isn't sent before these are answered.
func (s *session) sendBegin() (answers int) {
	if !s.tx.due() {
		return 0
	}
	if level := isolation(s.tx.opts.Isolation); level != "" {
		s.SendQuery("SET TRANSACTION ISOLATION LEVEL " + level) // of the next one only
		answers++
	}
	text := "START TRANSACTION"
	if s.tx.opts.ReadOnly {
		text += " READ ONLY"
	}
	s.SendQuery(text)
	return answers + 1
}

// sendGuard queues what has the server refuse the statement behind it if that writes, whatever its text looks like. COMMIT has to
// follow it.
func (s *session) sendGuard() {
	s.SendQuery("START TRANSACTION READ ONLY")
	s.running.guarded, s.running.begins, s.undo = true, 1, true // until it's known to be over
}

// guardable reports whether the server refuses a statement in a transaction that only reads if it writes. Most others end that
// transaction before they are looked at (https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/), and what is in
// a procedure or a block may end it, too.
func guardable(stmt *driver.Stmt) bool {
	switch stmt.Verb {
	case "SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE", "DO", "USE":
		return true
	case "SET":
		return setsOwn(stmt.Binder.Fingerprint())
	}
	return stmt.Access == driver.Read
}

// setsOwn reports whether a SET, of which text has no literals and no comments, changes nothing beyond its session: the server
// lets SET GLOBAL pass, and commits before SET PASSWORD, SET DEFAULT ROLE, and what SET STATEMENT … FOR may hold. In doubt it
// says no.
func setsOwn(text string) bool {
	words := strings.FieldsFunc(strings.ToUpper(text), func(r rune) bool {
		return r != '@' && r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for i, word := range words {
		behind := words[i+1:]
		switch strings.TrimPrefix(word, "@@") { // @word is a variable of the user's
		case "GLOBAL", "PASSWORD":
			return false
		case "DEFAULT":
			if len(behind) > 0 && behind[0] == "ROLE" {
				return false
			}
		case "STATEMENT":
			at := slices.Index(behind, "FOR")
			if at < 0 || at+1 == len(behind) || behind[at+1] != "SELECT" {
				return false
			}
		}
	}
	return !strings.HasSuffix(text, "…") // the fingerprint was cut
}

func isolation(level driver.Isolation) string {
	switch level {
	case driver.ReadCommitted:
		return "READ COMMITTED"
	case driver.RepeatableRead:
		return "REPEATABLE READ"
	case driver.Serializable:
		return "SERIALIZABLE"
	}
	return ""
}

// noticeCommit looks whether the server has ended the transaction by itself. A schema change does: what it had done is
// committed, and what follows is in a new one. Of anything else (a procedure that commits, LOCK TABLES) nobody expects that,
// and who asked for it must not take what was done before for undone.
func (s *session) noticeCommit() {
	run := &s.running
	if !s.tx.begun || s.inTransaction() || run.phase == driver.Commit || run.phase == driver.Rollback {
		return
	}
	if run.answer != nil && run.answer.More {
		return
	}
	s.tx.begun = false
	if run.stmt != nil && run.stmt.Class == driver.Schema {
		return
	}
	s.tx.failed = true
	if run.stmt != nil {
		f := driver.Faultf(driver.OutcomeUnknown, "the %s has ended the transaction: what had been done in it was committed, or rolled back, by that", run.stmt.Verb)
		f.Phase, f.Verdict, f.Sent, f.TxDead = run.phase, driver.Ambiguous, true, true
		f.Hint = "in a transaction, run nothing that commits by itself, and call no procedure that does"
		s.failed(f)
	}
}

// look asks the server whether the transaction is still open, after an error that may have ended it.
func (s *session) look(ctx context.Context, phase driver.Phase) *driver.Fault {
	s.StartCall(ctx)
	defer s.EndCall()
	s.running = running{phase: driver.Prepare}
	s.SendPing()
	f := s.flush(ctx)
	if f == nil {
		f = s.toEnd(ctx)
	}
	if f != nil {
		f.Phase, f.Sent = phase, false
		return f
	}
	s.tx.unsure = false
	if !s.tx.begun { // noticed
		s.tx.failed = true
		return s.over()
	}
	return nil
}

// control runs one of the driver's own statements, which returns nothing, behind a START TRANSACTION that is due.
func (s *session) control(ctx context.Context, phase driver.Phase, text string) *driver.Fault {
	s.StartCall(ctx)
	defer s.EndCall()
	s.running = running{phase: phase, begins: s.sendBegin()}
	s.SendQuery(text)
	if f := s.flush(ctx); f != nil {
		return f
	}
	return s.toEnd(ctx)
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
	if !s.tx.open && !s.inTransaction() {
		return driver.Faultf(driver.TxDone, "no transaction is open")
	}
	if s.tx.due() {
		s.tx = transaction{}
		return nil
	}
	f := s.control(ctx, driver.Commit, "COMMIT")
	if f == nil {
		s.tx = transaction{}
		return nil
	}
	if s.Awaited() == 0 && s.Broken == nil {
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
	s.undo = s.undo || !s.tx.due() || s.inTransaction()
	s.tx = transaction{}
	if s.Broken != nil || s.Unsettled() || ctx.Err() != nil {
		return nil
	}
	return s.RollBack(ctx)
}

// RollBack implements netdriver.Protocol.
func (s *session) RollBack(ctx context.Context) *driver.Fault {
	s.undo = s.undo || s.tx.begun || s.tx.failed || s.inTransaction()
	s.tx = transaction{}
	if s.undo {
		if f := s.control(ctx, driver.Rollback, "ROLLBACK"); f != nil {
			f.Evict = f.Evict || s.Awaited() == 0
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
	if f := s.control(ctx, driver.Run, text+"`"+strings.ReplaceAll(name, "`", "``")+"`"); f != nil {
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
	case s.Awaited() > 0 && !s.rows.Open: // what isn't answered is either in the transaction, or has ended it
		if s.tx.open {
			return driver.TxDead
		}
		return driver.TxIdle
	case s.tx.failed:
		return driver.TxDead
	case s.tx.open, s.inTransaction():
		return driver.TxOpen
	}
	return driver.TxIdle
}
