package pool

import (
	"time"

	"github.com/plinthdb/plinth/internal/callsite"
)

// Conn is one connection of a pool, borrowed by Acquire until Release or Destroy. It is made once a connection and
// lent again and again, so that lending allocates nothing. The price: a second Release panics, but only as long as
// nobody else has borrowed the connection meanwhile; afterwards it can't be told from the other's own.
type Conn[T any] struct {
	// Constant.
	pool   *Pool[T]
	value  T
	opened time.Duration
	spread float64 // 0 to 1: this connection's share of each jitter

	// Guarded by pool.mu.
	state   connState
	retire  Reason        // why it is closed when it comes back; "" if it isn't
	index   int           // in pool.all
	expires time.Duration // when its lifetime ends
	hold    uint64        // which hold it is in: the pool's count of lends
	pins    int           // loops of Held that look at it now: it isn't closed before they have moved on

	idleSince time.Duration // when a tick found it idle; unset since the last Release until then
	alive     time.Duration // when it was last known to be alive; means nothing while idleSince is unset

	since time.Duration // when it was taken, if leak detection is on; else unset
	leak  leakState
	stack callsite.Stack // of who took it
}

type connState uint8

const (
	stateIdle connState = iota
	stateBorrowed
	stateChecked // being checked
	stateGone    // closed, or about to be
)

// unset is a moment that isn't known.
const unset time.Duration = -1

// Value returns the connection itself.
func (c *Conn[T]) Value() T { return c.value }

// Opened returns when the connection was opened.
func (c *Conn[T]) Opened() time.Time { return c.pool.epoch.Add(c.opened) }

// Release gives the connection back, to the caller who waits for longest if there is one. Every borrowed connection
// must be released or destroyed exactly once; see Conn for what a second time does.
func (c *Conn[T]) Release() {
	p := c.pool
	p.mu.Lock()
	c.mustBeBorrowed("Release")
	if c.leak != leakNone {
		c.endLeak(func() { p.offer(c) })
		return
	}
	if c.retire == "" && p.queue.n == 0 && len(p.idle) < p.lim.maxIdle && p.total() <= p.lim.maxOpen {
		p.push(c)
		p.mu.Unlock()
		return
	}
	p.offer(c)
	p.maintain()
	p.unlock()
}

// Destroy closes the connection instead of giving it back. It is for a connection that is broken, or in a state that
// nobody knows.
func (c *Conn[T]) Destroy() {
	p := c.pool
	p.mu.Lock()
	c.mustBeBorrowed("Destroy")
	if c.leak != leakNone {
		c.endLeak(func() { p.condemn(c, Broken) })
		return
	}
	p.condemn(c, Broken)
	p.maintain()
	p.unlock()
}

// mustBeBorrowed panics, with the lock released, if c is back in the pool or closed.
func (c *Conn[T]) mustBeBorrowed(call string) {
	if c.state != stateBorrowed {
		c.pool.mu.Unlock()
		panic("pool: " + call + " of a connection that isn't borrowed: it was released or destroyed before")
	}
}

// push puts c, just released or dialled, on top of the idle stack. The clock isn't read: a tick, due within the
// grain, will notice that c is idle.
func (p *Pool[T]) push(c *Conn[T]) {
	c.state, c.idleSince = stateIdle, unset
	p.idle = append(p.idle, c)
	if !p.noticing {
		p.noticing = true
		p.schedule(p.now() + p.lim.grain)
	}
}

// pop takes the connection that was used last.
func (p *Pool[T]) pop() *Conn[T] {
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// lend starts a hold.
func (p *Pool[T]) lend(c *Conn[T]) {
	p.lends++
	c.state, c.hold, c.since, c.leak = stateBorrowed, p.lends, unset, leakNone
}

// offer decides what becomes of a connection that nobody uses: the first waiter gets it, or it is kept idle, or closed.
func (p *Pool[T]) offer(c *Conn[T]) {
	why := c.retire
	switch {
	case why == Lifetime && p.queue.n == 0 && p.needed():
		why = "" // kept until its replacement is there
	case why != "":
	case p.total() > p.lim.maxOpen:
		why = Resize
	case p.queue.n > 0:
		p.hand(c)
		return
	case len(p.idle) >= p.lim.maxIdle:
		why = Surplus
	}
	switch {
	case why != "":
		p.condemn(c, why)
	case c.state == stateChecked:
		// At the bottom, where it was or near: a check doesn't make a connection one that is used.
		c.state = stateIdle
		p.idle = append(p.idle, nil)
		copy(p.idle[1:], p.idle)
		p.idle[0] = c
	default:
		p.push(c)
	}
}

// needed reports whether a connection at the end of its lifetime is kept until its replacement has been dialled:
// MinConns need it and there is room for one more.
func (p *Pool[T]) needed() bool { return len(p.all) <= p.lim.minConns && len(p.all) < p.lim.maxOpen }

// doomed is a connection to close once the lock is released.
type doomed[T any] struct {
	conn   *Conn[T]
	reason Reason
}

// condemn takes c out of the pool. The caller has taken it off the idle stack. unlock closes it.
func (p *Pool[T]) condemn(c *Conn[T], why Reason) {
	last := len(p.all) - 1
	p.all[c.index] = p.all[last]
	p.all[c.index].index = c.index
	p.all[last] = nil
	p.all = p.all[:last]
	c.state, c.retire = stateGone, why
	p.closing++
	switch why {
	case Surplus:
		p.counts.surplus++
	case Idle:
		p.counts.idleTime++
	case Lifetime:
		p.counts.lifetime++
	case Broken, Stale:
		p.counts.broken++
	}
	if c.pins == 0 {
		p.doomed = append(p.doomed, doomed[T]{c, why})
	}
}

// unlock releases the lock and closes what was condemned under it. As each is closed its place becomes free.
func (p *Pool[T]) unlock() {
	list := p.doomed
	p.doomed = nil
	breaker, turned := p.turned()
	cause := p.dials.err
	p.mu.Unlock()
	for _, d := range list {
		p.cfg.Close(d.conn.value, d.reason)
		p.mu.Lock()
		p.closing--
		p.maintain()
		p.settle()
		p.mu.Unlock()
	}
	if turned && p.cfg.OnBreaker != nil {
		p.cfg.OnBreaker(breaker, cause)
	}
}
