package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"go.uber.org/goleak"
)

func concurrencyCases() []testCase {
	return []testCase{
		{name: "32 goroutines do a bit of everything", run: mixed, alone: true, tx: true},
		{name: "concurrent updates of one item all count", run: oneItem},
		{name: "two engines write to one database at once", run: twoEngines, tx: true},
		{name: "two goroutines on one transaction: one of them is told", run: sharedTx, tx: true},
		{name: "an engine that is closed leaves no goroutine behind", run: noGoroutines, alone: true, tx: true},
	}
}

// together runs f on n goroutines and waits for them. It returns their errors.
func together(n int, f func(worker int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func mixed(t *testing.T, s *suite) {
	const workers, each = 32, 63 // 2,016 operations
	d := s.open(t, retrying(0))
	d.items(t, 1)
	mine := errors.New("mine")
	var added counter
	ctx := t.Context()
	op := func(worker, i int) error {
		id := 1000*(worker+1) + i
		switch (worker + i) % 9 {
		case 0:
			_, err := d.Execute(ctx, d.Insert, id, name(id), 0, "x")
			return err
		case 1:
			_, err := plinth.One[item](ctx, d, d.Get, 1)
			return err
		case 2:
			rows, err := d.Query(ctx, d.List)
			if err != nil {
				return err
			}
			rows.Next()
			return rows.Close()
		case 3:
			added.add()
			return d.InTx(ctx, d.add(1, nil))
		case 4:
			if err := d.InTx(ctx, d.add(1, fails(mine))); !errors.Is(err, mine) {
				return fmt.Errorf("a transaction to be undone: %w", err)
			}
			return nil
		case 5:
			_, err := d.ExecuteMany(ctx, d.Insert, slices.Values([][]any{{id, name(id), 0, nil}, {-id, name(-id), 0, nil}}))
			return err
		case 6:
			ended, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := d.FetchAll(ended, d.List); !errors.Is(err, context.Canceled) {
				return fmt.Errorf("a call with an ended context: %w", err)
			}
			return nil
		case 7:
			return d.With(ctx, func(c *plinth.Conn) error {
				_, err := c.FetchOne(ctx, d.Get, 1)
				return err
			})
		}
		if _, err := d.Execute(ctx, d.Insert, 1, "again", 0, nil); !errors.Is(err, plinth.ErrUnique) {
			return fmt.Errorf("an insert that exists: %w", err)
		}
		return nil
	}
	ok(t, together(workers, func(worker int) error {
		for i := range each {
			if err := op(worker, i); err != nil {
				return fmt.Errorf("worker %d, operation %d: %w", worker, i, err)
			}
		}
		return nil
	}))
	d.idle(t)
	equal(t, "n", d.n(t, 1), added.n())
}

func oneItem(t *testing.T, s *suite) {
	if s.Limits.LosesUpdates {
		t.Skip("the harness says Limits.LosesUpdates")
	}
	d := s.open(t)
	d.items(t, 1)
	ok(t, together(8, func(int) error {
		for range 25 {
			if _, err := d.Execute(t.Context(), d.Add, 1, 1); err != nil {
				return err
			}
		}
		return nil
	}))
	equal(t, "n", d.n(t, 1), 200)
}

func twoEngines(t *testing.T, s *suite) {
	a := s.open(t)
	b := s.reopen(t, a.opener)
	a.items(t, 1)
	const each = 40
	ok(t, together(4, func(worker int) error {
		d := []*db{a, b}[worker%2]
		for i := range each {
			id := 1000*(worker+1) + i
			if _, err := d.Execute(t.Context(), d.Insert, id, name(id), 0, nil); err != nil {
				return err
			}
			if err := d.InTx(t.Context(), d.add(1, nil)); err != nil {
				return err
			}
			if _, err := plinth.One[item](t.Context(), d, d.Get, id); err != nil {
				return err
			}
		}
		return nil
	}))
	equal(t, "items", a.count(t), 4*each+1)
	equal(t, "n, by the one engine", a.n(t, 1), 4*each)
	equal(t, "n, by the other", b.n(t, 1), 4*each)
}

func sharedTx(t *testing.T, s *suite) {
	d := s.tapped(t)
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		running, over := make(chan struct{}), make(chan struct{})
		d.tap.On(tap.Execute, func(context.Context) {
			close(running)
			<-over
		})
		wait := async(t, func() error {
			_, err := tx.Execute(ctx, d.Add, 1, 1)
			return err
		})
		<-running
		_, err := tx.Execute(ctx, d.Add, 1, 1)
		is(t, err, plinth.ErrBusy)
		_, err = tx.Query(ctx, d.List)
		is(t, err, plinth.ErrBusy)
		is(t, tx.Commit(ctx), plinth.ErrBusy)
		close(over)
		return wait()
	}))
	equal(t, "n", d.n(t, 1), 1)
}

func noGoroutines(t *testing.T, s *suite) {
	before := goleak.IgnoreCurrent()
	d := s.open(t)
	d.items(t, 1)
	ok(t, together(8, func(int) error {
		_, err := d.FetchAll(t.Context(), d.List)
		return err
	}))
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	ok(t, tx.Rollback(t.Context()))
	ok(t, d.Close(t.Context()))
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
