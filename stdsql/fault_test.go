package stdsql_test

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/stdsql"
)

func TestTheEngineRetriesAndDatabaseSQLDoesNot(t *testing.T) {
	t.Parallel()
	deadlock := driver.Fault{Kind: driver.Deadlock, Phase: driver.Run, Verdict: driver.Again, Sent: true}
	unsent := driver.Fault{Kind: driver.Unavailable, Phase: driver.Run, Verdict: driver.IfSafe, Evict: true}
	lost, bad := unsent, unsent
	lost.Sent, bad.Sent, bad.Err = true, true, sqldriver.ErrBadConn
	for name, c := range map[string]struct {
		fault driver.Fault
		times int // how often it happens
		after bool
		made  int // calls that have to reach the session
		want  error
		rows  int
	}{
		"what passes is repeated":           {deadlock, 1, false, 2, nil, 1},
		"up to the policy's limit":          {deadlock, 100, false, 3, plinth.ErrDeadlock, 0},
		"never what may have been applied":  {lost, 100, true, 1, plinth.ErrOutcomeUnknown, 1},
		"nor what the driver calls bad":     {bad, 100, true, 1, plinth.ErrOutcomeUnknown, 1},
		"nor what can't be done":            {driver.Fault{Kind: driver.Check, Phase: driver.Run}, 100, false, 1, plinth.ErrCheck, 0},
		"nothing sent on a lost connection": {unsent, 1, false, 2, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			db.faults.fail(c.times, c.after, c.fault)
			_, err := db.Exec("INSERT INTO item (n) VALUES (1)")
			if c.want == nil && err != nil || !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if errors.Is(err, sqldriver.ErrBadConn) {
				t.Error("driver.ErrBadConn has come out")
			}
			if n := db.faults.count(); n != c.made {
				t.Errorf("%d calls, want %d", n, c.made)
			}
			db.faults.fail(0, false, driver.Fault{})
			if n := db.count(t); n != c.rows {
				t.Errorf("%d rows, want %d", n, c.rows)
			}
		})
	}
}

func TestAQueryIsRepeatedOnlyByTheEngine(t *testing.T) {
	t.Parallel()
	db := open(t)
	lost := driver.Fault{
		Kind: driver.Unavailable, Phase: driver.Run, Verdict: driver.IfSafe, Sent: true, Evict: true, Err: sqldriver.ErrBadConn,
	}
	db.faults.fail(100, false, lost)
	err := db.QueryRow("SELECT 1").Scan(new(int))
	if !errors.Is(err, plinth.ErrUnavailable) || db.faults.count() != 3 {
		t.Errorf("%d calls and %v, want 3 and ErrUnavailable", db.faults.count(), err)
	}
	var pe *plinth.Error
	if !errors.As(err, &pe) || len(pe.Attempts) != 3 {
		t.Errorf("the error doesn't tell of its attempts: %v", err)
	}
}

func TestACommitOfUnknownOutcomeIsMadeOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn, err := db.Conn(t.Context())
	ok(t, err)
	defer conn.Close()
	tx, err := conn.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.Exec("INSERT INTO item (n) VALUES (1)")
	ok(t, err)
	db.faults.fail(1, true, driver.Fault{
		Kind: driver.Unavailable, Phase: driver.Commit, Verdict: driver.Ambiguous, Sent: true, Evict: true, Err: sqldriver.ErrBadConn,
	})
	if err := tx.Commit(); !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("Commit: %v, want ErrOutcomeUnknown", err)
	}
	if n := db.faults.count(); n != 1 {
		t.Errorf("COMMIT or ROLLBACK were sent %d times, want 1", n)
	}
	if n := db.count(t); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestATransactionWhoseCommitFailsIsOver(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn, err := db.Conn(t.Context())
	ok(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "CREATE TABLE child (item INTEGER REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED)")
	ok(t, err)
	tx, err := conn.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.Exec("INSERT INTO child VALUES (99)")
	ok(t, err)
	if err := tx.Commit(); !errors.Is(err, plinth.ErrForeignKey) {
		t.Errorf("Commit: %v, want ErrForeignKey", err)
	}
	_, err = conn.ExecContext(t.Context(), "INSERT INTO item (n) VALUES (1)") // not in it any more
	ok(t, err)
	if n := one[int](t, db, "SELECT count(*) FROM child"); n != 0 || db.count(t) != 1 {
		t.Errorf("%d rows in child and %d in item, want 0 and 1", n, db.count(t))
	}
}

func TestALostConnIsAnErrorUntilItIsClosed(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn, err := db.Conn(t.Context())
	ok(t, err)
	_, err = conn.ExecContext(t.Context(), "CREATE TEMP TABLE mine (n INTEGER)")
	ok(t, err)
	db.faults.fail(1, false, driver.Fault{Kind: driver.Unavailable, Phase: driver.Run, Verdict: driver.IfSafe, Evict: true})
	if _, err := conn.ExecContext(t.Context(), "INSERT INTO mine VALUES (1)"); !errors.Is(err, plinth.ErrUnavailable) {
		t.Errorf("the statement that lost it: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "INSERT INTO item (n) VALUES (1)"); !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("a statement after that: %v, want ErrClosed: what was set on the session is gone", err)
	}
	ok(t, conn.Close())
	db.exec(t, "INSERT INTO item (n) VALUES (1)")
}

func TestARunningStatementEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := db.QueryContext(ctx, forever); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline that was exceeded", err)
	}
}

func TestOpenRowsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, err := db.QueryContext(ctx, trickle)
	ok(t, err)
	defer rows.Close()
	for rows.Next() {
		var n int
		ok(t, rows.Scan(&n))
		if n == 2 {
			time.AfterFunc(10*time.Millisecond, cancel) // while Next works
		}
	}
	if err := rows.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// A panic in an argument's method passes through database/sql, which then never closes the connection it had taken; its
// session must be back nevertheless.
func TestAPanicLosesNoConnection(t *testing.T) {
	t.Parallel()
	db := open(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic didn't come through")
			}
		}()
		_, _ = db.Exec("INSERT INTO item (n) VALUES (?)", panicking{})
	}()
	db.exec(t, "INSERT INTO item (n) VALUES (1)")
}

type panicking struct{}

func (panicking) Value() (sqldriver.Value, error) { panic("no value") }

func TestRandomUseByManyLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	db := open(t)
	db.exec(t, "INSERT INTO item (n) VALUES (1), (2), (3)")
	prepared, err := db.Prepare("SELECT n FROM item WHERE n > ?")
	ok(t, err)
	defer prepared.Close()
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 60 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, cancel)
				use(ctx, r, db, func() (rowser, error) { return prepared.QueryContext(ctx, 0) })
				cancel()
			}
		})
	}
	wg.Wait()
	if n := one[int](t, db, "SELECT count(*) FROM item WHERE n = 100"); n != 0 {
		t.Errorf("%d rows of transactions that were rolled back", n)
	}
}

type rowser interface {
	Next() bool
	Close() error
}

// use does one thing at random. Its errors don't matter: most are of the context.
func use(ctx context.Context, r *rand.Rand, db *bench, prepared func() (rowser, error)) {
	read := func(rows rowser, err error) {
		if err != nil {
			return
		}
		for r.IntN(5) > 0 && rows.Next() {
		}
		if r.IntN(2) == 0 { // else the end of its context closes them
			rows.Close()
		}
	}
	switch r.IntN(6) {
	case 0:
		_, _ = db.ExecContext(ctx, "INSERT INTO item (n) VALUES (?)", r.IntN(10))
	case 1:
		rows, err := db.QueryContext(ctx, trickle)
		read(rows, err)
	case 2:
		rows, err := prepared()
		read(rows, err)
	case 3:
		if tx, err := db.BeginTx(ctx, nil); err == nil {
			_, _ = tx.ExecContext(ctx, "INSERT INTO item (n) VALUES (100)")
			if r.IntN(2) == 0 { // else the end of its context does it
				_ = tx.Rollback()
			}
		}
	case 4:
		if conn, err := db.Conn(ctx); err == nil {
			_, _ = conn.ExecContext(ctx, "CREATE TEMP TABLE mine (n INTEGER)")
			if rows, err := conn.QueryContext(ctx, trickle); err == nil && r.IntN(2) == 0 {
				read(rows, nil)
			}
			_ = conn.Close()
		}
	case 5:
		_ = db.PingContext(ctx)
	}
}

func TestConnectorServesAnotherSQLDB(t *testing.T) {
	t.Parallel()
	db := open(t)
	conn, err := stdsql.Connector(db.engine).Connect(t.Context())
	ok(t, err)
	old, err := conn.Prepare("INSERT INTO item (n) VALUES (?)")
	ok(t, err)
	_, err = old.Exec([]sqldriver.Value{int64(1)}) //nolint:staticcheck // wrappers may call what database/sql itself calls no more
	ok(t, err)
	if n := db.engine.Stats().InUse; n != 1 {
		t.Errorf("%d in use, want the connection that has written", n)
	}
	ok(t, conn.(sqldriver.SessionResetter).ResetSession(t.Context()))
	if n := db.engine.Stats().InUse; n != 0 {
		t.Errorf("%d in use after ResetSession, want 0", n)
	}
	ok(t, conn.Close())
	if _, err := old.Query([]sqldriver.Value{int64(1)}); !errors.Is(err, plinth.ErrClosed) { //nolint:staticcheck // as above
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}
