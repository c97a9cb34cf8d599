package plinth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
	backend driver.Backend
	info    driver.Info
	handle  handler // controlling: deadline, retry, attempt; composed once

	timeout   time.Duration
	policy    retry.Policy
	narrow    func(error) bool // the user's Retryable: it may refuse a retry, and never allow one
	onConnect func(context.Context, *Conn) error
	logger    *slog.Logger
	watch     watchers
	hooks     atomic.Pointer[hooks]

	texts statements
	plans scan.Cache
	begun begunTxs

	warned sites // of using the engine beside a transaction

	closing   atomic.Bool
	closeOnce sync.Once
	closeErr  error
	retries   atomic.Int64
	panics    atomic.Int64
}

// New returns an engine over a backend. Applications call the Open of their database's package, which calls New.
func New(o Options, open driver.Opener) (*Engine, error) {
	e := &Engine{timeout: o.Timeout, policy: o.Retry, onConnect: o.OnConnect, logger: o.Logger}
	e.place.eng = e
	if e.policy.Budget == nil {
		e.policy.Budget = new(retry.Budget)
	}
	if e.narrow = o.Retry.Retryable; e.narrow != nil {
		e.policy.Retryable = func(err error) bool { return retry.Retryable(err) && e.narrow(err) }
	}
	e.hooks.Store(&hooks{before: o.Before, after: o.After})
	e.watch = watching(append([]*hook.Observer{querylog.Observer(o.QueryLog)}, o.Observers...))

	backend, err := open(driver.Host{
		Pool: o.Pool, OnConnect: e.connected, Opened: e.connOpened, Closed: e.connClosed, Leaked: e.leaked,
	})
	if err != nil {
		return nil, final(e.failed("open", nil, err, false, false))
	}
	e.backend, e.info = backend, backend.Info()
	e.handle = e.withDeadline(e.withRetry(e.attempt))
	return e, nil
}

// Connect opens the connections that shall always be there, at least one, so that the first statement needn't wait
// for it. Without it they are opened at first use.
func (e *Engine) Connect(ctx context.Context) error {
	if err := e.usable("connect"); err != nil {
		return err
	}
	_, err := retry.Do(ctx, e.policy, func(ctx context.Context) (struct{}, error) {
		if err := e.backend.Connect(ctx); err != nil {
			return struct{}{}, e.failed("connect", nil, err, true, false)
		}
		return struct{}{}, nil
	})
	return final(err)
}

// Close refuses new calls, waits until the running ones have ended or ctx does, and then cuts those that are left:
// their statements fail, and the error names who still held a connection, if Pool.LeakThreshold is set. Only the first
// Close does anything; others wait for it.
func (e *Engine) Close(ctx context.Context) error {
	e.closeOnce.Do(func() {
		e.closing.Store(true)
		if err := e.backend.Close(ctx); err != nil {
			e.closeErr = final(e.failed("close", nil, err, false, false))
		}
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

// Name returns which database this is: "sqlite", "postgres", "mariadb" or "mongodb".
func (e *Engine) Name() string { return e.info.Engine }

// Target returns the database's address for messages. It holds no secret.
func (e *Engine) Target() string { return e.info.Target }

// Stats are an engine's statistics.
type Stats struct {
	pool.Stats              // of all pools together
	Pools      []pool.Stats // of each
	Retries    int64        // attempts after the first
	HookPanics int64        // recovered
	Budget     retry.BudgetStats
}

// Stats returns the statistics as they are now.
func (e *Engine) Stats() Stats {
	s := Stats{
		Pools: e.backend.Stats(), Retries: e.retries.Load(), HookPanics: e.panics.Load(), Budget: e.policy.Budget.Stats(),
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
func (e *Engine) connected(ctx context.Context, s driver.Session) (err error) {
	if e.onConnect == nil {
		return nil
	}
	defer func() { // it runs on the pool's goroutine, where a panic would end the process
		if p := recover(); p != nil {
			e.panicked(ctx, "OnConnect", p)
			err = &driver.Fault{Kind: driver.Unknown, Phase: driver.Dial, Evict: true, Err: fmt.Errorf("Options.OnConnect panicked: %v", p)}
		}
	}()
	conn := &Conn{place: place{eng: e, hold: &hold{sess: s}}}
	err = e.onConnect(ctx, conn)
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
