package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
)

// engine is a fake: no real server can be made to hang and panic on demand.
type engine struct {
	ping  func(ctx context.Context) (plinth.Server, error)
	pings atomic.Int64
}

func (e *engine) Ping(ctx context.Context) (plinth.Server, error) {
	e.pings.Add(1)
	return e.ping(ctx)
}
func (e *engine) Stats() plinth.Stats { return plinth.Stats{} }
func (e *engine) Name() string        { return "fake" }
func (e *engine) Target() string      { return "fake:db" }

func answering(s plinth.Server, err error) *engine {
	return &engine{ping: func(context.Context) (plinth.Server, error) { return s, err }}
}

func TestAnAnswerInTimeIsHealthy(t *testing.T) {
	t.Parallel()
	e := answering(plinth.Server{Version: "1.2", Role: "primary", Writable: true}, nil)
	r := health.Check(t.Context(), e)
	if !r.Healthy || r.Err != nil || r.Version != "1.2" || r.Role != "primary" || !r.Writable || r.Target != "fake:db" {
		t.Errorf("Check = %+v", r)
	}
	if !health.IsHealthy(t.Context(), e) {
		t.Error("IsHealthy = false")
	}
}

func TestAnErrorIsNotHealthyAndIsReported(t *testing.T) {
	t.Parallel()
	r := health.Check(t.Context(), answering(plinth.Server{}, plinth.ErrUnavailable))
	if r.Healthy || !errors.Is(r.Err, plinth.ErrUnavailable) {
		t.Errorf("Check = %+v", r)
	}
	if s := r.String(); !strings.Contains(s, "fake:db not healthy: unavailable") {
		t.Errorf("String() = %q", s)
	}
}

func TestAnEngineThatHangsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := &engine{ping: func(context.Context) (plinth.Server, error) { // forgets its context
			<-release
			return plinth.Server{}, nil
		}}
		start := time.Now()
		r := health.Check(t.Context(), e)
		if took := time.Since(start); r.Healthy || took != health.DefaultTimeout {
			t.Errorf("Healthy = %v after %v, want false after %v", r.Healthy, took, health.DefaultTimeout)
		}
		if !errors.Is(r.Err, context.DeadlineExceeded) {
			t.Errorf("Err = %v, want a deadline", r.Err)
		}
		close(release)
	})
}

func TestChecksOfAHangingEngineDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := &engine{ping: func(context.Context) (plinth.Server, error) {
			<-release
			return plinth.Server{}, nil
		}}
		c := &health.Checker{Engine: e, Timeout: time.Second}
		for range 20 {
			if c.Check(t.Context()).Healthy {
				t.Fatal("healthy while it hangs")
			}
		}
		if n := e.pings.Load(); n != 1 {
			t.Errorf("%d pings under way, want 1", n)
		}
		close(release)
		synctest.Wait()
		if !c.Check(t.Context()).Healthy {
			t.Error("not healthy after it answers again")
		}
	})
}

func TestACancelledAskerDoesNotSpoilTheAnswerForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &engine{ping: func(ctx context.Context) (plinth.Server, error) {
			select {
			case <-ctx.Done():
				return plinth.Server{}, ctx.Err()
			case <-time.After(100 * time.Millisecond):
				return plinth.Server{Writable: true}, nil
			}
		}}
		c := &health.Checker{Engine: e}
		impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		go c.Check(impatient)
		synctest.Wait()
		if r := c.Check(t.Context()); !r.Healthy {
			t.Errorf("Check = %v, want the answer of the check that was under way", r)
		}
	})
}

func TestNothingPanics(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]health.Engine{
		"nil":        nil,
		"nil engine": (*plinth.Engine)(nil),
		"panic":      &engine{ping: func(context.Context) (plinth.Server, error) { panic("boom") }},
	} {
		if r := health.Check(t.Context(), e); r.Healthy || r.Err == nil {
			t.Errorf("%s: Check = %+v", name, r)
		}
	}
}

func TestReadOnlyIsHealthyUnlessWritingIsRequired(t *testing.T) {
	t.Parallel()
	e := answering(plinth.Server{Role: "replica"}, nil)
	if !(&health.Checker{Engine: e}).Check(t.Context()).Healthy {
		t.Error("a replica isn't healthy")
	}
	if r := (&health.Checker{Engine: e, RequireWritable: true}).Check(t.Context()); r.Healthy || r.Err == nil {
		t.Errorf("a replica is healthy although writing is required: %v", r)
	}
}

func TestHandlerTellsLiveFromReadyAndKeepsDetailsToItself(t *testing.T) {
	t.Parallel()
	secretive := &plinth.Error{Kind: plinth.ErrUnavailable, Target: "postgres://db.internal:5432/app", Err: errors.New("dial db.internal: refused")}
	h := health.Handler(
		&health.Checker{Engine: answering(plinth.Server{Writable: true}, nil)},
		&health.Checker{Engine: answering(plinth.Server{}, secretive)},
	)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
	if w := get("/livez"); w.Code != http.StatusOK {
		t.Errorf("/livez = %d", w.Code)
	}
	w := get("/readyz")
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "internal") {
		t.Errorf("/readyz = %d %s", w.Code, w.Body)
	}
	var b struct{ Checks []struct{ Status string } }
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || len(b.Checks) != 2 ||
		b.Checks[0].Status != "ok" || b.Checks[1].Status != "unavailable" {
		t.Errorf("/readyz body %s: %v", w.Body, err)
	}
	if w := get("/elsewhere"); w.Code != http.StatusNotFound {
		t.Errorf("/elsewhere = %d", w.Code)
	}
}
