package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

// bulkTables are what rows are loaded into.
var bulkTables = []string{
	"create type mood as enum ('sad', 'fine')",
	"create table owner (id bigint primary key)",
	"insert into owner values (1), (2)",
	`create table "Odd ""name""" (id bigint primary key, "select" text)`,
	`create table thing (id bigint primary key, owner bigint references owner, name varchar(10) not null, price numeric,
		tags text[], at timestamptz, data jsonb, mood mood, span int4range, n int check (n < 1000000))`,
	"create table late (id bigint primary key, owner bigint references owner deferrable initially deferred)",
	"create table made (id bigint generated always as identity, twice int generated always as (n * 2) stored, n int)",
	"create table seen (id bigint)",
	"create view glance as select id, n from thing",
	"create rule doubled as on insert to seen do also insert into owner values (new.id)",
}

// bulk is how PostgreSQL takes many rows: by COPY, or in batches where a column has no binary form.
var bulk = suite.Bulk{
	Tables: bulkTables,
	Insert: insertThing,
	More:   []any{[]string{"a", "b"}, nil},
	Cases: map[string]suite.BulkCase{
		"a range, which has no binary form":   {Change: func(_ int, row []any) { row[9] = "[1,5)" }},
		"now and then a range":                {Change: func(i int, row []any) { set(row, i%7000 == 0, 9, "[1,5)") }},
		"an argument that doesn't fit a type": {Change: func(i int, row []any) { set(row, i == 20_001, 0, "one") }, Row: 20_001},
		"an earlier row fails in the server, before one that doesn't fit": {Change: func(i int, row []any) {
			set(row, i == 20_001, 0, "one")
			set(row, i == 20_000, 2, nil)
		}, Want: plinth.ErrNotNull, Row: 20_000},
		"a failure in a batch": {Change: func(i int, row []any) { row[9] = "[1,5)"; set(row, i == 333, 1, 99) }, Want: plinth.ErrForeignKey, Row: 333},
	},
}

const insertThing = "insert into thing (id, owner, name, price, at, data, mood, n, tags, span) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

func rowOf(err error) int {
	var e *plinth.Error
	errors.As(err, &e)
	if e == nil {
		return 0
	}
	return e.Row
}

func TestWhatCopyWouldDoOtherwiseIsInserted(t *testing.T) {
	db := openURL(t, servers.Postgres(t).Database(t))
	for _, statement := range bulkTables {
		execute(t, db, statement)
	}
	many := func(statement string, rows ...[]any) (plinth.Result, error) {
		return db.ExecuteMany(t.Context(), statement, func(yield func([]any) bool) {
			for _, row := range rows {
				if !yield(row) {
					return
				}
			}
		})
	}
	if _, err := many("insert into made (id, n) values (?, ?)", []any{7, 1}); err == nil || !strings.Contains(err.Error(), "428C9") {
		t.Errorf("a value for an identity that is always generated: %v", err)
	}
	if _, err := many("insert into made (n) values (?)", []any{1}, []any{2}); err != nil {
		t.Errorf("the other columns of that table: %v", err)
	}
	if res, err := many("insert into seen (id) values (?)", []any{11}, []any{12}); err != nil || res.RowsAffected != 2 {
		t.Errorf("a table with a rule: %+v, %v", res, err)
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from owner"); err != nil || n != 4 {
		t.Errorf("the rule didn't apply: %d owners, %v", n, err)
	}
	if _, err := many("insert into glance (id, n) values (?, ?)", []any{1, 1}); !errors.Is(err, plinth.ErrNotNull) {
		t.Errorf("a view: %v", err)
	}
	odd := `INSERT INTO "Odd ""name""" (id, "select") VALUES ($1, $2);`
	if res, err := many(odd, []any{1, "x"}, []any{2, nil}); err != nil || res.RowsAffected != 2 {
		t.Errorf("quoted names: %+v, %v", res, err)
	}
	if res, err := many(`insert into "Odd ""name""" (id, "select") values (?, upper(?)) on conflict (id) do update set "select" = 'again'`,
		[]any{2, "y"}, []any{3, "z"}); err != nil || res.RowsAffected != 2 {
		t.Errorf("an upsert: %+v, %v", res, err)
	}
	got, err := plinth.All[*string](t.Context(), db, `select "select" from "Odd ""name""" order by id`)
	if err != nil || len(got) != 3 || *got[1] != "again" || *got[2] != "Z" {
		t.Errorf("%v, %v", got, err)
	}
	if res, err := many("update owner set id = id + ? where id = ?", []any{100, 1}, []any{100, 2}, []any{0, 77}); err != nil || res.RowsAffected != 2 {
		t.Errorf("updates: %+v, %v", res, err)
	}
	if _, err := many("insert into late (id, owner) values (?, ?)", []any{1, 999}); !errors.Is(err, plinth.ErrForeignKey) || rowOf(err) != 0 {
		t.Errorf("a constraint that is looked at by COMMIT: row %d, %v", rowOf(err), err)
	}
	err = db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.ExecuteMany(ctx, insertThing, things(3, func(i int, row []any) { set(row, i < 3, 1, 102); set(row, i == 3, 1, 55) })); rowOf(err) != 3 {
			t.Errorf("in a transaction: row %d of %v", rowOf(err), err)
		}
		_, err := tx.ExecuteMany(ctx, insertThing, things(3, func(_ int, row []any) { row[1] = 102 }))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestManyRowsFollowTheirTable(t *testing.T) {
	db := openURL(t, servers.Postgres(t).Database(t), func(o *plinth.Options) { o.Pool.MaxOpenConns = 1 }) // each on the same connection
	insert := func(t *testing.T, v any) error {
		t.Helper()
		_, err := db.ExecuteMany(t.Context(), "insert into m (id, v) values (?, ?)", slices.Values([][]any{{1, v}, {2, v}}))
		return err
	}
	for name, test := range map[string]struct {
		change, want string
	}{
		"a column of another type":       {"alter table m alter v type float8", "42"},
		"a column that is text by now":   {"alter table m alter v type text", "42"},
		"another table of that name":     {"drop table m; create table m (id bigint, v numeric(10,2))", "42.00"},
		"a table found by another path":  {"create schema x; create table x.m (id bigint, v smallint); alter role current_user set search_path = x", "42"},
		"a rule":                         {"create rule r as on insert to m do also insert into seen values (new.v)", "42"},
		"a column that is generated now": {"alter table m drop v; alter table m add v bigint generated always as (id + 41) stored", ""},
	} {
		t.Run(name, func(t *testing.T) {
			execute(t, db, "drop schema public cascade", "create schema public", "drop schema if exists x cascade",
				"create table m (id bigint, v bigint)", "create table seen (v bigint)")
			for range 2 {
				if err := insert(t, 7); err != nil {
					t.Fatal(err)
				}
			}
			execute(t, db, "delete from m")
			if strings.Contains(test.change, "search_path") {
				test.change, _, _ = strings.Cut(test.change, "; alter role")
				defer execute(t, db, "reset search_path")
			}
			for statement := range strings.SplitSeq(test.change, "; ") {
				execute(t, db, statement)
			}
			insert := insert
			if strings.HasPrefix(name, "a table found") {
				insert = func(t *testing.T, v any) error {
					return db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
						if _, err := tx.Execute(ctx, "set local search_path = x"); err != nil {
							return err
						}
						_, err := tx.ExecuteMany(ctx, "insert into m (id, v) values (?, ?)", slices.Values([][]any{{1, v}, {2, v}}))
						return err
					})
				}
			}
			err := insert(t, 42)
			if test.want == "" {
				if err == nil || !strings.Contains(err.Error(), "428C9") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			from := "m"
			if strings.HasPrefix(name, "a table found") {
				from = "x.m"
			}
			got, err := plinth.All[string](t.Context(), db, "select v::text from "+from+" order by id")
			if err != nil || !slices.Equal(got, []string{test.want, test.want}) {
				t.Errorf("got %v, %v", got, err)
			}
			if n, err := plinth.One[int](t.Context(), db, "select count(*) from seen"); name == "a rule" && (err != nil || n != 2) {
				t.Errorf("the rule applied %d times, %v", n, err)
			}
		})
	}
}

func TestABatchWithLargeAnswersGoesOn(t *testing.T) {
	db := openURL(t, servers.Postgres(t).Database(t), func(o *plinth.Options) { o.Timeout = within })
	execute(t, db, "create table big (id bigint, v text)")
	res, err := db.ExecuteMany(t.Context(), "insert into big (id, v) values (?, ?) returning repeat('x', 100000)", func(yield func([]any) bool) {
		for i := range 198 {
			if !yield([]any{i, "small"}) {
				return
			}
		}
		yield([]any{198, strings.Repeat("x", 20<<20)})
	})
	if err != nil || res.RowsAffected != 199 {
		t.Errorf("%d rows, %v", res.RowsAffected, err)
	}
}

func TestManyRowsLeaveNoPreparedStatement(t *testing.T) {
	db := openURL(t, servers.Postgres(t).Database(t), func(o *plinth.Options) { o.Pool.MaxOpenConns = 1 })
	execute(t, db, "create table m (id bigint, v text)")
	long := "insert into m (id, v) values (?, upper(?)) /* " + strings.Repeat("long ", 5000) + "*/"
	for range 5 {
		if _, err := db.ExecuteMany(t.Context(), long, slices.Values([][]any{{1, "a"}})); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, db, "delete from m") // what is closed is told with the next statement
	n, err := plinth.One[int](t.Context(), db, "select count(*) from pg_prepared_statements where statement like '%long%'")
	if err != nil || n > 1 {
		t.Errorf("%d are left, %v", n, err)
	}
}
