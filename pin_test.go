package plinth_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

func TestAPinTakesNoConnectionBeforeItNeedsOneThatStays(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	conn := db.Pin()
	if n, err := plinth.One[int](t.Context(), conn, "select count(*) from t"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	idle(t, db)
	execute(t, conn, "create temp table mine (x)")
	execute(t, conn, "insert into mine values (42)")
	if n := db.Stats().InUse; n != 1 {
		t.Errorf("%d connections in use", n)
	}
	if n, err := plinth.One[int](t.Context(), conn, "select x from mine"); err != nil || n != 42 {
		t.Errorf("a temporary table of its own: %d, %v", n, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	idle(t, db)
	if err := conn.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := conn.Execute(t.Context(), "select 1"); !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := db.FetchAll(plinth.OnPrimary(t.Context()), "select x from mine"); !errors.Is(err, plinth.ErrUndefined) {
		t.Errorf("its temporary table was left to others: %v", err)
	}
}

func TestAPinsTransactionIsItsOwn(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{Pool: pool.Options{AcquireTimeout: time.Second}})
	conn := db.Pin()
	defer conn.Close()
	for range 2 { // one that reads leaves no connection that can't write
		tx, err := conn.Begin(t.Context(), plinth.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Execute(t.Context(), "insert into t values (3, 4)"); !errors.Is(err, plinth.ErrReadOnly) {
			t.Errorf("writing in it: %v", err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, db)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "insert into t values (3, 4)")
	if _, err := conn.Execute(t.Context(), "select 1"); !errors.Is(err, plinth.ErrBusy) {
		t.Errorf("beside its transaction: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows", n)
	}
	tx, err = conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "insert into t values (5, 6)")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	idle(t, db)
	if n := count(t, db); n != 2 {
		t.Errorf("a transaction left open at Close was kept: %d rows", n)
	}
}

func TestAConnectionOfWithIsNotClosedByHand(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	err := db.With(t.Context(), func(conn *plinth.Conn) error {
		if err := conn.Close(); !errors.Is(err, plinth.ErrBusy) {
			t.Errorf("Close: %v", err)
		}
		_, err := conn.Execute(t.Context(), "select 1")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAPinReturnsWhatFailedAndGoesOn(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	conn := db.Pin()
	defer conn.Close()
	if _, err := conn.Execute(t.Context(), "insert into t values (1, 1000)"); !errors.Is(err, plinth.ErrCheck) {
		t.Fatal(err)
	}
	idle(t, db)
	execute(t, conn, "insert into t values (3, 4)")
	if conn.Broken() {
		t.Error("it says it's broken")
	}
}

func TestAPinSaysWhenItsConnectionIsLost(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	conn := db.Pin()
	defer conn.Close()
	execute(t, conn, "create temp table mine (x)")
	b.on(times(1, "execute", "", lost(driver.Run)), nil)
	if _, err := conn.Execute(t.Context(), "insert into mine values (1)"); !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
	if _, err := conn.Execute(t.Context(), "insert into mine values (2)"); !conn.Broken() || !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("broken: %v; the next statement: %v", conn.Broken(), err)
	}
}

func TestAPinsNativeConnectionIsThereOnceItNeedsOneAndIsResetAfterwards(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	conn := db.Pin()
	if n := conn.Native(); n != nil {
		t.Errorf("before it needs one: %v", n)
	}
	execute(t, conn, "insert into t values (1, 1)")
	b.on(nil, nil)
	if conn.Native() == nil {
		t.Error("there is none")
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.released, []driver.Fate{driver.Reset}) {
		t.Errorf("it was released as %v, and who knows what was done with the native connection", b.released)
	}
	if n := conn.Native(); n != nil {
		t.Errorf("after Close: %v", n)
	}
}
