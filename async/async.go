// Package async runs statements for callers that don't wait for each of them: it hands out futures, and the statements of many
// callers travel together, in as few round trips and commits as the database allows.
//
//	a := async.New(engine, async.Options{})
//	defer a.Close(ctx)
//	user := async.One[User](ctx, a, "select id, name from users where id = ?", 7)
//	visit := a.Execute(plinth.Idempotent(ctx), "insert into visits (id, user_id) values (?, ?) on conflict do nothing", id, 7)
//	…
//	u, err := user.Await(ctx)
//
// A pending statement is a few hundred bytes in a queue: no goroutine stands behind it. How many there may be is bounded; who
// wants more waits, or is refused, as Options say.
//
// What a batch is depends on the database; docs/async.md says what the statements of one share. In all of them a statement's
// failure is its own, a future is done when its statement's work is committed, and a write runs once unless its caller says by
// plinth.Idempotent that running it again does no harm. A statement that was slow the last times runs by itself.
package async

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync/atomic"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/lanes"
)

// DefaultInFlight is how many statements an Engine has accepted at once that haven't ended, if Options don't say.
const DefaultInFlight = 10_000

// manyLanes is how many ExecuteMany run at once: each has a connection for its whole length.
const manyLanes = 4

// Options are an Engine's settings. The zero value is good.
type Options struct {
	InFlight int  // statements accepted that haven't ended; 0: DefaultInFlight
	Refuse   bool // refuse what is beyond InFlight with ErrOverload, instead of having the caller wait
}

// ErrOverload is what a future is resolved with whose statement was refused; nothing was sent. It's a plinth.ErrPoolExhausted, too.
var ErrOverload = errors.New("async: too many statements are under way")

// Engine hands out futures for statements on a plinth.Engine. It is safe for concurrent use.
type Engine struct {
	engine *plinth.Engine
	refuse bool
	slots  chan struct{} // one in it for each statement accepted that hasn't ended
	many   *lanes.Group[func()]
	closed atomic.Bool

	waited, refused atomic.Int64
}

// New returns an asynchronous engine over e, which stays the caller's to close, after this one.
func New(e *plinth.Engine, o Options) *Engine {
	if o.InFlight <= 0 {
		o.InFlight = DefaultInFlight
	}
	return &Engine{
		engine: e, refuse: o.Refuse, slots: make(chan struct{}, o.InFlight),
		many: lanes.New(manyLanes, 1, func(work []func()) { work[0]() }),
	}
}

// Execute runs a statement and resolves to what it did.
//
// It returns at once unless too many statements are under way; then it waits until one has ended, or ctx has. The arguments must not be
// changed before the future is done. When ctx ends a statement that wasn't sent yet is dropped; one that was sent in a
// batch goes on, but its future ends, with plinth.ErrOutcomeUnknown if it writes. An Await that is given up changes nothing.
func (a *Engine) Execute(ctx context.Context, statement string, args ...any) *future.Future[plinth.Result] {
	return submit(ctx, a, hook.Execute, statement, args, func(rows *plinth.Rows) (plinth.Result, error) { return rows.Result(), nil })
}

// One runs a statement and resolves to its first row as a T, as plinth.One does. See Engine.Execute.
func One[T any](ctx context.Context, a *Engine, statement string, args ...any) *future.Future[T] {
	return submit(ctx, a, hook.Query, statement, args, func(rows *plinth.Rows) (T, error) {
		return plinth.One[T](ctx, answered{rows: rows}, statement)
	})
}

// All runs a statement and resolves to all its rows as Ts, as plinth.All does. See Engine.Execute.
func All[T any](ctx context.Context, a *Engine, statement string, args ...any) *future.Future[[]T] {
	return submit(ctx, a, hook.Query, statement, args, func(rows *plinth.Rows) ([]T, error) {
		return plinth.All[T](ctx, answered{rows: rows}, statement)
	})
}

// ExecuteMany runs the statement once for each of rows, as plinth.Engine's does, and resolves to the sum. rows is read on a
// goroutine of the engine's, some time later.
func (a *Engine) ExecuteMany(ctx context.Context, statement string, rows iter.Seq[[]any]) *future.Future[plinth.Result] {
	if err := a.accept(ctx); err != nil {
		return future.Resolved(plinth.Result{}, err)
	}
	f, resolve := future.New[plinth.Result]()
	run := func() {
		finish(resolve, a.leave, func() (plinth.Result, error) { return a.engine.ExecuteMany(ctx, statement, rows) })
	}
	a.many.PutUntil(ctx, &lanes.Item[func()]{Job: run}, func() {
		a.leave()
		resolve(plinth.Result{}, a.ended(ctx))
	})
	return f
}

// submit hands a statement to the engine's dispatcher. read makes the result of its rows.
func submit[T any](ctx context.Context, a *Engine, op hook.Op, statement string, args []any, read func(*plinth.Rows) (T, error)) *future.Future[T] {
	if err := a.accept(ctx); err != nil {
		var none T
		return future.Resolved(none, err)
	}
	f, resolve := future.New[T]()
	a.engine.Submit(ctx, op, statement, args, func(rows *plinth.Rows, err error) {
		finish(resolve, a.leave, func() (T, error) {
			if err != nil {
				var none T
				return none, err
			}
			return read(rows)
		})
	})
	return f
}

// finish resolves a future with what work returns. Work may be the caller's code: a Scan method, a sequence of rows. What it
// does by a panic or Goexit is the future's result.
func finish[T any](resolve func(T, error) bool, leave func(), work func() (T, error)) {
	var value T
	err := future.ErrExited
	defer func() {
		if v := recover(); v != nil {
			err = &future.PanicError{Value: v, Stack: debug.Stack()}
		}
		leave()
		resolve(value, err)
	}()
	value, err = work()
}

// accept takes a slot for one more statement.
func (a *Engine) accept(ctx context.Context) error {
	select {
	case a.slots <- struct{}{}:
	default:
		if a.refuse {
			a.refused.Add(1)
			return a.failure(plinth.ErrPoolExhausted, ErrOverload, "take more time between statements, or raise async.Options.InFlight")
		}
		a.waited.Add(1)
		select {
		case a.slots <- struct{}{}:
		case <-ctx.Done():
			return a.ended(ctx)
		}
	}
	if a.closed.Load() {
		a.leave()
		return a.failure(plinth.ErrClosed, errors.New("the asynchronous engine was closed"), "")
	}
	return nil
}

func (a *Engine) leave() { <-a.slots }

// ended is the error of what waited when its context ended.
func (a *Engine) ended(ctx context.Context) error {
	kind, err := plinth.ErrCanceled, context.Cause(ctx)
	if ctx.Err() == context.DeadlineExceeded {
		kind = plinth.ErrTimeout
	}
	if !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return a.failure(kind, err, "")
}

func (a *Engine) failure(kind plinth.Kind, err error, hint string) error {
	return &plinth.Error{Kind: kind, Op: "submit", Engine: a.engine.Name(), Target: a.engine.Target(), Err: err, Hint: hint}
}

// Close refuses new statements and waits until those that were accepted have ended, or ctx has; then it returns ctx's error
// and they go on. The plinth.Engine below stays open.
func (a *Engine) Close(ctx context.Context) error {
	a.closed.Store(true)
	for taken := range cap(a.slots) {
		select {
		case a.slots <- struct{}{}:
		case <-ctx.Done():
			for range taken { // so that Close can be called again
				a.leave()
			}
			return context.Cause(ctx)
		}
	}
	for range cap(a.slots) {
		a.leave()
	}
	return nil
}

// Stats are an asynchronous engine's statistics.
type Stats struct {
	InFlight int   // statements accepted that haven't ended
	Most     int   // there may be
	Waited   int64 // callers that had to wait for a slot
	Refused  int64 // with ErrOverload

	plinth.PipelineStats // of the engine below, with those of its other users
}

// Stats returns the statistics as they are now.
func (a *Engine) Stats() Stats {
	return Stats{
		InFlight: len(a.slots), Most: cap(a.slots), Waited: a.waited.Load(), Refused: a.refused.Load(),
		PipelineStats: a.engine.Stats().Pipeline,
	}
}

// answered is a Querier that has its answer already.
type answered struct {
	plinth.Querier
	rows *plinth.Rows
}

// Query implements plinth.Querier.
func (a answered) Query(context.Context, string, ...any) (*plinth.Rows, error) { return a.rows, nil }
