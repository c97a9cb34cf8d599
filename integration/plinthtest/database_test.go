package plinthtest_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
)

func TestEveryTestHasItsOwnPostgreSQLDatabase(t *testing.T) {
	t.Parallel()
	admin := servers.Postgres(t).URL()
	var mu sync.Mutex
	var urls []string
	var left *pgx.Conn
	t.Run("tests", func(t *testing.T) {
		for range 3 {
			t.Run("a test", func(t *testing.T) {
				t.Parallel()
				url := plinthtest.Database(t, postgres.Open, admin)
				conn, err := pgx.Connect(t.Context(), url)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Exec(t.Context(), "create table t (n int)"); err != nil { // fails where it's there
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				urls, left = append(urls, url), conn // and none is closed
			})
		}
	})
	if err := left.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the database")
	}
	for _, url := range urls {
		if conn, err := pgx.Connect(t.Context(), url); err == nil {
			_ = conn.Close(t.Context())
			t.Error("a database is left")
		}
	}
}
