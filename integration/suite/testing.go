package suite

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// Within bounds what a test waits for. It is much longer than anything takes that works.
const Within = 20 * time.Second

// InFull reports whether the tests run in their long form, as make soak has it.
func InFull() bool { return os.Getenv("PLINTH_SOAK") != "" }

// times is how often to do what the long form does n times: a tenth of that, unless it runs.
func times(n int) int {
	if InFull() {
		return n
	}
	return n / 10
}

// Silent keeps slow statements out of the log, for tests that make many.
func Silent(o *plinth.Options) { o.QueryLog.Logger = slog.New(slog.DiscardHandler) }

// PoolOf bounds the pool.
func PoolOf(n int) func(*plinth.Options) {
	return func(o *plinth.Options) { o.Pool.MaxOpenConns, o.Pool.MaxIdleConns = n, n }
}

// CloseWith closes an engine with the test.
func CloseWith(t testing.TB, e *plinth.Engine) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Within)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// Execute runs statements that have to work.
func Execute(t testing.TB, q plinth.Querier, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := q.Execute(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// Idle waits until every connection is back in its pool.
func Idle(t testing.TB, e *plinth.Engine) {
	t.Helper()
	Eventually(t, "every connection is back", func() bool { return e.Stats().InUse == 0 })
}

// Eventually polls until cond holds. It's for what tells nobody that it has happened: what another process does, or a server
// within itself. Where a channel or a lock can tell, wait for that.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if err := Until(context.Background(), what, cond); err != nil {
		t.Fatal(err)
	}
}

// Until is Eventually for what isn't a test's own goroutine, or has more to say when it was in vain.
func Until(ctx context.Context, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, Within)
	defer cancel()
	for began := time.Now(); !cond(); {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v in vain: %s", time.Since(began).Round(time.Millisecond), what)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// meeting returns a function that so many call, and that returns when all have.
func meeting(n int32) func(t testing.TB) {
	all := make(chan struct{})
	var missing atomic.Int32
	missing.Store(n)
	return func(t testing.TB) {
		if missing.Add(-1) == 0 {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(Within):
			t.Errorf("waited %v in vain for the others", Within)
		}
	}
}

// Seam returns a backend and a session of it, to be spoken to directly, and what runs a statement on it.
func Seam(t testing.TB, open driver.Opener) (b driver.Backend, s driver.Session, run func(text string) error) {
	t.Helper()
	b, err := open(driver.Host{
		OnConnect: func(context.Context, driver.Session) error { return nil },
		Opened:    func(context.Context, string, time.Duration, error) {},
		Closed:    func(string, pool.Reason) {},
		Leaked:    func(pool.Holder, bool) {},
		Login:     func(context.Context) (string, string, error) { return "", "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err = b.Acquire(t.Context(), driver.Need{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Release(driver.Reset)
		ctx, cancel := context.WithTimeout(context.Background(), Within)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b, s, func(text string) error {
		t.Helper()
		st, err := b.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		native, args, err := st.Binder.Bind(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Execute(t.Context(), Request(st, native, args))
		return err
	}
}

// Request is a request of the seam.
func Request(st *driver.Stmt, native string, args []any) *driver.Request {
	return &driver.Request{Stmt: st, Native: native, Args: args}
}
