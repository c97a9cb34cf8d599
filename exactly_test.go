package plinth_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

type receipt struct {
	ID   int
	Note string
}

// insert returns a function for ExactlyOnce that adds a row to t, and how often it ran.
func insert(a int) (fn func(context.Context, *plinth.Tx) (receipt, error), runs *atomic.Int64) {
	runs = new(atomic.Int64)
	return func(ctx context.Context, tx *plinth.Tx) (receipt, error) {
		n := runs.Add(1)
		_, err := tx.Execute(ctx, "insert into t values (?, ?)", a, n)
		return receipt{a, fmt.Sprintf("run %d", n)}, err
	}, runs
}

func TestATokensWorkIsAppliedOnceAndItsResultKept(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	fn, runs := insert(7)
	for i := range 3 {
		got, already, err := plinth.ExactlyOnce(t.Context(), db, "order 7", fn)
		if want := (receipt{7, "run 1"}); err != nil || got != want || already != (i > 0) {
			t.Fatalf("call %d: %+v, %v, %v", i, got, already, err)
		}
	}
	if n := count(t, db); n != 1 || runs.Load() != 1 {
		t.Errorf("%d rows after %d runs", n, runs.Load())
	}
	idle(t, db)
}

func TestAFunctionThatFailsLeavesNoToken(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	fn, _ := insert(1)
	mine := errors.New("mine")
	got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", func(ctx context.Context, tx *plinth.Tx) (receipt, error) {
		r, _ := fn(ctx, tx)
		return r, mine
	})
	if err != mine || already || got != (receipt{}) { //nolint:errorlint // itself
		t.Errorf("%+v, %v, %v", got, already, err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = plinth.ExactlyOnce(t.Context(), db, "x", func(ctx context.Context, tx *plinth.Tx) (int, error) {
			_, _ = fn(ctx, tx)
			panic("mine")
		})
	}()
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _, _ = plinth.ExactlyOnce(context.Background(), db, "x", func(ctx context.Context, tx *plinth.Tx) (int, error) {
			_, _ = fn(ctx, tx)
			runtime.Goexit()
			return 0, nil
		})
	}()
	<-left
	idle(t, db)
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows of functions that failed", n)
	}
	if _, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn); err != nil || already || count(t, db) != 1 {
		t.Errorf("after that: %v, %v", already, err)
	}
}

func TestManyCallersOfATokenApplyItOnce(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	fn, _ := insert(1)
	var all sync.WaitGroup
	var first atomic.Int64
	for range 32 {
		all.Go(func() {
			got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
			if err != nil || got.ID != 1 {
				t.Errorf("%+v, %v", got, err)
			}
			if !already {
				first.Add(1)
			}
		})
	}
	all.Wait()
	if n := count(t, db); n != 1 || first.Load() != 1 {
		t.Errorf("%d rows, %d callers were the first", n, first.Load())
	}
}

// TestATokenInConflictIsWaitedFor where the database doesn't wait by itself, and no longer than one would.
func TestATokenInConflictIsWaitedFor(t *testing.T) {
	t.Parallel()
	taken := &driver.Fault{Kind: driver.Serialization, Phase: driver.Run, Verdict: driver.Again, Sent: true, TxDead: true, Code: "112", Err: errors.New("write conflict")}
	synctest.Test(t, func(t *testing.T) {
		db, b := onFaulty(t, func(o *plinth.Options, b *faulty) { o.Retry.Attempts, b.conflict = 1, true })
		fn, runs := insert(1)
		b.on(times(5, "execute", "INSERT INTO plinth_tokens", taken), nil)
		if _, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn); err != nil || already || runs.Load() != 1 {
			t.Errorf("let go after a while: %v, %v", already, err)
		}
		b.on(times(1000, "execute", "INSERT INTO plinth_tokens", taken), nil)
		began := time.Now()
		_, _, err := plinth.ExactlyOnce(t.Context(), db, "y", fn)
		if took := time.Since(began); !errors.Is(err, plinth.ErrLocked) || took < 2*time.Second || took > 3*time.Second || runs.Load() != 1 {
			t.Errorf("never let go: %v after %v", err, took)
		}
	})
}

func TestTokensAreComparedByteByByte(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	for i, token := range []string{"a", "A", "a ", " a", "ä", "a\u0308", "a\x00b", "a\x00", strings.Repeat("x", 255), "'; drop table t; --", "ß", "ss", "🙂"} {
		got, already, err := plinth.ExactlyOnce(t.Context(), db, token, func(context.Context, *plinth.Tx) (int, error) { return i, nil })
		if err != nil || already || got != i {
			t.Errorf("token %q: %v, %v, %v", token, got, already, err)
		}
	}
	for _, token := range []string{"", strings.Repeat("x", 256), "a\xff"} {
		if _, _, err := plinth.ExactlyOnce(t.Context(), db, token, func(context.Context, *plinth.Tx) (int, error) { return 0, nil }); !errors.Is(err, plinth.ErrArgument) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

func TestResultsOfAllSortsComeBack(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	n := 0
	check := func(want any, call func(token string) (any, bool, error)) {
		t.Helper()
		n++
		for i := range 2 {
			got, already, err := call(fmt.Sprint("token ", n))
			if err != nil || already != (i == 1) || !reflect.DeepEqual(got, want) {
				t.Errorf("call %d: %#v, %v, %v; want %#v", i, got, already, err, want)
			}
		}
	}
	check("<a href='ü'>\x00", func(token string) (any, bool, error) {
		return box(plinth.ExactlyOnce(t.Context(), db, token, func(context.Context, *plinth.Tx) (string, error) { return "<a href='ü'>\x00", nil }))
	})
	check((*int)(nil), func(token string) (any, bool, error) {
		return box(plinth.ExactlyOnce(t.Context(), db, token, func(context.Context, *plinth.Tx) (*int, error) { return nil, nil }))
	})
	check([]byte{0, 255}, func(token string) (any, bool, error) {
		return box(plinth.ExactlyOnce(t.Context(), db, token, func(context.Context, *plinth.Tx) ([]byte, error) { return []byte{0, 255}, nil }))
	})
	b.on(nil, nil)
	check(struct{}{}, func(token string) (any, bool, error) {
		return box(plinth.ExactlyOnce(t.Context(), db, token, func(context.Context, *plinth.Tx) (struct{}, error) { return struct{}{}, nil }))
	})
	if got := b.count("execute UPDATE"); got != 0 {
		t.Errorf("%d statements stored nothing", got)
	}
	// Another T by now.
	_, already, err := plinth.ExactlyOnce(t.Context(), db, "token 1", func(context.Context, *plinth.Tx) (int, error) { return 0, nil })
	if !already || !errors.Is(err, plinth.ErrScan) {
		t.Errorf("a string read as an int: %v, %v", already, err)
	}
	_, already, err = plinth.ExactlyOnce(t.Context(), db, "token 4", func(context.Context, *plinth.Tx) (int, error) { return 0, nil })
	if !already || !errors.Is(err, plinth.ErrScan) {
		t.Errorf("nothing read as an int: %v, %v", already, err)
	}
}

func box[T any](v T, already bool, err error) (any, bool, error) { return v, already, err }

func TestAWriteBesideTheWorkThatIsAppliedOnceIsRefused(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	_, already, err := plinth.ExactlyOnce(t.Context(), db, "beside", func(ctx context.Context, _ *plinth.Tx) (struct{}, error) {
		_, err := db.Execute(ctx, "insert into t values (1, 1)")
		return struct{}{}, err
	})
	if already || !errors.Is(err, plinth.ErrArgument) || !strings.Contains(err.Error(), "exactly_test.go:") {
		t.Errorf("%v, %v", already, err)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows are there", n)
	}
	// What it reads there is the caller's business.
	n, _, err := plinth.ExactlyOnce(t.Context(), db, "beside", func(ctx context.Context, _ *plinth.Tx) (int, error) {
		return plinth.One[int](ctx, db, "select count(*) from t")
	})
	if n != 0 || err != nil {
		t.Errorf("reading beside it: %d, %v", n, err)
	}
}

func TestAResultThatCannotBeStoredAppliesNothing(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	for want, result := range map[error]any{plinth.ErrTooLarge: strings.Repeat("x", 64<<10), plinth.ErrArgument: make(chan int)} {
		fn, runs := insert(1)
		_, already, err := plinth.ExactlyOnce(t.Context(), db, "x", func(ctx context.Context, tx *plinth.Tx) (any, error) {
			_, err := fn(ctx, tx)
			return result, err
		})
		if already || !errors.Is(err, want) || runs.Load() != 1 || count(t, db) != 0 {
			t.Errorf("%v, %v after %d runs", already, err, runs.Load())
		}
	}
	fits := strings.Repeat("x", 64<<10-2)
	if got, _, err := plinth.ExactlyOnce(t.Context(), db, "x", func(context.Context, *plinth.Tx) (string, error) { return fits, nil }); err != nil || got != fits {
		t.Errorf("64 KiB: %v", err)
	}
}

func TestTheFunctionCannotEndItsTransaction(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	_, _, err := plinth.ExactlyOnce(t.Context(), db, "x", func(ctx context.Context, tx *plinth.Tx) (int, error) {
		for name, end := range map[string]func(context.Context) error{"Commit": tx.Commit, "Rollback": tx.Rollback} {
			if err := end(ctx); !errors.Is(err, plinth.ErrArgument) {
				t.Errorf("%s: %v", name, err)
			}
		}
		return 0, tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { // savepoints are as anywhere
			_, err := tx.Execute(ctx, "insert into t values (1, 1)")
			return err
		})
	})
	if err != nil || count(t, db) != 1 {
		t.Error(err)
	}
	db2, _ := onFaulty(t, func(_ *plinth.Options, b *faulty) { b.commits = true })
	_, _, err = plinth.ExactlyOnce(t.Context(), db2, "x", func(ctx context.Context, tx *plinth.Tx) (int, error) {
		_, err := tx.Execute(ctx, "create table u (a)")
		return 0, err
	})
	if !errors.Is(err, plinth.ErrUnsupported) {
		t.Errorf("a schema change that commits: %v", err)
	}
	if err := db.InTx(t.Context(), func(ctx context.Context, _ *plinth.Tx) error {
		_, _, err := plinth.ExactlyOnce(ctx, db, "y", func(context.Context, *plinth.Tx) (int, error) { return 0, nil })
		return err
	}); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("inside a transaction: %v", err)
	}
}

func TestWithoutItsTableExactlyOnceSaysWhatToDo(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	execute(t, db, "drop table plinth_tokens")
	nothing := func(context.Context, *plinth.Tx) (int, error) { return 0, nil }
	_, _, err := plinth.ExactlyOnce(t.Context(), db, "x", nothing)
	if !errors.Is(err, plinth.ErrUndefined) || !strings.Contains(err.Error(), "plinth.CreateTokens") {
		t.Error(err)
	}
	if _, err := plinth.PruneTokens(t.Context(), db, time.Hour); !strings.Contains(fmt.Sprint(err), "plinth.CreateTokens") {
		t.Error(err)
	}
	other, _ := onFaulty(t, func(_ *plinth.Options, b *faulty) { b.noTokens = true })
	if _, _, err := plinth.ExactlyOnce(t.Context(), other, "x", nothing); !errors.Is(err, plinth.ErrUnsupported) {
		t.Error(err)
	}
	if err := plinth.CreateTokens(t.Context(), other); !errors.Is(err, plinth.ErrUnsupported) {
		t.Error(err)
	}
	if n, err := plinth.PruneTokens(t.Context(), other, time.Hour); n != 0 || !errors.Is(err, plinth.ErrUnsupported) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestTokensThatCannotBeMadeOrPrunedAreAnError(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	forbidden := &driver.Fault{Kind: driver.Permission, Phase: driver.Run, Sent: true, Code: "42501", Err: errors.New("permission denied")}
	b.on(times(1, "execute", "plinth_tokens", forbidden), nil)
	if err := plinth.CreateTokens(t.Context(), db); !errors.Is(err, plinth.ErrPermission) {
		t.Errorf("CreateTokens: %v", err)
	}
	b.on(times(1, "execute", "plinth_tokens", forbidden), nil)
	if n, err := plinth.PruneTokens(t.Context(), db, time.Hour); n != 0 || !errors.Is(err, plinth.ErrPermission) {
		t.Errorf("PruneTokens: %d, %v", n, err)
	}
}

func TestTokensArePrunedByAge(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	if err := plinth.CreateTokens(t.Context(), db); err != nil { // again
		t.Fatal(err)
	}
	execute(t, db, `with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500)
		insert into plinth_tokens (token, created_at) select 'old ' || i, strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 hours') from n`)
	if _, _, err := plinth.ExactlyOnce(t.Context(), db, "new", func(context.Context, *plinth.Tx) (int, error) { return 0, nil }); err != nil {
		t.Fatal(err)
	}
	if n, err := plinth.PruneTokens(t.Context(), db, 3*time.Hour); n != 0 || err != nil {
		t.Errorf("of 3 hours: %d, %v", n, err)
	}
	if n, err := plinth.PruneTokens(t.Context(), db, 90*time.Minute+500*time.Millisecond); n != 2500 || err != nil {
		t.Errorf("of 90 minutes: %d, %v", n, err)
	}
	for _, age := range []time.Duration{-time.Hour, 0, time.Minute - 1} {
		if n, err := plinth.PruneTokens(t.Context(), db, age); n != 0 || !errors.Is(err, plinth.ErrArgument) {
			t.Errorf("of %v: %d, %v", age, n, err)
		}
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from plinth_tokens"); n != 1 || err != nil {
		t.Errorf("%d are left, %v", n, err)
	}
}
