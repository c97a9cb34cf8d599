package stdsql_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/sqlite"
	"github.com/plinthdb/plinth/stdsql"
)

func TestStatementsRunAsWithAnyDriver(t *testing.T) {
	t.Parallel()
	db := open(t)
	res := db.exec(t, "INSERT INTO item (n) VALUES (?), (?)", 10, 20)
	if id, err := res.LastInsertId(); id != 2 || err != nil {
		t.Errorf("LastInsertId = %d, %v; want 2", id, err)
	}
	if n, err := res.RowsAffected(); n != 2 || err != nil {
		t.Errorf("RowsAffected = %d, %v; want 2", n, err)
	}
	rows, err := db.Query("SELECT id, n FROM item ORDER BY id")
	ok(t, err)
	if cols, err := rows.Columns(); err != nil || !slices.Equal(cols, []string{"id", "n"}) {
		t.Errorf("Columns = %v, %v", cols, err)
	}
	var got []int
	for rows.Next() {
		var id, n int
		ok(t, rows.Scan(&id, &n))
		got = append(got, id, n)
	}
	ok(t, rows.Err())
	if !slices.Equal(got, []int{1, 10, 2, 20}) {
		t.Errorf("rows %v", got)
	}
	var n int
	if err := db.QueryRow("SELECT n FROM item WHERE id = 9").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row: %v, want sql.ErrNoRows", err)
	}
	ok(t, db.PingContext(t.Context()))
	if _, err := db.Driver().Open("x"); !errors.Is(err, plinth.ErrUnsupported) {
		t.Errorf("Open of the driver: %v", err)
	}
}

func TestPreparedStatementsRunOnAnyConnection(t *testing.T) {
	t.Parallel()
	db := open(t)
	insert, err := db.Prepare("INSERT INTO item (n) VALUES (?)")
	ok(t, err)
	defer insert.Close()
	for n := range 20 {
		_, err := insert.Exec(n)
		ok(t, err)
	}
	tx, err := db.Begin()
	ok(t, err)
	_, err = tx.Stmt(insert).Exec(20)
	ok(t, err)
	count, err := tx.Prepare("SELECT count(*) FROM item WHERE n >= ?")
	ok(t, err)
	var n int
	ok(t, count.QueryRow(0).Scan(&n))
	if n != 21 {
		t.Errorf("%d rows in the transaction, want 21", n)
	}
	ok(t, tx.Rollback())
	if n := db.count(t); n != 20 {
		t.Errorf("%d rows after the rollback, want 20", n)
	}
	if _, err := insert.Exec(); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("without its argument: %v", err)
	}
}

func TestArgumentsAreTheEngines(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.exec(t, "INSERT INTO item (n) VALUES (:n), (:n + 1), (:m)", sql.Named("n", 1), sql.Named("m", 9))
	if n := one[int](t, db, "SELECT count(*) FROM item WHERE n IN (?)", []int{1, 2, 3}); n != 2 {
		t.Errorf("%d rows in the list, want 2", n)
	}
	if n := one[int](t, db, "SELECT count(*) FROM item WHERE n IN (:list)", sql.Named("list", []int{9})); n != 1 {
		t.Errorf("%d rows in the named list, want 1", n)
	}
	price, err := plinth.ParseDecimal("10.50")
	ok(t, err)
	if s := one[string](t, db, "SELECT ?", price); s != "10.50" {
		t.Errorf("a decimal came back as %q", s)
	}
	if v := one[any](t, db, "SELECT ?", sql.NullInt64{}); v != nil {
		t.Errorf("an invalid NullInt64 came back as %v", v)
	}
	if v := one[any](t, db, "SELECT ?", (*int)(nil)); v != nil {
		t.Errorf("a nil pointer came back as %v", v)
	}
	for name, args := range map[string][]any{
		"sql.Out":             {sql.Out{Dest: new(int)}},
		"too many":            {1, 2},
		"a channel":           {make(chan int)},
		"a name of none":      {sql.Named("x", 1)},
		"none where one goes": {},
	} {
		_, err := db.Exec("INSERT INTO item (n) VALUES (?)", args...)
		if !errors.Is(err, plinth.ErrArgument) && !errors.Is(err, plinth.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSQLiteTimesAreScannedAsTheirColumnsAreDeclared(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.exec(t, "CREATE TABLE stay (since TIMESTAMP DEFAULT (datetime('now')), day DATE, note TEXT)")
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 7200))
	db.exec(t, "INSERT INTO stay (day, note) VALUES ('2024-05-06', '2024-05-06'), (?, ?)", at, at)
	rows, err := db.Query("SELECT since, day, note FROM stay ORDER BY rowid")
	ok(t, err)
	defer rows.Close()
	types, err := rows.ColumnTypes()
	ok(t, err)
	if name := types[0].DatabaseTypeName(); name != "TIMESTAMP" {
		t.Errorf("the type of the first column is %q", name)
	}
	for _, want := range []time.Time{time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC), at} {
		var since, day time.Time
		var note string
		if !rows.Next() {
			t.Fatal("no row:", rows.Err())
		}
		ok(t, rows.Scan(&since, &day, &note))
		if time.Since(since) > time.Minute || !day.Equal(want) || !strings.HasPrefix(note, "2024-05-06") ||
			strings.Contains(note, "T") {
			t.Errorf("%v, %v, %q", since, day, note)
		}
	}
}

func TestEachStatementIsSeenOnceByHooksAndObservers(t *testing.T) {
	t.Parallel()
	db := open(t)
	prepared, err := db.Prepare("INSERT INTO item (n) VALUES (7)")
	ok(t, err)
	defer prepared.Close()
	inTx := func(end func(*sql.Tx) error) func() error {
		return func() error {
			tx, err := db.Begin()
			if err == nil {
				_, err = tx.Exec("INSERT INTO item (n) VALUES (8)")
			}
			return errors.Join(err, end(tx))
		}
	}
	for name, c := range map[string]struct {
		run  func() error
		want []hook.Op
	}{
		"Exec":     {func() error { _, err := db.Exec("INSERT INTO item (n) VALUES (1)"); return err }, []hook.Op{hook.Execute}},
		"QueryRow": {func() error { return db.QueryRow("SELECT 1").Scan(new(int)) }, []hook.Op{hook.Query}},
		"Stmt":     {func() error { _, err := prepared.Exec(); return err }, []hook.Op{hook.Execute}},
		"Ping":     {db.Ping, []hook.Op{hook.Ping}},
		"Commit":   {inTx((*sql.Tx).Commit), []hook.Op{hook.Begin, hook.Execute, hook.Commit}},
		"Rollback": {inTx((*sql.Tx).Rollback), []hook.Op{hook.Begin, hook.Execute, hook.Rollback}},
	} {
		db.forget()
		if err := c.run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var calls, tries []hook.Op
		for _, e := range db.calls {
			calls = append(calls, e.Op)
		}
		for _, e := range db.tries {
			tries = append(tries, e.Op)
		}
		if !slices.Equal(calls, c.want) || !slices.Equal(tries, c.want) {
			t.Errorf("%s: calls %v, attempts %v; want %v", name, calls, tries, c.want)
		}
	}
}

func TestTheQueryLogNamesTheCallerOfDatabaseSQL(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	engine, err := sqlite.Open(t.Context(), plinth.Options{
		URL: "sqlite::memory:", QueryLog: querylog.Options{Threshold: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))},
	})
	ok(t, err)
	defer engine.Close(t.Context())
	db := stdsql.OpenDB(engine)
	defer db.Close()
	one[int](t, db, "SELECT 41 + ?", 1)
	if !strings.Contains(log.String(), "helper_test.go") || strings.Contains(log.String(), "database/sql") {
		t.Errorf("the log doesn't name who called:\n%s", log.String())
	}
}

func TestErrorsAreTheEngines(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.exec(t, "INSERT INTO item (id) VALUES (1)")
	_, err := db.Exec("INSERT INTO item (id) VALUES (1)")
	var pe *plinth.Error
	if !errors.As(err, &pe) || pe.Kind != plinth.ErrUnique || pe.Table != "item" {
		t.Errorf("%#v", err)
	}
	if _, err := db.Query("SELECT n FROM nowhere"); !errors.Is(err, plinth.ErrUndefined) {
		t.Errorf("unknown table: %v", err)
	}
	for _, text := range []string{"BEGIN", "COMMIT", "SAVEPOINT a", "ROLLBACK TO a"} {
		if _, err := db.Exec(text); !errors.Is(err, plinth.ErrArgument) || !strings.Contains(err.Error(), "Begin") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestReadingDoesNotKeepOthersFromWriting(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.exec(t, "INSERT INTO item (n) VALUES (1), (2), (3)")
	rows, err := db.Query("SELECT id, n FROM item")
	ok(t, err)
	defer rows.Close()
	for rows.Next() { // as much code for database/sql has it
		var id, n int
		ok(t, rows.Scan(&id, &n))
		db.exec(t, "UPDATE item SET n = ? WHERE id = ?", n*2, id)
	}
	ok(t, rows.Err())
	if n := one[int](t, db, "SELECT sum(n) FROM item"); n != 12 {
		t.Errorf("the sum is %d, want 12", n)
	}
}

func TestAConnKeepsItsSession(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn, err := db.Conn(t.Context())
	ok(t, err)
	if n := one[int](t, conn, "SELECT count(*) FROM item"); n != 0 {
		t.Errorf("%d rows", n)
	}
	if n := db.engine.Stats().InUse; n != 0 {
		t.Errorf("%d connections in use by a Conn that has only read, want 0", n)
	}
	_, err = conn.ExecContext(t.Context(), "CREATE TEMP TABLE mine (n INTEGER)")
	ok(t, err)
	_, err = conn.ExecContext(t.Context(), "INSERT INTO mine VALUES (5)")
	ok(t, err)
	if n := one[int](t, conn, "SELECT n FROM mine"); n != 5 {
		t.Errorf("n = %d, want 5", n)
	}
	ok(t, conn.PingContext(t.Context()))
	tx, err := conn.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.Exec("UPDATE mine SET n = 6")
	ok(t, err)
	ok(t, tx.Commit())
	if n := one[int](t, conn, "SELECT n FROM mine"); n != 6 {
		t.Errorf("n = %d, want 6", n)
	}
	ok(t, conn.Close())
	if _, err := conn.ExecContext(t.Context(), "SELECT 1"); !errors.Is(err, sql.ErrConnDone) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := db.Exec("INSERT INTO mine VALUES (1)"); !errors.Is(err, plinth.ErrUndefined) {
		t.Errorf("another connection found the temporary table: %v", err)
	}
}

func TestNoConnectionStaysIdleWhateverTheSettings(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.SetMaxIdleConns(10)
	db.SetMaxOpenConns(2)
	for range 5 {
		db.exec(t, "INSERT INTO item (n) VALUES (1)")
		if in, idle := db.engine.Stats().InUse, db.Stats().Idle; in != 0 || idle != 0 {
			t.Fatalf("%d in use and %d idle between calls, want 0", in, idle)
		}
	}
}

func TestASessionIsResetOnlyWhereItsSettingsMayHaveChanged(t *testing.T) {
	t.Parallel()
	db := open(t)
	fates := func(run func(ctx context.Context, conn *sql.Conn) error) []driver.Fate {
		db.faults.fates = nil
		conn, err := db.Conn(t.Context())
		ok(t, err)
		ok(t, run(t.Context(), conn))
		ok(t, conn.Close())
		return db.faults.fates
	}
	exec := func(text string) func(ctx context.Context, conn *sql.Conn) error {
		return func(ctx context.Context, conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, "INSERT INTO item (n) VALUES (1)")
			if err == nil {
				_, err = conn.ExecContext(ctx, text)
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		run  func(ctx context.Context, conn *sql.Conn) error
		want driver.Fate
	}{
		"statements":        {exec("UPDATE item SET n = 2"), driver.Keep},
		"a setting":         {exec("PRAGMA cache_size = 100"), driver.Reset},
		"a temporary table": {exec("CREATE TEMP TABLE mine (n)"), driver.Reset},
		"a transaction": {func(ctx context.Context, conn *sql.Conn) error {
			tx, err := conn.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			return tx.Commit()
		}, driver.Keep},
		"a setting in one": {func(ctx context.Context, conn *sql.Conn) error {
			tx, err := conn.BeginTx(ctx, nil)
			if err == nil {
				_, err = tx.Exec("CREATE TEMP TABLE other (n)")
			}
			return errors.Join(err, tx.Rollback())
		}, driver.Reset},
	} {
		if got := fates(c.run); !slices.Equal(got, []driver.Fate{c.want}) {
			t.Errorf("%s: fates %v, want %v", name, got, c.want)
		}
	}
}

func TestClosingTheDBLeavesTheEngineOpen(t *testing.T) {
	t.Parallel()
	b := open(t)
	db := stdsql.OpenDB(b.engine)
	ok(t, db.Close())
	if err := b.engine.TestConnection(t.Context()); err != nil {
		t.Errorf("the engine after the DB's Close: %v", err)
	}
}

func TestAClosedEngineIsErrClosed(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ok(t, b.engine.Close(ctx))
	for name, run := range map[string]func() error{
		"Exec":  func() error { _, err := b.Exec("INSERT INTO item (n) VALUES (1)"); return err },
		"Query": func() error { return b.QueryRow("SELECT 1").Scan(new(int)) },
		"Begin": func() error { _, err := b.Begin(); return err },
		"Ping":  b.Ping,
	} {
		if err := run(); !errors.Is(err, plinth.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}
