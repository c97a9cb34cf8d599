package drivertest

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
)

func manyCases() []testCase {
	return []testCase{
		{name: "a row that fails undoes all, and the error names it", run: failingRow, tx: true},
		{name: "an empty sequence does nothing", run: emptySequence},
		{name: "a row with the wrong number of arguments undoes all", run: wrongRow, tx: true},
		{name: "a generator that panics undoes all and gives the connection back", run: generatorPanics, tx: true},
		{name: "a generator whose goroutine ends undoes all", run: generatorGoexits, tx: true},
		{name: "in a transaction it's all or nothing, and the transaction goes on", run: manyInTx},
		{name: "it is repeated before its first row was pulled", run: manyIsRepeated},
		{name: "it is never repeated after that", run: manyIsNotRepeated},
		{name: "a COMMIT that fails doesn't pull the rows again", run: manyCommitFails},
		{name: "a context that ends midway undoes all", run: manyCanceled, tx: true},
		{name: "the generator can't use the transaction meanwhile", run: generatorUsesTx},
		{name: "thousands of rows from a generator", run: thousandsOfRows},
		{name: "without transactions the rows before the one that fails stay, and the error says so", run: manyWithoutTx},
	}
}

// numbered yields n rows for Statements.Insert, from id on.
func numbered(id, n int) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for i := id; i < id+n; i++ {
			if !yield([]any{i, name(i), 0, nil}) {
				return
			}
		}
	}
}

// once yields what rows does, and counts; the second time it yields nothing, as a generator does.
func once(rows iter.Seq[[]any]) (generator iter.Seq[[]any], pulled *int) {
	pulled = new(int)
	used := false
	return func(yield func([]any) bool) {
		if used {
			return
		}
		used = true
		for row := range rows {
			*pulled++
			if !yield(row) {
				return
			}
		}
	}, pulled
}

func failingRow(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 13)
	rows, pulled := once(numbered(10, 10))
	res, err := d.ExecuteMany(t.Context(), d.Insert, rows)
	e := failure(t, err, plinth.ErrUnique)
	equal(t, "Row", e.Row, 4)
	if *pulled < 4 { // a driver may take rows ahead of the one that fails
		t.Errorf("%d rows were pulled, the fourth fails", *pulled)
	}
	equal(t, "rows affected", res.RowsAffected, 0)
	d.saw(t, sighting{Op: hook.ExecuteMany, Err: plinth.ErrUnique})
	equal(t, "items", d.count(t), 1)
}

func emptySequence(t *testing.T, s *suite) {
	d := s.open(t)
	res := done(t)(d.ExecuteMany(t.Context(), d.Insert, numbered(1, 0)))
	equal(t, "rows affected", res.RowsAffected, 0)
	d.saw(t, sighting{Op: hook.ExecuteMany})
	equal(t, "items", d.count(t), 0)
}

func wrongRow(t *testing.T, s *suite) {
	d := s.open(t)
	_, err := d.ExecuteMany(t.Context(), d.Insert, slices.Values([][]any{{1, "one", 0, nil}, {2, "two"}, {3, "three", 0, nil}}))
	e := failure(t, err, plinth.ErrArgument)
	equal(t, "Row", e.Row, 2)
	equal(t, "items", d.count(t), 0)
}

func generatorPanics(t *testing.T, s *suite) {
	d := s.open(t)
	bad := func(yield func([]any) bool) {
		yield([]any{1, "one", 0, nil})
		panic("mine")
	}
	for range 3 {
		with := panics(func() { _, _ = d.ExecuteMany(t.Context(), d.Insert, bad) })
		equal(t, "panicked with", with, "mine")
	}
	d.idle(t)
	equal(t, "items", d.count(t), 0)

	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		equal(t, "panicked with", panics(func() { _, _ = c.ExecuteMany(t.Context(), d.Insert, bad) }), "mine")
		equal(t, "items", must[int](t)(plinth.One[int](t.Context(), c, d.Count)), 0)
		done(t)(c.ExecuteMany(t.Context(), d.Insert, numbered(1, 2)))
		return nil
	}))
	equal(t, "items", d.count(t), 2)
}

func generatorGoexits(t *testing.T, s *suite) {
	d := s.open(t)
	goexit(func() {
		_, _ = d.ExecuteMany(context.Background(), d.Insert, func(yield func([]any) bool) {
			yield([]any{1, "one", 0, nil})
			runtime.Goexit()
		})
	})
	d.idle(t)
	equal(t, "items", d.count(t), 0)
}

func manyInTx(t *testing.T, s *suite) {
	s.needSavepoints(t)
	d := s.open(t)
	d.items(t, 1, 13)
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		done(t)(tx.ExecuteMany(ctx, d.Insert, numbered(100, 5)))
		_, err := tx.ExecuteMany(ctx, d.Insert, numbered(10, 10))
		e := failure(t, err, plinth.ErrUnique)
		equal(t, "Row", e.Row, 4)
		equal(t, "items in the transaction", must[int](t)(plinth.One[int](ctx, tx, d.Count)), 7)
		equal(t, "panicked with", panics(func() {
			_, _ = tx.ExecuteMany(ctx, d.Insert, func(yield func([]any) bool) { yield([]any{20, "x", 0, nil}); panic("mine") })
		}), "mine")
		done(t)(tx.Execute(ctx, d.Add, 10, 1))
		return nil
	})
	ok(t, err)
	equal(t, "items", d.count(t), 7)
	equal(t, "n", d.n(t, 1), 11)
}

func manyIsRepeated(t *testing.T, s *suite) {
	s.needSeenUnits(t)
	d := s.injected(t)
	d.tap.Fail(tap.Begin, 2, faultAgain())
	rows, pulled := once(numbered(10, 5))
	equal(t, "rows affected", done(t)(d.ExecuteMany(t.Context(), d.Insert, rows)).RowsAffected, 5)
	equal(t, "rows pulled", *pulled, 5)
	d.saw(t, sighting{Op: hook.ExecuteMany, Rows: 5, Attempts: 3})
	equal(t, "items", d.count(t), 6)
}

func manyIsNotRepeated(t *testing.T, s *suite) {
	s.needSeenUnits(t)
	for name, f := range map[string]driver.Fault{"again": faultAgain(), "lost": faultIfSafe()} {
		t.Run(name, func(t *testing.T) {
			d := s.injected(t)
			for skip := range 2 { // the first row, the second row
				d.forget()
				d.tap.Plan(tap.Plan{Op: tap.Execute, Skip: skip, Times: 1, Fault: &f})
				rows, pulled := once(numbered(10, 5))
				_, err := d.ExecuteMany(t.Context(), d.Insert, rows)
				e := failure(t, err, f.Kind) // nothing was committed, so the outcome is known
				equal(t, "Row", e.Row, skip+1)
				equal(t, "Retryable", e.Retryable(), false)
				equal(t, "rows pulled", *pulled, skip+1)
				d.saw(t, sighting{Op: hook.ExecuteMany, Err: f.Kind})
				equal(t, "items", d.count(t), 1)
			}
		})
	}
}

func manyCommitFails(t *testing.T, s *suite) {
	s.needSeenUnits(t)
	again := faultAgain()
	again.Phase, again.TxDead = driver.Commit, true
	for name, c := range map[string]struct {
		fault driver.Fault
		lose  bool
		want  error
		items int
	}{
		"not applied": {again, false, plinth.ErrLocked, 1},
		"lost":        {faultCommit(driver.Ambiguous), true, plinth.ErrOutcomeUnknown, 6},
		"if safe":     {faultCommit(driver.IfSafe), true, plinth.ErrOutcomeUnknown, 6},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.injected(t)
			d.tap.Plan(tap.Plan{Op: tap.Commit, Times: 1, Fault: &c.fault, After: c.lose})
			rows, pulled := once(numbered(10, 5))
			_, err := d.ExecuteMany(t.Context(), d.Insert, rows)
			is(t, err, c.want)
			equal(t, "rows pulled", *pulled, 5)
			equal(t, "commits", d.tap.Count(tap.Commit), 1)
			equal(t, "items", d.count(t), c.items)
		})
	}
}

func manyCanceled(t *testing.T, s *suite) {
	d := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := d.ExecuteMany(ctx, d.Insert, func(yield func([]any) bool) {
		for i := 1; yield([]any{i, name(i), 0, nil}); i++ {
			if i == 3 {
				cancel()
			}
		}
	})
	e := failure(t, err, plinth.ErrCanceled)
	equal(t, "Row", e.Row, 4)
	d.idle(t)
	equal(t, "items", d.count(t), 0)
}

func generatorUsesTx(t *testing.T, s *suite) {
	s.needSavepoints(t)
	d := s.open(t)
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.ExecuteMany(ctx, d.Insert, func(yield func([]any) bool) {
			_, err := tx.FetchAll(ctx, d.List)
			is(t, err, plinth.ErrBusy)
			yield([]any{1, "one", 0, nil})
		})
		return err
	})
	ok(t, err)
	equal(t, "items", d.count(t), 1)
}

func thousandsOfRows(t *testing.T, s *suite) {
	d := s.open(t)
	rows, pulled := once(numbered(1, 3000))
	equal(t, "rows affected", done(t)(d.ExecuteMany(t.Context(), d.Insert, rows)).RowsAffected, 3000)
	equal(t, "rows pulled", *pulled, 3000)
	d.saw(t, sighting{Op: hook.ExecuteMany, Rows: 3000})
	equal(t, "items", d.count(t), 3000)
}
