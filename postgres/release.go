package postgres

import (
	"context"
	"errors"

	"github.com/plinthdb/plinth/driver"
)

// Native implements driver.Session: it returns a *pgconn.PgConn of github.com/jackc/pgx/v5. It must not be closed, and the
// session must not be used while it works, or has a transaction open. The connection isn't used again after this borrower.
// It returns nil while rows are open, and after a call that wasn't answered. A transaction that was begun is begun on the
// server by it.
func (s *session) Native() any {
	s.dirty = true
	if s.native != nil {
		return s.native
	}
	if s.broken != nil || s.unsettled() || s.undo || s.rows.open {
		return nil
	}
	if s.tx.due() { // what it does shall be in the transaction
		ctx, cancel := context.WithTimeout(s.back.life, settleTime)
		defer cancel()
		if f := s.control(ctx, driver.Begin, ""); f != nil {
			return nil
		}
	}
	conn, err := s.construct()
	if err != nil {
		return nil
	}
	s.native = conn
	return conn
}

// Release implements driver.Session. What takes time is done in the background, while the session still counts as borrowed.
func (s *session) Release(fate driver.Fate) {
	slot := s.slot
	if slot == nil { // it was given back before
		return
	}
	s.slot = nil
	s.watch.end() // a call that panicked hasn't
	s.rows.drop()
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
