package sqlite

import (
	"context"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// transaction is where the session stands, beyond what SQLite itself knows.
type transaction struct {
	open      bool // Begin was called, and End wasn't
	deferred  bool // it took no lock when it began
	queryOnly bool // writing was switched off for it
}

// Begin implements driver.Session. A transaction that writes takes the write lock at once (BEGIN IMMEDIATE): taken later
// it can fail in a way that no waiting helps against, because what the transaction has read is out of date.
// SQLite's transactions are serializable, so every isolation level is granted.
func (s *session) Begin(ctx context.Context, opts driver.TxOptions) error {
	if err := s.usable(ctx, driver.Begin); err != nil {
		return err
	}
	if !s.db.AutocommitEnabled() {
		return driver.Faultf(driver.Argument, "a transaction is open already; savepoints nest")
	}
	deferred := opts.ReadOnly || s.role == reader
	text := "BEGIN IMMEDIATE"
	if deferred {
		text = "BEGIN"
	}
	if err := s.control(ctx, driver.Begin, text); err != nil {
		return err
	}
	s.tx = transaction{open: true, deferred: deferred}
	if opts.ReadOnly && s.role == writer {
		s.tx.queryOnly = true
		if err := s.control(ctx, driver.Begin, "PRAGMA query_only = ON"); err != nil {
			_ = s.endTx(context.Background())
			return err
		}
	}
	return nil
}

// End implements driver.Session. A commit that fails leaves no transaction open: either SQLite has ended it, or it's rolled
// back here.
func (s *session) End(ctx context.Context, commit bool) error {
	if !commit {
		if s.rows.open {
			_, _ = s.rows.Close(ctx)
		}
		background := context.Background() // it waits for nothing, and has to be done
		if err := s.endTx(background); err != nil {
			return s.fault(background, driver.Rollback, err, nil)
		}
		return nil
	}
	if s.rows.open {
		return driver.Faultf(driver.Busy, "the rows of the last query are still open")
	}
	err := s.usable(ctx, driver.Commit)
	if err == nil && s.db.AutocommitEnabled() {
		return driver.Faultf(driver.TxDone, "no transaction is open")
	}
	if err == nil {
		err = s.control(ctx, driver.Commit, "COMMIT")
	}
	if err == nil {
		_ = s.endTx(context.Background())
		return nil
	}
	f := err.(*driver.Fault)
	if !s.db.AutocommitEnabled() {
		f.Verdict = s.notCommitted(f)
	}
	f.TxDead = true
	_ = s.endTx(context.Background())
	return f
}

// notCommitted returns the verdict on a COMMIT that left its transaction open and so has certainly not been carried out.
// What would have been said of a statement holds for it.
func (s *session) notCommitted(f *driver.Fault) driver.Verdict {
	ended := f.Kind == driver.Canceled || f.Kind == driver.Timeout // by the caller
	if rule := s.to.rules.Lookup(codes(f.Code)...); rule.Verdict == driver.Again && !ended {
		return driver.Again
	}
	return driver.Never
}

// endTx rolls back if a transaction is open, and forgets it.
func (s *session) endTx(ctx context.Context) (err error) {
	if !s.db.AutocommitEnabled() {
		err = s.exec(ctx, "ROLLBACK")
	}
	if s.tx.queryOnly {
		err = firstError(err, s.exec(ctx, "PRAGMA query_only = "+onOff(s.to.queryOnly)))
	}
	s.tx, s.snapshot = transaction{}, false
	return err
}

// Savepoint implements driver.Session.
func (s *session) Savepoint(ctx context.Context, op driver.SavepointOp, name string) error {
	if err := s.usable(ctx, driver.Prepare); err != nil {
		return err
	}
	text := [...]string{
		driver.SavepointSet: "SAVEPOINT ", driver.SavepointRelease: "RELEASE ", driver.SavepointRollback: "ROLLBACK TO ",
	}[op]
	return s.control(ctx, driver.Run, text+`"`+strings.ReplaceAll(name, `"`, `""`)+`"`)
}

// TxState implements driver.Session.
func (s *session) TxState() driver.TxState {
	switch {
	case !s.db.AutocommitEnabled():
		return driver.TxOpen
	case s.tx.open:
		return driver.TxDead
	}
	return driver.TxIdle
}
