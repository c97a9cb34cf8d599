package stdsql_test

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/postgres"
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
