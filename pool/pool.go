// Package pool keeps connections: anything that is dialled and closed. It knows no database.
//
// Callers are served strictly first come, first served; among idle connections the last one used goes first, so that
// a quiet pool shrinks. Lending an idle connection and taking it back is a mutex and a stack: no allocation, no clock,
// no goroutine. Whatever has to do with time is done by one timer, which is set only while there is something to wait for.
package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/internal/callsite"
)

// Reason says why a connection is closed.
type Reason string

// The reasons.
const (
	Idle     Reason = "idle"     // not used for ConnMaxIdleTime
	Lifetime Reason = "lifetime" // older than ConnMaxLifetime
	Broken   Reason = "broken"   // destroyed by its borrower, or its check failed
	Drain    Reason = "drain"    // the pool is closed
	Resize   Reason = "resize"   // Configure made the pool smaller
	Stale    Reason = "stale"    // opened before Invalidate
	Surplus  Reason = "surplus"  // MaxIdleConns are idle already
)

// Config describes a pool of T. Its functions are called without any lock, by many goroutines at once, but for one
// connection by one goroutine at a time (Cut excepted).
type Config[T any] struct {
	Options
	// Name is for messages and statistics, where an application has several pools.
	Name string
	// Dial opens a connection. Required. A connection belongs to the pool and not to the caller who happened to need
	// it, so ctx carries none of a caller's values, and a caller who gives up doesn't end it; Close does, and a limit
	// of a minute (or AcquireTimeout, if that is longer).
	Dial func(ctx context.Context) (T, error)
	// Close closes a connection. Required. It runs on the goroutine that gave the connection up, so it must not block
	// for long; until it has returned the connection counts towards MaxOpenConns.
	Close func(conn T, reason Reason)
	// Check returns an error if the connection is dead. Optional. ctx ends after 5 seconds, or half of AcquireTimeout.
	Check func(ctx context.Context, conn T) error
	// Cut interrupts what runs on a borrowed connection, for which Close's context has ended. Optional. It is called
	// while the borrower uses the connection; the connection isn't closed before it returns.
	Cut func(conn T)
	// OnLeak is told once of each connection held longer than LeakThreshold, and once more when it comes back. Optional.
	OnLeak func(h Holder, returned bool)
	// OnOpen is told of each dial and how it ended, before anybody gets the connection. Optional.
	OnOpen func(took time.Duration, err error)
	// OnBreaker is told when the breaker opens, with what the last dial failed with, and when it closes again. Optional.
	OnBreaker func(state BreakerState, err error)
}

// Pool is a pool of T, made by New. Its methods may be called by many goroutines at once.
type Pool[T any] struct {
	cfg     Config[T] // its Options are unused: see options
	epoch   time.Time // what every time.Duration below that is a moment counts from
	dialCtx context.Context
	cancel  context.CancelFunc // of dialCtx
	drained chan struct{}      // closed when the pool is closed and nothing is open any more
	waiters sync.Pool          // of *waiter[T], for reuse

	// mu guards everything down to the atomics, and the fields of every Conn but the constant ones. It is held
	// briefly, never while a function of Config runs. What is closed under it is put on the doomed list
	// and closed by unlock.
	mu       sync.Mutex
	options  Options
	lim      limits
	all      []*Conn[T] // idle, borrowed and being checked
	idle     []*Conn[T] // a stack: the last one used is the last
	queue    queue[T]   // callers, first come first served
	warmers  []*warmer
	dialing  []time.Duration // when the dials under way started, the oldest first
	checking int             // checks under way
	closing  int             // doomed, or being closed
	doomed   []doomed[T]
	dials    dialLimiter
	breaker  breaker
	gen      uint64      // generation: see Invalidate
	lends    uint64      // how often a connection was lent: numbers the holds
	started  bool        // somebody used the pool: MinConns are kept up
	closed   bool        // by Close
	noticing bool        // a tick is on its way that will notice what went idle
	timer    *time.Timer // runs tick; nil until first needed
	tickAt   time.Duration
	counts   counts

	tracking atomic.Bool // leak detection is on

	// Written by callers after they waited, outside the lock.
	handed      atomic.Int64 // acquires that were handed a connection
	timeouts    atomic.Int64
	waited      atomic.Int64 // nanoseconds
	waitBuckets [len(Histogram{})]atomic.Int64
}

// counts are the statistics that are kept under the lock.
type counts struct {
	direct                                    int64 // acquires that found an idle connection
	dials, dialErrors                         int64
	surplus, idleTime, lifetime, broken, leak int64
}

// New returns a pool. It opens nothing and starts nothing. The error names each field of cfg that is wrong.
func New[T any](cfg Config[T]) (*Pool[T], error) {
	opts, err := cfg.withDefaults()
	if cfg.Dial == nil {
		err = errors.Join(err, errors.New("Dial is nil: give the function that opens a connection"))
	}
	if cfg.Close == nil {
		err = errors.Join(err, errors.New("Close is nil: give the function that closes a connection"))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(cfg.Name), err)
	}
	p := &Pool[T]{
		cfg: cfg, epoch: time.Now(), drained: make(chan struct{}),
		options: opts, lim: limitsOf(opts, cfg.Check != nil), tickAt: never,
	}
	p.noticing = p.lim.grain == 0
	p.tracking.Store(p.lim.leak != never)
	p.dialCtx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// Options returns the options in force, with the defaults filled in.
func (p *Pool[T]) Options() Options {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.options
}

// Configure replaces the options of the running pool, all of them at once: idle connections that are now too many are
// closed at once, borrowed ones when they come back, waiting callers follow the new AcquireTimeout. If the options
// are wrong nothing changes and the error says what is. After Close it returns ErrClosed.
func (p *Pool[T]) Configure(o Options) error {
	o, err := o.withDefaults()
	if err != nil {
		return fmt.Errorf("%s: %w", label(p.cfg.Name), err)
	}
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return ErrClosed
	}
	p.options, p.lim = o, limitsOf(o, p.cfg.Check != nil)
	p.tracking.Store(p.lim.leak != never)
	now := p.now()
	for _, c := range p.all {
		c.expires = p.expiry(c)
		if c.retire == Lifetime {
			c.retire = "" // the tick decides anew
		}
		if c.state == stateBorrowed && c.since == unset && o.LeakThreshold > 0 {
			c.since, c.stack = now, callsite.Stack{} // who took it nobody knows, but from now on it is timed
		}
	}
	for len(p.idle) > 0 && (p.total() > p.lim.maxOpen || len(p.idle) > p.lim.maxIdle) {
		c := p.idle[0] // the one that was idle for longest
		p.idle = slices.Delete(p.idle, 0, 1)
		p.condemn(c, Resize)
	}
	p.maintain()
	p.schedule(now)
	return nil
}

// Invalidate makes every connection opened so far stale: idle ones are closed now, the others when they come
// back. It is for the moment when it is known that the far end has restarted or changed its role.
func (p *Pool[T]) Invalidate() {
	p.mu.Lock()
	defer p.unlock()
	p.gen++ // for the dials under way
	for _, c := range p.idle {
		p.condemn(c, Stale)
	}
	clear(p.idle)
	p.idle = p.idle[:0]
	for _, c := range p.all {
		if c.retire == "" || c.retire == Lifetime {
			c.retire = Stale
		}
	}
	p.maintain()
}

// Stats returns the statistics.
func (p *Pool[T]) Stats() Stats {
	s := Stats{Name: p.cfg.Name}
	for i := range p.waitBuckets {
		s.WaitHistogram[i] = p.waitBuckets[i].Load()
	}
	s.WaitCount = s.WaitHistogram.Count()
	s.WaitDuration = time.Duration(p.waited.Load())
	s.TimeoutCount = p.timeouts.Load()

	p.mu.Lock()
	defer p.mu.Unlock()
	s.MaxOpenConnections = p.lim.maxOpen
	s.InUse, s.Dialing, s.Waiting = p.inUse(), len(p.dialing), p.queue.n
	s.Idle = len(p.idle) + p.checking
	s.OpenConnections = len(p.all) + len(p.dialing)
	s.AcquireCount = p.counts.direct + p.handed.Load()
	s.DialCount, s.DialErrorCount = p.counts.dials, p.counts.dialErrors
	s.MaxIdleClosed, s.IdleTimeClosed = p.counts.surplus, p.counts.idleTime
	s.LifetimeClosed, s.BrokenClosed = p.counts.lifetime, p.counts.broken
	s.LeaksFound = p.counts.leak
	s.Breaker, s.BreakerOpened, s.BreakerRefused = p.breakerState(), p.breaker.opened, p.breaker.refused
	if s.Breaker != BreakerClosed {
		s.DownSince = p.epoch.Add(p.breaker.since)
	}
	s.Generation = p.gen
	oldest := never
	for _, c := range p.all {
		if c.state == stateBorrowed && c.since != unset {
			oldest = min(oldest, c.since)
		}
	}
	if oldest != never {
		s.OldestHeldSince = p.epoch.Add(oldest)
	}
	return s
}

// now is the moment, on the monotonic clock.
func (p *Pool[T]) now() time.Duration { return time.Since(p.epoch) }

// inUse is how many connections are borrowed.
func (p *Pool[T]) inUse() int { return len(p.all) - len(p.idle) - p.checking }

// total is what counts towards MaxOpenConns.
func (p *Pool[T]) total() int { return len(p.all) + len(p.dialing) + p.closing }

// label is how messages call a pool.
func label(name string) string {
	if name == "" {
		return "pool"
	}
	return "pool " + name
}
