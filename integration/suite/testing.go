package suite

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
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

// Address is what a server's URL tells.
type Address struct {
	Host, Database, User string
	Port                 int
	Password             config.Secret
	Query                url.Values
}

// At reads a server's URL.
func At(t testing.TB, text string) Address {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return Address{
		Host: u.Hostname(), Port: port, Database: strings.TrimPrefix(u.Path, "/"), User: u.User.Username(),
		Password: config.NewSecret(password), Query: u.Query(),
	}
}

// Seam returns a backend and a session of it, to be spoken to directly.
func Seam(t testing.TB, open driver.Opener) (driver.Backend, driver.Session) {
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
	s, err := b.Acquire(t.Context(), driver.Need{})
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
	return b, s
}

// Request is a request of the seam.
func Request(st *driver.Stmt, native string, args []any) *driver.Request {
	return &driver.Request{Stmt: st, Native: native, Args: args}
}
