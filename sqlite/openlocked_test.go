package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestAFileWhoseWriteLockIsTakenCanBeOpenedAndRead opens what another connection is writing to: reading doesn't wait for it,
// and writing waits for busy_timeout and no longer.
func TestAFileWhoseWriteLockIsTakenCanBeOpenedAndRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "app.db")
	other, err := zombiezen.OpenConn(file, zombiezen.OpenReadWrite|zombiezen.OpenCreate|zombiezen.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := sqlitex.ExecuteScript(other, "create table t (n int); insert into t values (1)", nil); err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(other, "begin immediate", nil); err != nil {
		t.Fatal(err)
	}

	e, err := sqlite.Open(t.Context(), plinth.Options{URL: "sqlite:" + file + "?busy_timeout=20ms", Connect: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.WithoutCancel(t.Context()))
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from t"); n != 1 || err != nil {
		t.Errorf("reading gave %d, %v", n, err)
	}
	if _, err := e.Execute(t.Context(), "insert into t values (2)"); !errors.Is(err, plinth.ErrLocked) {
		t.Errorf("writing gave %v, want ErrLocked", err)
	}
	if err := sqlitex.ExecuteTransient(other, "rollback", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Execute(t.Context(), "insert into t values (2)"); err != nil {
		t.Errorf("writing after the lock was released gave %v", err)
	}
}
