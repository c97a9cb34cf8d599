package servers_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/plinthdb/plinth/integration/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

func TestADatabaseIsEmptyAndGoneAfterTheTest(t *testing.T) {
	start := time.Now()
	s := servers.Postgres(t)
	t.Logf("%s started in %s", s.Version(), time.Since(start))
	start = time.Now()
	url := s.Database(t)
	t.Logf("database in %s: %s", time.Since(start), url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), "select count(*) from pg_tables where schemaname='public'").Scan(&n); err != nil || n != 0 {
		t.Fatal(n, err)
	}
}
