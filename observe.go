package plinth

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
)

// hooks are what the application controls attempts with. They're swapped as one.
type hooks struct {
	before hook.Before
	after  hook.After
}

// watchers are the observers, and what of them there is at all, found out once.
type watchers struct {
	all        []*hook.Observer
	start, end []func(context.Context, *hook.Event)
	retry      bool
}

func watching(observers []*hook.Observer) watchers {
	var w watchers
	for _, o := range observers {
		if o == nil {
			continue
		}
		w.all = append(w.all, o)
		if o.CallStart != nil {
			w.start = append(w.start, o.CallStart)
		}
		if o.CallEnd != nil {
			w.end = append(w.end, o.CallEnd)
		}
		w.retry = w.retry || o.Retry != nil
	}
	return w
}

func (w *watchers) callStart(ctx context.Context, e *Engine, ev *hook.Event) {
	for _, f := range w.start {
		e.guardEvent(ctx, "CallStart", f, ev)
	}
}

func (w *watchers) callEnd(ctx context.Context, e *Engine, ev *hook.Event) {
	for _, f := range w.end {
		e.guardEvent(ctx, "CallEnd", f, ev)
	}
}

func (w *watchers) retrying(ctx context.Context, e *Engine, ev *hook.Event, delay time.Duration) {
	for _, o := range w.all {
		if o.Retry != nil {
			e.guard(ctx, "Retry", func() { o.Retry(ctx, ev, delay) })
		}
	}
}

// runBefore runs the before hook. A panic is no veto.
func (e *Engine) runBefore(ctx context.Context, before hook.Before, ev *hook.Event) (replaced context.Context, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.panicked(ctx, "before hook", p)
			replaced, err = ctx, nil
		}
	}()
	replaced, err = before(ctx, ev)
	if replaced == nil {
		replaced = ctx
	}
	return replaced, err
}

func (e *Engine) runAfter(ctx context.Context, after hook.After, ev *hook.Event) {
	e.guardEvent(ctx, "after hook", after, ev)
}

// guardEvent runs a hook, whatever it does. It is apart from guard because it's on every statement's path and a closure
// would cost an allocation there.
func (e *Engine) guardEvent(ctx context.Context, what string, f func(context.Context, *hook.Event), ev *hook.Event) {
	defer e.recovered(ctx, what)
	f(ctx, ev)
}

func (e *Engine) guard(ctx context.Context, what string, f func()) {
	defer e.recovered(ctx, what)
	f()
}

func (e *Engine) recovered(ctx context.Context, what string) {
	if p := recover(); p != nil {
		e.panicked(ctx, what, p)
	}
}

func (e *Engine) panicked(ctx context.Context, what string, p any) {
	e.panics.Add(1)
	e.log().LogAttrs(ctx, slog.LevelError, "plinth: a hook panicked; the call goes on",
		slog.String("hook", what), slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
}

func (e *Engine) log() *slog.Logger {
	if e.options.Logger != nil {
		return e.options.Logger
	}
	return slog.Default()
}

func (e *Engine) connOpened(ctx context.Context, t *target, poolName string, took time.Duration, err error) {
	c := hook.ConnEvent{Engine: t.info.Engine, Target: t.info.Target, Pool: poolName, Took: took, Err: err}
	for _, o := range e.watch.all {
		if o.ConnOpen != nil {
			e.guard(ctx, "ConnOpen", func() { o.ConnOpen(ctx, c) })
		}
	}
}

func (e *Engine) connClosed(t *target, poolName string, reason pool.Reason) {
	c := hook.ConnEvent{Engine: t.info.Engine, Target: t.info.Target, Pool: poolName, Reason: string(reason)}
	for _, o := range e.watch.all {
		if o.ConnClose != nil {
			e.guard(context.Background(), "ConnClose", func() { o.ConnClose(c) })
		}
	}
}

// breaker reports that the target was found to be down, or up again: to the log, and to the observers.
func (e *Engine) breaker(t *target, poolName string, state pool.BreakerState, err error) {
	ctx := context.Background()
	b := hook.Breaker{Engine: t.info.Engine, Target: t.info.Target, Pool: poolName, Open: state == pool.BreakerOpen}
	if b.Open {
		b.Err = err
		e.log().LogAttrs(ctx, slog.LevelWarn, "plinth: the database can't be reached; what needs a connection fails at once until it can",
			slog.String("target", b.Target), slog.Any("error", err))
	} else {
		e.log().LogAttrs(ctx, slog.LevelInfo, "plinth: the database can be reached again", slog.String("target", b.Target))
	}
	for _, o := range e.watch.all {
		if o.Breaker != nil {
			e.guard(ctx, "Breaker", func() { o.Breaker(b) })
		}
	}
}

// leaked reports what is held too long: to the log, and to the observers.
func (e *Engine) leaked(t *target, h pool.Holder, returned bool) {
	ctx := context.Background()
	l := hook.Leak{
		Engine: t.info.Engine, Target: t.info.Target, What: leakKind(h.Stack), Held: h.Held, Returned: returned,
		Site: h.Site, Stack: h.Stack,
	}
	msg, level := "plinth: not closed in time", slog.LevelWarn
	if returned {
		msg, level = "plinth: closed after all", slog.LevelInfo
	}
	e.log().LogAttrs(ctx, level, msg, slog.String("what", l.What), slog.String("target", l.Target),
		slog.Duration("held", l.Held), slog.String("taken_at", l.Site), slog.String("stack", l.Stack))
	for _, o := range e.watch.all {
		if o.Leak != nil {
			e.guard(ctx, "Leak", func() { o.Leak(l) })
		}
	}
}

// leakKind tells by the method through which a session was taken what it was taken for.
func leakKind(stack string) string {
	switch {
	case strings.Contains(stack, ".Begin\n"), strings.Contains(stack, ".InTx\n"):
		return "transaction"
	case strings.Contains(stack, ".With\n"):
		return "connection"
	}
	return "rows"
}
