package plinth_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/sqlite"
)

func TestRawGivesARowAsTheDriverReadIt(t *testing.T) {
	t.Parallel()
	rows := plinth.NewRows([]string{"n", "s"}, []any{1, "x"})
	if got := rows.ColumnTypes(); !slices.Equal(got, []driver.Column{{Name: "n"}, {Name: "s"}}) {
		t.Errorf("columns %v", got)
	}
	if rows.Raw() != nil {
		t.Error("there is a row before the first Next")
	}
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	if vals := rows.Raw(); len(vals) != 2 || vals[0].Int64() != 1 || vals[1].Text() != "x" {
		t.Errorf("values %v", vals)
	}
	if rows.Next() || rows.Raw() != nil {
		t.Error("there is a row after the last")
	}
}

func TestSavepointsAsCallsOfTheirOwn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx)
	conn := db.Pin()
	defer conn.Close()
	if server, err := conn.Ping(ctx); err != nil || server.Version == "" || db.Stats().InUse != 0 {
		t.Errorf("Ping: %+v, %v, with %d in use", server, err, db.Stats().InUse)
	}
	if _, err := conn.Execute(ctx, "CREATE TABLE item (n INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Ping(ctx); err != nil {
		t.Errorf("Ping of its own connection, the only one: %v", err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range []driver.SavepointOp{driver.SavepointSet, driver.SavepointRollback, driver.SavepointRelease} {
		if err := tx.Savepoint(ctx, op, "mine"); err != nil {
			t.Fatal(op, err)
		}
		if _, err := tx.Execute(ctx, "INSERT INTO item VALUES (?)", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Savepoint(ctx, driver.SavepointRelease, "nobodys"); err == nil {
		t.Error("a savepoint that was never set was released")
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := tx.Savepoint(ctx, driver.SavepointSet, "late"); !errors.Is(err, plinth.ErrTxDone) {
		t.Errorf("after the end: %v, want ErrTxDone", err)
	}
	row, err := conn.FetchOne(ctx, "SELECT group_concat(n) AS n FROM item")
	if n, _ := row.Text("n"); n != "1,2" || err != nil {
		t.Errorf("rows %q, %v; want 1,2", n, err)
	}
	conn.Close()
	if _, err := conn.Ping(ctx); !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("Ping after Close: %v, want ErrClosed", err)
	}
}
