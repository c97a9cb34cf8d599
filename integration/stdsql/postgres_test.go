package stdsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/stdsql"
)

// scalars and arrays are what database/sql gets as the server's own driver gives it.
var (
	scalars = []string{
		"NULL::int4", "true", "1::int2", "-2::int4", "9223372036854775807::int8", "0.1::float8", "0.5::float4", "'NaN'::float8",
		"'-Infinity'::float8", "10.50::numeric", "'NaN'::numeric", "123456789012345678901234567890.123::numeric", "0.000::numeric",
		"'text'::text", "'name'::name", "'x'::varchar(5)", "'x'::char(3)", "''::text", "'\\x00ff'::bytea", "''::bytea",
		"'2024-05-06'::date", "'2024-05-06 07:08:09.123456'::timestamp", "'2024-05-06 07:08:09.123456+02'::timestamptz",
		"'07:08:09.5'::time", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", `'{"a": [1, null]}'::json`, `'{"a": [1, null]}'::jsonb`,
		"'10.0.0.1/8'::inet", "5::oid", "'1 day 02:03:04'::interval", "int4range(1, 5)", "'(1,2)'::point", "B'101'", "'a'::\"char\"",
		"ROW(1, 'a')", "'$1.50'::money", "'a & b'::tsquery",
	}
	arrays = []string{
		"'{}'::int4[]", "ARRAY[1, NULL, -3]::int4[]", "ARRAY[[1, 2], [3, 4]]::int8[]", "ARRAY[true, false]", "ARRAY[0.1, 'Infinity', 1e20]::float8[]",
		"ARRAY['a', '', 'NULL', 'b c', 'q\"q', 'b\\b', '{x}', 'a,b', 'tab\t', 'ünï']", "ARRAY[10.50, 0.00]::numeric[]", "ARRAY['\\xdead'::bytea]",
		"ARRAY['2024-05-06'::date, NULL]", "ARRAY['2024-05-06 07:08:09.12'::timestamp]", "ARRAY['x'::varchar, 'y']",
		"ARRAY['6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid]", `ARRAY['{"a": 1}'::jsonb]`, "ARRAY['10.0.0.1'::inet]", "ARRAY[int4range(1, 5)]",
	}
)

func TestPostgresValuesAreThoseOfPgx(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	db := open(t, postgres.Open, url)
	config, err := pgx.ParseConfig(url)
	ok(t, err)
	peer := stdlib.OpenDB(*config)
	defer peer.Close()
	for _, text := range append(scalars, arrays...) {
		var got, want any
		if err := db.QueryRow("SELECT " + text).Scan(&got); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		ok(t, peer.QueryRow("SELECT "+text).Scan(&want))
		gotTime, isTime := got.(time.Time)
		if wantTime, alsoTime := want.(time.Time); isTime && alsoTime && gotTime.Equal(wantTime) {
			continue
		}
		if !reflect.DeepEqual(got, want) && fmt.Sprint(got) != fmt.Sprint(want) { // of NaNs the text is the same
			t.Errorf("%s: %T %v, pgx has %T %v", text, got, got, want, want)
		} else if reflect.TypeOf(got) != reflect.TypeOf(want) {
			t.Errorf("%s: a %T, pgx has a %T", text, got, want)
		}
	}
}

func TestPostgresArraysAreWrittenAsTheServerDoes(t *testing.T) {
	db := onPostgres(t)
	for _, text := range arrays {
		var got, want string
		if err := db.QueryRow("SELECT "+text+", ("+text+")::text").Scan(&got, &want); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got != want {
			t.Errorf("%s: %s, the server has %s", text, got, want)
		}
	}
}

func TestPostgresRunsSeveralStatementsAsOne(t *testing.T) {
	db := onPostgres(t)
	db.exec(t, "CREATE TABLE a (n INT); CREATE TABLE b (n INT CHECK (n > 0)); INSERT INTO a VALUES (1)")
	_, err := db.Exec("INSERT INTO a VALUES (2); INSERT INTO b VALUES (-1); INSERT INTO a VALUES (3)")
	if !errors.Is(err, plinth.ErrCheck) {
		t.Errorf("%v, want ErrCheck", err)
	}
	if n := one[int](t, db, "SELECT count(*) FROM a"); n != 1 {
		t.Errorf("%d rows, want only that of the text that ran to its end", n)
	}
}

func TestPostgresTellsNoLastInsertID(t *testing.T) {
	db := onPostgres(t)
	db.exec(t, "CREATE TABLE a (id SERIAL, n INT)")
	res, err := db.Exec("INSERT INTO a (n) VALUES (1), (2)")
	ok(t, err)
	if _, err := res.LastInsertId(); !errors.Is(err, plinth.ErrUnsupported) || !contains(err, "RETURNING") {
		t.Errorf("LastInsertId: %v", err)
	}
	if n, err := res.RowsAffected(); n != 2 || err != nil {
		t.Errorf("RowsAffected: %d, %v", n, err)
	}
}

func TestPostgresIsolationLevelsReachTheServer(t *testing.T) {
	db := onPostgres(t)
	for level, want := range map[sql.IsolationLevel]string{
		sql.LevelDefault: "read committed", sql.LevelReadCommitted: "read committed",
		sql.LevelRepeatableRead: "repeatable read", sql.LevelSerializable: "serializable",
	} {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level, ReadOnly: true})
		ok(t, err)
		var got, readOnly string
		ok(t, tx.QueryRow("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')").
			Scan(&got, &readOnly))
		if got != want || readOnly != "on" {
			t.Errorf("%s: %s, read-only %s", level, got, readOnly)
		}
		ok(t, tx.Rollback())
	}
}

func TestPostgresConnKeepsItsSession(t *testing.T) {
	db := onPostgres(t)
	conn, err := db.Conn(t.Context())
	ok(t, err)
	_, err = conn.ExecContext(t.Context(), "SET application_name = 'mine'")
	ok(t, err)
	var name string
	ok(t, conn.QueryRowContext(t.Context(), "SELECT current_setting('application_name')").Scan(&name))
	if name != "mine" {
		t.Errorf("application_name %q", name)
	}
	ok(t, conn.Close())
	for range 3 {
		if name := one[string](t, db, "SELECT current_setting('application_name')"); name == "mine" {
			t.Error("another call got the session's setting")
		}
	}
}

func TestRandomCancelsOnPostgresLeaveNothingBehind(t *testing.T) {
	db := onPostgres(t)
	db.exec(t, "CREATE TABLE item (n INT)")
	prepared, err := db.Prepare("SELECT $1::int8, n FROM generate_series(1, 500) n")
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
	deadline := time.Now().Add(6 * time.Second)
	for db.engine.Stats().InUse > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := one[int](t, db, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND state LIKE 'idle in%'`); n != 0 {
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
		_, _ = db.ExecContext(ctx, "SELECT pg_sleep(0.004)")
	}
}

// One connection does everything, so that whatever isn't given back shows at once.
func TestPostgresWithOneConnection(t *testing.T) {
	engine, err := postgres.Open(t.Context(), plinth.Options{
		URL: servers.Postgres(t).Database(t), Pool: pool.Options{MaxOpenConns: 1, MaxIdleConns: 1, AcquireTimeout: 10 * time.Second},
	})
	ok(t, err)
	defer engine.Close(context.Background())
	db := stdsql.OpenDB(engine)
	defer db.Close()
	for range 20 {
		_, err := db.Exec("CREATE TEMP TABLE mine (n INT)") // fails unless the session was reset
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
