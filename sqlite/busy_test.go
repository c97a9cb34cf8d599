package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// locked returns two backends on one file, as two processes would have it, with the first one's write lock taken.
func locked(t *testing.T, o Options) (holder *session, b *backend) {
	t.Helper()
	o.Path = filepath.Join(t.TempDir(), "locked.db")
	holder, b = write(t, newFile(t, o)), newFile(t, o)
	run(t, holder, "CREATE TABLE t(a)")
	if err := b.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := holder.Begin(t.Context(), driver.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	run(t, holder, "INSERT INTO t VALUES (1)")
	return holder, b
}

func TestALockIsWaitedForUntilTheBusyTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b := locked(t, Options{BusyTimeout: 3 * time.Second})
		s := write(t, b)
		for name, call := range map[string]func() error{
			"a statement": func() error { _, err := s.Execute(t.Context(), request("INSERT INTO t VALUES (2)")); return err },
			"a query": func() error {
				_, err := s.Query(t.Context(), request("INSERT INTO t VALUES (2) RETURNING a"))
				return err
			},
			"begin": func() error { return s.Begin(t.Context(), driver.TxOptions{}) },
		} {
			began := time.Now()
			f := faultOf(t, call(), driver.Locked)
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("%s waited for %v, want 3s", name, took)
			}
			if f.Code != "5" || f.Verdict != driver.Again || f.TxDead {
				t.Errorf("%s: %+v", name, f)
			}
		}
	})
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b := locked(t, Options{})
		s := write(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), 107*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := s.Execute(ctx, request("INSERT INTO t VALUES (2)"))
		f := faultOf(t, err, driver.Timeout)
		if took := time.Since(began); took != 107*time.Millisecond {
			t.Errorf("returned after %v, want 107ms", took)
		}
		if f.Verdict != driver.Never || f.Code != "5" {
			t.Errorf("%+v", f)
		}
	})
}

func TestALockThatIsGivenBackIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		holder, b := locked(t, Options{})
		s := write(t, b)
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(200 * time.Millisecond)
			if err := holder.End(context.Background(), true); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		run(t, s, "INSERT INTO t VALUES (2)")
		<-done
		if took := time.Since(began); took < 200*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("waited for %v, want 200ms and at most SQLite's longest delay more", took)
		}
		if got := one(t, s, "SELECT count(*) FROM t"); got != int64(2) {
			t.Errorf("%v rows, want 2", got)
		}
	})
}

func TestNoBusyTimeoutFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b := locked(t, Options{BusyTimeout: -1})
		s := write(t, b)
		began := time.Now()
		failing(t, s, driver.Locked, "INSERT INTO t VALUES (2)")
		if took := time.Since(began); took != 0 {
			t.Errorf("returned after %v", took)
		}
	})
}

func TestReadersDoNotWaitForAWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, b := locked(t, Options{})
		began := time.Now()
		if got := one(t, reading(t, b), "SELECT count(*) FROM t"); got != int64(0) {
			t.Errorf("a reader sees %v rows of a transaction that is open", got)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it waited for %v", took)
		}
	})
}

func TestAReaderKeepsAWriterWaitingWithoutWAL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFile(t, Options{JournalMode: "delete", BusyTimeout: 2 * time.Second})
		s, other := write(t, b), reading(t, b)
		run(t, s, "CREATE TABLE t(a)")
		run(t, s, "INSERT INTO t VALUES (1), (2)")
		if mode := one(t, s, "PRAGMA journal_mode"); mode != "delete" {
			t.Fatalf("journal mode %v", mode)
		}
		rows, err := other.Query(t.Context(), request("SELECT a FROM t"))
		if err != nil {
			t.Fatal(err)
		}

		// Outside a transaction: it's rolled back, and may be run again.
		for _, text := range []string{"INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (3) RETURNING a"} {
			began := time.Now()
			_, err := s.Query(t.Context(), request(text))
			if f := faultOf(t, err, driver.Locked); f.Verdict != driver.Again || time.Since(began) != 2*time.Second {
				t.Errorf("%s: %+v after %v", text, f, time.Since(began))
			}
		}

		// At COMMIT: SQLite keeps the transaction open, so it's known that nothing was committed.
		if err := s.Begin(t.Context(), driver.TxOptions{}); err != nil {
			t.Fatal(err)
		}
		run(t, s, "INSERT INTO t VALUES (3)")
		began := time.Now()
		f := faultOf(t, s.End(t.Context(), true), driver.Locked)
		if f.Phase != driver.Commit || f.Verdict != driver.Again || !f.TxDead || time.Since(began) != 2*time.Second {
			t.Errorf("COMMIT: %+v after %v", f, time.Since(began))
		}
		if s.TxState() != driver.TxIdle {
			t.Errorf("after it the state is %v", s.TxState())
		}

		// The same with a deadline.
		if err := s.Begin(t.Context(), driver.TxOptions{}); err != nil {
			t.Fatal(err)
		}
		run(t, s, "INSERT INTO t VALUES (3)")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if f := faultOf(t, s.End(ctx, true), driver.Timeout); f.Verdict != driver.Never || !f.TxDead {
			t.Errorf("COMMIT with a deadline: %+v", f)
		}

		rows.Close(t.Context())
		if got := one(t, s, "SELECT count(*) FROM t"); got != int64(2) {
			t.Errorf("%v rows, want the 2 from before", got)
		}
		run(t, s, "INSERT INTO t VALUES (3)")
	})
}

func TestNobodyWaitsWhereTwoWouldWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for mode, kind := range map[string]driver.Kind{"delete": driver.Locked, "wal": driver.Serialization} {
			holder, b := locked(t, Options{JournalMode: mode})
			if err := holder.End(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			s := write(t, b)
			if err := s.exec(t.Context(), "BEGIN"); err != nil {
				t.Fatal(err)
			}
			s.tx = transaction{open: true, deferred: true} // Begin doesn't do this to a session that writes
			run(t, s, "SELECT count(*) FROM t")
			if err := holder.Begin(t.Context(), driver.TxOptions{}); err != nil {
				t.Fatal(err)
			}
			run(t, holder, "INSERT INTO t VALUES (9)")
			if mode == "wal" {
				if err := holder.End(t.Context(), true); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			f := failing(t, s, kind, "INSERT INTO t VALUES (2)")
			if took := time.Since(began); took != 0 || f.Verdict != driver.Again {
				t.Errorf("%s: %+v after %v", mode, f, took)
			}
			if err := s.End(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
	})
}
