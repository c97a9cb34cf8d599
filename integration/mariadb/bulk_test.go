package mariadb_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

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
