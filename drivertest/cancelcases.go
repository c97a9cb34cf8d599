package drivertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
)

func cancelCases() []testCase {
	return []testCase{
		{name: "a context that has ended sends nothing", run: endedBefore},
		{name: "a running read is cancelled promptly", run: cancelRead},
		{name: "a deadline ends a running read promptly", run: deadlineRead},
		{name: "Options.Timeout is the deadline of a call that has none", run: timeoutOption},
		{name: "a running write is cancelled and undone", run: cancelWrite},
		{name: "a cancel in a transaction leaves it to be rolled back", run: cancelInTx, tx: true},
		{name: "a context that ends between rows ends them", run: cancelBetweenRows},
		{name: "a cancel while waiting for a connection", run: cancelWaiting, tx: true},
		{name: "a cancel never reaches the next statement", run: cancelHitsOnlyItsOwn},
	}
}

// shortly returns a context that is cancelled a little later: most likely while what it's given to runs.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(30*time.Millisecond, cancel)
	t.Cleanup(func() {
		timer.Stop()
		cancel()
	})
	return ctx
}

func endedBefore(t *testing.T, s *suite) {
	for name, make := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"cancelled": context.WithCancel,
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, -time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.tapped(t)
			d.items(t, 1)
			ctx, cancel := make(t.Context())
			cancel()
			want, std := plinth.ErrCanceled, context.Canceled
			if name == "deadline" {
				want, std = plinth.ErrTimeout, context.DeadlineExceeded
			}
			check := func(err error) {
				t.Helper()
				is(t, err, want)
				is(t, err, std)
			}
			ran := func(context.Context, *plinth.Tx) error { t.Error("it ran"); return nil }
			_, err := d.Execute(ctx, d.Add, 1, 1)
			check(err)
			_, err = d.FetchOne(ctx, d.List)
			check(err)
			_, err = d.Query(ctx, d.List)
			check(err)
			_, err = d.Begin(ctx)
			check(err)
			check(d.InTx(ctx, ran))
			check(d.With(ctx, func(*plinth.Conn) error { t.Error("it ran"); return nil }))
			check(d.TestConnection(ctx))
			rows, pulled := once(numbered(2, 2))
			_, err = d.ExecuteMany(ctx, d.Insert, rows)
			check(err)
			equal(t, "rows pulled", *pulled, 0)
			d.idle(t)
			equal(t, "n", d.n(t, 1), 0)
		})
	}
}

func cancelRead(t *testing.T, s *suite) {
	s.need(t, "Slow", s.Statements.Slow)
	d := s.open(t, single)
	d.items(t, 1)
	for range 2 {
		err := soon(t, func() error {
			_, err := d.FetchAll(shortly(t), d.Slow)
			return err
		})
		is(t, err, plinth.ErrCanceled)
		is(t, err, context.Canceled)
		d.idle(t)
		equal(t, "items", d.count(t), 1)
	}
}

func deadlineRead(t *testing.T, s *suite) {
	s.need(t, "Slow", s.Statements.Slow)
	d := s.open(t, single)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err := soon(t, func() error {
		_, err := d.FetchAll(ctx, d.Slow)
		return err
	})
	e := failure(t, err, plinth.ErrTimeout)
	is(t, err, context.DeadlineExceeded)
	equal(t, "Timeout", e.Timeout(), true)
	d.idle(t)
	equal(t, "items", d.count(t), 0)
}

func timeoutOption(t *testing.T, s *suite) {
	s.need(t, "Slow", s.Statements.Slow)
	d := s.reopen(t, s.open(t).opener, func(o *plinth.Options) { o.Timeout = 50 * time.Millisecond })
	err := soon(t, func() error {
		_, err := d.FetchAll(t.Context(), d.Slow)
		return err
	})
	is(t, err, plinth.ErrTimeout)
	ctx, cancel := context.WithTimeout(t.Context(), within) // later than the option: that one counts
	defer cancel()
	err = soon(t, func() error {
		_, err := d.FetchAll(ctx, d.Slow)
		return err
	})
	is(t, err, plinth.ErrTimeout)
	if ctx.Err() != nil {
		t.Error("the caller's own context has ended")
	}
	d.idle(t)
}

func cancelWrite(t *testing.T, s *suite) {
	s.need(t, "SlowWrite", s.Statements.SlowWrite)
	d := s.open(t, single)
	err := soon(t, func() error {
		_, err := d.Execute(shortly(t), d.SlowWrite)
		return err
	})
	if !errors.Is(err, plinth.ErrOutcomeUnknown) { // a server that is too busy to tell in time, or a batch
		is(t, err, plinth.ErrCanceled)
	}
	is(t, err, context.Canceled)
	d.idle(t)
	equal(t, "items", d.count(t), 0)
	d.items(t, 1)
}

func cancelInTx(t *testing.T, s *suite) {
	s.need(t, "Slow", s.Statements.Slow)
	d := s.open(t, single)
	d.items(t, 1)
	err := soon(t, func() error {
		return d.InTx(shortly(t), d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.FetchAll(ctx, d.Slow)
			return err
		}))
	})
	is(t, err, plinth.ErrCanceled)
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
	ok(t, d.InTx(t.Context(), d.add(1, nil)))
}

func cancelBetweenRows(t *testing.T, s *suite) {
	s.need(t, "Series", s.Statements.Series)
	d := s.open(t, single)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := must[*plinth.Rows](t)(d.Query(ctx, d.Series, 1_000_000, "x"))
	for range 10 {
		equal(t, "Next", r.Next(), true)
	}
	cancel()
	err := soon(t, func() error {
		for r.Next() { // rows that had arrived already may still come
		}
		return r.Err()
	})
	is(t, err, plinth.ErrCanceled)
	is(t, r.Close(), plinth.ErrCanceled)
	d.idle(t)
	equal(t, "items", d.count(t), 0)
}

func cancelWaiting(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	for _, how := range []error{context.Canceled, context.DeadlineExceeded} {
		ctx, cancel := context.WithCancel(t.Context())
		if errors.Is(how, context.DeadlineExceeded) {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		}
		wait := async(t, func() error {
			_, err := d.Execute(ctx, d.Add, 1, 1)
			return err
		})
		eventually(t, "a caller waits for a connection", func() bool { return d.Stats().Waiting == 1 || ctx.Err() != nil })
		if errors.Is(how, context.Canceled) {
			cancel()
		}
		is(t, soon(t, wait), how)
		cancel()
		if !s.pipelined { // else a lane waits, in the callers' place
			equal(t, "callers that wait", d.Stats().Waiting, 0)
		}
	}
	ok(t, tx.Rollback(t.Context()))
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "n", d.n(t, 1), 1)
}

// cancelHitsOnlyItsOwn cancels statements while they end. What the cancel comes too late for has to be forgotten.
func cancelHitsOnlyItsOwn(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1, 2, 3)
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		for i := range 300 {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(time.Duration(i)*10*time.Microsecond, cancel)
			_, err := plinth.All[item](ctx, c, d.List)
			if err != nil {
				is(t, err, plinth.ErrCanceled)
			}
			if _, err := plinth.One[int](context.Background(), c, d.Count); err != nil {
				t.Errorf("the statement after number %d: %v", i, err)
			}
			timer.Stop()
			cancel()
		}
		return nil
	}))
}
