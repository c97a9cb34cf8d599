package stdsql_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
)

func TestAConnKeepsItsSession(t *testing.T) { eachServer(t, keepSession) }

func keepSession(t *testing.T, db *database) {
	set := db.in("SET application_name = 'mine'", "SET lc_time_names = 'de_DE'")
	get, want := db.in("SELECT current_setting('application_name')", "SELECT @@lc_time_names"), db.in("mine", "de_DE")
	conn, err := db.Conn(t.Context())
	ok(t, err)
	_, err = conn.ExecContext(t.Context(), set)
	ok(t, err)
	var got string
	ok(t, conn.QueryRowContext(t.Context(), get).Scan(&got))
	if got != want {
		t.Errorf("%s: %q", get, got)
	}
	ok(t, conn.Close())
	for range 3 {
		if one[string](t, db, get) == want {
			t.Error("another call got the session's setting")
		}
	}
}

func TestRandomCancelsLeaveNothingBehind(t *testing.T) { eachServer(t, cancelAtRandom) }

func cancelAtRandom(t *testing.T, db *database) {
	db.exec(t, "CREATE TABLE item (n INT)")
	prepared, err := db.Prepare(db.in("SELECT $1::int8, n FROM generate_series(1, 500) n", "SELECT cast(? AS INT), seq FROM seq_1_to_500"))
	ok(t, err)
	defer prepared.Close()
	var wg sync.WaitGroup
	for seed := range uint64(6) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 3))
			for range 80 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Duration(r.IntN(8000))*time.Microsecond, cancel)
				useOnce(t, ctx, r, db, prepared)
				cancel()
			}
		})
	}
	wg.Wait()
	suite.Idle(t, db.engine)
	open := db.in(
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'",
		`SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id
			WHERE db = database() AND id <> connection_id()`)
	if n := one[int](t, db, open); n != 0 {
		t.Errorf("%d transactions are open on the server", n)
	}
	if n := one[int](t, db, "SELECT count(*) FROM item"); n != 0 {
		t.Errorf("%d rows of transactions that were rolled back", n)
	}
}

func useOnce(t *testing.T, ctx context.Context, r *rand.Rand, db *database, prepared *sql.Stmt) {
	switch r.IntN(4) {
	case 0, 1:
		nonce := r.Int64()
		rows, err := prepared.QueryContext(ctx, nonce)
		if err != nil {
			return
		}
		defer rows.Close()
		for rows.Next() {
			var got int64
			var n int
			if rows.Scan(&got, &n) == nil && got != nonce {
				t.Errorf("a row of another query: %d, want %d", got, nonce)
			}
		}
	case 2:
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return
		}
		_, _ = tx.ExecContext(ctx, "INSERT INTO item VALUES (1)")
		if r.IntN(2) == 0 { // else the end of its context does it
			_ = tx.Rollback()
		}
	case 3:
		_, _ = db.ExecContext(ctx, db.in("SELECT pg_sleep(0.004)", "SELECT sleep(0.004)"))
	}
}

// One connection does everything, so that whatever isn't given back shows at once.
func TestOneConnectionIsEnough(t *testing.T) {
	single := pool.Options{MaxOpenConns: 1, MaxIdleConns: 1, AcquireTimeout: 10 * time.Second}
	t.Run("postgres", func(t *testing.T) { useInTurn(t, open(t, postgres.Open, servers.Postgres(t).Database(t), single)) })
	t.Run("mariadb", func(t *testing.T) { useInTurn(t, open(t, mariadb.Open, servers.MariaDB(t).Database(t), single)) })
}

func useInTurn(t *testing.T, db *database) {
	for range 20 {
		_, err := db.Exec("CREATE TEMPORARY TABLE mine (n INT)") // fails unless the session was reset
		ok(t, err)
		ok(t, db.QueryRow("SELECT 1").Scan(new(int)))
		tx, err := db.Begin()
		ok(t, err)
		_, err = tx.Exec("SELECT 1")
		ok(t, err)
		ok(t, tx.Commit())
		ok(t, db.Ping())
	}
}
