// Package querylog logs the calls that are slow, and those that fail or all of them where asked for, to slog.
//
// What it logs holds no value of the caller's unless Options.ShowArgs asks for that.
package querylog

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/callsite"
)

// DefaultThreshold is from how long a call is slow.
const DefaultThreshold = 200 * time.Millisecond

// DefaultPerSecond is how many slow and failed calls an Observer logs in a second.
const DefaultPerSecond = 100

// Options say what is logged. The zero Options log slow calls to slog.Default(), without arguments.
type Options struct {
	Logger    *slog.Logger  // nil: slog.Default(), as it is when something is logged
	Threshold time.Duration // calls that take this long are slow: level Warn; 0: DefaultThreshold, negative: none is slow
	Errors    bool          // log failed calls too: level Warn, unless an after hook has (hook.Event.Logged)
	All       bool          // log the other calls too: level Debug
	Sample    float64       // the part of those other calls that is logged, 0.01 is one in a hundred; 0: each of them
	PerSecond int           // slow and failed calls logged in a second, the rest is counted; 0: DefaultPerSecond, negative: no limit

	// ShowArgs logs the arguments, the literals in a text given to LogQuery, and the database's error texts, which may
	// quote them. Without it, arguments are a count and their Go types, and errors are what hook.ErrorAttr says.
	ShowArgs bool
}

// Observer returns an observer that logs calls as o says, one record a call, when it has ended. A call that isn't logged
// costs a comparison. From how long a call is slow is for the call to say (hook.Event.Slow), and for o where it says nothing.
//
// The attributes are statement (the fingerprint), engine, target, op, total, wait (for a connection), execute, fetch, rows,
// attempts and caller, and where there is something to say args, error and suppressed: how many slow or failed calls
// weren't logged since the last that was, because there were more than PerSecond. A call that spent most of its time
// after its first row is a "slow fetch" and not a "slow query": the caller's own work between the rows counts there.
func Observer(o Options) *hook.Observer {
	w := &writer{Options: o}
	if w.limit.perSecond = o.PerSecond; o.PerSecond == 0 {
		w.limit.perSecond = DefaultPerSecond
	}
	return &hook.Observer{CallEnd: w.callEnd}
}

// LogQuery logs how long a query took that began at start: at level Debug, or at Warn as "slow query". It is for code
// that doesn't go through an engine, and works best deferred:
//
//	defer querylog.LogQuery(ctx, querylog.Options{}, query, time.Now())
//
// Of the text it logs what is left without literals. It can't know the dialect, so where dialects disagree on what a
// literal is, it leaves out the rest of the text. Text in double quotes is taken for a literal. Of the options,
// Errors, All and PerSecond mean nothing here.
func LogQuery(ctx context.Context, o Options, query string, start time.Time) {
	total := time.Since(start)
	level, message := slog.LevelDebug, "query"
	if total >= o.slow(0) {
		level, message = slog.LevelWarn, "slow query"
	}
	logger := o.logger()
	if !logger.Enabled(ctx, level) || level == slog.LevelDebug && !o.sampled() {
		return
	}
	show := redact
	if o.ShowArgs {
		show = func(text string) string { return cut(text, maxText) }
	}
	logger.LogAttrs(ctx, level, message,
		slog.String("statement", show(query)), slog.Duration("total", total), slog.String("caller", callsite.Caller()))
}

const never = time.Duration(math.MaxInt64)

// slow returns from how long a call is slow; own is what the call itself says about that, or 0.
func (o *Options) slow(own time.Duration) time.Duration {
	switch own = cmp.Or(own, o.Threshold); {
	case own < 0:
		return never
	case own == 0:
		return DefaultThreshold
	}
	return own
}

func (o *Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.Default()
	}
	return o.Logger
}

func (o *Options) sampled() bool { return o.Sample == 0 || rand.Float64() < o.Sample }

// writer is what an Observer remembers.
type writer struct {
	Options
	limit limiter
}

func (w *writer) callEnd(ctx context.Context, e *hook.Event) {
	slow, failed := w.slow(e.Slow), w.Errors && e.Err != nil && !e.Logged
	if e.Total < slow && !w.All && !failed {
		return
	}
	w.write(ctx, e, slow, failed)
}

func (w *writer) write(ctx context.Context, e *hook.Event, slow time.Duration, failed bool) {
	level, message := slog.LevelDebug, "query"
	switch {
	case e.Total >= slow:
		level, message = slog.LevelWarn, "slow query"
		if e.Fetch > e.Total/2 {
			message = "slow fetch"
		}
	case failed:
		level, message = slog.LevelWarn, "query failed"
	}
	logger := w.logger()
	if !logger.Enabled(ctx, level) {
		return
	}
	var suppressed int64
	if level == slog.LevelDebug {
		if !w.sampled() {
			return
		}
	} else {
		var ok bool
		if suppressed, ok = w.limit.take(time.Now()); !ok {
			return
		}
	}

	attrs := append(make([]slog.Attr, 0, 15),
		slog.String("statement", e.Fingerprint()), slog.String("engine", e.Engine), slog.String("target", e.Target),
		slog.String("op", string(e.Op)), slog.Duration("total", e.Total))
	if e.Queue > 0 {
		attrs = append(attrs, slog.Duration("queue", e.Queue))
	}
	attrs = append(attrs, slog.Duration("wait", e.Wait), slog.Duration("execute", e.Execute), slog.Duration("fetch", e.Fetch), slog.Int64("rows", e.Rows),
		slog.Int("attempts", e.Attempt))
	if caller := callsite.Caller(); caller != "" { // nobody's, of a call that was queued
		attrs = append(attrs, slog.String("caller", caller))
	}
	if len(e.Args) > 0 {
		// As text, now: the event and its arguments are the engine's again when this returns.
		show := redactArgs
		if w.ShowArgs {
			show = showArgs
		}
		attrs = append(attrs, slog.String("args", show(e.Args)))
	}
	switch {
	case e.Err == nil, e.Logged:
	case w.ShowArgs:
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	default:
		attrs = append(attrs, hook.ErrorAttr(e.Err))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int64("suppressed", suppressed))
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}
