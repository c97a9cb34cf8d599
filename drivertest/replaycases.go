package drivertest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
)

func replayCases() []testCase {
	return []testCase{
		{name: "the function runs again when the transaction was rolled back for a reason that passes", run: replayed},
		{name: "a transaction lost before its COMMIT runs again on another connection", run: lostIsReplayed},
		{name: "the reason may be wrapped by the function", run: wrappedIsReplayed},
		{name: "an error that the function swallows doesn't commit a dead transaction", run: swallowedIsReplayed},
		{name: "a COMMIT that wasn't applied runs the function again", run: commitAgain},
		{name: "a COMMIT that may have been applied is ErrOutcomeUnknown and never replayed", run: commitUnknown},
		{name: "what can't help, and the function's own errors, aren't replayed", run: notReplayed},
		{name: "a function that has committed by itself isn't replayed", run: committedIsNotReplayed},
		{name: "attempts are counted, and the last error has all of them", run: replaysAreCounted},
		{name: "a savepoint is never replayed by itself, and doesn't multiply attempts", run: savepointsDontMultiply},
		{name: "another call's used-up attempts aren't multiplied", run: othersDontMultiply},
		{name: "Begin and Commit by hand are never replayed", run: byHandIsNotReplayed},
		{name: "a schema change isn't replayed where it commits", run: schemaIsNotReplayed},
		{name: "InTx on a connection is replayed on it", run: connIsReplayed},
	}
}

// counted returns a function for InTx that adds 1 to item 1, and how often it ran.
func (d *db) counted() (f func(context.Context, *plinth.Tx) error, runs *int) {
	runs = new(int)
	return func(ctx context.Context, tx *plinth.Tx) error {
		*runs++
		return d.add(1, nil)(ctx, tx)
	}, runs
}

func replayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	before := d.Stats().Retries
	d.tap.Fail(tap.Execute, 2, faultAgain())
	ok(t, d.InTx(t.Context(), f))
	equal(t, "runs", *runs, 3)
	equal(t, "retries counted", d.Stats().Retries-before, 2)
	failed := []sighting{{Op: hook.Begin}, {Op: hook.Execute, Err: plinth.ErrLocked}, {Op: hook.Rollback}}
	d.saw(t, append(append(failed, failed...), sighting{Op: hook.Begin}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Commit})...)
	equal(t, "n", d.n(t, 1), 1)
}

func lostIsReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	d.tap.Lose(tap.Execute, faultIfSafe()) // applied, but in a transaction that is lost
	ok(t, d.InTx(t.Context(), f))
	equal(t, "runs", *runs, 2)
	equal(t, "fates of the sessions", d.tap.Released(), []driver.Fate{driver.Destroy, driver.Keep})
	equal(t, "n", d.n(t, 1), 1)
}

func wrappedIsReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	d.tap.Fail(tap.Execute, 1, faultAgain())
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		if err := f(ctx, tx); err != nil {
			return fmt.Errorf("adding one: %w", err)
		}
		return nil
	}))
	equal(t, "runs", *runs, 2)
}

func swallowedIsReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	dead := faultAgain()
	dead.TxDead = true
	d.tap.Fail(tap.Execute, 1, dead)
	swallow := func(ctx context.Context, tx *plinth.Tx) error {
		if err := d.add(10, nil)(ctx, tx); err != nil && *runs == 0 {
			*runs++
			_, err = tx.Execute(ctx, d.Add, 100, 1)
			is(t, err, plinth.ErrTxDone)
			return nil
		}
		return f(ctx, tx)
	}
	ok(t, d.InTx(t.Context(), swallow))
	equal(t, "runs", *runs, 2)
	equal(t, "n", d.n(t, 1), 11)

	dead.Verdict = driver.Never
	*runs = 0
	d.tap.Fail(tap.Execute, 1, dead)
	is(t, d.InTx(t.Context(), swallow), plinth.ErrTxDone)
	equal(t, "runs", *runs, 1)
	equal(t, "n", d.n(t, 1), 11)
}

func commitAgain(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	again := faultAgain()
	again.Phase, again.TxDead = driver.Commit, true
	d.tap.Fail(tap.Commit, 1, again)
	ok(t, d.InTx(t.Context(), f))
	equal(t, "runs", *runs, 2)
	equal(t, "n", d.n(t, 1), 1)
}

func commitUnknown(t *testing.T, s *suite) {
	for _, v := range []driver.Verdict{driver.Ambiguous, driver.IfSafe} {
		t.Run(v.String(), func(t *testing.T) {
			d := s.injected(t)
			f, runs := d.counted()
			d.tap.Lose(tap.Commit, faultCommit(v))
			is(t, d.InTx(t.Context(), f), plinth.ErrOutcomeUnknown)
			equal(t, "runs", *runs, 1)
			d.saw(t, sighting{Op: hook.Begin}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Commit, Err: plinth.ErrOutcomeUnknown})
			equal(t, "n", d.n(t, 1), 1) // as it happens

			tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
			ok(t, f(t.Context(), tx))
			d.tap.Lose(tap.Commit, faultCommit(v))
			is(t, tx.Commit(t.Context()), plinth.ErrOutcomeUnknown)
			is(t, tx.Rollback(t.Context()), plinth.ErrTxDone)
			d.idle(t)
		})
	}
}

func notReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	d.tap.Fail(tap.Execute, 1, faultNever())
	is(t, d.InTx(t.Context(), f), plinth.ErrInvalid)
	equal(t, "runs", *runs, 1)

	*runs = 0
	mine := errors.New("mine")
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		ok(t, f(ctx, tx))
		return mine
	})
	if err != mine { //nolint:errorlint // this one, not one around it
		t.Errorf("error %v, want the function's own", err)
	}
	equal(t, "runs", *runs, 1)

	*runs = 0
	d.tap.Fail(tap.Execute, 1, faultAgain())
	with := panics(func() {
		_ = d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			panic(f(ctx, tx))
		})
	})
	is(t, with.(error), plinth.ErrLocked)
	equal(t, "runs", *runs, 1)
	equal(t, "n", d.n(t, 1), 0)
}

func committedIsNotReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	d.tap.Fail(tap.Query, 99, faultAgain())
	own := func(end func(*plinth.Tx, context.Context) error) func(context.Context, *plinth.Tx) error {
		return func(ctx context.Context, tx *plinth.Tx) error {
			ok(t, f(ctx, tx))
			_, failure := tx.FetchAll(ctx, d.List)
			ok(t, end(tx, ctx))
			return failure
		}
	}
	is(t, d.InTx(t.Context(), own((*plinth.Tx).Commit)), plinth.ErrLocked)
	equal(t, "runs", *runs, 1)
	*runs = 0
	is(t, d.InTx(t.Context(), own((*plinth.Tx).Rollback)), plinth.ErrLocked)
	equal(t, "runs of one that rolls back", *runs, 3)
}

func replaysAreCounted(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	d.tap.Fail(tap.Execute, 99, faultAgain())
	err := d.InTx(t.Context(), f)
	e := failure(t, err, plinth.ErrLocked)
	equal(t, "runs", *runs, 3)
	equal(t, "Retryable", e.Retryable(), false)
	equal(t, "attempts of the error", len(e.Attempts), 3)
	d.idle(t)
}

func savepointsDontMultiply(t *testing.T, s *suite) {
	d := s.injected(t)
	s.needSavepoints(t)
	var outer, inner int
	d.tap.Fail(tap.Execute, 99, faultAgain())
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		outer++
		return tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			inner++
			return d.add(1, nil)(ctx, tx)
		})
	})
	is(t, err, plinth.ErrLocked)
	equal(t, "runs of the outer function", outer, 3)
	equal(t, "runs of the inner function", inner, 3)
}

func othersDontMultiply(t *testing.T, s *suite) {
	d := s.injected(t)
	other := s.injected(t)
	for name, call := range map[string]func(ctx context.Context) error{
		"Execute": func(ctx context.Context) error { _, err := other.Execute(ctx, other.Add, 1, 1); return err },
		"InTx":    func(ctx context.Context) error { return other.InTx(ctx, other.add(1, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			other.forget()
			other.tap.Fail(tap.Execute, 99, faultAgain())
			var runs int
			err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				runs++
				return call(ctx)
			})
			is(t, err, plinth.ErrLocked)
			equal(t, "runs of the function", runs, 1)
			equal(t, "calls of the other driver", other.tap.Count(tap.Execute), 3)
		})
	}
}

func byHandIsNotReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	ctx := t.Context()
	again := faultAgain()
	again.Phase, again.TxDead = driver.Commit, true
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	done(t)(tx.Execute(ctx, d.Add, 1, 1))
	d.tap.Fail(tap.Commit, 1, again)
	e := failure(t, tx.Commit(ctx), plinth.ErrLocked)
	equal(t, "Retryable", e.Retryable(), false)
	equal(t, "commits", d.tap.Count(tap.Commit), 1)
	is(t, tx.Rollback(ctx), plinth.ErrTxDone)
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func schemaIsNotReplayed(t *testing.T, s *suite) {
	s.need(t, "CreateOther", s.Statements.CreateOther)
	for _, commits := range []bool{true, false} {
		t.Run(fmt.Sprintf("commits: %v", commits), func(t *testing.T) {
			outer := &tap.Tap{CommittingDDL: commits}
			d := s.engine(t, outer.Opener(s.Opener(t)), true, true, retrying(3))
			if !commits && !outer.Info().TransactionalDDL {
				t.Skip("DDL isn't transactional")
			}
			d.items(t, 1)
			again := faultAgain()
			again.Phase, again.TxDead = driver.Commit, true
			d.tap.Fail(tap.Commit, 1, again)
			var runs int
			err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				runs++
				_, err := tx.Execute(ctx, d.CreateOther)
				return err
			})
			if commits {
				is(t, err, plinth.ErrLocked)
				equal(t, "runs", runs, 1)
				return
			}
			ok(t, err)
			equal(t, "runs", runs, 2)
		})
	}
}

func connIsReplayed(t *testing.T, s *suite) {
	d := s.injected(t)
	f, runs := d.counted()
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		d.tap.Fail(tap.Execute, 2, faultAgain())
		ok(t, c.InTx(t.Context(), f))
		equal(t, "runs", *runs, 3)
		*runs = 0
		d.tap.Fail(tap.Execute, 1, faultIfSafe()) // on a connection that is lost nothing can be repeated
		is(t, c.InTx(t.Context(), f), plinth.ErrUnavailable)
		equal(t, "runs", *runs, 1)
		return nil
	}))
	d.idle(t)
	equal(t, "n", d.n(t, 1), 1)
}
