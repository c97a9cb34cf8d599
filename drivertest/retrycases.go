package drivertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/retry"
)

func retryCases() []testCase {
	return []testCase{
		{name: "what was not applied is repeated", run: againIsRepeated},
		{name: "the last error has every attempt", run: attemptsAreKept},
		{name: "what can't help is not repeated", run: neverIsNotRepeated},
		{name: "a read that may have been sent is repeated", run: readIsRepeated},
		{name: "a write that may have been applied is ErrOutcomeUnknown", run: writeIsUnknown},
		{name: "a write of which nothing was sent is repeated", run: unsentWriteIsRepeated},
		{name: "a connection that can't be opened is repeated, also for a write", run: dialIsRepeated},
		{name: "Begin is repeated", run: beginIsRepeated, tx: true},
		{name: "a lost connection is destroyed, and the next one is another", run: evicted, tx: true},
		{name: "a failure after the first row is not repeated", run: fetchIsNotRepeated},
		{name: "nothing in a transaction is repeated by itself", run: nothingInTxIsRepeated, tx: true},
		{name: "retry can be switched off", run: retryOff, tx: true},
		{name: "a deadline that is near ends it at once", run: deadlineNear},
		{name: "a context that ends in the pause ends it at once", run: contextEndsInPause, tx: true},
		{name: "an empty budget ends it", run: budgetEmpty},
	}
}

// The faults that cases inject.
func faultAgain() driver.Fault {
	return driver.Fault{Kind: driver.Locked, Phase: driver.Run, Verdict: driver.Again, Sent: true, Code: "AGAIN", Err: errors.New("injected: again")}
}

func faultIfSafe() driver.Fault {
	return driver.Fault{Kind: driver.Unavailable, Phase: driver.Run, Verdict: driver.IfSafe, Sent: true, Evict: true, Code: "IFSAFE",
		Err: errors.New("injected: connection lost")}
}

func faultNever() driver.Fault {
	return driver.Fault{Kind: driver.Invalid, Phase: driver.Run, Sent: true, Code: "NEVER", Err: errors.New("injected: never")}
}

func faultCommit(v driver.Verdict) driver.Fault {
	return driver.Fault{Kind: driver.Unavailable, Phase: driver.Commit, Verdict: v, Sent: true, Evict: true, TxDead: true, Code: "COMMIT",
		Err: errors.New("injected: lost at commit")}
}

// retrying switches retry on, in both parts, with n attempts and no pause.
func retrying(n int) func(*plinth.Options) {
	return func(o *plinth.Options) {
		o.Retry = retry.Policy{Attempts: n, Rand: noPause}
	}
}

// injected opens a tapped engine that retries, with item 1.
func (s *suite) injected(t testing.TB) *db {
	t.Helper()
	d := s.tapped(t, retrying(3))
	d.items(t, 1)
	return d
}

func againIsRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	d.tap.Fail(tap.Execute, 2, faultAgain())
	before := d.Stats().Retries
	equal(t, "rows affected", done(t)(d.Execute(t.Context(), d.Add, 1, 1)).RowsAffected, 1)
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 3)
	equal(t, "retries counted", d.Stats().Retries-before, 2)
	if d.rec != nil {
		equal(t, "retries observed", d.rec.retried(), 2)
	}
	d.saw(t, sighting{Op: hook.Execute, Rows: 1, Attempts: 3})

	d.tap.Fail(tap.Query, 1, faultAgain())
	equal(t, "n", d.n(t, 1), 1)
	d.saw(t, sighting{Op: hook.Query, Rows: 1, Attempts: 2})

	d.tap.Fail(tap.Ping, 2, faultAgain())
	ok(t, d.TestConnection(t.Context()))
	d.saw(t, sighting{Op: hook.Ping, Attempts: 3})
}

func attemptsAreKept(t *testing.T, s *suite) {
	d := s.injected(t)
	d.tap.Fail(tap.Execute, 99, faultAgain())
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	e := failure(t, err, plinth.ErrLocked)
	equal(t, "attempts", len(e.Attempts), 3)
	for i, a := range e.Attempts {
		equal(t, "number of the attempt", a.N, i+1)
		is(t, a.Err, plinth.ErrLocked)
	}
	equal(t, "Code", e.Code, "AGAIN")
	equal(t, "Retryable", e.Retryable(), false)
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 3)
	d.saw(t, sighting{Op: hook.Execute, Attempts: 3, Err: plinth.ErrLocked})

	var runs int
	_, err = retry.Do(t.Context(), retry.Policy{Rand: noPause}, func(ctx context.Context) (plinth.Result, error) {
		runs++
		return d.Execute(ctx, d.Add, 1, 1)
	})
	is(t, err, plinth.ErrLocked)
	equal(t, "runs of a retry.Do around it", runs, 1)
}

func neverIsNotRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	d.tap.Fail(tap.Execute, 1, faultNever())
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	if e := failure(t, err, plinth.ErrInvalid); len(e.Attempts) > 1 {
		t.Errorf("attempts %v", e.Attempts)
	}
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 1)
}

func readIsRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	d.tap.Fail(tap.Query, 1, faultIfSafe())
	equal(t, "n", d.n(t, 1), 0)
	equal(t, "calls of the driver", d.tap.Count(tap.Query), 2)
	d.tap.Fail(tap.Query, 1, faultIfSafe())
	_, err := plinth.One[item](plinth.OnPrimary(t.Context()), d, d.Get, 1)
	ok(t, err) // where it runs doesn't make it a write
	d.tap.Fail(tap.Execute, 1, faultIfSafe())
	done(t)(d.Execute(t.Context(), d.List)) // a read whose rows nobody wants
}

func writeIsUnknown(t *testing.T, s *suite) {
	d := s.injected(t)
	d.tap.Lose(tap.Execute, faultIfSafe())
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	if e := failure(t, err, plinth.ErrOutcomeUnknown); e.Hint == "" {
		t.Errorf("error %v has no hint", err)
	}
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 1)
	d.saw(t, sighting{Op: hook.Execute, Err: plinth.ErrOutcomeUnknown, Rows: 1})
	equal(t, "n", d.n(t, 1), 1)

	if d.Returning != "" { // a write that returns rows
		d.forget()
		d.tap.Lose(tap.Query, faultIfSafe())
		_, err = d.FetchOne(t.Context(), d.Returning, 2, "two", 0, nil)
		is(t, err, plinth.ErrOutcomeUnknown)
		equal(t, "calls of the driver", d.tap.Count(tap.Query), 1)
	}
}

func unsentWriteIsRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	f := faultIfSafe()
	f.Sent = false
	d.tap.Fail(tap.Execute, 1, f)
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 2)
	equal(t, "n", d.n(t, 1), 1)
}

func dialIsRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	dial := driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: errors.New("injected: refused")}
	d.tap.Fail(tap.Acquire, 2, dial)
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "acquires", d.tap.Count(tap.Acquire), 3)
	d.tap.Fail(tap.Connect, 2, dial)
	ok(t, d.Connect(t.Context()))
	d.tap.Fail(tap.Acquire, 99, dial)
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	is(t, err, plinth.ErrUnavailable)
	_, err = d.FetchOne(t.Context(), d.List)
	is(t, err, plinth.ErrUnavailable)
	_, err = d.Begin(t.Context())
	is(t, err, plinth.ErrUnavailable)
	is(t, d.With(t.Context(), func(*plinth.Conn) error { t.Error("it ran"); return nil }), plinth.ErrUnavailable)
}

func beginIsRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	d.tap.Fail(tap.Begin, 1, faultAgain())
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	done(t)(tx.Execute(t.Context(), d.Add, 1, 1))
	ok(t, tx.Commit(t.Context()))
	equal(t, "calls of the driver", d.tap.Count(tap.Begin), 2)
	d.saw(t, sighting{Op: hook.Begin, Attempts: 2}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Commit})
	lost := faultIfSafe()
	lost.Phase = driver.Begin
	d.tap.Fail(tap.Begin, 1, lost)
	ok(t, d.InTx(t.Context(), d.add(1, nil)))
	equal(t, "n", d.n(t, 1), 2)
}

func evicted(t *testing.T, s *suite) {
	d := s.injected(t)
	lost := faultIfSafe()
	lost.Verdict = driver.Never
	destroyed := func(what string) {
		t.Helper()
		fates := d.tap.Released()
		if len(fates) == 0 || fates[len(fates)-1] != driver.Destroy {
			t.Errorf("%s: the sessions were released with %v; want the last one destroyed", what, fates)
		}
		d.forget()
	}
	ctx := t.Context()
	d.tap.Fail(tap.Execute, 1, lost)
	_, err := d.Execute(ctx, d.Add, 1, 1)
	is(t, err, plinth.ErrUnavailable)
	destroyed("Execute")

	d.tap.Fail(tap.Query, 1, lost)
	_, err = d.Query(ctx, d.List)
	is(t, err, plinth.ErrUnavailable)
	destroyed("Query")

	d.tap.Fail(tap.Next, 1, lost)
	r := must[*plinth.Rows](t)(d.Query(ctx, d.List))
	equal(t, "Next", r.Next(), false)
	is(t, r.Err(), plinth.ErrUnavailable)
	destroyed("Rows")

	d.tap.Fail(tap.Execute, 1, lost)
	is(t, d.InTx(ctx, d.add(1, nil)), plinth.ErrUnavailable)
	destroyed("InTx")

	d.tap.Fail(tap.Execute, 1, lost)
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	is(t, d.add(1, nil)(ctx, tx), plinth.ErrUnavailable)
	_, err = tx.Execute(ctx, d.Add, 1, 1)
	is(t, err, plinth.ErrTxDone)
	is(t, tx.Commit(ctx), plinth.ErrTxDone)
	destroyed("Begin")

	d.tap.Fail(tap.Execute, 1, faultIfSafe())
	ok(t, d.With(ctx, func(c *plinth.Conn) error {
		_, err := c.Execute(ctx, d.List) // a read: it would be repeated if the connection weren't lost
		is(t, err, plinth.ErrUnavailable)
		_, err = c.Execute(ctx, d.List)
		if err == nil {
			t.Error("a pinned connection that was lost went on")
		}
		return nil
	}))
	destroyed("With")
	equal(t, "n", d.n(t, 1), 0)
}

func fetchIsNotRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	d.items(t, 2, 3)
	lost := faultAgain()
	lost.Phase = driver.Fetch
	d.tap.Plan(tap.Plan{Op: tap.Next, Skip: 1, Times: 1, Fault: &lost})
	r := must[*plinth.Rows](t)(d.Query(t.Context(), d.List))
	equal(t, "the first Next", r.Next(), true)
	equal(t, "the second", r.Next(), false)
	e := failure(t, r.Err(), plinth.ErrLocked)
	equal(t, "Retryable", e.Retryable(), false)
	is(t, r.Close(), plinth.ErrLocked)
	equal(t, "queries", d.tap.Count(tap.Query), 1)
	d.saw(t, sighting{Op: hook.Query, Rows: 1, Err: plinth.ErrLocked})
}

func nothingInTxIsRepeated(t *testing.T, s *suite) {
	d := s.injected(t)
	ctx := t.Context()
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	d.forget()
	d.tap.Fail(tap.Execute, 1, faultAgain())
	_, err := tx.Execute(ctx, d.Add, 1, 1)
	e := failure(t, err, plinth.ErrLocked)
	equal(t, "Retryable", e.Retryable(), false)
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 1)
	d.tap.Fail(tap.Query, 1, faultIfSafe())
	_, err = tx.FetchOne(ctx, d.List)
	is(t, err, plinth.ErrUnavailable)
	equal(t, "queries", d.tap.Count(tap.Query), 1)
	ok(t, tx.Rollback(ctx))
}

func retryOff(t *testing.T, s *suite) {
	d := s.tapped(t, retrying(1))
	d.items(t, 1)
	d.tap.Fail(tap.Execute, 1, faultAgain())
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	is(t, err, plinth.ErrLocked)
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 1)
	d.tap.Fail(tap.Commit, 1, faultAgain())
	var runs int
	is(t, d.InTx(t.Context(), func(context.Context, *plinth.Tx) error { runs++; return nil }), plinth.ErrLocked)
	equal(t, "runs of the function", runs, 1)
}

func deadlineNear(t *testing.T, s *suite) {
	d := s.tapped(t, func(o *plinth.Options) {
		o.Retry = retry.Policy{Base: time.Hour, Cap: time.Hour, Rand: func() float64 { return 0.9 }}
	})
	d.items(t, 1)
	d.tap.Fail(tap.Execute, 99, faultAgain())
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	err := soon(t, func() error {
		_, err := d.Execute(ctx, d.Add, 1, 1)
		return err
	})
	is(t, err, plinth.ErrLocked)
	equal(t, "calls of the driver", d.tap.Count(tap.Execute), 1)
}

func contextEndsInPause(t *testing.T, s *suite) {
	for name, call := range map[string]func(ctx context.Context, d *db) error{
		"Execute": func(ctx context.Context, d *db) error { _, err := d.Execute(ctx, d.Add, 1, 1); return err },
		"InTx":    func(ctx context.Context, d *db) error { return d.InTx(ctx, d.add(1, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := s.tapped(t, func(o *plinth.Options) {
				o.Timeout = 0
				o.Retry = retry.Policy{Base: time.Hour, Cap: time.Hour, Rand: func() float64 { return 0.9 },
					OnRetry: func(context.Context, int, time.Duration, error) { cancel() }}
			})
			d.items(t, 1)
			d.tap.Fail(tap.Execute, 99, faultAgain())
			err := soon(t, func() error { return call(ctx, d) })
			is(t, err, plinth.ErrLocked) // why it was repeated
			is(t, err, context.Canceled) // why it wasn't any more
			equal(t, "calls of the driver", d.tap.Count(tap.Execute), 1)
		})
	}
}

func budgetEmpty(t *testing.T, s *suite) {
	budget := &retry.Budget{}
	d := s.tapped(t, func(o *plinth.Options) { o.Retry = retry.Policy{Attempts: -1, Rand: noPause, Budget: budget} })
	d.items(t, 1)
	d.tap.Fail(tap.Execute, 1_000_000, faultAgain())
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	is(t, err, plinth.ErrLocked)
	if n := d.tap.Count(tap.Execute); n < 2 || n > 1000 {
		t.Errorf("the driver was called %d times, until the budget was empty", n)
	}
	before := d.tap.Count(tap.Execute)
	_, err = d.Execute(t.Context(), d.Add, 1, 1)
	is(t, err, plinth.ErrLocked)
	equal(t, "calls of the driver with an empty budget", d.tap.Count(tap.Execute)-before, 1)
}
