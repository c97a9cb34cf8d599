package plinth_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/retry"
)

// A server that is down is known to be after a few dials: then a call fails at once, says why, and nobody waits for the acquire
// time-out.
func TestCallsFailAtOnceWhileTheServerIsKnownToBeDown(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := nobody.Addr().String()
	nobody.Close()

	seen := make(chan hook.Breaker, 10)
	var log strings.Builder
	db, err := postgres.Open(t.Context(), plinth.Options{
		URL: "postgres://nobody:secret@" + address + "/nothing?sslmode=disable", Pool: pool.Options{AcquireTimeout: time.Hour, BreakerFailures: 2},
		Retry: retry.Policy{Attempts: 1}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Observers: []*hook.Observer{{Breaker: func(b hook.Breaker) { seen <- b }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := db.Execute(t.Context(), "insert into t values (1)")
		if !errors.Is(err, plinth.ErrUnavailable) {
			t.Fatal(err)
		}
		if down, ok := errors.AsType[*pool.DownError](err); ok {
			if down.Cause == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "secret") {
				t.Error(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the breaker doesn't open: %v", err)
		}
	}
	if s := db.Stats(); s.Breaker == pool.BreakerClosed || s.BreakerOpened != 1 || s.BreakerRefused == 0 {
		t.Errorf("statistics %+v", s.Stats)
	}
	if r := health.Check(t.Context(), db); r.Healthy || !strings.Contains(r.String(), "circuit breaker") {
		t.Errorf("health: %v", r)
	}
	b := <-seen // on the pool's own goroutine, so it may come after the callers know
	if !b.Open || b.Err == nil || b.Engine != "postgres" || b.Target == "" || len(seen) > 0 {
		t.Errorf("observed %+v and %d more", b, len(seen))
	}
	if !strings.Contains(log.String(), "can't be reached") || strings.Contains(log.String(), "secret") {
		t.Errorf("logged %q", log.String())
	}
}

// A server that accepts connections and says nothing isn't an exhausted pool: more connections wouldn't help.
func TestAServerThatDoesNotAnswerIsUnavailableAndNoExhaustedPool(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, product := range []string{"postgres", "mariadb"} {
		db, err := open.Open(t.Context(), plinth.Options{
			URL:  product + "://nobody:secret@" + silent.Addr().String() + "/nothing",
			Pool: pool.Options{AcquireTimeout: 50 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Execute(t.Context(), "insert into t values (1)")
		e, ok := errors.AsType[*plinth.Error](err)
		if !ok || e.Kind != plinth.ErrUnavailable || !e.Timeout() || e.Retryable() || !strings.Contains(err.Error(), "connecting takes longer than") ||
			!strings.Contains(e.Hint, "in time") {
			t.Errorf("%s: got %v", product, err)
		}
		if s := db.Stats(); s.Retries != 0 || s.TimeoutCount != 1 {
			t.Errorf("%s: %d retries; %+v", product, s.Retries, s.Stats)
		}
		if err := db.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
