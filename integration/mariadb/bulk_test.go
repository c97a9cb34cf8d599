package mariadb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
)

// bulkTables are what rows are loaded into.
var bulkTables = []string{
	"create table owner (id bigint primary key)",
	"insert into owner values (1), (2)",
	`create table thing (id bigint primary key, owner bigint, name varchar(10) not null, price decimal(10, 2), at datetime(6), data json,
		mood enum ('sad', 'fine'), n int, constraint an_owner foreign key (owner) references owner (id), constraint small check (n < 1000000))`,
	"create table made (id bigint auto_increment primary key, n int)",
	"create table loose (id bigint primary key, n int not null) engine = MyISAM",
}

const insertThing = "insert into thing (id, owner, name, price, at, data, mood, n) values (?, ?, ?, ?, ?, ?, ?, ?)"

// things yields rows that fit, but for those that change makes of them; the first is row 1.
func things(n int, change func(i int, row []any)) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := 1; i <= n; i++ {
			row := []any{i, int64(i%2 + 1), fmt.Sprint("thing ", i%1000), "12.50", time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), `{"a": 1}`, "fine", i}
			if change != nil {
				change(i, row)
			}
			if !yield(row) {
				return
			}
		}
	}
}

func set(row []any, when bool, i int, v any) {
	if when {
		row[i] = v
	}
}

func TestManyRowsAreAllThereOrNone(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t))
	execute(t, db, bulkTables...)
	count := func(t *testing.T) int {
		t.Helper()
		n, err := plinth.One[int](t.Context(), db, "select count(*) from thing")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const rows = 21_000 // several commands
	for name, test := range map[string]struct {
		change func(i int, row []any)
		want   error
		row    int
	}{
		"fits":                               {nil, nil, 0},
		"NULLs":                              {func(_ int, row []any) { row[3], row[4], row[5] = nil, nil, sql.NullString{} }, nil, 0},
		"now and then NULL":                  {func(i int, row []any) { set(row, i%7 == 0, 3, nil); set(row, i%3 == 0, 1, nil) }, nil, 0},
		"now and then another type":          {func(i int, row []any) { set(row, i%100 == 0, 3, 7.5); set(row, i%150 == 0, 4, "2026-11-23 10:00:00") }, nil, 0},
		"a key that exists":                  {func(i int, row []any) { set(row, i == 17_777, 0, 5) }, plinth.ErrUnique, 17_777},
		"the first row fails":                {func(i int, row []any) { set(row, i == 1, 2, nil) }, plinth.ErrNotNull, 1},
		"the last row fails":                 {func(i int, row []any) { set(row, i == rows, 2, nil) }, plinth.ErrNotNull, rows},
		"a check":                            {func(i int, row []any) { set(row, i == 12_000, 7, 2_000_000) }, plinth.ErrCheck, 12_000},
		"a reference to nothing":             {func(i int, row []any) { set(row, i == 12_345, 1, 99) }, plinth.ErrForeignKey, 12_345},
		"text too long for its column":       {func(i int, row []any) { set(row, i == 20_001, 2, "much too long a name") }, plinth.ErrInvalid, 20_001},
		"an argument that can't be sent":     {func(i int, row []any) { set(row, i == 20_001, 0, make(chan int)) }, plinth.ErrArgument, 20_001},
		"an earlier row fails in the server": {func(i int, row []any) { set(row, i == 20_001, 0, make(chan int)); set(row, i == 20_000, 2, nil) }, plinth.ErrNotNull, 20_000},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := db.ExecuteMany(t.Context(), insertThing, things(rows, test.change))
			if test.want == nil {
				if err != nil || res.RowsAffected != rows || count(t) != rows {
					t.Errorf("%d rows affected, %d there, %v", res.RowsAffected, count(t), err)
				}
				execute(t, db, "delete from thing")
				return
			}
			e, ok := errors.AsType[*plinth.Error](err)
			if !ok || !errors.Is(err, test.want) || e.Row != test.row {
				t.Errorf("got %v, want row %d", err, test.row)
			}
			if n := count(t); n != 0 {
				t.Errorf("%d rows are there", n)
				execute(t, db, "delete from thing")
			}
		})
	}
	eventually(t, "all connections are back", func() bool { return db.Stats().InUse == 0 })
}

func TestManyTellsGeneratedKeysAndWhatChanged(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, bulkTables...)
	numbers := func(yield func([]any) bool) {
		for i := range 1000 {
			if !yield([]any{i}) {
				return
			}
		}
	}
	res, err := db.ExecuteMany(t.Context(), "insert into made (n) values (?)", numbers)
	if err != nil || res.RowsAffected != 1000 || res.LastInsertID == 0 {
		t.Errorf("%+v, %v", res, err)
	}
	for _, test := range []struct {
		text string
		want int64
	}{
		{"update made set n = n + 1 where id <= ?", 999 * 1000 / 2}, // those of 1, of 1 and 2, …
		{"delete from made where id = ? + 1", 1000},
	} {
		if res, err := db.ExecuteMany(t.Context(), test.text, numbers); err != nil || res.RowsAffected != test.want {
			t.Errorf("%s: %+v, %v", test.text, res, err)
		}
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from made"); n != 0 || err != nil {
		t.Errorf("%d rows are left, %v", n, err)
	}
}

// TestRowsThatEndWhileOthersAreUnderWayLeaveNothing ends the rows when the server is at work on those before.
func TestRowsThatEndWhileOthersAreUnderWayLeaveNothing(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, bulkTables...)
	const last = 15_000 // of which the server has 10,000
	for name, test := range map[string]struct {
		end  func(cancel context.CancelFunc)
		want error
	}{
		"a panic":              {func(context.CancelFunc) { panic("the rows are lost") }, nil},
		"the end of a context": {func(cancel context.CancelFunc) { cancel() }, context.Canceled},
		"a row that can't be":  {func(context.CancelFunc) {}, plinth.ErrArgument},
	} {
		many := func(q interface {
			ExecuteMany(context.Context, string, iter.Seq[[]any]) (plinth.Result, error)
		},
		) (err error) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("panic: %v", r)
				}
			}()
			_, err = q.ExecuteMany(ctx, insertThing, things(last, func(i int, row []any) {
				if i == last {
					test.end(cancel)
					row[0] = make(chan int)
				}
			}))
			return err
		}
		check := func(t *testing.T, err error) {
			t.Helper()
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			if n, err := plinth.One[int](t.Context(), db, "select count(*) from thing"); n != 0 || err != nil {
				t.Errorf("%d rows are there, %v", n, err)
			}
		}
		t.Run(name, func(t *testing.T) { check(t, many(db)) })
		t.Run(name+" in a transaction", func(t *testing.T) {
			check(t, db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				err := many(tx)
				if _, more := plinth.One[int](ctx, tx, "select count(*) from owner"); more != nil && !errors.Is(more, plinth.ErrTxDone) {
					t.Errorf("afterwards: %v", more)
				}
				return err
			}))
		})
	}
	if s := db.Stats(); s.OpenConnections != 1 || s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

// TestNothingOfABatchOutlivesItsTransaction has a deadlock end a transaction in the middle of statements that were sent together.
// The server runs those behind it all the same, and they must leave nothing.
func TestNothingOfABatchOutlivesItsTransaction(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t))
	ctx := t.Context()
	execute(t, db, "create table part (id bigint primary key, n int not null)", "insert into part select seq, 0 from seq_1_to_2000",
		"create procedure raise(which bigint) update part set n = n + 1 where id = which")
	other, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback(ctx) //nolint:errcheck // done below; this is for a test that fails
	mine, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Rollback(ctx)                                                                           //nolint:errcheck // the same
	if _, err := other.Execute(ctx, "update part set n = -1 where id = 50 or id > 1000"); err != nil { // the heavier one wins
		t.Fatal(err)
	}
	if _, err := mine.Execute(ctx, "update part set n = 1 where id = 1"); err != nil {
		t.Fatal(err)
	}
	blocked := make(chan error, 1)
	go func() {
		_, err := other.Execute(ctx, "update part set n = -1 where id = 1")
		blocked <- err
	}()
	_, err = mine.ExecuteMany(ctx, "call raise(?)", func(yield func([]any) bool) {
		for i := 2; i <= 100 && yield([]any{i}); i++ {
		}
	})
	if !errors.Is(err, plinth.ErrDeadlock) {
		t.Errorf("%v, want a deadlock", err)
	}
	if err := <-blocked; err != nil {
		t.Error(err)
	}
	if err := errors.Join(mine.Rollback(ctx), other.Rollback(ctx)); err != nil {
		t.Error(err)
	}
	if n, err := plinth.One[int](ctx, db, "select count(*) from part where n <> 0"); n != 0 || err != nil {
		t.Errorf("%d rows of it are there, %v", n, err)
	}
	if _, err := db.ExecuteMany(ctx, "call raise(?)", slices.Values([][]any{{1}, {2}})); err != nil { // nothing is left of the guard
		t.Error(err)
	}
	execute(t, db, "update part set n = 0")
}

// TestARowThatFailsIsNotLookedForWhereNothingCanBeUndone would otherwise put the rows before it there twice.
func TestARowThatFailsIsNotLookedForWhereNothingCanBeUndone(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t))
	execute(t, db, bulkTables...)
	_, err := db.ExecuteMany(t.Context(), "insert into loose values (?, ?)", func(yield func([]any) bool) {
		for i := range 100 {
			row := []any{i, i}
			set(row, i == 50, 1, nil)
			if !yield(row) {
				return
			}
		}
	})
	e, ok := errors.AsType[*plinth.Error](err)
	if !ok || e.Kind != plinth.ErrNotNull || e.Row != 0 {
		t.Errorf("error %v, want ErrNotNull of no row", err)
	}
}

func TestManyEndsWithItsContext(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, bulkTables...)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := db.ExecuteMany(ctx, insertThing, things(10_000_000, nil))
	if took := time.Since(began); !errors.Is(err, plinth.ErrTimeout) || took > 100*time.Millisecond+slack {
		t.Errorf("%v after %v, want ErrTimeout", err, took)
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from thing"); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestAReaderIsLoadedByTheNativeConnection(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, bulkTables...)
	err := db.With(t.Context(), func(c *plinth.Conn) error {
		native, ok := c.Native().(*mariadb.Conn)
		if !ok {
			t.Fatalf("Native is %T", c.Native())
		}
		res, err := native.LoadData(t.Context(), "load data local infile 'rows' into table made fields terminated by ',' (id, n)", strings.NewReader("1,10\n2,20\n"))
		if res.RowsAffected != 2 {
			t.Errorf("%+v", res)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := plinth.One[int](t.Context(), db, "select sum(n) from made"); n != 30 || err != nil {
		t.Errorf("the sum is %d, %v", n, err)
	}
	if s := db.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

func TestAProceduresFirstRowsAreReadAndTheRestIsNot(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, "create procedure several(n int) begin select n as a; select n + 1 as b, 2 as c; end", "create procedure none() begin end")
	for range 3 {
		got, err := plinth.All[int](t.Context(), db, "call several(?)", 7)
		if err != nil || len(got) != 1 || got[0] != 7 {
			t.Errorf("%v, %v", got, err)
		}
		execute(t, db, "call several(1)", "call none()")
	}
}
