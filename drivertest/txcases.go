package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
)

func txCases() []testCase {
	return []testCase{
		{name: "Commit keeps and Rollback undoes", run: commitAndRollback},
		{name: "InTx commits when its function returns nil", run: inTxCommits},
		{name: "InTx rolls back on an error and returns that error", run: inTxRollsBack},
		{name: "InTx rolls back on a panic, which goes on", run: inTxPanics},
		{name: "InTx rolls back when its goroutine ends", run: inTxGoexit},
		{name: "a transaction used after its end is ErrTxDone", run: txUsedAfterEnd},
		{name: "a function may end its transaction itself", run: endedInside},
		{name: "a statement while rows are open is ErrBusy", run: busyWithRows},
		{name: "Commit with open rows is refused, and can be made up for", run: commitWithOpenRows},
		{name: "InTx with rows left open rolls back", run: inTxLeavesRows},
		{name: "Rollback closes open rows", run: rollbackClosesRows},
		{name: "BEGIN and its like as text are refused", run: transactionAsText},
		{name: "a read-only transaction refuses writes", run: readOnlyTx},
		{name: "the connection writes again after a read-only transaction", run: writesAfterReadOnly},
		{name: "a schema change is rolled back, or was committed where DDL isn't transactional", run: schemaInTx},
		{name: "Rollback works when the context has ended", run: rollbackWithEndedContext},
		{name: "InTx with a context that ends inside rolls back", run: contextEndsInTx},
		{name: "the context of a transaction that is over can be used", run: contextOfEndedTx},
		{name: "more than one TxOptions is ErrArgument", run: twoTxOptions},
		{name: "the verbs see what the transaction did", run: txSeesItsOwn},
	}
}

func commitAndRollback(t *testing.T, s *suite) {
	d := s.open(t)
	ctx := t.Context()
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	done(t)(tx.Execute(ctx, d.Add, 1, 1))
	ok(t, tx.Commit(ctx))
	equal(t, "n after Commit", d.n(t, 1), 1)

	tx = must[*plinth.Tx](t)(d.Begin(ctx))
	done(t)(tx.Execute(ctx, d.Add, 1, 1))
	ok(t, tx.Rollback(ctx))
	equal(t, "n after Rollback", d.n(t, 1), 1)
	d.idle(t)
}

func inTxCommits(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		return nil
	}))
	d.saw(t, sighting{Op: hook.Begin}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Commit})
	equal(t, "n", d.n(t, 1), 1)
}

func inTxRollsBack(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	mine := errors.New("mine")
	var calls int
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		calls++
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		return mine
	})
	if err != mine { //nolint:errorlint // it has to be this one, not one around it
		t.Errorf("InTx returned %v, want the function's own error", err)
	}
	equal(t, "runs of the function", calls, 1)
	d.saw(t, sighting{Op: hook.Begin}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Rollback})
	equal(t, "n", d.n(t, 1), 0)
}

func inTxPanics(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	with := panics(func() {
		_ = d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			done(t)(tx.Execute(ctx, d.Add, 1, 1))
			panic("mine")
		})
	})
	equal(t, "panicked with", with, "mine")
	d.saw(t, sighting{Op: hook.Begin}, sighting{Op: hook.Execute, Rows: 1}, sighting{Op: hook.Rollback})
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func inTxGoexit(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	goexit(func() {
		_ = d.InTx(context.Background(), func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := tx.Execute(ctx, d.Add, 1, 1); err != nil {
				t.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	})
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func txUsedAfterEnd(t *testing.T, s *suite) {
	for name, end := range map[string]func(*plinth.Tx, context.Context) error{"Commit": (*plinth.Tx).Commit, "Rollback": (*plinth.Tx).Rollback} {
		t.Run(name, func(t *testing.T) {
			d := s.open(t)
			ctx := t.Context()
			d.items(t, 1)
			tx := must[*plinth.Tx](t)(d.Begin(ctx))
			ok(t, end(tx, ctx))
			d.forget()
			check := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, plinth.ErrTxDone) || !errors.Is(err, sql.ErrTxDone) {
					t.Errorf("%s: error %v, want ErrTxDone", what, err)
				}
			}
			_, err := tx.Execute(ctx, d.Add, 1, 1)
			check("Execute", err)
			_, err = tx.Query(ctx, d.List)
			check("Query", err)
			_, err = tx.FetchOne(ctx, d.List)
			check("FetchOne", err)
			_, err = tx.FetchAll(ctx, d.List)
			check("FetchAll", err)
			_, err = tx.ExecuteMany(ctx, d.Add, slices.Values([][]any{{1, 1}}))
			check("ExecuteMany", err)
			check("InTx", tx.InTx(ctx, func(context.Context, *plinth.Tx) error { t.Error("it ran"); return nil }))
			check("Commit", tx.Commit(ctx))
			check("Rollback", tx.Rollback(ctx))
			d.saw(t)
			equal(t, "n", d.n(t, 1), 0)
		})
	}
}

func endedInside(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		return tx.Commit(ctx)
	}))
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		return tx.Rollback(ctx)
	})
	if !errors.Is(err, plinth.ErrTxDone) { // nil would say that it was committed
		t.Errorf("a function that rolls back and returns nil: %v, want ErrTxDone", err)
	}
	equal(t, "n", d.n(t, 1), 1)
}

func busyWithRows(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1, 2)
	use := func(t *testing.T, q verbs) {
		ctx := t.Context()
		r := must[*plinth.Rows](t)(q.Query(ctx, d.List))
		equal(t, "Next", r.Next(), true)
		_, err := q.Execute(ctx, d.Add, 1, 1)
		is(t, err, plinth.ErrBusy)
		_, err = q.Query(ctx, d.List)
		is(t, err, plinth.ErrBusy)
		_, err = q.ExecuteMany(ctx, d.Add, slices.Values([][]any{{1, 1}}))
		is(t, err, plinth.ErrBusy)
		equal(t, "Next", r.Next(), true) // they are none the worse for it
		equal(t, "Next at the end", r.Next(), false)
		ok(t, r.Err())
		done(t)(q.Execute(ctx, d.Add, 1, 1))
	}
	ok(t, d.InTx(t.Context(), func(_ context.Context, tx *plinth.Tx) error { use(t, tx); return nil }))
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error { use(t, c); return nil }))
	equal(t, "n", d.n(t, 1), 2)
}

func commitWithOpenRows(t *testing.T, s *suite) {
	d := s.open(t)
	ctx := t.Context()
	d.items(t, 1, 2)
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	done(t)(tx.Execute(ctx, d.Add, 1, 1))
	r := must[*plinth.Rows](t)(tx.Query(ctx, d.List))
	equal(t, "Next", r.Next(), true)
	is(t, tx.Commit(ctx), plinth.ErrBusy)
	ok(t, r.Close())
	ok(t, tx.Commit(ctx))
	equal(t, "n", d.n(t, 1), 1)
}

func inTxLeavesRows(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1, 2)
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		r := must[*plinth.Rows](t)(tx.Query(ctx, d.List))
		equal(t, "Next", r.Next(), true)
		return nil
	})
	is(t, err, plinth.ErrBusy)
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func rollbackClosesRows(t *testing.T, s *suite) {
	d := s.open(t)
	ctx := t.Context()
	d.items(t, 1, 2)
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	r := must[*plinth.Rows](t)(tx.Query(ctx, d.List))
	equal(t, "Next", r.Next(), true)
	ok(t, tx.Rollback(ctx))
	equal(t, "Next after Rollback", r.Next(), false)
	ok(t, r.Close())
	d.idle(t)
}

func transactionAsText(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	use := func(t *testing.T, q verbs) {
		for _, text := range s.Statements.Transaction {
			_, err := q.Execute(t.Context(), text)
			is(t, err, plinth.ErrArgument)
			_, err = q.Query(t.Context(), text)
			is(t, err, plinth.ErrArgument)
		}
	}
	use(t, d.Engine)
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error { use(t, c); return nil }))
	d.saw(t)
	ok(t, d.InTx(t.Context(), func(_ context.Context, tx *plinth.Tx) error { use(t, tx); return nil }))
}

func readOnlyTx(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		equal(t, "items", must[int](t)(plinth.One[int](ctx, tx, d.Count)), 1)
		_, err := tx.Execute(ctx, d.Add, 1, 1)
		return err
	}, plinth.TxOptions{ReadOnly: true})
	is(t, err, plinth.ErrReadOnly)
	equal(t, "n", d.n(t, 1), 0)
}

func writesAfterReadOnly(t *testing.T, s *suite) {
	d := s.open(t, func(o *plinth.Options) { o.Pool.MaxOpenConns = 1 })
	d.items(t, 1)
	readOnly := plinth.TxOptions{ReadOnly: true}
	read := func(ctx context.Context, tx *plinth.Tx) error {
		_, err := plinth.One[int](ctx, tx, d.Count)
		return err
	}
	ok(t, d.InTx(t.Context(), read, readOnly))
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	ok(t, d.With(t.Context(), func(c *plinth.Conn) error {
		ok(t, c.InTx(t.Context(), read, readOnly))
		done(t)(c.Execute(t.Context(), d.Add, 1, 1))
		return nil
	}))
	equal(t, "n", d.n(t, 1), 2)
}

func schemaInTx(t *testing.T, s *suite) {
	s.need(t, "CreateOther", s.Statements.CreateOther)
	d := s.tapped(t)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	done(t)(tx.Execute(t.Context(), d.CreateOther))
	ok(t, tx.Rollback(t.Context()))
	_, err := d.FetchAll(t.Context(), d.ReadOther)
	if !d.tap.Info().TransactionalDDL {
		ok(t, err)
		return
	}
	is(t, err, plinth.ErrUndefined)
}

func rollbackWithEndedContext(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	done(t)(tx.Execute(ctx, d.Add, 1, 1))
	cancel()
	_, err := tx.Execute(ctx, d.Add, 1, 1)
	is(t, err, plinth.ErrCanceled)
	ok(t, tx.Rollback(ctx))
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func contextEndsInTx(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	err := d.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		cancel()
		return nil
	})
	is(t, err, plinth.ErrCanceled)
	is(t, err, context.Canceled)
	d.idle(t)
	equal(t, "n", d.n(t, 1), 0)
}

func contextOfEndedTx(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	begun := make(chan context.Context)
	wait := async(t, func() error {
		ctx := <-begun
		for range 20 { // while the transaction ends
			if _, err := plinth.One[int](ctx, d, d.Count); err != nil {
				return err
			}
		}
		return nil
	})
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Add, 1, 1))
		begun <- ctx
		return nil
	}))
	ok(t, wait())
}

func twoTxOptions(t *testing.T, s *suite) {
	d := s.open(t)
	_, err := d.Begin(t.Context(), plinth.TxOptions{}, plinth.TxOptions{})
	is(t, err, plinth.ErrArgument)
	fn := func(context.Context, *plinth.Tx) error { t.Error("it ran"); return nil }
	is(t, d.InTx(t.Context(), fn, plinth.TxOptions{}, plinth.TxOptions{}), plinth.ErrArgument)
	d.saw(t)
}

func txSeesItsOwn(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		done(t)(tx.Execute(ctx, d.Insert, 2, "two", 0, nil))
		equal(t, "items", must[int](t)(plinth.One[int](ctx, tx, d.Count)), 2)
		done(t)(tx.Execute(ctx, d.Delete, 2))
		equal(t, "items", must[int](t)(plinth.One[int](ctx, tx, d.Count)), 1)
		return nil
	}))
}
