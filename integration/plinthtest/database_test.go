package plinthtest_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
)

func TestEveryTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		ownDatabases(t, postgres.Open, servers.Postgres(t).URL())
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		ownDatabases(t, mariadb.Open, servers.MariaDB(t).URL())
	})
	t.Run("mariadb without the right to end others' sessions", func(t *testing.T) {
		t.Parallel()
		server := servers.MariaDB(t)
		admin, err := mariadb.Open(t.Context(), plinth.Options{URL: server.URL()})
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close(context.WithoutCancel(t.Context()))
		for _, statement := range []string{"create or replace user maker identified by 'pw'", "grant all on `test\\_%`.* to maker"} {
			if _, err := admin.Execute(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.Path = url.UserPassword("maker", "pw"), "/"
		ownDatabases(t, mariadb.Open, u.String())
	})
}

// ownDatabases has tests leave a transaction open in a database of their own.
func ownDatabases(t *testing.T, open func(context.Context, ...plinth.Options) (*plinth.Engine, error), admin string) {
	type use struct {
		e  *plinth.Engine
		tx *plinth.Tx
	}
	var mu sync.Mutex
	var left []use
	t.Run("tests", func(t *testing.T) {
		for range 3 {
			t.Run("a test", func(t *testing.T) {
				t.Parallel()
				url := plinthtest.Database(t, open, admin)
				e, err := open(context.WithoutCancel(t.Context()), plinth.Options{URL: url})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := e.Execute(t.Context(), "create table t (name varchar(10))"); err != nil { // fails where it's there
					t.Fatal(err)
				}
				tx, err := e.Begin(context.WithoutCancel(t.Context()))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Execute(t.Context(), "insert into t values (?)", "größer ✓"); err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				defer mu.Unlock()
				left = append(left, use{e, tx}) // and none is ended
			})
		}
	})
	for _, use := range left {
		if _, err := use.tx.Execute(t.Context(), "insert into t values ('x')"); err == nil {
			t.Error("a transaction outlived its database")
		}
		_ = use.tx.Rollback(t.Context())
		if err := use.e.TestConnection(t.Context()); !errors.Is(err, plinth.ErrUndefined) {
			t.Errorf("a database is left: %v", err)
		}
		if err := use.e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
