package drivertest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

func hookCases() []testCase {
	return []testCase{
		{name: "a before hook can veto, and nothing is sent", run: veto},
		{name: "a veto in a transaction leaves it usable", run: vetoInTx, tx: true},
		{name: "a vetoed COMMIT rolls back", run: vetoCommit, tx: true},
		{name: "a before hook can replace the context", run: replacedContext},
		{name: "hooks run for each attempt, and the after hook sees its error", run: hooksSeeAttempts},
		{name: "hooks can be set and taken away while the engine runs", run: hooksAreSet},
		{name: "a panic in any hook is harmless, logged and counted", run: hooksPanic, tx: true},
		{name: "the query log has every call and no value", run: queryLog},
		{name: "an event tells what is known of the call", run: eventTells, tx: true},
	}
}

func veto(t *testing.T, s *suite) {
	d := s.tapped(t, retrying(3))
	d.ownHooks()
	d.items(t, 1)
	mine := errors.New("mine")
	d.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) { return ctx, mine })
	check := func(err error) {
		t.Helper()
		is(t, err, plinth.ErrVetoed)
		if !errors.Is(err, mine) {
			t.Errorf("error %v doesn't wrap the hook's", err)
		}
	}
	ctx := t.Context()
	_, err := d.Execute(ctx, d.Add, 1, 1)
	check(err)
	_, err = d.FetchOne(ctx, d.List)
	check(err)
	rows, pulled := once(numbered(5, 1))
	_, err = d.ExecuteMany(ctx, d.Insert, rows)
	check(err)
	equal(t, "rows pulled", *pulled, 0)
	_, err = d.Begin(ctx)
	check(err)
	equal(t, "connections asked for", d.tap.Count(tap.Acquire), 0)
	d.SetBeforeExecuteHook(nil)
	equal(t, "n", d.n(t, 1), 0)
}

func vetoInTx(t *testing.T, s *suite) {
	d := s.open(t)
	d.ownHooks()
	d.items(t, 1)
	mine := errors.New("mine")
	ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		d.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) { return ctx, mine })
		_, err := tx.Execute(ctx, d.Add, 1, 1)
		is(t, err, plinth.ErrVetoed)
		_, err = tx.Query(ctx, d.List)
		is(t, err, plinth.ErrVetoed)
		d.SetBeforeExecuteHook(nil)
		return d.add(10, nil)(ctx, tx)
	}))
	equal(t, "n", d.n(t, 1), 10)
}

func vetoCommit(t *testing.T, s *suite) {
	d := s.open(t)
	d.ownHooks()
	d.items(t, 1)
	mine := errors.New("mine")
	vetoed := func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if e.Op == hook.Commit {
			return ctx, mine
		}
		return ctx, nil
	}
	d.SetBeforeExecuteHook(vetoed)
	is(t, d.InTx(t.Context(), d.add(1, nil)), plinth.ErrVetoed)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	ok(t, d.add(1, nil)(t.Context(), tx))
	is(t, tx.Commit(t.Context()), plinth.ErrVetoed)
	_ = tx.Rollback(t.Context())
	d.idle(t)
	d.SetBeforeExecuteHook(nil)
	equal(t, "n", d.n(t, 1), 0)
}

func replacedContext(t *testing.T, s *suite) {
	d := s.tapped(t)
	d.ownHooks()
	d.items(t, 1)
	type key struct{}
	d.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		return context.WithValue(ctx, key{}, string(e.Op)), nil
	})
	var seen []any
	note := func(ctx context.Context) { seen = append(seen, ctx.Value(key{})) }
	for _, op := range []tap.Op{tap.Acquire, tap.Execute, tap.Query, tap.Next, tap.CloseRows} {
		d.tap.On(op, note)
	}
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	r := must[*plinth.Rows](t)(d.Query(t.Context(), d.List))
	r.Next()
	ok(t, r.Close())
	equal(t, "the value in the driver", seen, []any{"execute", "execute", "query", "query", "query"})

	var after any
	d.SetAfterExecuteHook(func(ctx context.Context, e *hook.Event) { after = ctx.Value(key{}) })
	d.n(t, 1)
	equal(t, "the value in the after hook", after, "query")

	d.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, nil
	})
	_, err := d.Execute(t.Context(), d.Add, 1, 1)
	is(t, err, plinth.ErrCanceled)
	d.SetBeforeExecuteHook(func(context.Context, *hook.Event) (context.Context, error) { return nil, nil }) //nolint:nilnil // allowed
	equal(t, "n", d.n(t, 1), 1)
}

func hooksSeeAttempts(t *testing.T, s *suite) {
	d := s.injected(t)
	d.ownHooks()
	var log []string
	d.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		log = append(log, "before "+string('0'+rune(e.Attempt)))
		return ctx, e.Err
	})
	d.SetAfterExecuteHook(func(_ context.Context, e *hook.Event) {
		log = append(log, "after "+string('0'+rune(e.Attempt)))
		if (e.Err != nil) != (e.Attempt < 3) || e.Err != nil && !errors.Is(e.Err, plinth.ErrLocked) {
			t.Errorf("attempt %d has the error %v", e.Attempt, e.Err)
		}
	})
	d.tap.Fail(tap.Execute, 2, faultAgain())
	done(t)(d.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "hooks", log, []string{"before 1", "after 1", "before 2", "after 2", "before 3", "after 3"})
}

func hooksAreSet(t *testing.T, s *suite) {
	d := s.open(t)
	d.ownHooks()
	d.items(t, 1)
	var before, after int
	d.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) { before++; return ctx, nil })
	d.n(t, 1)
	d.SetAfterExecuteHook(func(context.Context, *hook.Event) { after++ })
	d.n(t, 1)
	d.SetBeforeExecuteHook(nil)
	d.n(t, 1)
	d.SetAfterExecuteHook(nil)
	d.n(t, 1)
	equal(t, "runs of the before hook", before, 2)
	equal(t, "runs of the after hook", after, 2)
}

func hooksPanic(t *testing.T, s *suite) {
	var log lockedBuffer
	retried := false
	d := s.tapped(t, func(o *plinth.Options) {
		o.Retry = retry.Policy{Attempts: 3, Rand: noPause}
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Before = func(context.Context, *hook.Event) (context.Context, error) { panic("before") }
		o.After = func(context.Context, *hook.Event) { panic("after") }
		o.Observers = []*hook.Observer{{
			CallStart: func(context.Context, *hook.Event) { panic("CallStart") },
			CallEnd:   func(context.Context, *hook.Event) { panic("CallEnd") },
			Retry:     func(context.Context, *hook.Event, time.Duration) { retried = true; panic("Retry") },
			ConnOpen:  func(context.Context, hook.ConnEvent) { panic("ConnOpen") },
			ConnClose: func(hook.ConnEvent) { panic("ConnClose") },
			Leak:      func(hook.Leak) { panic("Leak") },
			TxHeld:    func(context.Context, hook.TxHeld) { panic("TxHeld") },
		}}
		o.Pool.LeakThreshold = time.Millisecond
	})
	d.ownHooks()
	ctx := t.Context()
	done(t)(d.Execute(ctx, d.Insert, 1, "item 1", 0, nil))
	d.tap.Fail(tap.Execute, 1, faultAgain())
	done(t)(d.Execute(ctx, d.Add, 1, 1))
	equal(t, "the Retry hook ran", retried, true)
	ok(t, d.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		must[item](t)(plinth.One[item](ctx, d, d.Get, 1)) // TxHeld
		eventually(t, "the leak is found", func() bool { return d.Stats().LeaksFound > 0 })
		return d.add(1, nil)(ctx, tx)
	}))
	done(t)(d.ExecuteMany(ctx, d.Insert, slices.Values([][]any{{2, "item 2", 0, nil}})))
	_, err := d.Execute(ctx, d.Insert, 1, "again", 0, nil)
	is(t, err, plinth.ErrUnique)
	equal(t, "n", d.n(t, 1), 2)
	ok(t, d.Close(ctx))
	if n := d.Stats().HookPanics; n < 30 {
		t.Errorf("HookPanics is %d, but more hooks than that have panicked", n)
	}
	for _, h := range []string{"before", "after", "CallStart", "CallEnd", "Retry", "ConnOpen", "ConnClose", "Leak", "TxHeld"} {
		if !strings.Contains(log.String(), "panic="+h+" ") {
			t.Errorf("the log doesn't tell of the panic in %s", h)
		}
	}
}

func queryLog(t *testing.T, s *suite) {
	var log lockedBuffer
	d := s.open(t, func(o *plinth.Options) {
		o.QueryLog = querylog.Options{All: true, Errors: true, PerSecond: -1,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	})
	const secret = "drivertest-secret"
	ctx := t.Context()
	done(t)(d.Execute(ctx, d.Insert, 1, secret, 0, secret))
	_, err := d.Execute(ctx, d.Insert, 1, secret, 0, secret)
	is(t, err, plinth.ErrUnique)
	_, err = d.Execute(ctx, d.Insert, 2, secret, 0, secret)
	is(t, err, plinth.ErrUnique)
	if d.Literal != "" {
		equal(t, "rows", len(must[[]plinth.Row](t)(d.FetchAll(ctx, d.Literal))), 1)
	}
	text := log.String()
	if strings.Contains(text, secret) {
		t.Errorf("the query log shows a value:\n%s", text)
	}
	if n := strings.Count(text, "op=execute"); n < 3 {
		t.Errorf("the query log has %d statements, want at least 3:\n%s", n, text)
	}
	if !strings.Contains(text, "hookcases.go:") {
		t.Errorf("the query log doesn't name the caller:\n%s", text)
	}
}

func eventTells(t *testing.T, s *suite) {
	var events []hook.Event
	d := s.open(t, func(o *plinth.Options) {
		o.Observers = append(o.Observers, &hook.Observer{CallEnd: func(_ context.Context, e *hook.Event) { events = append(events, *e) }})
	})
	d.items(t, 1)
	events = nil
	must[item](t)(plinth.One[item](t.Context(), d, d.Get, 1))
	ok(t, d.InTx(t.Context(), d.add(1, nil)))
	if len(events) != 4 {
		t.Fatalf("%d events, want 4", len(events))
	}
	q := events[0]
	equal(t, "Statement", q.Statement, d.Get)
	equal(t, "Args", q.Args, []any{1})
	equal(t, "Engine and Target", []string{q.Engine, q.Target}, []string{d.Name(), d.Target()})
	equal(t, "InTx", q.InTx, false)
	if q.Fingerprint() == "" || strings.Contains(q.Fingerprint(), "1") {
		t.Errorf("fingerprint %q", q.Fingerprint())
	}
	if q.Execute <= 0 || q.Total < q.Execute {
		t.Errorf("Execute %v, Total %v", q.Execute, q.Total)
	}
	equal(t, "InTx of the statement in the transaction", events[2].InTx, true)
	equal(t, "Statement of a commit", events[3].Statement, "")
	equal(t, "Fingerprint of a commit", events[3].Fingerprint(), "commit")
}
