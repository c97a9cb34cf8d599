package plinth_test

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/retry"
	"github.com/plinthdb/plinth/sqlite"
)

// onFile opens an engine on a new file with a table t(a, b) of one row.
func onFile(t *testing.T, o plinth.Options) *plinth.Engine {
	t.Helper()
	o.URL = "sqlite:" + filepath.Join(t.TempDir(), "app.db")
	db, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := db.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	execute(t, db, "create table t (a integer, b integer check (b < 100))")
	execute(t, db, "insert into t values (1, 2)")
	return db
}

func execute(t *testing.T, q plinth.Querier, statement string, args ...any) {
	t.Helper()
	if _, err := q.Execute(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *plinth.Engine) int {
	t.Helper()
	n, err := plinth.One[int](t.Context(), db, "select count(*) from t")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// idle waits for nothing: it's wrong if a call that has returned still holds a connection.
func idle(t *testing.T, db *plinth.Engine) {
	t.Helper()
	if n := db.Stats().InUse; n != 0 {
		t.Fatalf("%d connections are still held", n)
	}
}

func TestAKeptStatementFollowsTheSchema(t *testing.T) {
	t.Parallel()
	o := plinth.Options{}
	o.Pool.MaxOpenConns = 1
	db := onFile(t, o)
	for _, step := range []struct{ change, want string }{
		{"", `{"a":1,"b":2}`},
		{"alter table t add column c text default 'x'", `{"a":1,"b":2,"c":"x"}`},
		{"alter table t rename column c to d", `{"a":1,"b":2,"d":"x"}`},
		{"alter table t drop column d", `{"a":1,"b":2}`},
		{"drop table t", ""},
		{"create table t (b integer, a integer)", ""},
		{"insert into t values (2, 1)", `{"b":2,"a":1}`},
	} {
		if step.change != "" {
			execute(t, db, step.change)
		}
		if step.want == "" {
			continue
		}
		row, err := db.FetchOne(t.Context(), "select * from t")
		if err != nil || row.String() != step.want {
			t.Errorf("after %q: %v %v, want %s", step.change, row, err, step.want)
		}
	}
}

// fragile panics as an argument.
type fragile struct{ fail func() }

func (f fragile) Value() (sqldriver.Value, error) { f.fail(); return nil, nil }

func TestAPanicOrGoexitOfAnArgumentLosesNoConnection(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	for name, fail := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		for call, run := range map[string]func(){
			"Execute": func() { db.Execute(t.Context(), "insert into t values (?, 1)", fragile{fail}) },
			"Query":   func() { db.Query(t.Context(), "select * from t where a = ?", fragile{fail}) },
			"ExecuteMany": func() {
				db.ExecuteMany(t.Context(), "insert into t values (?, 1)", slices.Values([][]any{{fragile{fail}}}))
			},
			"InTx": func() {
				db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
					execute(t, tx, "insert into t values (7, 7)")
					_, err := tx.Execute(ctx, "insert into t values (?, 1)", fragile{fail})
					return err
				})
			},
		} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				run()
			}()
			<-done
			if n := db.Stats().InUse; n != 0 {
				t.Fatalf("%s in %s: %d connections are still held", name, call, n)
			}
		}
	}
	execute(t, db, "insert into t values (3, 3)")
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestAReturnedRowOfAWriteOutlivesItsContext(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := db.Query(ctx, "insert into t values (5, 5) returning a")
	if err != nil {
		t.Fatal(err)
	}
	cancel() // the row is in the table: saying "cancelled" would have it written again
	var a int
	if !rows.Next() || rows.Scan(&a) != nil || a != 5 || rows.Close() != nil {
		t.Errorf("after the cancel: a = %d, %v", a, rows.Err())
	}
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestASavepointIsKeptOrUndoneThoughItsContextEnds(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	err := db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		inner, cancel := context.WithCancel(ctx)
		return tx.InTx(inner, func(ctx context.Context, tx *plinth.Tx) error {
			defer cancel()
			_, err := tx.Execute(ctx, "insert into t values (6, 6)")
			return err
		})
	})
	if n := count(t, db); err != nil || n != 2 {
		t.Errorf("error %v and %d rows, want none and 2", err, n)
	}
}

func TestAUsersRetryableCanOnlyRefuse(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{Retry: retry.Policy{Retryable: func(error) bool { return true }}})
	rows := make(chan []any, 6) // a generator that can't start again
	for i := range 6 {
		rows <- []any{i, i * 30} // the fifth violates the check
	}
	close(rows)
	_, err := db.ExecuteMany(t.Context(), "insert into t values (?, ?)", func(yield func([]any) bool) {
		for row := range rows {
			if !yield(row) {
				return
			}
		}
	})
	if n := count(t, db); !errors.Is(err, plinth.ErrCheck) || n != 1 {
		t.Errorf("error %v and %d rows, want ErrCheck and 1", err, n)
	}
}

func TestATemporaryTriggerDoesNotOutliveItsCall(t *testing.T) {
	t.Parallel()
	for _, temp := range []string{"temp", `"temp"`, "[temp]", "`temp`"} {
		db := onFile(t, plinth.Options{})
		if _, err := db.Execute(t.Context(), "create trigger "+temp+".tr after insert on t begin update t set b = 99; end"); err != nil {
			t.Fatal(err)
		}
		execute(t, db, "insert into t values (4, 4)")
		if b, err := plinth.One[int](t.Context(), db, "select max(b) from t"); b != 4 || err != nil {
			t.Errorf("%s: b = %d, %v: the trigger was still there", temp, b, err)
		}
	}
}

func TestAPanicInOnConnectIsAnError(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), plinth.Options{
		URL: "sqlite::memory:", OnConnect: func(context.Context, *plinth.Conn) error { panic("boom") },
		Retry: retry.Policy{Attempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	if _, err := db.Execute(t.Context(), "select 1"); err == nil {
		t.Error("no error")
	}
}

// odd is a context that can't be a map's key.
type odd struct {
	context.Context
	extra any
}

func TestAContextThatIsNoKeyOfAMapWorks(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	tx, err := db.Begin(odd{t.Context(), []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	idle(t, db)
}

func TestATimeOutNamesTheCallersOwnTransactionAsLongAsItsOpen(t *testing.T) {
	t.Parallel()
	db, c := configured(t, plinth.Options{Pool: pool.Options{MaxOpenConns: 2}}, "")
	execute(t, db, "create table t (a)")
	patience := func(d time.Duration) {
		if c.AcquireTimeout = d; db.Reconfigure(t.Context(), c) != nil {
			t.Fatal("it can't be configured")
		}
	}
	begin := func(ctx context.Context) *plinth.Tx {
		tx, err := db.Begin(ctx, plinth.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		return tx
	}
	type key struct{}
	one, other := context.WithValue(t.Context(), key{}, 1), context.WithValue(t.Context(), key{}, 2)
	tx := begin(one)
	begin(other)
	patience(20 * time.Millisecond)
	hint := func(ctx context.Context) string {
		_, err := db.FetchAll(ctx, "select a from t")
		e, ok := errors.AsType[*plinth.Error](err)
		if !ok || e.Kind != plinth.ErrPoolExhausted {
			t.Fatal(err)
		}
		return e.Hint
	}
	const own = "begun with this same context"
	for _, ctx := range []context.Context{one, other} {
		if h := hint(ctx); !strings.Contains(h, own) {
			t.Errorf("context %v: %s", ctx.Value(key{}), h)
		}
	}
	if err := tx.Rollback(one); err != nil {
		t.Fatal(err)
	}
	patience(time.Hour)
	begin(t.Context())
	patience(20 * time.Millisecond)
	if h := hint(one); strings.Contains(h, own) {
		t.Errorf("after its end: %s", h)
	}
}

func TestALateRollbackLeavesOthersRowsAlone(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	err := db.With(t.Context(), func(conn *plinth.Conn) error {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			return err
		}
		if err := tx.Commit(t.Context()); err != nil {
			return err
		}
		rows, err := conn.Query(t.Context(), "select a from t")
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := tx.Rollback(t.Context()); !errors.Is(err, plinth.ErrTxDone) {
			t.Errorf("Rollback = %v, want ErrTxDone", err)
		}
		if !rows.Next() {
			t.Errorf("the rows were closed: %v", rows.Err())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadingBesideAWritingTransactionWaitsForAReader(t *testing.T) {
	t.Parallel()
	o := plinth.Options{}
	o.Pool.MaxOpenConns = 1
	db := onFile(t, o)
	rows, err := db.Query(t.Context(), "select a from t") // takes the one reader
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	o2 := db.Stats().Pools[1].WaitCount
	go func() {
		defer close(waiting)
		for db.Stats().Pools[1].Waiting == 0 && db.Stats().Pools[1].WaitCount == o2 {
			runtime.Gosched()
		}
		rows.Close()
	}()
	err = db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		_, err := db.FetchAll(ctx, "select a from t") // by mistake, but nobody waits for himself
		return err
	})
	if err != nil {
		t.Errorf("error %v, want none", err)
	}
	<-waiting
}

func TestWhatAFunctionLeftRunningIsWaitedFor(t *testing.T) {
	t.Parallel()
	const slow = "with recursive c(x) as (select 1 union all select x + 1 from c where x < 50000) insert into t select x, 1 from c"
	db := onFile(t, plinth.Options{})
	started := make(chan struct{})
	db.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if e.Statement == slow {
			started <- struct{}{}
		}
		return ctx, nil
	})
	err := db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		go tx.Execute(ctx, slow)
		<-started
		return nil
	})
	if err == nil {
		t.Error("InTx committed while a statement was running")
	}
	idle(t, db)
	err = db.With(t.Context(), func(conn *plinth.Conn) error {
		go conn.Execute(context.WithoutCancel(t.Context()), slow)
		<-started
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	idle(t, db)
	if err := db.TestConnection(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOptionsDoNotPrintTheirPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://app:hush4ever@db/shop", "mongodb://app:hush4ever@db/shop", "postgres://app:hush4ever@db:x/shop"} {
		o := plinth.Options{URL: url}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("options", "o", o)
		all := fmt.Sprintf("%v %+v %#v %s %q %x", o, &o, o, o, o, o) + log.String()
		if strings.Contains(all, "hush") || !strings.Contains(all, "plinth.Options(") {
			t.Errorf("printed as %s", all)
		}
	}
}

func TestAReplayOfATransactionIsSeen(t *testing.T) {
	t.Parallel()
	var seen []string
	o := plinth.Options{Retry: retry.Policy{Attempts: 3, Rand: func() float64 { return 0 }}}
	o.Observers = []*hook.Observer{{Retry: func(_ context.Context, e *hook.Event, _ time.Duration) {
		seen = append(seen, fmt.Sprint(e.Op, e.Attempt, errors.Is(e.Err, plinth.ErrLocked)))
	}}}
	db := onFile(t, o)
	other, err := sqlite.Open(t.Context(), plinth.Options{URL: db.Target()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.WithoutCancel(t.Context()))
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	ctx := t.Context()
	short, err := sqlite.Open(ctx, plinth.Options{URL: db.Target() + "?busy_timeout=1ms", Retry: o.Retry, Observers: o.Observers})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close(context.WithoutCancel(ctx))
	err = short.InTx(ctx, func(context.Context, *plinth.Tx) error { return nil })
	if want := []string{"intx1 true", "intx2 true"}; !errors.Is(err, plinth.ErrLocked) || !slices.Equal(seen, want) {
		t.Errorf("error %v, and the retries seen are %v, want %v", err, seen, want)
	}
}

// TestAGoroutineThatOutlivesItsTransactionIsRefusedWithoutARace, which the race detector sees.
func TestAGoroutineThatOutlivesItsTransactionIsRefusedWithoutARace(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	var left sync.WaitGroup
	for range 20 {
		_ = db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			left.Go(func() {
				for {
					if _, err := tx.Execute(ctx, "insert into t (a) values (1)"); errors.Is(err, plinth.ErrTxDone) {
						return
					}
				}
			})
			return nil
		})
	}
	left.Wait()
}
