package sqlite

import (
	"context"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func begin(t testing.TB, s *session, opts driver.TxOptions) {
	t.Helper()
	if err := s.Begin(context.Background(), opts); err != nil {
		t.Fatal("begin:", err)
	}
}

func end(t testing.TB, s *session, commit bool) {
	t.Helper()
	if err := s.End(context.Background(), commit); err != nil {
		t.Fatal("end:", err)
	}
}

func TestCommitKeepsAndRollbackUndoes(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*backend{"file": newFile(t, Options{}), "memory": newMemory(t)} {
		s := write(t, b)
		run(t, s, "CREATE TABLE t(a)")
		for commit, want := range map[bool]int64{true: 1, false: 0} {
			begin(t, s, driver.TxOptions{Isolation: driver.ReadCommitted})
			if s.TxState() != driver.TxOpen {
				t.Errorf("%s: state %v after begin", name, s.TxState())
			}
			run(t, s, "INSERT INTO t VALUES (1)")
			end(t, s, commit)
			if got := one(t, s, "SELECT count(*) FROM t"); got != want || s.TxState() != driver.TxIdle {
				t.Errorf("%s, commit %v: %v rows, state %v", name, commit, got, s.TxState())
			}
			run(t, s, "DELETE FROM t")
		}
	}
}

func TestSchemaChangesAreRolledBackToo(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	begin(t, s, driver.TxOptions{})
	run(t, s, "CREATE TABLE t(a)")
	run(t, s, "INSERT INTO t VALUES (1)")
	end(t, s, false)
	failing(t, s, driver.Undefined, "SELECT * FROM t")
}

func TestAReadOnlyTransactionCannotWrite(t *testing.T) {
	t.Parallel()
	file := newFile(t, Options{})
	run(t, write(t, file), "CREATE TABLE t(a)")
	memory := write(t, newMemory(t))
	run(t, memory, "CREATE TABLE t(a)")
	for name, s := range map[string]*session{
		"a reader": borrow(t, file, driver.Need{Access: driver.Read, Tx: true}), "the only connection": memory,
	} {
		begin(t, s, driver.TxOptions{ReadOnly: true})
		if f := failing(t, s, driver.ReadOnly, "INSERT INTO t VALUES (1)"); f.Hint == "" || f.TxDead {
			t.Errorf("%s: %+v", name, f)
		}
		if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) {
			t.Errorf("%s: %v rows", name, got)
		}
		end(t, s, true)
	}
	run(t, memory, "INSERT INTO t VALUES (1)")
}

func TestAReadOnlyTransactionSeesOneSnapshot(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s, r := write(t, b), borrow(t, b, driver.Need{Access: driver.Read, Tx: true})
	run(t, s, "CREATE TABLE t(a)")
	begin(t, r, driver.TxOptions{ReadOnly: true})
	before := one(t, r, "SELECT count(*) FROM t")
	run(t, s, "INSERT INTO t VALUES (1)")
	if got := one(t, r, "SELECT count(*) FROM t"); got != before {
		t.Errorf("the transaction saw %v rows and then %v", before, got)
	}
	end(t, r, true)
	if got := one(t, r, "SELECT count(*) FROM t"); got != int64(1) {
		t.Errorf("after it: %v rows", got)
	}
}

func TestSavepointsUndoAPart(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a)")
	save := func(op driver.SavepointOp, name string) {
		t.Helper()
		if err := s.Savepoint(t.Context(), op, name); err != nil {
			t.Fatal(err)
		}
	}
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES (1)")
	save(driver.SavepointSet, `a "quoted" name`)
	run(t, s, "INSERT INTO t VALUES (2)")
	save(driver.SavepointRollback, `a "quoted" name`)
	run(t, s, "INSERT INTO t VALUES (3)")
	save(driver.SavepointRelease, `a "quoted" name`)
	faultOf(t, s.Savepoint(t.Context(), driver.SavepointRelease, "unknown"), driver.Undefined)
	end(t, s, true)
	if got := all(t, s, "SELECT a FROM t ORDER BY a"); len(got) != 2 || got[1][0] != int64(3) {
		t.Errorf("rows %v, want 1 and 3", got)
	}
}

func TestAFailedStatementLeavesTheTransactionOpen(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a UNIQUE)")
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES (1)")
	if f := failing(t, s, driver.Unique, "INSERT INTO t VALUES (2), (1)"); f.TxDead || s.TxState() != driver.TxOpen {
		t.Errorf("%+v, state %v", f, s.TxState())
	}
	end(t, s, true)
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(1) {
		t.Errorf("%v rows, want the one of the statement that succeeded", got)
	}
}

func TestAnErrorThatEndsTheTransactionSaysSo(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a UNIQUE)")
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES (1)")
	if f := failing(t, s, driver.Unique, "INSERT OR ROLLBACK INTO t VALUES (1)"); !f.TxDead {
		t.Errorf("%+v", f)
	}
	if s.TxState() != driver.TxDead {
		t.Errorf("state %v", s.TxState())
	}
	f := failing(t, s, driver.TxDone, "INSERT INTO t VALUES (2)")
	if f.Sent || !f.TxDead {
		t.Errorf("a statement after that: %+v", f)
	}
	faultOf(t, s.Savepoint(t.Context(), driver.SavepointSet, "a"), driver.TxDone)
	faultOf(t, s.End(t.Context(), true), driver.TxDone)
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) {
		t.Errorf("%v rows, want none", got)
	}
}

func TestADeferredConstraintFailsAtCommit(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE p(id INTEGER PRIMARY KEY)")
	run(t, s, "CREATE TABLE c(p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)")
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO c VALUES (1)")
	f := faultOf(t, s.End(t.Context(), true), driver.ForeignKey)
	if f.Phase != driver.Commit || f.Verdict != driver.Never || !f.TxDead || s.TxState() != driver.TxIdle {
		t.Errorf("%+v, state %v", f, s.TxState())
	}
	if got := one(t, s, "SELECT count(*) FROM c"); got != int64(0) {
		t.Errorf("%v rows, want none", got)
	}
}

func TestEndWorksOnAContextThatIsDone(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a)")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES (1)")
	if err := s.End(ctx, false); err != nil {
		t.Error("rollback:", err)
	}
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES (1)")
	f := faultOf(t, s.End(ctx, true), driver.Canceled)
	if !f.TxDead || f.Sent || s.TxState() != driver.TxIdle {
		t.Errorf("commit: %+v, state %v", f, s.TxState())
	}
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) {
		t.Errorf("%v rows, want none", got)
	}
}

func TestTransactionsAreUsedInOrder(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	faultOf(t, s.End(t.Context(), true), driver.TxDone)
	end(t, s, false)
	begin(t, s, driver.TxOptions{})
	faultOf(t, s.Begin(t.Context(), driver.TxOptions{}), driver.Argument)
	rows, err := s.Query(t.Context(), request("SELECT 1"))
	if err != nil {
		t.Fatal(err)
	}
	faultOf(t, s.End(t.Context(), true), driver.Busy)
	rows.Close(t.Context())
	end(t, s, true)
}
