// Package async_test runs the asynchronous engine, and the blocking one with its pipeline on, against real servers.
package async_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
)

func TestMain(m *testing.M) { servers.Main(m) }

// database is one that the tests run against.
type database struct {
	name string
	url  func(t testing.TB) string // of an empty database
	open func(context.Context, ...plinth.Options) (*plinth.Engine, error)
	text string // a column type for short text
}

func databases() []database {
	return []database{
		{"sqlite", func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") }, sqlite.Open, "text"},
		{"postgres", func(t testing.TB) string { return servers.Postgres(t).Database(t) }, postgres.Open, "text"},
		{"mariadb", func(t testing.TB) string { return servers.MariaDB(t).Database(t) }, mariadb.Open, "varchar(100)"},
	}
}

// each runs a test on every database.
func each(t *testing.T, run func(t *testing.T, d database)) {
	t.Helper()
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			run(t, d)
		})
	}
}

// engine opens an engine on an empty database with a table item (id, name), both unique.
func (d database) engine(t testing.TB, o plinth.Options) *plinth.Engine {
	t.Helper()
	return d.over(t, d.url(t), o)
}

func (d database) over(t testing.TB, url string, o plinth.Options) *plinth.Engine {
	t.Helper()
	o.URL, o.QueryLog.Threshold = url, -1
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Pool.AcquireTimeout == 0 {
		o.Pool = pool.Options{MaxOpenConns: 10, AcquireTimeout: time.Minute}
	}
	e, err := d.open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if s := e.Stats(); s.InUse != 0 {
			t.Errorf("%d connections are in use after Close", s.InUse)
		}
	})
	if _, err := e.Execute(t.Context(), "create table if not exists item (id bigint primary key, name "+d.text+" not null unique)"); err != nil {
		t.Fatal(err)
	}
	return e
}
