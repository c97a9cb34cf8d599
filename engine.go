package plinth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/scan"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// Engine is one database behind a pool, with everything a service wants around it. It is safe for concurrent use.
//
// Execute, ExecuteMany, FetchOne, FetchAll and Query run one statement each, on any connection of the pool.
type Engine struct {
	place
	state  atomic.Pointer[state]
	handle handler // controlling: deadline, retry, attempt; composed once

	options Options
	opener  func(config.Config) driver.Opener // for another target; nil if there can't be one
	policy  retry.Policy                      // with all that isn't in a configuration
	watch   watchers
	hooks   atomic.Pointer[hooks]

	life     context.Context    // ends with Close: of what the engine does for itself
	end      context.CancelFunc // of life
	changing sync.Mutex         // held by Reconfigure
	drains   drains

	pipeline *pipeline

	texts statements
	plans scan.Cache
	begun begunTxs
	lost  lostSessions

	warned sites // of using the engine beside a transaction

	closing   atomic.Bool
	closeOnce sync.Once
	closeErr  error
	retries   atomic.Int64
	panics    atomic.Int64
}

// New returns an engine over a backend, with what o says itself: no configuration is looked for. It is for backends that a
// test or a tool makes by hand; applications call the Open of their database's package.
func New(o Options, open driver.Opener) (*Engine, error) {
	e := newEngine(o)
	t, err := e.open(o.over(config.Config{}), open)
	if err != nil {
		return nil, final(e.failed("open", nil, err, false, false))
	}
	// A context's overrides are applied to a configuration, which needs a target. No context can mean this one.
	c := config.Config{Engine: config.Engine(t.info.Engine), Database: "given to plinth.New"}
	e.state.Store(e.stateOf(t, o.over(c)))
	e.pipeline = newPipeline(e)
	return e, nil
}

// OpenConfig returns an engine for a configuration that was loaded already. What o says goes before it. backend makes what
// talks to the database that a configuration names. It is for the Open functions of the drivers.
func OpenConfig(ctx context.Context, o Options, c config.Config, backend func(config.Config, driver.Host) (driver.Backend, error)) (*Engine, error) {
	e := newEngine(o)
	e.opener = func(c config.Config) driver.Opener {
		return func(h driver.Host) (driver.Backend, error) { return backend(c, h) }
	}
	c = o.over(c)
	t, err := e.open(c, e.opener(c))
	if err != nil {
		return nil, final(e.failed("open", nil, err, false, false))
	}
	e.state.Store(e.stateOf(t, c))
	e.pipeline = newPipeline(e)
	if o.Connect {
		err = e.Connect(ctx)
	}
	if err == nil && o.Watch {
		err = e.follow(ctx, c)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// newEngine returns an engine that has no database yet.
func newEngine(o Options) *Engine {
	if o.URL != "" { // not kept as text, which fmt shows of whatever holds an engine
		o.Config = append([]config.Option{config.WithURL(o.URL)}, o.Config...)
		o.URL = ""
	}
	e := &Engine{options: o, policy: o.Retry}
	e.life, e.end = context.WithCancel(context.Background())
	e.place.eng = e
	e.state.Store(&state{target: &target{}})
	if e.policy.Budget == nil {
		e.policy.Budget = new(retry.Budget)
	}
	if narrow := o.Retry.Retryable; narrow != nil {
		e.policy.Retryable = func(err error) bool { return retry.Retryable(err) && narrow(err) }
	}
	e.hooks.Store(&hooks{before: o.Before, after: o.After})
	e.watch = watching(append([]*hook.Observer{querylog.Observer(o.QueryLog)}, o.Observers...))
	e.handle = e.withDeadline(e.withRetry(e.attempt))
	return e
}

// Connect opens the connections that shall always be there, at least one, so that the first statement needn't wait
// for it. Without it they are opened at first use.
func (e *Engine) Connect(ctx context.Context) error {
	if err := e.usable("connect"); err != nil {
		return err
	}
	_, err := retry.Do(ctx, e.state.Load().policy, func(ctx context.Context) (struct{}, error) {
		for {
			st := e.state.Load()
			err := st.backend.Connect(ctx)
			switch {
			case err == nil:
				return struct{}{}, nil
			case e.closing.Load() || e.state.Load().target == st.target: // else it has been left for another
				return struct{}{}, e.failed("connect", nil, err, true, false)
			}
		}
	})
	return final(err)
}

// Close refuses new calls, waits until the running ones have ended or ctx does, and then cuts those that are left:
// their statements fail, and the error names who still held a connection, if Pool.LeakThreshold is set. Only the first
// Close does anything; others wait for it.
func (e *Engine) Close(ctx context.Context) error {
	e.closeOnce.Do(func() {
		e.closing.Store(true)
		e.end()
		e.changing.Lock()
		defer e.changing.Unlock()
		drained := make(chan error, 1)
		go func() { drained <- e.drains.close(ctx) }()
		if err := errors.Join(e.state.Load().backend.Close(ctx), <-drained); err != nil {
			e.closeErr = final(e.failed("close", nil, err, false, false))
		}
		e.pipeline.wait(ctx) // what was queued has been refused by now, and is told
	})
	return e.closeErr
}

func (e *Engine) usable(op string) error {
	if e.closing.Load() {
		return e.usage(ErrClosed, op, "the engine was closed")
	}
	return nil
}

// TestConnection makes one round trip on a connection of the pool and returns nil if a statement would have worked.
func (e *Engine) TestConnection(ctx context.Context) error {
	_, err := e.Ping(ctx)
	return err
}

// Server is what a Ping learned of the server.
type Server = driver.Server

// Ping makes one round trip on a connection of the pool and tells the server's version and role.
func (e *Engine) Ping(ctx context.Context) (Server, error) {
	c := call{eng: e, op: hook.Ping, need: driver.Need{Access: driver.Read}, safe: true}
	err := e.do(ctx, &c)
	return c.server, final(err)
}

// Format prints the engine's name and target for every verb: what is within may be secret.
func (e *Engine) Format(f fmt.State, _ rune) { fmt.Fprint(f, e.LogValue()) }

// LogValue returns what Format prints.
func (e *Engine) LogValue() slog.Value { return slog.StringValue("plinth.Engine(" + e.Target() + ")") }

// Name returns which database this is: "sqlite", "postgres", "mariadb" or "mongodb".
func (e *Engine) Name() string { return e.state.Load().info.Engine }

// Target returns the database's address for messages. It holds no secret.
func (e *Engine) Target() string { return e.state.Load().info.Target }

// Stats are an engine's statistics.
type Stats struct {
	pool.Stats              // of all pools together
	Pools      []pool.Stats // of each; those that are being left, too
	Retries    int64        // attempts after the first
	HookPanics int64        // recovered
	Budget     retry.BudgetStats
	Pipeline   PipelineStats
}

// Stats returns the statistics as they are now.
func (e *Engine) Stats() Stats {
	s := Stats{
		Pools:   append(e.state.Load().backend.Stats(), e.drains.stats()...),
		Retries: e.retries.Load(), HookPanics: e.panics.Load(), Budget: e.policy.Budget.Stats(), Pipeline: e.pipeline.stats(),
	}
	for _, p := range s.Pools {
		s.Stats.Add(p)
	}
	return s
}

// SetBeforeExecuteHook sets the hook that runs before each attempt of a statement; nil takes it away. It may replace the
// context or refuse the attempt. It holds for calls that start afterwards.
func (e *Engine) SetBeforeExecuteHook(before hook.Before) {
	e.swapHooks(func(h *hooks) { h.before = before })
}

// SetAfterExecuteHook sets the hook that runs when an attempt has ended; nil takes it away.
func (e *Engine) SetAfterExecuteHook(after hook.After) {
	e.swapHooks(func(h *hooks) { h.after = after })
}

func (e *Engine) swapHooks(set func(*hooks)) {
	for {
		old := e.hooks.Load()
		h := *old
		set(&h)
		if e.hooks.CompareAndSwap(old, &h) {
			return
		}
	}
}

// connected runs Options.OnConnect on a new connection.
func (e *Engine) connected(ctx context.Context, t *target, s driver.Session) (err error) {
	if e.options.OnConnect == nil {
		return nil
	}
	defer func() { // it runs on the pool's goroutine, where a panic would end the process
		if p := recover(); p != nil {
			e.panicked(ctx, "OnConnect", p)
			err = &driver.Fault{Kind: driver.Unknown, Phase: driver.Dial, Evict: true, Err: fmt.Errorf("Options.OnConnect panicked: %v", p)}
		}
	}()
	conn := &Conn{place: place{eng: e, hold: &hold{sess: s, st: e.stateOf(t, *t.login.Load())}}}
	err = e.options.OnConnect(ctx, conn)
	conn.hold.close()
	if err == nil && s.TxState() != driver.TxIdle {
		err = s.End(ctx, false)
	}
	if err != nil {
		var pe *Error
		if errors.As(err, &pe) {
			return &driver.Fault{Kind: pe.Kind, Phase: driver.Dial, Code: pe.Code, Hint: pe.Hint, Err: err}
		}
		return &driver.Fault{Kind: contextKind(err), Phase: driver.Dial, Hint: "Options.OnConnect failed", Err: err}
	}
	return nil
}
