package pool

import (
	"context"
	"time"
)

// Acquire borrows a connection: an idle one, else a new one if fewer than MaxOpenConns are open, else the first that
// comes back once those who came before are served. ctx is looked at on entry and while it waits.
//
// The error is a *TimeoutError if the acquire time-out or ctx ended the wait, ErrClosed after Close, Dial's own error if no
// connection could be opened and none is open that might come back, or a *DownError if that is known to go on: see
// Options.BreakerFailures.
func (p *Pool[T]) Acquire(ctx context.Context) (*Conn[T], error) { return p.acquire(ctx, 0, false) }

// AcquireWithin is Acquire with an acquire time-out of the caller's own: 0 is the pool's, negative is none.
func (p *Pool[T]) AcquireWithin(ctx context.Context, timeout time.Duration) (*Conn[T], error) {
	return p.acquire(ctx, timeout, false)
}

// TryAcquire borrows a connection without standing in the queue: an idle one, or a new one if fewer than MaxOpenConns
// are open, for whose dial (or check) it does wait. Otherwise it fails at once with ErrWouldBlock, which carries the
// last dial's error if dials are failing.
func (p *Pool[T]) TryAcquire(ctx context.Context) (*Conn[T], error) { return p.acquire(ctx, 0, true) }

func (p *Pool[T]) acquire(ctx context.Context, timeout time.Duration, try bool) (*Conn[T], error) {
	if ctx.Err() != nil {
		p.timeouts.Add(1)
		return nil, p.ended(ctx)
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 && p.queue.n == 0 && p.fresh(p.idle[n-1]) {
		c := p.pop()
		p.lend(c)
		p.counts.direct++
		p.mu.Unlock()
		if p.tracking.Load() {
			c.track()
		}
		return c, nil
	}
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if p.down() && !p.canSupply() {
		err := p.refuse()
		p.mu.Unlock()
		return nil, err
	}
	if try && !p.canSupply() {
		err := p.wouldBlock()
		p.mu.Unlock()
		return nil, err
	}
	return p.wait(ctx, timeout, try)
}

// fresh reports whether an idle connection may be lent without a check. One that no tick has noticed yet was
// released a moment ago.
func (p *Pool[T]) fresh(c *Conn[T]) bool {
	switch {
	case p.lim.freshFor == never:
		return true
	case p.lim.freshFor < 0:
		return false
	case c.idleSince == unset:
		return true
	}
	return p.now()-c.alive <= p.lim.freshFor
}

// wait stands in the queue. It is called with the lock held and releases it.
func (p *Pool[T]) wait(ctx context.Context, timeout time.Duration, try bool) (*Conn[T], error) {
	w, _ := p.waiters.Get().(*waiter[T])
	if w == nil {
		w = &waiter[T]{ready: make(chan *Conn[T], 1)}
	}
	w.start, w.limit, w.try, w.err = p.now(), timeout, try, nil
	p.started = true
	p.queue.push(w)
	p.maintain()
	p.schedule(p.waitEnd(w))
	p.unlock()

	var c *Conn[T]
	select {
	case c = <-w.ready:
	case <-ctx.Done():
		cause := context.Cause(ctx)
		p.mu.Lock()
		if w.queued {
			p.queue.remove(w)
		} else if c = <-w.ready; c != nil { // handed over at this very moment: give it on
			p.offer(c)
			p.maintain()
			c = nil
		}
		w.err = p.timeoutError(p.now()-w.start, cause)
		p.unlock()
	}
	err, waited := w.err, p.now()-w.start
	p.waiters.Put(w)
	p.waited.Add(int64(waited))
	p.waitBuckets[bucket(waited)].Add(1)

	if c == nil {
		if late, ok := err.(*TimeoutError); ok {
			p.timeouts.Add(1)
			return nil, p.named(late)
		}
		return nil, err
	}
	p.handed.Add(1)
	if p.tracking.Load() {
		c.track()
	}
	return c, nil
}

// waiter is a caller in the queue. Whoever takes it off the queue, but for the caller itself, sends on ready exactly
// once: a connection, or nil after setting err.
type waiter[T any] struct {
	prev, next *waiter[T]
	queued     bool
	try        bool // by TryAcquire
	start      time.Duration
	limit      time.Duration // of AcquireWithin
	ready      chan *Conn[T] // holds one, so that sending never blocks
	err        error
}

// waitEnd is when a waiter's time is over.
func (p *Pool[T]) waitEnd(w *waiter[T]) time.Duration {
	switch {
	case w.limit == 0:
		return w.start + p.lim.acquire
	case w.limit < 0:
		return never
	}
	return w.start + min(w.limit, never)
}

// hand gives c to the first waiter.
func (p *Pool[T]) hand(c *Conn[T]) {
	w := p.queue.first
	p.queue.remove(w)
	p.lend(c)
	w.ready <- c
}

// fail ends a waiter's wait.
func (p *Pool[T]) fail(w *waiter[T], err error) {
	p.queue.remove(w)
	w.err = err
	w.ready <- nil
}

// queue is a list of waiters.
type queue[T any] struct {
	first, last *waiter[T]
	n           int
}

func (q *queue[T]) push(w *waiter[T]) {
	w.prev, w.next, w.queued = q.last, nil, true
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.n++
}

func (q *queue[T]) remove(w *waiter[T]) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.n--
}
