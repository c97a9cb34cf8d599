package sqlite

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func TestExecuteTellsWhatItDid(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, n DEFAULT 0)")
	for _, c := range []struct {
		text string
		want driver.Result
	}{
		{"INSERT INTO t(a) VALUES ('x'), ('y')", driver.Result{RowsAffected: 2, LastInsertID: 2}},
		{"INSERT OR IGNORE INTO t(a) VALUES ('x')", driver.Result{}},
		{"UPDATE t SET n = 5", driver.Result{RowsAffected: 2}},
		{"SELECT 1", driver.Result{}},
		{"CREATE TABLE u(a)", driver.Result{}},
		{"REPLACE INTO t(id, a) VALUES (7, 'z')", driver.Result{RowsAffected: 1, LastInsertID: 7}},
		{"INSERT INTO t(a) VALUES ('x') ON CONFLICT (a) DO UPDATE SET n = 9", driver.Result{RowsAffected: 1}},
		{"INSERT INTO t(a) VALUES ('q') ON CONFLICT (a) DO UPDATE SET n = 9", driver.Result{RowsAffected: 1, LastInsertID: 8}},
		{"DELETE FROM t", driver.Result{RowsAffected: 4}},
		{"DELETE FROM t", driver.Result{}},
	} {
		if got := run(t, s, c.text); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestQueryReturnsRowsAndNamesTheirColumns(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
	run(t, s, "INSERT INTO t(a) VALUES ('x'), (2.5), (x'01'), (NULL)")
	rows, err := s.Query(t.Context(), request("SELECT id, a AS name FROM t ORDER BY id"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rows.Columns(), []driver.Column{{Name: "id", Type: "INTEGER"}, {Name: "name"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("columns %v, want %v", got, want)
	}
	got, err := drain(rows)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{{int64(1), "x"}, {int64(2), 2.5}, {int64(3), []byte{1}}, {int64(4), nil}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if vals, err := rows.Next(t.Context()); err != io.EOF {
		t.Errorf("Next after Close: %v, %v, want io.EOF", vals, err)
	}
}

func TestAStatementWithoutRowsCanBeQueried(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a)")
	rows, err := s.Query(t.Context(), request("INSERT INTO t VALUES (1)"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Next(t.Context()); err != io.EOF || len(rows.Columns()) != 0 {
		t.Errorf("Next: %v with columns %v, want io.EOF and none", err, rows.Columns())
	}
	if res, err := rows.Close(t.Context()); err != nil || res.RowsAffected != 1 {
		t.Errorf("Close: %+v, %v, want one row affected", res, err)
	}
}

func TestWhatReturningWroteStandsWhateverBecomesOfTheRows(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := s.Query(ctx, request("INSERT INTO t(a) VALUES (1), (2), (3) RETURNING id, a"))
	if err != nil {
		t.Fatal(err)
	}
	if got := one(t, reading(t, b), "SELECT count(*) FROM t"); got != int64(3) {
		t.Errorf("before the first row was taken %v rows are there, want 3", got)
	}
	vals, err := rows.Next(ctx)
	if err != nil || vals[0].Int64() != 1 {
		t.Fatalf("Next: %v, %v", vals, err)
	}
	cancel()
	if vals, err := rows.Next(ctx); err != nil || vals[0].Int64() != 2 {
		t.Errorf("Next on a context that is done: %v, %v; its answer is there", vals, err)
	}
	res, err := rows.Close(ctx)
	if want := (driver.Result{RowsAffected: 3, LastInsertID: 3}); err != nil || res != want {
		t.Errorf("Close: %+v, %v, want %+v", res, err, want)
	}
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(3) {
		t.Errorf("%v rows are there, want 3", got)
	}
}

func TestRowsThatAreOpenKeepTheSessionBusy(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	rows, err := s.Query(t.Context(), request("SELECT 1 UNION ALL SELECT 2"))
	if err != nil {
		t.Fatal(err)
	}
	failing(t, s, driver.Busy, "SELECT 2")
	faultOf(t, s.Begin(t.Context(), driver.TxOptions{}), driver.Busy)
	for range 2 {
		if _, err := rows.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s, "SELECT 2")
}

func TestColumnsKeepTheirIdentityUntilTheSchemaChanges(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s, other := write(t, b), reading(t, b)
	run(t, s, "CREATE TABLE t(id, a)")
	run(t, s, "INSERT INTO t VALUES (1, 2)")
	columns := func() []driver.Column {
		rows, err := other.Query(t.Context(), request("SELECT * FROM t"))
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close(t.Context())
		return rows.Columns()
	}
	first := columns()
	if again := columns(); &again[0] != &first[0] {
		t.Error("the second run has other columns")
	}
	run(t, s, "CREATE TABLE unrelated(x)")
	if again := columns(); &again[0] != &first[0] {
		t.Error("after a change to another table the columns are others")
	}
	run(t, s, "ALTER TABLE t RENAME COLUMN a TO renamed")
	if got := columns(); len(got) != 2 || got[1].Name != "renamed" {
		t.Errorf("after a column was renamed: %v", got)
	}
	run(t, s, "ALTER TABLE t ADD COLUMN c DEFAULT 'new'")
	if got := columns(); len(got) != 3 || got[2].Name != "c" {
		t.Errorf("after a column was added: %v", got)
	}
	if got := all(t, other, "SELECT * FROM t"); len(got) != 1 || len(got[0]) != 3 || got[0][2] != "new" {
		t.Errorf("the row is %v", got)
	}
}

func TestAttachedAndTemporaryTablesShowTheirColumnsToo(t *testing.T) {
	t.Parallel()
	other := newFile(t, Options{})
	o := write(t, other)
	run(t, o, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
	run(t, o, "INSERT INTO t VALUES (1, 2)")
	s := write(t, newFile(t, Options{}))
	run(t, s, "ATTACH ? AS other", other.to.Path)
	name := func(text string) string {
		rows, err := s.Query(t.Context(), request(text))
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close(t.Context())
		return rows.Columns()[0].Name
	}
	if got := name("SELECT * FROM other.t"); got != "id" {
		t.Fatalf("the column is %q", got)
	}
	run(t, o, "ALTER TABLE t RENAME COLUMN id TO key")
	if got := name("SELECT * FROM other.t"); got != "key" {
		t.Errorf("after it was renamed the column is %q", got)
	}
	if got := name("SELECT rowid FROM other.t"); got != "key" {
		t.Errorf("the rowid's column is %q", got)
	}
	run(t, o, "ALTER TABLE t RENAME COLUMN key TO id")
	if got := name("SELECT rowid FROM other.t"); got != "id" {
		t.Errorf("after it was renamed the rowid's column is %q", got)
	}
}

func TestColumnsOfTheSameNameAllHaveIt(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE a(id, x)")
	run(t, s, "CREATE TABLE b(id, a_id)")
	run(t, s, "INSERT INTO a VALUES (1, 2)")
	for text, want := range map[string][]string{
		"SELECT * FROM a JOIN b JOIN a AS c":                {"id", "x", "id", "a_id", "id", "x"},
		"SELECT 1 AS n, 2 AS n, 3 AS N; -- the last is one": {"n", "n", "N"},
		"WITH q AS (SELECT 1 AS a) SELECT a, a FROM q -- c": {"a", "a"},
		"INSERT INTO a VALUES (1, 2) RETURNING id, id":      {"id", "id"},
		"INSERT INTO a VALUES (1, 2) RETURNING *, id":       {"column1", "x", "id"},
		`SELECT 1 AS "a:1", 2 AS "a:1"`:                     {"a:1", "a:1"},
	} {
		rows, err := s.Query(t.Context(), request(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got []string
		for _, c := range rows.Columns() {
			got = append(got, c.Name)
		}
		rows.Close(t.Context())
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: columns %q, want %q", text, got, want)
		}
	}
}

func TestTheStatementCacheIsBounded(t *testing.T) {
	t.Parallel()
	b := newBackend(t, Options{Path: ":memory:", StatementCache: 3}, quiet())
	s := write(t, b)
	for range 2 {
		for i := range 10 {
			text := fmt.Sprintf("SELECT %d", i)
			if got := one(t, s, text); got != int64(i) {
				t.Fatalf("%s: %v", text, got)
			}
			if n := len(slices.Collect(s.cache.All)); n > 3 {
				t.Fatalf("%d statements are kept, want 3", n)
			}
		}
	}
	if s.cache.Get("SELECT 9") == nil || s.cache.Get("SELECT 7") == nil || s.cache.Get("SELECT 6") != nil {
		t.Error("other statements are kept than those used last")
	}
}

func TestMoreThanOneStatementIsRefused(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a)")
	failing(t, s, driver.Argument, "INSERT INTO t VALUES (1); DELETE FROM t")
	failing(t, s, driver.Syntax, " -- nothing")
	run(t, s, "INSERT INTO t VALUES (1); -- that was it /* really */ ;")
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(1) {
		t.Errorf("%v rows, want 1", got)
	}
}

func TestPingTellsVersionAndRole(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	for _, s := range []*session{reading(t, b), write(t, b)} {
		server, err := s.Ping(t.Context())
		if err != nil || server.Version == "" || server.Role != "primary" || !server.Writable {
			t.Errorf("%v: %+v, %v", s.role, server, err)
		}
	}
}

func TestCachedStatementsRunWithoutAllocating(t *testing.T) {
	b := newMemory(t)
	s := write(t, b)
	run(t, s, "CREATE TABLE t(id INTEGER PRIMARY KEY, n, f)")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	run(t, s, "CREATE TABLE u(a, b, c, d)")
	args := []any{int64(1), int64(300), 2.5}
	insert := request("INSERT OR REPLACE INTO t VALUES (?, ?, ?)", args...)
	update := request("UPDATE u SET a = ?, b = ?, c = ?, d = ?", "text", []byte("bytes"), time.Now(), true)
	sel := request("SELECT id, n, f FROM t WHERE id = ?", args[:1]...)
	returning := request("UPDATE t SET n = n + 1 WHERE id = ? RETURNING id, n", args[:1]...)
	query := func(req *driver.Request) {
		rows, err := s.Query(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := rows.Next(ctx); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		rows.Close(ctx)
	}
	for name, call := range map[string]func(){
		"execute":   func() { s.Execute(ctx, insert) },
		"arguments": func() { s.Execute(ctx, update) },
		"query":     func() { query(sel) },
		"returning": func() { query(returning) },
		"begin and commit": func() {
			s.Begin(ctx, driver.TxOptions{})
			s.End(ctx, true)
		},
		"acquire and release": func() {
			s.Release(driver.Keep)
			sess, _ := b.Acquire(ctx, driver.Need{})
			s = sess.(*session)
		},
	} {
		call()
		if n := testing.AllocsPerRun(500, call); n != 0 {
			t.Errorf("%s: %v allocations a call, want none", name, n)
		}
	}
}
