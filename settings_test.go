package plinth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
	"github.com/plinthdb/plinth/sqlite"
)

// with returns the test's context with one override.
func with(t *testing.T, change func(*config.Config)) context.Context {
	return config.WithOverride(t.Context(), config.With(change))
}

// endless is a query that runs until somebody ends it.
const endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"

func TestACallsTimeoutComesFromItsContext(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	ctx := with(t, func(c *config.Config) { c.Timeout = 20 * time.Millisecond })
	if _, err := db.FetchAll(ctx, endless); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("under a time-out of 20ms: %v", err)
	}
	err := db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		ctx = config.WithOverride(ctx, config.With(func(c *config.Config) { c.Timeout = 20 * time.Millisecond }))
		_, err := tx.FetchAll(ctx, endless)
		return err
	})
	if !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("in a transaction, under a time-out of 20ms: %v", err)
	}

	hasty, err := sqlite.Open(t.Context(), plinth.Options{URL: "sqlite::memory:", Connect: true, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer hasty.Close(t.Context())
	ctx, cancel := context.WithTimeout(with(t, func(c *config.Config) { c.Timeout = config.Off }), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := hasty.FetchAll(ctx, endless); !errors.Is(err, plinth.ErrTimeout) || time.Since(began) < 90*time.Millisecond {
		t.Errorf("a context that switches the engine's time-out off ended after %v: %v", time.Since(began), err)
	}
}

func TestTheWaitForAConnectionComesFromTheContext(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{Pool: pool.Options{AcquireTimeout: time.Hour}})
	ctx := with(t, func(c *config.Config) { c.AcquireTimeout = 20 * time.Millisecond })
	err := db.With(t.Context(), func(*plinth.Conn) error { // SQLite's one connection that writes
		_, err := db.Execute(ctx, "insert into t values (3, 4)")
		return err
	})
	if !errors.Is(err, plinth.ErrPoolExhausted) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsSlowIsForTheContextToSay(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	db := onFile(t, plinth.Options{QueryLog: querylog.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Threshold: time.Hour,
	}})
	if _, err := db.FetchOne(t.Context(), "select 1 as usual"); err != nil || log.Len() > 0 {
		t.Fatalf("%v, logged %s", err, &log)
	}
	if _, err := db.FetchOne(with(t, func(c *config.Config) { c.SlowThreshold = time.Nanosecond }), "select 1 as slow"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "as slow") {
		t.Errorf("logged %q", &log)
	}
}

func TestRetriesComeFromTheContext(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	retries := 0
	db, err := plinth.New(plinth.Options{
		Retry: retry.Policy{Attempts: 1},
		Observers: []*hook.Observer{{Retry: func(context.Context, *hook.Event, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			retries++
		}}},
	}, func(h driver.Host) (driver.Backend, error) {
		b, err := sqlite.NewBackend(sqlite.Options{Path: ":memory:"}, h)
		return busy{b}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if _, err := db.FetchOne(t.Context(), "select 1"); !errors.Is(err, plinth.ErrUnavailable) || retries != 0 {
		t.Errorf("one attempt: %v, %d retries", err, retries)
	}
	ctx := with(t, func(c *config.Config) { c.RetryAttempts, c.RetryBaseDelay = 3, time.Microsecond })
	if _, err := db.FetchOne(ctx, "select 1"); !errors.Is(err, plinth.ErrUnavailable) || retries != 2 {
		t.Errorf("three attempts: %v, %d retries", err, retries)
	}
	if err := db.InTx(ctx, func(context.Context, *plinth.Tx) error { return nil }); !errors.Is(err, plinth.ErrUnavailable) || retries != 4 {
		t.Errorf("three attempts of a transaction: %v, %d retries", err, retries)
	}
}

// busy is a backend without a connection to give.
type busy struct{ driver.Backend }

func (busy) Acquire(context.Context, driver.Need) (driver.Session, error) {
	return nil, &driver.Fault{Kind: driver.Unavailable, Phase: driver.Acquire, Verdict: driver.Again}
}

func TestAContextCanAskForReadingOnly(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	ctx := with(t, func(c *config.Config) { c.ReadOnly = true })
	if n, err := plinth.One[int](ctx, db, "select count(*) from t"); err != nil || n != 1 {
		t.Errorf("reading: %d, %v", n, err)
	}
	insert := "insert into t values (3, 4)"
	if _, err := db.Execute(ctx, insert); !errors.Is(err, plinth.ErrReadOnly) {
		t.Errorf("writing: %v", err)
	}
	err := db.InTx(ctx, func(_ context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(t.Context(), insert) // even if somebody forgets to hand the context on
		return err
	})
	if !errors.Is(err, plinth.ErrReadOnly) {
		t.Errorf("writing in a transaction begun with it: %v", err)
	}
	if err := db.With(ctx, func(conn *plinth.Conn) error { _, err := conn.Execute(ctx, insert); return err }); !errors.Is(err, plinth.ErrReadOnly) {
		t.Errorf("writing on a pinned connection: %v", err)
	}
	submitted := make(chan error, 1)
	db.Submit(ctx, hook.Execute, insert, nil, func(_ *plinth.Rows, err error) { submitted <- err })
	if err := <-submitted; !errors.Is(err, plinth.ErrReadOnly) {
		t.Errorf("writing without waiting for it: %v", err)
	}
	if n := count(t, db); n != 1 {
		t.Errorf("there are %d rows", n)
	}
}

func TestAContextThatNamesAnotherTargetIsRefused(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	const secret = "s3cr3t-pass"
	for _, url := range []string{"sqlite:" + filepath.Join(t.TempDir(), "other.db"), "postgres://app:" + secret + "@localhost/app"} {
		other := config.WithOverride(t.Context(), config.WithURL(url))
		for name, call := range map[string]func(ctx context.Context) error{
			"execute": func(ctx context.Context) error { _, err := db.Execute(ctx, "insert into t values (3, 4)"); return err },
			"query":   func(ctx context.Context) error { _, err := db.FetchAll(ctx, "select 1"); return err },
			"begin": func(ctx context.Context) error {
				tx, err := db.Begin(ctx)
				if err == nil {
					err = tx.Rollback(t.Context())
				}
				return err
			},
			"in tx": func(ctx context.Context) error {
				return db.InTx(ctx, func(context.Context, *plinth.Tx) error { return nil })
			},
			"with": func(ctx context.Context) error { return db.With(ctx, func(*plinth.Conn) error { return nil }) },
			"ping": func(ctx context.Context) error { return db.TestConnection(ctx) },
		} {
			err := call(other)
			if !errors.Is(err, plinth.ErrArgument) || !strings.Contains(err.Error(), "open.Set") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
			own := "sqlite:" + strings.TrimPrefix(db.Target(), "sqlite:")
			if err := call(config.WithOverride(other, config.WithURL(own))); err != nil {
				t.Errorf("%s, with its own target named by an inner override: %v", name, err)
			}
		}
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(config.WithOverride(t.Context(), config.WithURL("sqlite:other.db"))); err != nil {
		t.Errorf("what ends a transaction is never refused, but: %v", err)
	}
	idle(t, db)
}

func TestAWrongOverrideIsNamed(t *testing.T) {
	t.Parallel()
	db := onFile(t, plinth.Options{})
	ctx := config.WithOverride(t.Context(), config.WithURL("sqlite:app.db?joural_mode=wal"))
	_, err := db.FetchOne(ctx, "select 1")
	var field *config.FieldError
	if !errors.Is(err, plinth.ErrArgument) || !errors.As(err, &field) {
		t.Errorf("got %v", err)
	}
}

func TestOverridesOfAThousandCallersNeverCross(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[int]time.Duration{}
	quiet := querylog.Options{Logger: slog.New(slog.DiscardHandler)}
	db := onFile(t, plinth.Options{QueryLog: quiet, Observers: []*hook.Observer{{CallStart: func(_ context.Context, e *hook.Event) {
		if len(e.Args) == 1 {
			mu.Lock()
			defer mu.Unlock()
			seen[e.Args[0].(int)] = e.Slow
		}
	}}}})
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = with(t, func(c *config.Config) { c.SlowThreshold = time.Duration(i+1) * time.Hour })
			}
			if _, err := db.FetchOne(ctx, "select ?", i); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 1000 {
		want := querylog.DefaultThreshold
		if i%2 == 0 {
			want = time.Duration(i+1) * time.Hour
		}
		if seen[i] != want {
			t.Errorf("caller %d had %v, want %v", i, seen[i], want)
		}
	}
}

func TestSettingsOfAContextCostNoAllocation(t *testing.T) {
	db := onFile(t, plinth.Options{})
	measure := func(ctx context.Context) float64 {
		return testing.AllocsPerRun(200, func() {
			if _, err := plinth.One[int](ctx, db, "select 1"); err != nil {
				t.Fatal(err)
			}
		})
	}
	plain := measure(t.Context())
	ctx := with(t, func(c *config.Config) { c.SlowThreshold = time.Hour })
	if overridden := measure(ctx); overridden > plain {
		t.Errorf("%v allocations under an override, %v without", overridden, plain)
	}
}
