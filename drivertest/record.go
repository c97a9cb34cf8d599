package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
)

// sighting is a call as the hooks and observers saw it, and what a case says they should have seen.
type sighting struct {
	Op       hook.Op
	Rows     int64
	Attempts int   // 0 in an expectation: 1
	Err      error // in an expectation: what the error has to match
}

// recorder is a set of hooks and observers that notes what they're told and finds contradictions in it: a call has a
// start, attempts that are counted from 1, a before and an after hook for each, and one end.
type recorder struct {
	log lockedBuffer // the query log

	mu      sync.Mutex
	live    map[*hook.Event]*running
	ended   []sighting
	retries int
	opened  int // connections
	failed  int // connections that couldn't be opened
	closed  int
	leaks   []hook.Leak
	held    []hook.TxHeld
	wrong   []string
	blind   bool // the case has replaced the hooks
}

// running is a call between its start and its end.
type running struct {
	sighting
	inAttempt bool
	inTx      bool
}

func newRecorder() *recorder { return &recorder{live: make(map[*hook.Event]*running)} }

// note locks and finds the call of an event.
func (r *recorder) note(e *hook.Event, what string, f func(c *running)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.live[e]
	if c == nil {
		r.complain("%s of a call that hasn't started: %s %s", what, e.Op, e.Fingerprint())
		return
	}
	if e.Op != c.Op || e.InTx != c.inTx {
		r.complain("%s: the call was a %s (in a transaction: %v) and is a %s (%v)", what, c.Op, c.inTx, e.Op, e.InTx)
	}
	f(c)
}

func (r *recorder) complain(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

func (r *recorder) callStart(_ context.Context, e *hook.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Attempt != 0 || e.Err != nil || e.Start.IsZero() || e.Engine == "" || e.Target == "" {
		r.complain("CallStart with %+v", *e)
	}
	if r.live[e] != nil {
		r.complain("CallStart twice: %s", e.Op)
	}
	r.live[e] = &running{sighting: sighting{Op: e.Op}, inTx: e.InTx}
}

func (r *recorder) before(ctx context.Context, e *hook.Event) (context.Context, error) {
	r.note(e, "before hook", func(c *running) {
		c.Attempts++
		if c.inAttempt || e.Attempt != c.Attempts || e.Err != nil {
			r.complain("before hook of a %s: attempt %d, which is the %dth, with error %v; one is running: %v",
				e.Op, e.Attempt, c.Attempts, e.Err, c.inAttempt)
		}
		c.inAttempt = true
	})
	return ctx, nil
}

func (r *recorder) after(_ context.Context, e *hook.Event) {
	r.note(e, "after hook", func(c *running) {
		if !c.inAttempt || e.Attempt != c.Attempts {
			r.complain("after hook of a %s: attempt %d, which is the %dth; one is running: %v", e.Op, e.Attempt, c.Attempts, c.inAttempt)
		}
		c.inAttempt = false
		c.Rows, c.Err = e.Rows, e.Err
		if e.Wait < 0 || e.Execute < 0 || e.Fetch < 0 || e.Total < e.Execute || e.Total > time.Since(e.Start) {
			r.complain("after hook of a %s: times that can't be: wait %v, execute %v, fetch %v, total %v", e.Op, e.Wait, e.Execute, e.Fetch, e.Total)
		}
	})
}

func (r *recorder) callEnd(_ context.Context, e *hook.Event) {
	r.note(e, "CallEnd", func(c *running) {
		refused := c.Attempts == 0 && e.Attempt == 0 && e.Err != nil // before its first attempt
		unread := c.Err == nil && errors.Is(e.Err, plinth.ErrScan)   // after its last: a row didn't fit
		switch {
		case refused:
			return
		case c.inAttempt, e.Attempt != c.Attempts, (e.Err == nil) != (c.Err == nil) && !unread, e.Rows != c.Rows:
			r.complain("CallEnd of a %s says attempt %d, %d rows, error %v; the last after hook %d, %d, %v",
				e.Op, e.Attempt, e.Rows, e.Err, c.Attempts, c.Rows, c.Err)
		}
		r.ended = append(r.ended, c.sighting)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, e)
}

func (r *recorder) observer() *hook.Observer {
	count := func(f func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		f()
	}
	return &hook.Observer{
		CallStart: r.callStart,
		CallEnd:   r.callEnd,
		Retry: func(_ context.Context, e *hook.Event, delay time.Duration) {
			count(func() {
				r.retries++
				if e.Err == nil || delay < 0 {
					r.complain("Retry after error %v, delay %v", e.Err, delay)
				}
			})
		},
		ConnOpen: func(_ context.Context, c hook.ConnEvent) {
			count(func() {
				if c.Err != nil {
					r.failed++
				} else {
					r.opened++
				}
			})
		},
		ConnClose: func(c hook.ConnEvent) {
			count(func() {
				if r.closed++; c.Reason == "" {
					r.complain("ConnClose without a reason")
				}
			})
		},
		Leak:   func(l hook.Leak) { count(func() { r.leaks = append(r.leaks, l) }) },
		TxHeld: func(_ context.Context, h hook.TxHeld) { count(func() { r.held = append(r.held, h) }) },
	}
}

// forget drops the calls that have ended.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.retries = nil, 0
}

// check reports the contradictions, calls without an end, and connections that were opened and not closed.
func (r *recorder) check(t testing.TB, left bool) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blind {
		return
	}
	for _, w := range r.wrong {
		t.Errorf("hooks: %s", w)
	}
	if left {
		return
	}
	for _, c := range r.live {
		t.Errorf("hooks: a %s has no CallEnd", c.Op)
	}
	if r.opened != r.closed {
		t.Errorf("hooks: ConnOpen of %d connections, ConnClose of %d", r.opened, r.closed)
	}
}

// saw checks, in the full part, that the hooks and observers saw exactly these calls since the last forget.
func (d *db) saw(t testing.TB, want ...sighting) {
	t.Helper()
	if d.rec == nil {
		return
	}
	d.rec.mu.Lock()
	got := d.rec.ended
	d.rec.mu.Unlock()
	d.forget()
	if len(got) != len(want) {
		t.Errorf("the hooks saw %d calls %v; want %d, %v", len(got), got, len(want), want)
		return
	}
	for i, w := range want {
		g := got[i]
		if w.Attempts == 0 {
			w.Attempts = 1
		}
		same := g.Op == w.Op && g.Rows == w.Rows && g.Attempts == w.Attempts
		if !same || (g.Err == nil) != (w.Err == nil) || !errors.Is(g.Err, w.Err) {
			t.Errorf("call %d, as the hooks saw it, was %+v; want %+v", i+1, g, w)
		}
	}
}

// ownHooks is for a case that replaces the recorder's hooks.
func (d *db) ownHooks() {
	if d.rec != nil {
		d.rec.mu.Lock()
		defer d.rec.mu.Unlock()
		d.rec.blind = true
	}
}

// lockedBuffer is a buffer for many writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// retried returns how many retries the observers were told of since the last forget.
func (r *recorder) retried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retries
}
