package drivertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/plinthdb/plinth"
)

func savepointCases() []testCase {
	return []testCase{
		{name: "savepoints nest three deep", run: savepointsNest},
		{name: "a database without savepoints says so", run: noSavepoints},
		{name: "an error undoes only its savepoint", run: errorUndoesSavepoint},
		{name: "a panic undoes only its savepoint, if the function around it recovers", run: panicUndoesSavepoint},
		{name: "a goroutine that ends undoes savepoint and transaction", run: goexitInSavepoint},
		{name: "Commit and Rollback of a savepoint are refused", run: savepointEndedByHand},
		{name: "the transaction around an open savepoint is ErrBusy", run: outerWhileInner},
		{name: "a savepoint used after its end is ErrTxDone", run: savepointUsedAfterEnd},
		{name: "rows left open undo the savepoint", run: savepointLeavesRows},
		{name: "a savepoint whose context ends is undone, the transaction goes on", run: contextEndsInSavepoint},
	}
}

// inTx runs f in a transaction of a database with item 1, and skips the case where there are no savepoints.
func (s *suite) inTx(t *testing.T, d *db, f func(ctx context.Context, tx *plinth.Tx) error) error {
	t.Helper()
	s.needSavepoints(t)
	d.items(t, 1)
	return d.InTx(t.Context(), f)
}

// noSavepoints is for a database without savepoints: what needs one says so, and the transaction goes on.
func noSavepoints(t *testing.T, s *suite) {
	if !s.Limits.NoSavepoints {
		t.Skip("the database has savepoints")
	}
	d := s.open(t)
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		is(t, tx.InTx(ctx, fails(errors.New("it ran"))), plinth.ErrUnsupported)
		rows, pulled := once(numbered(5, 2))
		_, err := tx.ExecuteMany(ctx, d.Insert, rows)
		is(t, err, plinth.ErrUnsupported)
		equal(t, "rows pulled", *pulled, 0)
		return d.add(1, nil)(ctx, tx)
	}))
	equal(t, "n", d.n(t, 1), 1)
}

// add returns a function that adds m to item 1 and then calls the next.
func (d *db) add(m int, next func(context.Context, *plinth.Tx) error) func(context.Context, *plinth.Tx) error {
	return func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, d.Add, m, 1); err != nil {
			return err
		}
		if next == nil {
			return nil
		}
		return next(ctx, tx)
	}
}

func fails(err error) func(context.Context, *plinth.Tx) error {
	return func(context.Context, *plinth.Tx) error { return err }
}

func savepointsNest(t *testing.T, s *suite) {
	mine := errors.New("mine")
	nest := func(d *db, innermost func(context.Context, *plinth.Tx) error) func(context.Context, *plinth.Tx) error {
		f := innermost
		for _, m := range []int{100, 10} {
			inner := f
			f = d.add(m, func(ctx context.Context, tx *plinth.Tx) error { return tx.InTx(ctx, inner) })
		}
		return f
	}
	for name, c := range map[string]struct {
		innermost error
		want      int64
	}{"all kept": {nil, 1111}, "all undone": {mine, 0}} {
		t.Run(name, func(t *testing.T) {
			d := s.open(t)
			err := s.inTx(t, d, func(ctx context.Context, tx *plinth.Tx) error {
				return tx.InTx(ctx, nest(d, d.add(1001, fails(c.innermost))))
			})
			if !errors.Is(err, c.innermost) {
				t.Errorf("error %v, want %v", err, c.innermost)
			}
			equal(t, "n", d.n(t, 1), c.want)
		})
	}
}

func errorUndoesSavepoint(t *testing.T, s *suite) {
	d := s.open(t)
	mine := errors.New("mine")
	ok(t, s.inTx(t, d, func(ctx context.Context, tx *plinth.Tx) error {
		for depth := range 3 {
			err := tx.InTx(ctx, d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
				if err := tx.InTx(ctx, d.add(10, fails(mine))); err != mine { //nolint:errorlint // this one, not one around it
					return fmt.Errorf("the inner savepoint returned %w", err)
				}
				if depth == 1 {
					return mine
				}
				return nil
			}))
			if depth == 1 != errors.Is(err, mine) {
				return fmt.Errorf("savepoint %d returned %w", depth, err)
			}
		}
		return nil
	}))
	equal(t, "n", d.n(t, 1), 2)
}

func panicUndoesSavepoint(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
		with := panics(func() {
			_ = tx.InTx(ctx, d.add(10, func(ctx context.Context, tx *plinth.Tx) error { panic("mine") }))
		})
		equal(t, "panicked with", with, "mine")
		return d.add(100, nil)(ctx, tx)
	})))
	equal(t, "n", d.n(t, 1), 101)
}

func goexitInSavepoint(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, fails(nil)))
	goexit(func() {
		_ = d.InTx(context.Background(), d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
			return tx.InTx(ctx, d.add(10, func(context.Context, *plinth.Tx) error {
				runtime.Goexit()
				return nil
			}))
		}))
	})
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func savepointEndedByHand(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, func(ctx context.Context, tx *plinth.Tx) error {
		return tx.InTx(ctx, d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
			is(t, tx.Commit(ctx), plinth.ErrArgument)
			is(t, tx.Rollback(ctx), plinth.ErrArgument)
			return d.add(10, nil)(ctx, tx)
		}))
	}))
	equal(t, "n", d.n(t, 1), 11)
}

func outerWhileInner(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, func(ctx context.Context, outer *plinth.Tx) error {
		return outer.InTx(ctx, d.add(1, func(ctx context.Context, _ *plinth.Tx) error {
			_, err := outer.Execute(ctx, d.Add, 1, 1)
			is(t, err, plinth.ErrBusy)
			is(t, outer.Commit(ctx), plinth.ErrBusy)
			is(t, outer.InTx(ctx, fails(nil)), plinth.ErrBusy)
			return nil
		}))
	}))
	equal(t, "n", d.n(t, 1), 1)
}

func savepointUsedAfterEnd(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, func(ctx context.Context, tx *plinth.Tx) error {
		var kept *plinth.Tx
		ok(t, tx.InTx(ctx, func(_ context.Context, tx *plinth.Tx) error { kept = tx; return nil }))
		_, err := kept.Execute(ctx, d.Add, 1, 1)
		is(t, err, plinth.ErrTxDone)
		is(t, kept.InTx(ctx, fails(nil)), plinth.ErrTxDone)
		return d.add(10, nil)(ctx, tx)
	}))
	equal(t, "n", d.n(t, 1), 10)
}

func savepointLeavesRows(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, func(ctx context.Context, tx *plinth.Tx) error {
		for _, mine := range []error{nil, errors.New("mine")} {
			err := tx.InTx(ctx, d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
				r := must[*plinth.Rows](t)(tx.Query(ctx, d.List))
				equal(t, "Next", r.Next(), true)
				return mine
			}))
			if mine == nil {
				is(t, err, plinth.ErrBusy)
			} else if !errors.Is(err, mine) {
				t.Errorf("error %v, want %v", err, mine)
			}
		}
		return d.add(10, nil)(ctx, tx)
	}))
	equal(t, "n", d.n(t, 1), 10)
}

func contextEndsInSavepoint(t *testing.T, s *suite) {
	d := s.open(t)
	ok(t, s.inTx(t, d, func(ctx context.Context, tx *plinth.Tx) error {
		inner, cancel := context.WithCancel(ctx)
		err := tx.InTx(inner, d.add(1, func(ctx context.Context, tx *plinth.Tx) error {
			cancel()
			_, err := tx.Execute(ctx, d.Add, 1, 1)
			return err
		}))
		is(t, err, plinth.ErrCanceled)
		return d.add(10, nil)(ctx, tx)
	}))
	equal(t, "n", d.n(t, 1), 10)
}
