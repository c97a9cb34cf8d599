package drivertest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
)

func closeCases() []testCase {
	return []testCase{
		{name: "every verb after Close is ErrClosed", run: verbsAfterClose},
		{name: "Close of an engine that was never used", run: closeUnused},
		{name: "Close can be called again, and by several", run: closeAgain},
		{name: "Close waits for what is running, which can end in peace", run: closeDrains, tx: true},
		{name: "Close cuts what is left when its context ends, and names it", run: closeCuts, tx: true},
		{name: "Close cuts a running statement", run: closeCutsStatement},
		{name: "Close answers those who wait for a connection", run: closeWhileWaiting, tx: true},
		{name: "another engine can use the database afterwards", run: reopened},
	}
}

func verbsAfterClose(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	ok(t, d.Close(t.Context()))
	ctx := t.Context()
	check := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s went through", what)
			return
		}
		is(t, err, plinth.ErrClosed)
		is(t, err, sql.ErrConnDone)
	}
	_, err := d.Execute(ctx, d.Add, 1, 1)
	check("Execute", err)
	_, err = d.FetchOne(ctx, d.List)
	check("FetchOne", err)
	_, err = d.FetchAll(ctx, d.List)
	check("FetchAll", err)
	_, err = d.Query(ctx, d.List)
	check("Query", err)
	_, err = d.ExecuteMany(ctx, d.Insert, numbered(5, 1))
	check("ExecuteMany", err)
	_, err = plinth.One[item](ctx, d, d.Get, 1)
	check("One", err)
	_, err = plinth.All[item](ctx, d, d.List)
	check("All", err)
	for _, err := range plinth.Each[item](ctx, d, d.List) {
		check("Each", err)
	}
	_, err = d.Begin(ctx)
	check("Begin", err)
	check("InTx", d.InTx(ctx, func(context.Context, *plinth.Tx) error { t.Error("it ran"); return nil }))
	check("With", d.With(ctx, func(*plinth.Conn) error { t.Error("it ran"); return nil }))
	check("Connect", d.Connect(ctx))
	check("TestConnection", d.TestConnection(ctx))
	equal(t, "connections", d.Stats().OpenConnections, 0)
}

func closeUnused(t *testing.T, s *suite) {
	d := s.reopen(t, s.Opener(t))
	ok(t, d.Close(t.Context()))
	_, err := d.FetchAll(t.Context(), d.List)
	is(t, err, plinth.ErrClosed)
}

func closeAgain(t *testing.T, s *suite) {
	d := s.open(t)
	d.count(t)
	var waits []func() error
	for range 4 {
		waits = append(waits, async(t, func() error { return d.Close(context.Background()) }))
	}
	for _, wait := range waits {
		ok(t, wait())
	}
	ok(t, d.Close(t.Context()))
}

func closeDrains(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1, 2)
	ctx := t.Context()
	tx := must[*plinth.Tx](t)(d.Begin(ctx))
	ok(t, d.add(1, nil)(ctx, tx))
	wait := async(t, func() error { return d.Close(context.Background()) })
	eventually(t, "Close refuses new calls", func() bool {
		_, err := d.FetchAll(ctx, d.List)
		return err != nil
	})
	_, err := d.FetchAll(ctx, d.List)
	is(t, err, plinth.ErrClosed)
	equal(t, "items, in the transaction", must[int](t)(plinth.One[int](ctx, tx, d.Count)), 2)
	ok(t, d.add(1, nil)(ctx, tx))
	ok(t, tx.Commit(ctx))
	ok(t, wait())
	again := s.reopen(t, d.opener)
	equal(t, "n", again.n(t, 1), 2)
}

func closeCuts(t *testing.T, s *suite) {
	d := s.open(t)
	d.left = true
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	ok(t, d.add(1, nil)(t.Context(), tx))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := soon(t, func() error { return d.Close(ctx) })
	if err == nil {
		t.Fatal("Close went through although a transaction was open")
	}
	is(t, err, context.DeadlineExceeded)
	if s.full && !strings.Contains(err.Error(), "closecases.go:") {
		t.Errorf("error %q doesn't name who held the connection", err)
	}
	if err := d.add(1, nil)(t.Context(), tx); err == nil {
		t.Error("a statement on the transaction that was cut went through")
	}
	if err := tx.Commit(t.Context()); err == nil {
		t.Error("Commit of the transaction that was cut went through")
	}
	_ = soon(t, func() error { return tx.Rollback(t.Context()) })
	eventually(t, "the connections are closed", func() bool { return d.Stats().OpenConnections == 0 })
	again := s.reopen(t, d.opener)
	equal(t, "n", again.n(t, 1), 0)
}

func closeCutsStatement(t *testing.T, s *suite) {
	s.need(t, "Slow", s.Statements.Slow)
	d := s.open(t)
	d.left = true
	wait := async(t, func() error {
		_, err := d.FetchAll(context.Background(), d.Slow)
		return err
	})
	eventually(t, "it runs", func() bool { return d.Stats().InUse == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := soon(t, func() error { return d.Close(ctx) }); err == nil {
		t.Error("Close went through although a statement ran")
	}
	if err := soon(t, wait); err == nil {
		t.Error("the statement went through")
	} else {
		is(t, err, plinth.ErrClosed)
	}
	eventually(t, "the connections are closed", func() bool { return d.Stats().OpenConnections == 0 })
}

func closeWhileWaiting(t *testing.T, s *suite) {
	d := s.open(t, single)
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	waiting := async(t, func() error {
		_, err := d.Execute(t.Context(), d.Add, 1, 1)
		return err
	})
	eventually(t, "a caller waits", func() bool { return d.Stats().Waiting == 1 })
	closing := async(t, func() error { return d.Close(context.Background()) })
	is(t, soon(t, waiting), plinth.ErrClosed)
	ok(t, tx.Rollback(t.Context()))
	ok(t, closing())
}

func reopened(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1, 2)
	ok(t, d.Close(t.Context()))
	again := s.reopen(t, d.opener)
	equal(t, "items", again.count(t), 2)
	done(t)(again.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "n", again.n(t, 1), 1)
}
