// Package stdsql_test runs other people's code for database/sql on Plinth: what it must do unchanged.
package stdsql_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
	"github.com/plinthdb/plinth/stdsql"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { servers.Main(m) }

// database is a *sql.DB over an engine over an empty database.
type database struct {
	*sql.DB
	engine *plinth.Engine

	mu     sync.Mutex
	failed []error // calls that failed
}

// onSQLite, onPostgres and onMariaDB return an empty database. At the end of the test nothing of it may be in use.
func onSQLite(t testing.TB) *database {
	t.Helper()
	return open(t, sqlite.Open, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
}

func onPostgres(t testing.TB) *database {
	t.Helper()
	return open(t, postgres.Open, servers.Postgres(t).Database(t))
}

func onMariaDB(t testing.TB) *database {
	t.Helper()
	return open(t, mariadb.Open, servers.MariaDB(t).Database(t))
}

func open(
	t testing.TB, by func(context.Context, ...plinth.Options) (*plinth.Engine, error), url string, pools ...pool.Options,
) *database {
	t.Helper()
	leaks := []goleak.Option{
		goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction(servers.Goroutines),
		goleak.IgnoreAnyFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"), // GORM's, which it never ends
	}
	db := &database{}
	o := plinth.Options{URL: url, Timeout: 20 * time.Second, Observers: []*hook.Observer{{CallEnd: db.note}}}
	if len(pools) > 0 {
		o.Pool = pools[0]
	}
	engine, err := by(t.Context(), o)
	ok(t, err)
	db.engine, db.DB = engine, stdsql.OpenDB(engine)
	t.Cleanup(func() {
		if err := db.DB.Close(); err != nil {
			t.Error("closing the *sql.DB:", err)
		}
		suite.Idle(t, engine) // a session may be made as good as new after it was given back
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := engine.Close(ctx); err != nil {
			t.Error("closing the engine:", err)
		}
		if err := goleak.Find(leaks...); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (db *database) note(_ context.Context, e *hook.Event) {
	if e.Err == nil {
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.failed = append(db.failed, e.Err)
}

// failures returns the errors of calls since it was asked last.
func (db *database) failures() []error {
	db.mu.Lock()
	defer db.mu.Unlock()
	failed := db.failed
	db.failed = nil
	return failed
}

// each runs a test on every engine.
func each(t *testing.T, test func(t *testing.T, db *database)) {
	t.Run("sqlite", func(t *testing.T) { test(t, onSQLite(t)) })
	eachServer(t, test)
}

// eachServer is each for those that are servers.
func eachServer(t *testing.T, test func(t *testing.T, db *database)) {
	t.Run("postgres", func(t *testing.T) { test(t, onPostgres(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, onMariaDB(t)) })
}

// in returns what is said for one server or for the other.
func (db *database) in(postgres, mariadb string) string {
	if db.engine.Name() == "mariadb" {
		return mariadb
	}
	return postgres
}

func (db *database) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// one returns the only value of a query.
func one[T any](t testing.TB, db *database, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }
