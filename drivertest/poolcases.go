package drivertest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
)

func poolCases() []testCase {
	return []testCase{
		{name: "nothing is opened before the first use, and Connect opens", run: opensLazily},
		{name: "an acquire time-out is ErrPoolExhausted, isn't repeated, and names the holders", run: exhausted, tx: true},
		{name: "the context of a transaction on a full pool is ErrSelfDeadlock, naming both call sites", run: selfDeadlock, tx: true},
		{name: "the same for With, Begin and InTx", run: selfDeadlockElsewhere, tx: true},
		{name: "the pool used beside a transaction is observed", run: txHeldIsObserved, tx: true},
		{name: "a transaction begun with the same context is named in the time-out", run: beginIsNamed, tx: true},
		{name: "a leak is reported with the stack that took it, and its return", run: leaksAreReported, tx: true},
		{name: "waiting callers get the connection that comes back", run: waitersAreServed, tx: true},
		{name: "statistics add up", run: statisticsAddUp},
	}
}

func opensLazily(t *testing.T, s *suite) {
	d := s.reopen(t, s.Opener(t))
	equal(t, "connections dialled by opening", d.Stats().DialCount, 0)
	ok(t, d.Connect(t.Context()))
	before := d.Stats()
	if before.OpenConnections == 0 || before.InUse != 0 {
		t.Errorf("after Connect %d connections are open, %d in use", before.OpenConnections, before.InUse)
	}
	ok(t, d.Connect(t.Context()))
	equal(t, "connections after another Connect", d.Stats().OpenConnections, before.OpenConnections)
	for _, text := range d.Setup {
		done(t)(d.Execute(t.Context(), text))
	}
	if after := d.Stats(); s.full && after.DialErrorCount > 0 {
		t.Errorf("%d dials failed", after.DialErrorCount)
	}
}

func exhausted(t *testing.T, s *suite) {
	d := s.tapped(t, single, retrying(3), func(o *plinth.Options) { o.Pool.AcquireTimeout = prompt })
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	d.forget()
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	e := failure(t, err, plinth.ErrPoolExhausted)
	equal(t, "Timeout", e.Timeout(), true)
	equal(t, "acquires", d.tap.Count(tap.Acquire), 1)
	d.saw(t, sighting{Op: hook.Execute, Err: plinth.ErrPoolExhausted})
	if s.full && !strings.Contains(err.Error(), "poolcases.go:") {
		t.Errorf("error %q doesn't name who holds the connection", err)
	}
	if d.Stats().TimeoutCount == 0 {
		t.Error("TimeoutCount is 0")
	}
	ok(t, tx.Rollback(t.Context()))
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
}

func selfDeadlock(t *testing.T, s *suite) {
	d := s.tapped(t, single)
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		err := soon(t, func() error {
			_, err := d.Execute(ctx, d.Add, 1, 1)
			return err
		})
		e := failure(t, err, plinth.ErrSelfDeadlock)
		if strings.Count(err.Error(), "poolcases.go:") != 2 || e.Hint == "" {
			t.Errorf("error %q doesn't name both call sites, or has no hint", err)
		}
		return d.add(10, nil)(ctx, tx)
	}))
	equal(t, "n", d.n(t, 1), 10)
}

func selfDeadlockElsewhere(t *testing.T, s *suite) {
	d := s.tapped(t, single, retrying(3))
	d.items(t, 1)
	var runs int
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		runs++
		_, err := d.ExecuteMany(ctx, d.Insert, numbered(5, 1))
		is(t, err, plinth.ErrSelfDeadlock)
		_, err = d.Begin(ctx)
		is(t, err, plinth.ErrSelfDeadlock)
		is(t, d.With(ctx, func(*plinth.Conn) error { return nil }), plinth.ErrSelfDeadlock)
		is(t, d.InTx(ctx, fails(nil)), plinth.ErrSelfDeadlock)
		if s.Limits.NoSavepoints {
			return nil
		}
		return tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { // a savepoint's context knows it, too
			_, err := d.Execute(ctx, d.Add, 1, 1)
			is(t, err, plinth.ErrSelfDeadlock)
			return nil
		})
	}))
	equal(t, "runs of the function", runs, 1)
}

func txHeldIsObserved(t *testing.T, s *suite) {
	var held []hook.TxHeld
	d := s.open(t, func(o *plinth.Options) {
		o.Observers = append(o.Observers, &hook.Observer{TxHeld: func(_ context.Context, h hook.TxHeld) { held = append(held, h) }})
	})
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		equal(t, "n, on the engine", must[item](t)(plinth.One[item](ctx, d, d.Get, 1)).N, 0)
		equal(t, "n, in the transaction", must[item](t)(plinth.One[item](ctx, tx, d.Get, 1)).N, 0)
		return nil
	}))
	if len(held) != 1 || !strings.Contains(held[0].Begun, "poolcases.go:") || !strings.Contains(held[0].Used, "poolcases.go:") {
		t.Errorf("observed %+v, want one with two call sites here", held)
	}
	d.n(t, 1)
	equal(t, "observed after the transaction", len(held), 1)
}

func beginIsNamed(t *testing.T, s *suite) {
	d := s.open(t, single, func(o *plinth.Options) { o.Pool.AcquireTimeout = 500 * time.Millisecond })
	d.items(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	_, err := d.Execute(ctx, d.Add, 1, 1)
	if e := failure(t, err, plinth.ErrPoolExhausted); !strings.Contains(e.Hint, "poolcases.go:") {
		t.Errorf("hint %q doesn't name the transaction's call site", e.Hint)
	}
	ok(t, tx.Rollback(ctx))
	done(t)(d.Execute(ctx, d.Add, 1, 1))
}

func leaksAreReported(t *testing.T, s *suite) {
	for what, c := range map[string]struct {
		method string
		take   func(t *testing.T, d *db) (giveBack func())
	}{
		"transaction": {"Begin", func(t *testing.T, d *db) func() {
			tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
			return func() { ok(t, tx.Rollback(t.Context())) }
		}},
		"rows": {"Query", func(t *testing.T, d *db) func() {
			r := must[*plinth.Rows](t)(d.Query(t.Context(), d.List))
			return func() { ok(t, r.Close()) }
		}},
		"connection": {"With", func(t *testing.T, d *db) func() {
			over := make(chan struct{})
			wait := async(t, func() error {
				return d.With(t.Context(), func(*plinth.Conn) error { <-over; return nil })
			})
			return func() { close(over); ok(t, wait()) }
		}},
	} {
		if what == "rows" && s.pipelined { // those of a batch hold no connection
			continue
		}
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			leaks := make(chan hook.Leak, 10)
			d := s.open(t, func(o *plinth.Options) {
				o.Pool.LeakThreshold = 20 * time.Millisecond
				o.Observers = append(o.Observers, &hook.Observer{Leak: func(l hook.Leak) {
					if called, _, _ := strings.Cut(l.Stack, "\n"); strings.HasSuffix(called, "."+c.method) { // not of a slow set-up
						leaks <- l
					}
				}})
			})
			giveBack := c.take(t, d)
			report := func(returned bool) {
				t.Helper()
				select {
				case l := <-leaks:
					if l.What != what || l.Returned != returned || l.Held < 20*time.Millisecond || !strings.Contains(l.Stack, "poolcases.go:") {
						t.Errorf("reported %+v; want a %s, returned: %v", l, what, returned)
					}
				case <-time.After(within):
					t.Fatalf("no report, returned: %v", returned)
				}
			}
			report(false)
			if d.Stats().LeaksFound == 0 {
				t.Error("LeaksFound is 0")
			}
			giveBack()
			report(true)
		})
	}
}

func waitersAreServed(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	var waits []func() error
	for range 5 {
		waits = append(waits, async(t, func() error {
			_, err := d.Execute(t.Context(), d.Add, 1, 1)
			return err
		}))
	}
	eventually(t, "5 callers wait", func() bool {
		stats := d.Stats()
		return stats.Waiting == 5 || s.pipelined && stats.Pipeline.Queued+stats.Pipeline.Running == 5
	})
	ok(t, tx.Rollback(t.Context()))
	for _, wait := range waits {
		ok(t, wait())
	}
	equal(t, "n", d.n(t, 1), 5)
	if s.pipelined { // what waited for the connection were lanes, of which there are fewer
		return
	}
	stats := d.Stats()
	if stats.WaitCount < 5 || stats.WaitDuration <= 0 || stats.WaitHistogram.Count() != stats.WaitCount {
		t.Errorf("WaitCount %d, WaitDuration %v, histogram of %d", stats.WaitCount, stats.WaitDuration, stats.WaitHistogram.Count())
	}
}

func statisticsAddUp(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	before := d.Stats()
	for range 10 {
		done(t)(d.Execute(t.Context(), d.Add, 1, 1))
		d.count(t)
	}
	r := must[*plinth.Rows](t)(d.Query(t.Context(), d.List))
	after := d.Stats()
	if acquires := after.AcquireCount - before.AcquireCount; s.pipelined { // the rows of a batch hold no connection
		if acquires < 21 { // a statement that a batch can't run acquires twice
			t.Errorf("%d acquires for 21 calls", acquires)
		}
	} else {
		equal(t, "acquires", acquires, 21)
		equal(t, "in use", after.InUse, 1)
	}
	ok(t, r.Close())
	after = d.Stats()
	equal(t, "in use, afterwards", after.InUse, 0)
	equal(t, "open, that is idle or in use", after.OpenConnections, after.Idle)
	var open int
	for _, p := range after.Pools {
		open += p.OpenConnections
	}
	equal(t, "open in all pools", open, after.OpenConnections)
	if !errors.Is(d.Close(t.Context()), nil) {
		t.Error("Close failed")
	}
	equal(t, "open after Close", d.Stats().OpenConnections, 0)
}
