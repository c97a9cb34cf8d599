package stdsql_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/stdsql"
)

// The reply to an INSERT is lost: the server has written the row, and nobody may write it again.
func TestALostReplyIsNeverRepeated(t *testing.T) {
	direct := servers.Postgres(t).Database(t)
	u, err := url.Parse(direct)
	ok(t, err)
	proxy := plinthtest.NewProxy(t, u.Host)
	query := u.Query()
	query.Set("sslmode", "disable") // or the proxy couldn't tell a reply from a handshake
	u.RawQuery = query.Encode()
	engine, err := postgres.Open(t.Context(), plinth.Options{
		URL: proxy.URL(u.String()), Pool: pool.Options{MaxOpenConns: 1, MaxIdleConns: 1},
	})
	ok(t, err)
	defer engine.Close(context.Background())
	db := stdsql.OpenDB(engine)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE item (n INT)")
	ok(t, err)
	prepared, err := db.Prepare("INSERT INTO item VALUES ($1)")
	ok(t, err)
	defer prepared.Close()

	result := func(_ sql.Result, err error) error { return err }
	forms := map[string]func(n int) error{
		"Exec": func(n int) error { return result(db.Exec("INSERT INTO item VALUES ($1)", n)) },
		"Stmt": func(n int) error { return result(prepared.Exec(n)) },
		"rows": func(n int) error { return result(db.Exec("INSERT INTO item VALUES ($1), (-1)", n)) },
		"CTE": func(n int) error {
			return result(db.Exec("WITH v AS (SELECT $1::int AS n) INSERT INTO item SELECT n FROM v", n))
		},
		"RETURNING": func(n int) error {
			return db.QueryRow("INSERT INTO item VALUES ($1) RETURNING n", n).Scan(new(int))
		},
		"WITH RETURNING": func(n int) error {
			return db.QueryRow("WITH w AS (INSERT INTO item VALUES ($1) RETURNING n) SELECT n FROM w", n).Scan(new(int))
		},
	}
	const each = 34 // 204 in all
	next := 0
	for name, insert := range forms {
		for range each {
			ok(t, insert(-2)) // the statement is prepared now, and its next run is one flight
			next++
			proxy.DropReply(plinthtest.Drop{End: plinthtest.End(next % 2)}) // RST or FIN
			err := insert(next)
			if !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("%s: %v, want ErrOutcomeUnknown", name, err)
			}
		}
	}
	var twice, missing int
	ok(t, db.QueryRow("SELECT count(*) FROM (SELECT n FROM item WHERE n > 0 GROUP BY n HAVING count(*) > 1) AS d").Scan(&twice))
	ok(t, db.QueryRow("SELECT $1 - count(DISTINCT n) FROM item WHERE n > 0", next).Scan(&missing))
	if twice != 0 || missing != 0 || proxy.Stats().Dropped != next {
		t.Errorf("of %d rows %d were written twice and %d never; %d replies were lost", next, twice, missing, proxy.Stats().Dropped)
	}
}
