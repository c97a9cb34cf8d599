// Package health tells whether a database can be used: for a load balancer, an orchestrator or a person.
//
// A check is bounded whatever happens: it returns within its time-out although the pool is exhausted, the server
// hangs or a driver forgets its deadline; it never panics, and takes at most one connection of the pool for one round trip.
package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/plinthdb/plinth"
)

// DefaultTimeout bounds a check that isn't given less. It's below the one second that Kubernetes' probes wait by default.
const DefaultTimeout = 900 * time.Millisecond

// Engine is what a check needs of a *plinth.Engine.
type Engine interface {
	Ping(ctx context.Context) (plinth.Server, error)
	Stats() plinth.Stats
	Name() string
	Target() string
}

// Report is the result of a check.
type Report struct {
	Healthy  bool          // one round trip succeeded in time
	Engine   string        // "sqlite", …
	Target   string        // which database; holds no secret
	Version  string        // of the server
	Role     string        // "primary", "replica", "" where there is no such thing
	Writable bool          // alive isn't writable: a replica or a read-only file is healthy and refuses writes
	Latency  time.Duration // of the round trip, the wait for a connection included
	Pool     plinth.Stats  // at the end of the check
	Err      error         // why it isn't healthy; an exhausted pool is plinth.ErrPoolExhausted, or ErrTimeout
}

// String returns the report in one line.
func (r Report) String() string {
	state := "ok"
	if !r.Healthy {
		state = fmt.Sprintf("not healthy: %v", r.Err)
	}
	s := fmt.Sprintf("%s %s in %v (pool: %d of %d in use, %d waiting)", r.Target, state, r.Latency.Round(10*time.Microsecond),
		r.Pool.InUse, r.Pool.MaxOpenConnections, r.Pool.Waiting)
	if r.Healthy && !r.Writable {
		s += ", read-only"
	}
	if b := r.Pool.Breaker.String(); b != "closed" {
		s += ", circuit breaker " + b
	}
	return s
}

// IsHealthy reports whether one round trip to the database works within DefaultTimeout, or less if ctx ends earlier.
func IsHealthy(ctx context.Context, e Engine) bool { return Check(ctx, e).Healthy }

// Check makes one round trip within DefaultTimeout, or less if ctx ends earlier, and tells what it learned.
func Check(ctx context.Context, e Engine) Report {
	return (&Checker{Engine: e}).Check(ctx)
}

// Checker checks one engine for many askers: those that ask while a check is under way share its answer, so that
// probes can't pile up on a database that hangs. Set its fields before the first use.
type Checker struct {
	Engine          Engine
	Timeout         time.Duration // 0: DefaultTimeout
	RequireWritable bool          // a database that only reads isn't healthy

	mu      sync.Mutex
	running *flight // the check under way, if any
}

// flight is one check under way.
type flight struct {
	done   chan struct{} // closed when report is set
	report Report
}

// Check returns within the checker's time-out, or less if ctx ends earlier.
func (c *Checker) Check(ctx context.Context) Report {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()

	f := c.join(ctx, timeout)
	var r Report
	select {
	case <-f.done:
		r = f.report
	case <-ctx.Done():
		r = Report{Latency: time.Since(start), Err: fmt.Errorf("no answer in %v: %w", time.Since(start).Round(time.Millisecond), ctx.Err())}
		identify(&r, c.Engine)
	}
	if r.Healthy && c.RequireWritable && !r.Writable {
		r.Healthy, r.Err = false, errors.New("it answers, but it is read-only")
	}
	return r
}

// join returns the check under way, or starts one. It goes on for its whole time-out when the asker leaves early, because
// others may have joined.
func (c *Checker) join(ctx context.Context, timeout time.Duration) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return c.running
	}
	f := &flight{done: make(chan struct{})}
	c.running = f
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		f.report = ping(ctx, c.Engine)
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
		close(f.done)
	}()
	return f
}

// ping makes the round trip. An engine that panics, a nil one among them, isn't healthy.
func ping(ctx context.Context, e Engine) (r Report) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			r.Healthy, r.Err = false, fmt.Errorf("the check panicked: %v", p)
		}
		r.Latency = time.Since(start)
		identify(&r, e)
	}()
	if e == nil {
		return Report{Err: errors.New("there is no engine")}
	}
	server, err := e.Ping(ctx)
	return Report{
		Healthy: err == nil, Err: err,
		Version: server.Version, Role: server.Role, Writable: server.Writable,
	}
}

// identify fills in what an engine knows without asking the database.
func identify(r *Report, e Engine) {
	defer func() { _ = recover() }() // a nil *plinth.Engine
	if e != nil {
		r.Engine, r.Target, r.Pool = e.Name(), e.Target(), e.Stats()
	}
}
