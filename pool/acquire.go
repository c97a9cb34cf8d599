package pool

import (
	"context"
	"errors"
	"time"
)

// Acquire borrows a connection: an idle one, else a new one if fewer than MaxOpenConns are open, else the first that
// comes back once those who came before are served. ctx is looked at on entry and while it waits.
//
// The error is a *TimeoutError if the acquire time-out or ctx ended the wait, ErrClosed after Close, or Dial's own error if no
// connection could be opened and none is open that might come back.
func (p *Pool[T]) Acquire(ctx context.Context) (*Conn[T], error) { return p.acquire(ctx, false) }

// TryAcquire borrows a connection without standing in the queue: an idle one, or a new one if fewer than MaxOpenConns
// are open, for whose dial (or check) it does wait. Otherwise it fails at once with ErrWouldBlock, which carries the
// last dial's error if dials are failing.
func (p *Pool[T]) TryAcquire(ctx context.Context) (*Conn[T], error) { return p.acquire(ctx, true) }

func (p *Pool[T]) acquire(ctx context.Context, try bool) (*Conn[T], error) {
	if ctx.Err() != nil {
		p.timeouts.Add(1)
		return nil, p.timeoutError(0, context.Cause(ctx))
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
	if try && !p.canSupply() {
		err := p.wouldBlock()
		p.mu.Unlock()
		return nil, err
	}
	return p.wait(ctx, try)
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
func (p *Pool[T]) wait(ctx context.Context, try bool) (*Conn[T], error) {
	w, _ := p.waiters.Get().(*waiter[T])
	if w == nil {
		w = &waiter[T]{ready: make(chan *Conn[T], 1)}
	}
	w.start, w.try, w.err = p.now(), try, nil
	p.started = true
	p.queue.push(w)
	p.maintain()
	p.schedule(w.start + p.lim.acquire)
	p.unlock()

	var c *Conn[T]
	var cause error
	select {
	case c = <-w.ready:
	case <-ctx.Done():
		cause = context.Cause(ctx)
		p.mu.Lock()
		if w.queued {
			p.queue.remove(w)
		} else if c = <-w.ready; c != nil { // handed over at this very moment: give it on
			p.offer(c)
			p.maintain()
			c = nil
		}
		p.unlock()
	}
	err, waited := w.err, p.now()-w.start
	p.waiters.Put(w)
	p.waited.Add(int64(waited))
	p.waitBuckets[bucket(waited)].Add(1)

	switch {
	case c != nil:
		p.handed.Add(1)
		if p.tracking.Load() {
			c.track()
		}
		return c, nil
	case cause != nil || err == errTimedOut:
		p.timeouts.Add(1)
		return nil, p.timeoutError(waited, cause)
	}
	return nil, err
}

// errTimedOut marks a waiter whose acquire time-out has passed; the caller sees a TimeoutError.
var errTimedOut = errors.New("acquire time-out")

// waiter is a caller in the queue. Whoever takes it off the queue, but for the caller itself, sends on ready exactly
// once: a connection, or nil after setting err.
type waiter[T any] struct {
	prev, next *waiter[T]
	queued     bool
	try        bool // by TryAcquire
	start      time.Duration
	ready      chan *Conn[T] // holds one, so that sending never blocks
	err        error
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
