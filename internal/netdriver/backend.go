// Package netdriver is what drivers share that speak their database's protocol over a socket by themselves: the pool of their
// sessions, the watch on a call's context, the cancel that must not hit a later statement, and what is said of a network that
// fails. It knows no protocol.
package netdriver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// Backend is a pool of sessions, and what goes on for them in the background. A driver embeds it in its own backend. It is
// ready after Open.
type Backend struct {
	Host driver.Host

	pool *pool.Pool[Protocol]
	background
	invalidated atomic.Int64 // when all connections were given up, in nanoseconds of Unix
}

// Open makes the pool, whose sessions dial opens; it opens none itself. dial's errors have to be of *driver.Fault. An error is
// one, too, and of the pool's options.
func (b *Backend) Open(host driver.Host, dial func(context.Context) (Protocol, error)) error {
	b.Host = host
	b.begin()
	var breaker func(pool.BreakerState, error)
	if host.Breaker != nil {
		breaker = func(state pool.BreakerState, err error) { host.Breaker("", state, err) }
	}
	var err error
	b.pool, err = pool.New(pool.Config[Protocol]{
		Options: host.Pool,
		Dial:    dial,
		Check:   func(ctx context.Context, p Protocol) error { return p.Check(ctx) },
		Cut:     func(p Protocol) { p.Base().cut() },
		Close: func(p Protocol, reason pool.Reason) {
			p.Base().Shut()
			host.Closed("", reason)
		},
		OnLeak: host.Leaked,
		OnOpen: func(took time.Duration, err error) { host.Opened(context.Background(), "", took, err) },

		OnBreaker: breaker,
	})
	if err != nil {
		b.end()
		return driver.Faultf(driver.Argument, "%w", err)
	}
	return nil
}

// Connect implements driver.Backend.
func (b *Backend) Connect(ctx context.Context) error {
	if err := b.pool.Warm(ctx); err != nil {
		return AcquireFault(ctx, err)
	}
	return nil
}

// Acquire implements driver.Backend.
//
// A session that its server has ended while it was idle isn't lent to a writer: what is written to it is lost, and nobody
// could tell that from a write whose answer was lost. A reader finds out by himself, and asks again.
func (b *Backend) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	for {
		slot, err := b.acquire(ctx, need)
		if err != nil {
			return nil, AcquireFault(ctx, err)
		}
		p := slot.Value()
		p.Base().slot = slot
		if need.Access == driver.Read || !p.Heard() || p.Check(ctx) == nil {
			return p, nil
		}
		slot.Destroy()
	}
}

func (b *Backend) acquire(ctx context.Context, need driver.Need) (*pool.Conn[Protocol], error) {
	switch {
	case need.NoWait:
		return b.pool.TryAcquire(ctx)
	case need.Timeout != 0:
		return b.pool.AcquireWithin(ctx, need.Timeout)
	}
	return b.pool.Acquire(ctx)
}

// AcquireFault turns an error of the pool's into a fault.
func AcquireFault(ctx context.Context, err error) error {
	f := &driver.Fault{Phase: driver.Acquire, Verdict: driver.Again, Err: err}
	timeout, timedOut := errors.AsType[*pool.TimeoutError](err)
	dial, dialFailed := errors.AsType[*driver.Fault](err)
	_, down := errors.AsType[*pool.DownError](err)
	switch {
	case errors.Is(err, pool.ErrClosed):
		f.Kind, f.Verdict = driver.Closed, driver.Never
	case ctx.Err() != nil:
		f.Kind, f.Verdict = ContextKind(ctx), driver.Never
	case timedOut && timeout.Connecting():
		f.Kind, f.Verdict = driver.Unavailable, driver.Never // it was waited for already
		f.Hint = "the server doesn't answer in time: is it, or what is in front of it, overloaded or cut off?"
		if dialFailed {
			f.Kind, f.Code, f.Hint = dial.Kind, dial.Code, dial.Hint
		}
	case timedOut, errors.Is(err, pool.ErrWouldBlock):
		f.Kind, f.Verdict = driver.PoolExhausted, driver.Never // it was waited for already
	case down: // to try again within moments is what the breaker is to keep callers from
		f.Kind, f.Verdict = driver.Unavailable, driver.Never
		if dialFailed {
			f.Code, f.Hint = dial.Code, dial.Hint
		}
	case dialFailed:
		return dial
	}
	return f
}

// Stats implements driver.Backend.
func (b *Backend) Stats() []pool.Stats { return []pool.Stats{b.pool.Stats()} }

// Configure implements driver.Backend.
func (b *Backend) Configure(o pool.Options) error { return ConfigureFault(b.pool.Configure(o)) }

// ConfigureFault turns an error of a pool's Configure into a fault; nil stays nil.
func ConfigureFault(err error) error {
	switch {
	case errors.Is(err, pool.ErrClosed):
		return &driver.Fault{Kind: driver.Closed, Phase: driver.Acquire, Err: err}
	case err != nil:
		return driver.Faultf(driver.Argument, "%w", err)
	}
	return nil
}

// invalidTime is how often at most all connections are given up: where no server can be written to, those that take their
// place are no better.
const invalidTime = time.Second

// Invalidate gives up all connections, because their server isn't the one to speak to any more. It reports whether it did: not
// if that was done a moment ago.
func (b *Backend) Invalidate() bool {
	last, now := b.invalidated.Load(), time.Now().UnixNano()
	if now-last < int64(invalidTime) || !b.invalidated.CompareAndSwap(last, now) {
		return false
	}
	b.pool.Invalidate()
	return true
}

// cutGrace is how long Close waits for calls that it has cut, and for sessions that are made as new before it cuts that. It is less
// than a caller notices after his deadline.
const cutGrace = 60 * time.Millisecond

// Close implements driver.Backend. It waits for those who have borrowed a session, but hardly for sessions that are settled in the
// background: nobody will borrow them.
func (b *Backend) Close(ctx context.Context) error {
	shut := time.AfterFunc(cutGrace, b.shut)
	err := b.pool.Close(ctx)
	nothingCut := err == nil && shut.Stop()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
	defer cancel()
	if err != nil {
		_ = b.pool.Close(grace) // for its waiting; who was cut is known already
	}
	b.quiet(grace)
	if nothingCut {
		b.end()
	} else {
		time.AfterFunc(cutTime, b.end) // the server shall still be asked to end what was cut
	}
	if err == nil {
		return nil
	}
	f := Ended(ctx, driver.Acquire, nil)
	f.Err, f.Hint = err, "close rows and end transactions before the engine"
	return f
}
