package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

const errorSchema = `
create schema music;
create table music.artists (id int primary key, name text not null unique);
create table music.albums (
	id int primary key,
	artist int constraint of_an_artist references music.artists deferrable initially immediate,
	title varchar(5) not null,
	price numeric(4, 2) constraint not_free check (price > 0),
	during int4range,
	constraint one_at_a_time exclude using gist (during with &&));
create function music.fail(what text) returns int language plpgsql as $$ begin raise exception '%', what; end $$;
create view music.names as select distinct name from music.artists;
create type music.mood as enum ('happy', 'sad');
insert into music.artists values (1, 'AC/DC');
insert into music.albums values (1, 1, 'Jam', 1, '[1,5)');
`

func TestServersErrorsHaveTheirKinds(t *testing.T) {
	e := open(t)
	script(t, e, errorSchema)
	execute(t, e, "insert into music.artists select g, repeat('x', 9000) || g from generate_series(1000, 1001) as g") // compressed, the key fits
	for _, test := range []struct {
		text                      string
		args                      []any
		kind                      plinth.Kind
		code                      string
		table, column, constraint string
		position                  int
	}{
		{"insert into music.artists values (1, 'Accept')", nil, plinth.ErrUnique, "23505", "music.artists", "", "artists_pkey", 0},
		{"insert into music.artists values (2, 'AC/DC')", nil, plinth.ErrUnique, "23505", "music.artists", "", "artists_name_key",
			0},
		{"insert into music.albums values (2, 7, 'Jam', 1, null)", nil, plinth.ErrForeignKey, "23503", "music.albums", "",
			"of_an_artist", 0},
		{"delete from music.artists where id = 1", nil, plinth.ErrForeignKey, "23503", "music.albums", "", "of_an_artist", 0},
		{"insert into music.albums values (2, 1, null, 1, null)", nil, plinth.ErrNotNull, "23502", "music.albums", "title", "", 0},
		{"insert into music.albums values (2, 1, 'Jam', 0, null)", nil, plinth.ErrCheck, "23514", "music.albums", "", "not_free",
			0},
		{"insert into music.albums values (2, 1, 'Jam', 1, '[4,9)')", nil, plinth.ErrCheck, "23P01", "music.albums", "",
			"one_at_a_time", 0},
		{"insert into music.albums values (2, 1, ?, 1, null)", []any{"Too long"}, plinth.ErrInvalid, "22001", "", "", "", 0},
		{"insert into music.albums values (2, 1, 'Jam', ?, null)", []any{"100.00"}, plinth.ErrInvalid, "22003", "", "", "", 0},
		{"select 1 / ?::int", []any{0}, plinth.ErrInvalid, "22012", "", "", "", 0},
		{"select ?::text::music.mood", []any{"hunter2"}, plinth.ErrInvalid, "22P02", "", "", "", 0},
		{"select ?::text::int", []any{"hunter2"}, plinth.ErrInvalid, "22P02", "", "", "", 0},
		{"select (select id from generate_series(1, 2) as id)", nil, plinth.ErrInvalid, "21000", "", "", "", 0},
		{"slect 1", nil, plinth.ErrSyntax, "42601", "", "", "", 1},
		{"select 'ä', 1 from from x", nil, plinth.ErrSyntax, "42601", "", "", "", 20},
		{"select * from music.songs", nil, plinth.ErrUndefined, "42P01", "", "", "", 15},
		{"select 'ä', title, tittle from music.albums", nil, plinth.ErrUndefined, "42703", "", "", "", 20},
		{"select music.nothing()", nil, plinth.ErrUndefined, "42883", "", "", "", 8},
		{"drop table music.songs", nil, plinth.ErrUndefined, "42P01", "", "", "", 0},
		{"create table music.artists (id int)", nil, plinth.ErrExists, "42P07", "", "", "", 0},
		{"create schema music", nil, plinth.ErrExists, "42P06", "", "", "", 0},
		{"drop table music.artists", nil, plinth.ErrCheck, "2BP01", "", "", "", 0},
		{"select music.fail('no')", nil, plinth.ErrCheck, "P0001", "", "", "", 0},
		{"insert into music.names values ('Accept')", nil, plinth.ErrUnsupported, "55000", "", "", "", 0},
		{"set statement_timeout = 'x'", nil, plinth.ErrInvalid, "22023", "", "", "", 0},
		{"set no_such_thing = 1", nil, plinth.ErrUndefined, "42704", "", "", "", 0},
		{"select repeat('[', 1000000)::json", nil, plinth.ErrTooLarge, "54001", "", "", "", 0},
	} {
		_, err := e.Execute(t.Context(), test.text, test.args...)
		suite.Tells(t, test.text, err, &plinth.Error{
			Kind: test.kind, Code: test.code, Table: test.table, Column: test.column, Constraint: test.constraint, Position: test.position,
		})
		if native, ok := errors.AsType[*pgconn.PgError](err); !ok || native.Code != test.code {
			t.Errorf("%.60s: the native error is %v", test.text, native)
		}
	}
}

// script runs a script that has to work.
func script(t testing.TB, e *plinth.Engine, text string) {
	t.Helper()
	if err := e.ExecuteScript(t.Context(), strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func TestADeferredConstraintIsReportedByCommit(t *testing.T) {
	e := open(t)
	script(t, e, errorSchema)
	runs := 0
	err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		runs++
		execute(t, tx, "set constraints all deferred", "insert into music.albums values (2, 7, 'Jam', 1, null)")
		return nil
	})
	pe, ok := errors.AsType[*plinth.Error](err)
	if !ok || pe.Kind != plinth.ErrForeignKey || pe.Constraint != "of_an_artist" || pe.Op != "commit" || runs != 1 {
		t.Errorf("%d runs: %v", runs, err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from music.albums"); err != nil || n != 1 {
		t.Errorf("%d albums, %v", n, err)
	}
}

func TestLocksAndConflictsAreClassified(t *testing.T) {
	e := open(t, func(o *plinth.Options) { o.Retry.Attempts = 1 })
	execute(t, e, "create table counters (id int primary key, n int not null)", "insert into counters values (1, 0), (2, 0)")
	begin := func(level driver.Isolation) *plinth.Tx {
		tx, err := e.Begin(t.Context(), plinth.TxOptions{Isolation: level})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		return tx
	}
	kinds := func(what string, err error, kind plinth.Kind, code string) {
		t.Helper()
		pe, ok := errors.AsType[*plinth.Error](err)
		if !ok || pe.Kind != kind || pe.Code != code {
			t.Errorf("%s: %v, want %v by %s", what, err, kind, code)
		}
	}

	first, second := begin(driver.DefaultIsolation), begin(driver.DefaultIsolation)
	execute(t, first, "update counters set n = 1 where id = 1")
	execute(t, second, "set local lock_timeout = '20ms'")
	_, err := second.Execute(t.Context(), "update counters set n = 2 where id = 1")
	kinds("lock_timeout", err, plinth.ErrLocked, "55P03")
	_, err = second.Execute(t.Context(), "select 1")
	kinds("after an error", err, plinth.ErrTxDone, "") // it isn't even sent
	if err := second.Commit(t.Context()); !errors.Is(err, plinth.ErrTxDone) && !errors.Is(err, plinth.ErrLocked) {
		t.Errorf("COMMIT of a failed transaction: %v", err)
	}
	_, err = e.Execute(t.Context(), "select * from counters where id = 1 for update nowait")
	kinds("NOWAIT", err, plinth.ErrLocked, "55P03")

	second = begin(driver.DefaultIsolation)
	execute(t, second, "update counters set n = 2 where id = 2")
	answer := make(chan error, 1)
	go func() {
		_, err := first.Execute(t.Context(), "update counters set n = 1 where id = 2")
		answer <- err
	}()
	_, err = second.Execute(t.Context(), "update counters set n = 2 where id = 1")
	if other := <-answer; err == nil {
		err = other
	}
	kinds("a deadlock", err, plinth.ErrDeadlock, "40P01")
	_, _ = first.Rollback(t.Context()), second.Rollback(t.Context())

	first, second = begin(driver.RepeatableRead), begin(driver.RepeatableRead)
	execute(t, first, "select * from counters")
	execute(t, second, "update counters set n = n + 1 where id = 1")
	if err := second.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = first.Execute(t.Context(), "update counters set n = n + 1 where id = 1")
	kinds("a write on what has changed", err, plinth.ErrSerialization, "40001")

	first, second = begin(driver.Serializable), begin(driver.Serializable)
	execute(t, first, "select sum(n) from counters", "insert into counters values (3, 1)")
	execute(t, second, "select sum(n) from counters", "insert into counters values (4, 1)")
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	kinds("write skew", second.Commit(t.Context()), plinth.ErrSerialization, "40001")
}

func TestReadOnlyAndPermissionsAreClassified(t *testing.T) {
	server := servers.Postgres(t)
	url := server.Database(t)
	admin := openURL(t, url)
	execute(t, admin, "create table t (id int)", "create table secrets (id int)", "grant all on t to app")
	name, err := plinth.One[string](t.Context(), admin, "select current_database()")
	if err != nil {
		t.Fatal(err)
	}

	app := openURL(t, server.URLAs("app", name))
	_, err = app.Execute(t.Context(), "select * from secrets")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrPermission || pe.Code != "42501" {
		t.Errorf("permission: %v", err)
	}

	reader := openURL(t, server.URLAs("app", name)+"&read_only=true")
	if _, err := reader.Execute(t.Context(), "select * from t"); err != nil {
		t.Error(err)
	}
	before := reader.Stats().DialCount
	for range 3 {
		_, err = reader.Execute(t.Context(), "insert into t values (1)")
		if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrReadOnly || len(pe.Attempts) > 1 {
			t.Errorf("a write where reading was asked for: %v", err)
		}
	}
	if after := reader.Stats().DialCount; after != before {
		t.Errorf("%d connections were opened anew", after-before)
	}
}

func TestServerLimitsEndStatements(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	admin := openURL(t, url)
	e := openURL(t, url+"&statement_timeout=50ms&lock_timeout=40ms&idle_in_transaction_session_timeout=60ms")
	_, err := e.Execute(t.Context(), "select pg_sleep(10)")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrTimeout || pe.Code != "57014" || !strings.Contains(pe.Hint, "statement_timeout") {
		t.Errorf("statement_timeout: %v", err)
	}
	tx, err := e.Begin(t.Context(), plinth.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pid := count(t, tx, "select pg_backend_pid()")
	eventually(t, "the server has ended the session", func() bool {
		return count(t, admin, "select count(*) from pg_stat_activity where pid = "+strconv.Itoa(pid)) == 0
	})
	_, err = tx.Execute(t.Context(), "select 1")
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || pe.Kind != plinth.ErrUnavailable || pe.Code != "25P03" {
		t.Errorf("idle_in_transaction_session_timeout: %v", err)
	}
	_ = tx.Rollback(t.Context())
	if _, err := e.Execute(t.Context(), "select 1"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
