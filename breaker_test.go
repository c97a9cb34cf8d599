package plinth_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/hook"
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

	var mu sync.Mutex
	var seen []bool
	var log strings.Builder
	db, err := postgres.Open(t.Context(), plinth.Options{
		URL: "postgres://nobody:secret@" + address + "/nothing?sslmode=disable", Pool: pool.Options{AcquireTimeout: time.Hour, BreakerFailures: 2},
		Retry: retry.Policy{Attempts: 1}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Observers: []*hook.Observer{{Breaker: func(b hook.Breaker) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, b.Open && b.Err != nil && b.Engine == "postgres" && b.Target != "")
		}}},
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
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(seen, []bool{true}) || !strings.Contains(log.String(), "can't be reached") || strings.Contains(log.String(), "secret") {
		t.Errorf("observed %v, logged %q", seen, log.String())
	}
}
