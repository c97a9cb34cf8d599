package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/postgres"
)

// openOptions returns an engine with the driver's own options, which is closed with the test.
func openOptions(t testing.TB, o postgres.Options, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	var po plinth.Options
	for _, f := range set {
		f(&po)
	}
	e, err := plinth.New(po, opener(o))
	if err != nil {
		t.Fatal(err)
	}
	suite.CloseWith(t, e)
	return e
}

// TestAServerThatTurnsReadOnlyIsLeftForOneThatWrites has the first of two hosts refuse writes under an open engine.
func TestAServerThatTurnsReadOnlyIsLeftForOneThatWrites(t *testing.T) {
	first, second := servers.Postgres(t, servers.Private()), servers.Postgres(t, servers.Private())
	o := options(t, first.URL())
	o.Hosts = append(o.Hosts, options(t, second.URL()).Hosts...)
	e := openOptions(t, o, poolOf(3))
	for _, s := range []*servers.Server{first, second} {
		execute(t, openURL(t, s.URL()), "create table things (id int)")
	}
	// Three connections to the first.
	var txs []*plinth.Tx
	for range 3 {
		tx, err := e.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Execute(t.Context(), "insert into things values (1)"); err != nil {
			t.Fatal(err)
		}
		txs = append(txs, tx)
	}
	for _, tx := range txs {
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, openURL(t, first.URL()), "alter system set default_transaction_read_only = on", "select pg_reload_conf()")
	eventually(t, "the first is read-only", func() bool {
		server, err := e.Ping(t.Context())
		return err == nil && !server.Writable
	})
	if _, err := e.Execute(t.Context(), "insert into things values (2)"); err != nil {
		t.Errorf("a write: %v", err)
	}
	if err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(ctx, "insert into things values (3)")
		return err
	}); err != nil {
		t.Errorf("a transaction: %v", err)
	}
	if r := e.Stats().Retries; r < 1 || r > 2 {
		t.Errorf("%d retries, want the one that found it out", r)
	}
	if n, err := plinth.One[int](t.Context(), openURL(t, second.URL()), "select count(*) from things"); n != 2 || err != nil {
		t.Errorf("the second has %d rows, %v; want 2", n, err)
	}
	if server, err := e.Ping(t.Context()); err != nil || !server.Writable || server.Role != "primary" {
		t.Errorf("Ping: %+v, %v", server, err)
	}
}

// standby returns a server in recovery that takes reads, and its database.
func standby(t *testing.T) *servers.Server {
	t.Helper()
	s := servers.Postgres(t, servers.Private())
	execute(t, openURL(t, s.URL()), "create table things (id int)", "checkpoint")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	signal := filepath.Join(s.Socket(), "data", "standby.signal")
	if err := os.WriteFile(signal, nil, 0o644); err != nil { //nolint:gosec // the server has to read it
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAStandbyIsTold(t *testing.T) {
	s := standby(t)
	e := openOptions(t, options(t, s.URL()), poolOf(1), func(o *plinth.Options) { o.Retry.Base = time.Millisecond })
	server, err := e.Ping(t.Context())
	if err != nil || server.Writable || server.Role != "replica" {
		t.Errorf("Ping: %+v, %v", server, err)
	}
	if _, err := e.FetchAll(t.Context(), "select * from things"); err != nil {
		t.Error(err)
	}
	if _, err := e.Execute(t.Context(), "insert into things values (1)"); !errors.Is(err, plinth.ErrReadOnly) {
		t.Errorf("a write: %v, want ErrReadOnly", err)
	}
	for role, want := range map[postgres.Role]error{
		postgres.RoleStandby: nil, postgres.RolePreferStandby: nil, postgres.RoleReadOnly: nil, postgres.RoleAny: nil,
		postgres.RolePrimary: plinth.ErrUnavailable, postgres.RoleReadWrite: plinth.ErrUnavailable,
	} {
		o := options(t, s.URL())
		o.Role = role
		e := openOptions(t, o, func(o *plinth.Options) { o.Retry.Attempts = 1 })
		if err := e.Connect(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", role, err, want)
		}
	}
}

// TestNothingRunsOutsideATransactionThatCouldNotBegin has BEGIN refused, with a statement behind it in the same flight: a
// standby can't do serializable transactions.
func TestNothingRunsOutsideATransactionThatCouldNotBegin(t *testing.T) {
	s := standby(t)
	_, session, run := suite.Seam(t, opener(options(t, s.URL())))
	const lock = "select pg_advisory_lock(42)"
	for _, prepare := range []bool{true, false} {
		if prepare {
			if err := run(lock + ", pg_advisory_unlock_all()"); err != nil {
				t.Fatal(err)
			}
		}
		if err := session.Begin(t.Context(), plinth.TxOptions{Isolation: plinth.Serializable}); err != nil {
			t.Fatal(err)
		}
		text := lock
		if prepare {
			text += ", pg_advisory_unlock_all()"
		}
		err := run(text)
		var f *driver.Fault
		if !errors.As(err, &f) || f.Phase != driver.Begin || !f.TxDead {
			t.Errorf("the statement: %+v, want a fault of BEGIN", err)
		}
		if session.TxState() != driver.TxDead {
			t.Errorf("the state is %d, want dead", session.TxState())
		}
		if err := run(lock); !errors.Is(err, plinth.ErrTxDone) {
			t.Errorf("another statement: %v, want ErrTxDone", err)
		}
		if err := session.End(t.Context(), !prepare); prepare && err != nil || !prepare && !errors.Is(err, plinth.ErrTxDone) {
			t.Errorf("End: %v", err)
		}
		if session.TxState() != driver.TxIdle {
			t.Errorf("after its end the state is %d, want idle", session.TxState())
		}
		if err := run("select 1 / (1 - count(*)) from pg_locks where locktype = 'advisory'"); err != nil {
			t.Errorf("the lock is held: %v", err)
		}
	}
}
