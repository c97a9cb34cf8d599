package postgres

import (
	"context"
	"errors"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// Native implements driver.Session: it returns a *pgconn.PgConn of github.com/jackc/pgx/v5. It must not be closed, and the
// session must not be used while it works, or has a transaction open. The connection isn't used again after this borrower.
// It returns nil while rows are open, and after a call that wasn't answered. A transaction that was begun is begun on the
// server by it.
func (s *session) Native() any {
	s.Dirty = true
	if s.native != nil {
		return s.native
	}
	if s.Broken != nil || s.Unsettled() || s.undo || s.rows.Open {
		return nil
	}
	if s.tx.due() { // what it does shall be in the transaction
		ctx, cancel := context.WithTimeout(context.Background(), netdriver.SettleTime)
		defer cancel()
		if f := s.control(ctx, driver.Begin, ""); f != nil {
			return nil
		}
	}
	conn, err := s.construct()
	if err != nil {
		return nil
	}
	s.native, s.Spent = conn, true
	return conn
}

// Idle implements netdriver.Protocol.
func (s *session) Idle() bool {
	if s.tx.open && !s.tx.begun && s.status == 'I' {
		s.tx = transaction{}
	}
	s.undo = s.undo && s.status != 'I'
	return s.status == 'I' && !s.tx.open
}

// DropRows implements netdriver.Protocol.
func (s *session) DropRows() { s.rows.drop() }

// Reset implements netdriver.Protocol.
func (s *session) Reset(ctx context.Context) error {
	if s.back.to.PgBouncer {
		return errors.New("what was set may be in any of PgBouncer's connections")
	}
	if f := s.control(ctx, driver.Run, "DISCARD ALL"); f != nil {
		return f
	}
	s.cache.forget()
	return nil
}
