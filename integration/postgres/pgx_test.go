package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth"
)

// TestPgxSaysThatALostWriteIsSafeToRetry is why nothing here asks pgx what was sent. It holds the premise against pgx itself: an
// INSERT is applied, its reply is lost, and a driver that trusted SafeToRetry would write it again, as database/sql over pgx
// does. When pgx mends it the test says so, and Plinth loses nothing.
func TestPgxSaysThatALostWriteIsSafeToRetry(t *testing.T) {
	t.Parallel()
	l := database.OpenLossy(t)
	execute(t, l.Direct, "create table entry (token bigint)")
	config, err := pgconn.ParseConfig(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	l.Lose(t, 0, "insert into entry", 1)
	_, err = conn.Exec(t.Context(), "insert into entry (token) values (1)").ReadAll()
	n, counting := plinth.One[int](t.Context(), l.Direct, "select count(*) from entry")
	switch {
	case err == nil || counting != nil || n != 1 || l.Proxy.Stats().Dropped != 1:
		t.Fatalf("%v (%v), %d rows: the reply to a write that was done should be lost", err, counting, n)
	case !pgconn.SafeToRetry(err):
		t.Skipf("this pgx doesn't say any more that it is safe to write again after %q", err)
	}
	t.Logf("%d row is there, and of %q pgx says: safe to retry", n, err)
}
