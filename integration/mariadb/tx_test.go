package mariadb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

func TestOptionsOfATransactionHold(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
	e, other := openURL(t, url, poolOf(1)), openURL(t, url, poolOf(1))
	execute(t, e, "create table things (id int primary key, n int)", "insert into things values (1, 0)")
	for _, o := range []plinth.TxOptions{
		{}, {Isolation: plinth.ReadCommitted}, {Isolation: plinth.RepeatableRead, ReadOnly: true},
		{Isolation: plinth.Serializable, ReadOnly: true}, {Isolation: plinth.Serializable},
	} {
		err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			const read = "select n from things where id = 1"
			before, err := plinth.One[int](ctx, tx, read)
			if err != nil {
				return err
			}
			// Another's write is let in between, but where the transaction is serializable: reading locks there.
			_, err = other.FetchAll(t.Context(), read+" for update nowait")
			if errors.Is(err, plinth.ErrLocked) != (o.Isolation == plinth.Serializable) {
				t.Errorf("%+v: another's lock: %v", o, err)
			}
			if o.Isolation == plinth.Serializable {
				return nil
			}
			execute(t, other, "update things set n = n + 1 where id = 1")
			after, err := plinth.One[int](ctx, tx, read)
			if seen := after != before; seen != (o.Isolation == plinth.ReadCommitted) || err != nil {
				t.Errorf("%+v: the other's write is seen: %v, %v", o, seen, err)
			}
			return nil
		}, o)
		if err != nil {
			t.Error(err)
		}
		err = e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, "update things set n = n + 1 where id = 1")
			return err
		}, o)
		if errors.Is(err, plinth.ErrReadOnly) != o.ReadOnly || err != nil && !o.ReadOnly {
			t.Errorf("%+v: a write: %v", o, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestAWaitThatWasTooLongEndsTheTransaction shows what MariaDB would do by itself: COMMIT would keep the rows from before the
// statement that failed.
func TestAWaitThatWasTooLongEndsTheTransaction(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
	e := openURL(t, url+"&innodb_lock_wait_timeout=1", poolOf(1))
	other := openURL(t, url)
	execute(t, e, "create table things (id int primary key)", "insert into things values (1)")
	holder, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Execute(t.Context(), "delete from things where id = 1"); err != nil {
		t.Fatal(err)
	}
	tx, err := e.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Execute(t.Context(), "insert into things values (2)"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Execute(t.Context(), "insert into things values (1)"); !errors.Is(err, plinth.ErrLocked) {
		t.Errorf("error %v, want ErrLocked", err)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Execute(t.Context(), "insert into things values (3)"); !errors.Is(err, plinth.ErrTxDone) {
		t.Errorf("the next statement: %v, want ErrTxDone", err)
	}
	if err := tx.Commit(t.Context()); !errors.Is(err, plinth.ErrTxDone) || !errors.Is(err, plinth.ErrLocked) {
		t.Errorf("Commit: %v, want ErrTxDone because of ErrLocked", err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things"); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestASchemaChangeCommitsWhatCameBeforeIt and what follows is a transaction again, not statements by themselves.
func TestASchemaChangeCommitsWhatCameBeforeIt(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (id int primary key)")
	tx, err := e.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "insert into things values (1)", "create table others (id int)", "insert into things values (2)")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	if ids, err := plinth.All[int](t.Context(), e, "select id from things"); len(ids) != 1 || ids[0] != 1 || err != nil {
		t.Errorf("things are %v, %v; want 1", ids, err)
	}
	if err := e.InTx(t.Context(), func(_ context.Context, tx *plinth.Tx) error {
		execute(t, tx, "drop table others", "insert into things values (3)")
		return nil
	}); err != nil {
		t.Error(err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things"); n != 2 || err != nil {
		t.Errorf("%d things, %v", n, err)
	}
}

// TestATransactionThatTheServerHasEndedRefusesWhatFollows, however it came about: of an error nothing tells but the question.
func TestATransactionThatTheServerHasEndedRefusesWhatFollows(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (id int primary key)", "create procedure done() begin commit; end")
	for i, text := range []string{"create table things (id int)", "call done()"} {
		tx, err := e.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Execute(t.Context(), "insert into things values (?)", i); err != nil {
			t.Fatal(err)
		}
		_, err = tx.Execute(t.Context(), text)
		if want := []error{plinth.ErrExists, plinth.ErrOutcomeUnknown}[i]; !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if _, err := tx.Execute(t.Context(), "insert into things values (?)", 10+i); !errors.Is(err, plinth.ErrTxDone) {
			t.Errorf("after %q the next statement: %v, want ErrTxDone", text, err)
		}
		if err := tx.Commit(t.Context()); !errors.Is(err, plinth.ErrTxDone) {
			t.Errorf("after %q Commit: %v, want ErrTxDone", text, err)
		}
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things where id >= 10"); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestAnErrorLeavesTheTransactionOpen(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (id int primary key)", "insert into things values (1)")
	err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		execute(t, tx, "insert into things values (2)")
		for _, wrong := range []string{"insert into things values (1)", "select nothing from things", "insert into things values ('x')", "selec"} {
			if _, err := tx.Execute(ctx, wrong); err == nil {
				t.Errorf("%q went through", wrong)
			}
		}
		_, err := tx.Execute(ctx, "insert into things values (3)")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things"); n != 3 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestTheStateOfATransactionIsTold by the seam, without a question to the server.
func TestTheStateOfATransactionIsTold(t *testing.T) {
	_, session, run := suite.Seam(t, opener(options(t, servers.MariaDB(t).Database(t))))
	for _, text := range []string{"create table things (id int primary key)", "create procedure dead() signal sqlstate '40001' set mysql_errno = 1213"} {
		if err := run(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Begin(t.Context(), plinth.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := run("insert into things values (1)"); err != nil || session.TxState() != driver.TxOpen {
		t.Errorf("state %d, %v", session.TxState(), err)
	}
	if err := run("call dead()"); !errors.Is(err, driver.Deadlock) || session.TxState() != driver.TxDead {
		t.Errorf("state %d, %v", session.TxState(), err)
	}
	if err := session.End(t.Context(), true); !errors.Is(err, driver.TxDone) {
		t.Errorf("COMMIT: %v, want TxDone", err)
	}
	if err := session.End(t.Context(), false); err != nil || session.TxState() != driver.TxIdle {
		t.Errorf("ROLLBACK: %v; state %d", err, session.TxState())
	}
	if err := run("insert into things values (1)"); err != nil {
		t.Errorf("the row of the transaction is there: %v", err)
	}
}
