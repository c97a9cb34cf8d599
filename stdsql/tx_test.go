package stdsql_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

func TestTransactionsCommitAndRollBack(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, commit := range []bool{true, false} {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		ok(t, err)
		_, err = tx.Exec("INSERT INTO item (n) VALUES (1)")
		ok(t, err)
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		ok(t, end())
		if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("a second end: %v, want sql.ErrTxDone", err)
		}
		if _, err := tx.Exec("SELECT 1"); !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("a statement after the end: %v, want sql.ErrTxDone", err)
		}
	}
	if n := db.count(t); n != 1 {
		t.Errorf("%d rows, want the one that was committed", n)
	}
}

func TestIsolationLevelsThatNoEngineHasAreRefused(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, level := range []sql.IsolationLevel{
		sql.LevelReadUncommitted, sql.LevelWriteCommitted, sql.LevelSnapshot, sql.LevelLinearizable,
	} {
		_, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
		if !errors.Is(err, plinth.ErrUnsupported) || !strings.Contains(err.Error(), level.String()) {
			t.Errorf("%s: %v", level, err)
		}
	}
}

func TestAReadOnlyTransactionCannotWrite(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	ok(t, err)
	defer tx.Rollback()
	if n := one[int](t, tx, "SELECT count(*) FROM item"); n != 0 {
		t.Errorf("%d rows", n)
	}
	db.exec(t, "INSERT INTO item (n) VALUES (1)") // it doesn't hold the connection that writes
	if _, err := tx.Exec("INSERT INTO item (n) VALUES (2)"); !errors.Is(err, plinth.ErrReadOnly) {
		t.Errorf("writing: %v, want ErrReadOnly", err)
	}
}

func TestATransactionIsRolledBackWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := db.BeginTx(ctx, nil)
	ok(t, err)
	_, err = tx.Exec("INSERT INTO item (n) VALUES (1)")
	ok(t, err)
	rows, err := tx.Query("SELECT 1 UNION SELECT 2")
	ok(t, err)
	defer rows.Close()
	cancel()
	if err := tx.Commit(); !errors.Is(err, context.Canceled) && !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("Commit: %v", err)
	}
	if n := db.count(t); n != 0 { // a read that needs no connection of the transaction's
		t.Errorf("%d rows", n)
	}
	db.exec(t, "INSERT INTO item (n) VALUES (2)") // the connection that writes is free again
}

func TestCommitWithOpenRowsClosesThem(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx, err := db.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.Exec("INSERT INTO item (n) VALUES (1), (2)")
	ok(t, err)
	rows, err := tx.Query("SELECT n FROM item")
	ok(t, err)
	defer rows.Close()
	if !rows.Next() {
		t.Fatal("no row")
	}
	ok(t, tx.Commit())
	if n := db.count(t); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestASecondStatementBesideOpenRowsIsErrBusy(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx, err := db.BeginTx(t.Context(), nil)
	ok(t, err)
	defer tx.Rollback()
	rows, err := tx.Query("SELECT 1 UNION SELECT 2")
	ok(t, err)
	defer rows.Close()
	if _, err := tx.Exec("INSERT INTO item (n) VALUES (1)"); !errors.Is(err, plinth.ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	ok(t, rows.Close())
	_, err = tx.Exec("INSERT INTO item (n) VALUES (1)")
	ok(t, err)
}

func TestSavepointsAsText(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx, err := db.Begin()
	ok(t, err)
	for _, text := range []string{
		"INSERT INTO item (n) VALUES (1)",
		"SAVEPOINT sp1", "INSERT INTO item (n) VALUES (2)", "ROLLBACK TO SAVEPOINT sp1", "RELEASE SAVEPOINT sp1",
		"savepoint SP_2;", "INSERT INTO item (n) VALUES (3)", "release SP_2",
		"SAVEPOINT c", "INSERT INTO item (n) VALUES (4)", "SAVEPOINT d", "INSERT INTO item (n) VALUES (5)", "ROLLBACK TO c",
	} {
		if _, err := tx.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if _, err := tx.Exec(`SAVEPOINT "quoted name"`); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("a name that needs quotes: %v, want ErrArgument", err)
	}
	ok(t, tx.Commit())
	if n := one[int](t, db, "SELECT sum(n) FROM item"); n != 4 {
		t.Errorf("the sum is %d, want 4", n)
	}
}

func TestSeveralStatementsInOneText(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.forget()
	res := db.exec(t, "INSERT INTO item (n) VALUES (1); -- one; two\nINSERT INTO item (n) SELECT ';' ;\n")
	if _, err := res.RowsAffected(); err == nil {
		t.Error("RowsAffected of two statements is known")
	}
	if calls, tries := db.seen(); calls != 2 || tries != 2 {
		t.Errorf("%d calls with %d attempts were seen, want 2 and 2", calls, tries)
	}
	db.exec(t, "INSERT INTO item (n) VALUES (3);  \n") // one
	if n := db.count(t); n != 3 {
		t.Fatalf("%d rows, want 3", n)
	}
	_, err := db.Exec("INSERT INTO item (n) VALUES (4); INSERT INTO nowhere VALUES (1); INSERT INTO item (n) VALUES (5)")
	if !errors.Is(err, plinth.ErrUndefined) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("%v, want ErrUndefined and the line", err)
	}
	if n := db.count(t); n != 4 { // as the drivers for SQLite do
		t.Errorf("%d rows, want those up to the statement that failed", n)
	}
	_, err = db.Exec("begin; INSERT INTO item (n) VALUES (4); INSERT INTO nowhere VALUES (1); commit;")
	if !errors.Is(err, plinth.ErrUndefined) {
		t.Errorf("%v, want ErrUndefined", err)
	}
	if n := db.count(t); n != 4 {
		t.Errorf("%d rows, want nothing of a transaction that failed", n)
	}
	db.exec(t, "BEGIN TRANSACTION;\nUPDATE item SET n = n + 1;\nDELETE FROM item WHERE n = 2;\nCOMMIT")
	if n := db.count(t); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	if _, err := db.Exec("DELETE FROM item; BEGIN; COMMIT"); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("BEGIN in the middle: %v, want ErrArgument", err)
	}
	db.exec(t, "INSERT INTO item (n) VALUES (1), (2), (3), (4)")
	tx, err := db.Begin()
	ok(t, err)
	_, err = tx.Exec("INSERT INTO item (n) VALUES (6); INSERT INTO item (n) VALUES (7)")
	ok(t, err)
	ok(t, tx.Rollback())
	if n := db.count(t); n != 4 {
		t.Errorf("%d rows after the rollback, want 4", n)
	}
	_, err = db.Exec("INSERT INTO item (n) VALUES (?); INSERT INTO item (n) VALUES (?)", 1, 2)
	if !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("with arguments: %v, want ErrArgument", err)
	}
}
