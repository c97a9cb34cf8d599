package tokens_test

import (
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/postgres"
)

// pooled returns two sessions behind PgBouncer.
func pooled(t *testing.T) (holder, other driver.Session) {
	t.Helper()
	at := suite.At(t, behindPgBouncer(t))
	o := postgres.Options{Hosts: []postgres.Host{{Name: at.Host, Port: at.Port}}, Database: at.Database,
		User: at.User, Password: at.Password, PgBouncer: true}
	var backend driver.Backend
	e, err := plinth.New(plinth.Options{}, func(h driver.Host) (driver.Backend, error) {
		var err error
		backend, err = postgres.NewBackend(o, h)
		return backend, err
	})
	if err != nil {
		t.Fatal(err)
	}
	suite.CloseWith(t, e)
	session := func() driver.Session {
		s, err := backend.Acquire(t.Context(), driver.Need{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Release(driver.Destroy) })
		return s
	}
	return session(), session()
}

// Behind a pooler one of the server's sessions is many callers', one after the other.
func TestBehindAPoolerOnlyTheTransactionIsEnded(t *testing.T) {
	holder, other := pooled(t)
	begun := func() any {
		t.Helper()
		if err := holder.Begin(t.Context(), driver.TxOptions{}); err != nil {
			t.Fatal(err)
		}
		id, err := holder.(driver.Fencer).Identity(t.Context())
		if err != nil || id == nil {
			t.Fatalf("identity %v, %v", id, err)
		}
		return id
	}
	first := begun()
	if err := holder.End(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	second := begun()
	if first == second {
		t.Fatalf("two transactions are both %v", first)
	}
	if err := other.(driver.Fencer).Fence(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := holder.(driver.Fencer).Identity(t.Context()); err != nil {
		t.Fatalf("the transaction after the one that was to be ended: %v", err)
	}
	if err := other.(driver.Fencer).Fence(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	err := holder.End(t.Context(), true)
	var f *driver.Fault
	if !errors.As(err, &f) {
		t.Errorf("the transaction that was to be ended: %v", err)
	}
}
