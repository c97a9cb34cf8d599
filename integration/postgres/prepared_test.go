package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

// prepared tells how many statements a connection has prepared.
func prepared(t testing.TB, q plinth.Querier) int {
	t.Helper()
	n, err := plinth.One[int](t.Context(), q, "select count(*) from pg_prepared_statements")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStatementsArePreparedOnceAndBounded(t *testing.T) {
	e := open(t, poolOf(1))
	for range 3 {
		for i := range 10 {
			execute(t, e, fmt.Sprintf("select %d", i))
		}
	}
	if n := prepared(t, e); n != 11 {
		t.Errorf("%d statements are prepared, want 11", n)
	}
	for i := range 1000 {
		execute(t, e, fmt.Sprintf("select %d + 1", i))
	}
	if n := prepared(t, e); n > 257 {
		t.Errorf("%d statements are prepared, want at most 256 and one that is about to be closed", n)
	}
	before := prepared(t, e)
	for i := range 20 { // very long texts aren't kept
		execute(t, e, fmt.Sprintf("select %d, '%s'", i, strings.Repeat("x", 20_000)))
	}
	if n := prepared(t, e); n > before+1 {
		t.Errorf("%d statements are prepared after some that aren't kept, want %d", n, before)
	}
}

func TestAStatementFollowsTheSchema(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		args   []any
		change []string
	}{
		"a column's type":             {"select a, b from things", nil, []string{"alter table things alter b type text"}},
		"another column in *":         {"select * from things", nil, []string{"alter table things add c int default 5"}},
		"a column less in *":          {"select * from things", nil, []string{"alter table things drop b"}},
		"a parameter's type":          {"insert into things (b) values (?)", []any{7}, []string{"alter table things alter b type text"}},
		"a parameter's type, back":    {"update things set b = ?", []any{7}, []string{"alter table things alter b type text", "alter table things alter b type int using b::int"}},
		"a parameter that can't be":   {"update things set a = ?", []any{"7"}, []string{"alter table things alter a type int using 1"}},
		"a value for another type":    {"update things set b = ?", []any{"7"}, []string{"alter table things alter b type text", "update things set b = 'x'"}},
		"the table again":             {"select * from things", nil, []string{"drop table things", "create table things (z date)"}},
		"all statements forgotten":    {"select * from things", nil, []string{"deallocate all"}},
		"the session as good as new":  {"select * from things", nil, []string{"discard all"}},
		"another schema by its order": {"select * from things", nil, []string{"create schema other", "create table other.things (q int)", "set search_path = other, public"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t, poolOf(1))
			execute(t, e, "create table things (a text, b int)", "insert into things values ('1', 2)")
			// The statement is run as a query and, by another text, without one.
			run := func(q plinth.Querier) ([]string, error) {
				if _, err := q.Execute(t.Context(), c.text+" -- by Execute", c.args...); err != nil {
					return nil, err
				}
				r, err := q.Query(t.Context(), c.text, c.args...)
				if err != nil {
					return nil, err
				}
				for r.Next() {
				}
				return r.Columns(), r.Close()
			}
			err := e.With(t.Context(), func(conn *plinth.Conn) error {
				for range 2 {
					if _, err := run(conn); err != nil {
						return err
					}
				}
				execute(t, conn, c.change...)
				columns, err := run(conn)
				if err != nil {
					return err
				}
				fresh, err := run2(t, conn, c.text, c.args)
				if err == nil && !slices.Equal(columns, fresh) {
					t.Errorf("columns %v, want %v", columns, fresh)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// run2 runs the same statement by another text, so that it's prepared anew.
func run2(t testing.TB, q plinth.Querier, text string, args []any) ([]string, error) {
	t.Helper()
	r, err := q.Query(t.Context(), text+" ", args...)
	if err != nil {
		return nil, err
	}
	return r.Columns(), r.Close()
}

func TestAStatementThatIsOutOfDateRunsItsTransactionAgain(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (a int)", "insert into things values (1)")
	read := func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.FetchAll(ctx, "select * from things")
		return err
	}
	if err := e.InTx(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	execute(t, e, "alter table things add b int")
	runs := 0
	err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		runs++
		if _, err := tx.Execute(ctx, "insert into things values (2, 3)"); err != nil {
			return err
		}
		return read(ctx, tx)
	})
	if err != nil || runs != 2 {
		t.Errorf("the transaction ran %d times and returned %v", runs, err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things"); n != 2 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestTypesOfOnesOwnAreReadAndWritten(t *testing.T) {
	e := open(t)
	execute(t, e, "create type mood as enum ('sad', 'happy')", "create domain age as int check (value >= 0)",
		"create domain elder as age check (value > 60)", "create type pair as (x int, y text)", "create type span as range (subtype = float8)",
		"create table people (m mood, ms mood[], a age, e elder, p pair, s span, ages age[])")
	_, err := e.Execute(t.Context(), "insert into people values (?, ?, ?, ?, ?, ?, ?)", "happy", "{sad,happy}", 30, 61, "(1,one)", "[1.5,2.5)", "{1,2}")
	if err != nil {
		t.Fatal(err)
	}
	row, err := e.FetchOne(t.Context(), "select * from people")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"happy", []any{"sad", "happy"}, int64(30), int64(61), "(1,one)", "[1.5,2.5)", []any{int64(1), int64(2)}}
	for i, w := range want {
		if got := row.Values()[i]; fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("column %d: %#v, want %#v", i+1, got, w)
		}
	}
	_, err = e.Execute(t.Context(), "insert into people (a) values (?)", -1)
	if !errors.Is(err, plinth.ErrCheck) {
		t.Errorf("a negative age: %v, want ErrCheck", err)
	}
}

func TestCopyIsRefusedAndTheConnectionGoesOn(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (a int)", "insert into things values (1)")
	for _, text := range []string{"copy things from stdin", "copy things to stdout"} {
		_, err := e.Execute(t.Context(), text)
		if !errors.Is(err, plinth.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", text, err)
		}
		_, err = e.FetchAll(t.Context(), text)
		if !errors.Is(err, plinth.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", text, err)
		}
		execute(t, e, "select 1")
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestTheNativeConnectionIsThere uses it for what the engine has no verb for.
func TestTheNativeConnectionIsThere(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (id int, name text)")
	err := e.With(t.Context(), func(c *plinth.Conn) error {
		execute(t, c, "insert into things values (1, 'one')")
		conn, ok := c.Native().(*pgconn.PgConn)
		if !ok {
			return fmt.Errorf("Native is a %T", c.Native())
		}
		if _, err := conn.CopyFrom(t.Context(), strings.NewReader("2\ttwo\n3\tthree\n"), "copy things from stdin"); err != nil {
			return err
		}
		if n, err := plinth.One[int](t.Context(), c, "select count(*) from things"); n != 3 || err != nil {
			t.Errorf("%d rows, %v; want 3", n, err)
		}
		execute(t, c, "listen news", "notify news, 'hello'")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things"); n != 3 || err != nil {
		t.Errorf("%d rows, %v; want 3", n, err)
	}
	if s := e.Stats(); s.DialCount != 2 {
		t.Errorf("%d connections were dialled, want another after the native one", s.DialCount)
	}
}

// TestAStatementThatIsReadByOneFollowsTheSchema reads with One, which closes the rows before their end.
func TestAStatementThatIsReadByOneFollowsTheSchema(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	e, other := openURL(t, url, poolOf(1)), openURL(t, url)
	execute(t, e, "create table things (id int)", "insert into things values (1)")
	for _, text := range []string{"select id from things", "update things set id = id + 1 returning id"} {
		for _, kind := range []string{"bigint", "int"} {
			if _, err := plinth.One[int](t.Context(), e, text); err != nil {
				t.Fatal(err)
			}
			execute(t, other, "alter table things alter id type "+kind)
			for range 2 {
				if _, err := plinth.One[int](t.Context(), e, text); err != nil {
					t.Errorf("%s after the column is %s: %v", text, kind, err)
				}
			}
		}
	}
	execute(t, e, "create table days (d date)")
	insert := func(v any) error { _, err := e.Execute(t.Context(), "insert into days values (?)", v); return err }
	if err := insert("nonsense"); err == nil {
		t.Error("nonsense is a date")
	}
	execute(t, e, "alter table days alter d type int using 1")
	if err := insert(5); err != nil {
		t.Errorf("a statement that has never worked before: %v", err)
	}
}

func TestAStatementThatIsOutOfDateInATransactionSaysSo(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create schema a", "create schema b", "create table a.m (x int)", "create table b.m (x text)",
		"insert into a.m values (1)", "insert into b.m values (2)")
	read := func(ctx context.Context, tx *plinth.Tx, path string) (string, error) {
		execute(t, tx, "set local search_path = "+path)
		row, err := tx.FetchOne(ctx, "select x from m")
		return fmt.Sprint(row.Values()), err
	}
	begun := func(path string) (string, error) {
		tx, err := e.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.Background()) }()
		return read(t.Context(), tx, path)
	}
	if v, err := begun("a"); v != "[1]" || err != nil {
		t.Fatal(v, err)
	}
	if _, err := begun("b"); !errors.Is(err, plinth.ErrSerialization) {
		t.Errorf("a statement that is out of date: %v, want ErrSerialization", err)
	}
	if v, err := begun("b"); v != "[2]" || err != nil {
		t.Errorf("the transaction once more: %q, %v", v, err)
	}
	for _, path := range []string{"a", "b", "a"} {
		runs := 0
		err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			runs++
			_, err := read(ctx, tx, path)
			return err
		})
		if err != nil || runs != 2 {
			t.Errorf("InTx ran %d times, and returned %v", runs, err)
		}
	}
}
