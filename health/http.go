package health

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/plinthdb/plinth"
)

// Handler answers GET /livez and GET /readyz, the paths that Kubernetes' own API server uses
// (https://kubernetes.io/docs/reference/using-api/health-checks/).
//
// /livez says that the process runs; it asks no database, because restarting the process wouldn't mend one. /readyz
// asks every checker at once: 200 if all are healthy, else 503. Its body names the engines and the kind of what is
// wrong, but no target, no host and no error text: those are in Check's report.
func Handler(checks ...*Checker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", Live)
	mux.Handle("GET /readyz", Ready(checks...))
	return mux
}

// Live answers 200 as long as the process can answer at all.
func Live(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body{Status: "ok"}) }

// Ready answers 200 if every checker's database is healthy, else 503.
func Ready(checks ...*Checker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := body{Status: "ok", Checks: make([]check, len(checks))}
		var wg sync.WaitGroup
		for i, c := range checks {
			wg.Go(func() { b.Checks[i] = checked(c.Check(r.Context())) })
		}
		wg.Wait()
		code := http.StatusOK
		for _, c := range b.Checks {
			if c.Status != "ok" {
				b.Status, code = "not ready", http.StatusServiceUnavailable
			}
		}
		answer(w, code, b)
	})
}

type body struct {
	Status string  `json:"status"`
	Checks []check `json:"checks,omitempty"`
}

type check struct {
	Engine    string  `json:"engine"`
	Status    string  `json:"status"` // "ok", or the kind of the error
	Writable  bool    `json:"writable"`
	LatencyMS float64 `json:"latency_ms"`
	InUse     int     `json:"in_use"`
	Waiting   int     `json:"waiting"`
	Breaker   string  `json:"breaker"` // "closed", "open" or "half-open"
}

func checked(r Report) check {
	c := check{
		Engine: r.Engine, Status: "ok", Writable: r.Writable, LatencyMS: float64(r.Latency.Microseconds()) / 1000,
		InUse: r.Pool.InUse, Waiting: r.Pool.Waiting, Breaker: r.Pool.Breaker.String(),
	}
	if !r.Healthy {
		c.Status = "not healthy"
		var e *plinth.Error
		if errors.As(r.Err, &e) {
			c.Status = e.Kind.Error()
		}
	}
	return c
}

func answer(w http.ResponseWriter, code int, b body) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(b) // the client is gone: nobody to tell
}
