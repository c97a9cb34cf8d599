package pool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// unserved is how many waiters there are beyond the dials and checks under way, each of which will serve one; but nobody is left
// to a dial that hangs.
func (p *Pool[T]) unserved() int {
	n := p.queue.n - p.checking
	if len(p.dialing) > 0 {
		hangs := p.now() - dialPatience
		for _, start := range p.dialing {
			if start > hangs {
				n--
			}
		}
	}
	return n
}

// maintain starts what the waiters and MinConns need: checks of idle connections, then dials. It is called, with the lock held,
// whenever one of the numbers it looks at has changed for the worse or room has come. It condemns nothing.
func (p *Pool[T]) maintain() {
	if p.closed || !p.started {
		return
	}
	for p.unserved() > 0 && len(p.idle) > 0 {
		if c := p.pop(); p.fresh(c) {
			p.hand(c)
		} else {
			p.startCheck(c)
		}
	}
	for p.total() < p.lim.maxOpen {
		asked := p.unserved() > 0
		if !asked && len(p.all)+len(p.dialing) >= p.floor() {
			return
		}
		now := p.now()
		if at := p.dials.next(asked); at > now {
			p.schedule(at)
			return
		}
		p.dials.started(now)
		p.dialing = append(p.dialing, now)
		p.counts.dials++
		go p.dial(now, p.gen, max(dialLimit, p.options.AcquireTimeout))
	}
}

// floor is how many connections there have to be even if nobody asks for one: MinConns, what Warm waits for, and a
// replacement for each idle connection that is only kept until it has one.
func (p *Pool[T]) floor() int {
	n := p.lim.minConns
	for _, w := range p.warmers {
		n = max(n, w.need)
	}
	if p.lim.minConns > 0 {
		for _, c := range p.idle {
			if c.retire != "" {
				n++
			}
		}
	}
	return n
}

// dialLimit bounds a dial, so that one that hangs doesn't hold its place for ever. Drivers have shorter limits of their own.
const dialLimit = time.Minute

// dialPatience is after what time a dial counts as hanging: those who wait get another beside it, as long as there is room. It
// still counts towards MaxOpenConns, and its connection is used if it comes about after all.
const dialPatience = 2 * time.Second

// dial opens a connection for whoever will be first in the queue then. It has been under way since start.
func (p *Pool[T]) dial(start time.Duration, gen uint64, limit time.Duration) {
	ctx, cancel := context.WithTimeout(p.dialCtx, limit)
	hangs := time.AfterFunc(dialPatience, func() {
		p.mu.Lock()
		p.maintain()
		p.unlock()
	})
	value, err := p.cfg.Dial(ctx)
	hangs.Stop()
	cancel()
	now := p.now()
	if p.cfg.OnOpen != nil {
		p.cfg.OnOpen(now-start, err)
	}

	p.mu.Lock()
	defer p.unlock()
	at := slices.Index(p.dialing, start)
	p.dialing = slices.Delete(p.dialing, at, at+1)
	p.dials.ended(err)
	p.breaker.dialled(now, err)
	if err != nil {
		p.dialFailed(err)
		p.shed()
		p.settle()
	} else {
		c := &Conn[T]{pool: p, value: value, opened: now, spread: rand.Float64(), since: unset, idleSince: unset, index: len(p.all)}
		c.expires = p.expiry(c)
		switch {
		case p.closed:
			c.retire = Drain
		case p.gen != gen:
			c.retire = Stale
		}
		p.all = append(p.all, c)
		p.warmed()
		p.offer(c)
		p.schedule(c.expires)
		if p.lim.minConns > 0 {
			p.schedule(now) // one that was only kept until this one came may go
		}
	}
	p.maintain()
}

// dialFailed hands a failed dial's error to whom it concerns. With no connection open, nobody could serve the first waiter
// but a dial, and this one was its own: it gets the error, and those behind it the next dials. As long as others are open
// the waiters keep waiting for those, except one that didn't want to wait for them.
func (p *Pool[T]) dialFailed(err error) {
	p.counts.dialErrors++
	for _, w := range p.warmers {
		w.done <- err
	}
	p.warmers = nil
	if p.unserved() <= 0 {
		return
	}
	if len(p.all) == 0 {
		p.fail(p.queue.first, err)
		return
	}
	for w := p.queue.last; w != nil; w = w.prev {
		if w.try {
			p.fail(w, err)
			return
		}
	}
}

// expiry is when c's lifetime ends.
func (p *Pool[T]) expiry(c *Conn[T]) time.Duration {
	if p.lim.lifetime == never {
		return never
	}
	return c.opened + jittered(p.lim.lifetime, lifetimeJitter, c.spread)
}

// jittered shortens d by spread's part of jitter.
func jittered(d time.Duration, jitter, spread float64) time.Duration {
	return d - time.Duration(float64(d)*jitter*spread)
}

// canSupply reports whether a further caller would have a dial or a check to itself.
func (p *Pool[T]) canSupply() bool {
	return p.unserved() < 0 || len(p.idle) > 0 || p.total() < p.lim.maxOpen && p.dials.next(true) <= p.now()
}

func (p *Pool[T]) wouldBlock() error {
	if p.dials.err == nil {
		return ErrWouldBlock
	}
	return fmt.Errorf("%w, and the last attempt to open one failed: %w", ErrWouldBlock, p.dials.err)
}

// warmer is a call of Warm.
type warmer struct {
	need int
	done chan error // holds one
}

// Warm opens connections, side by side, until max(1, MinConns) are open, and returns when they are. It returns the first
// error of a dial, in which case MinConns are still tried for in the background until Close; or a *TimeoutError with
// the last dial's error if ctx ended first.
func (p *Pool[T]) Warm(ctx context.Context) error {
	if ctx.Err() != nil {
		return p.ended(ctx)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.started = true
	w := &warmer{need: max(1, p.lim.minConns), done: make(chan error, 1)}
	start := p.now()
	p.warmers = append(p.warmers, w)
	p.warmed()
	p.maintain()
	p.unlock()

	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	p.mu.Lock()
	p.warmers = slices.DeleteFunc(p.warmers, func(o *warmer) bool { return o == w })
	late := p.timeoutError(p.now()-start, cause)
	p.unlock()
	return p.named(late)
}

// warmed ends the calls of Warm that have what they wait for.
func (p *Pool[T]) warmed() {
	p.warmers = slices.DeleteFunc(p.warmers, func(w *warmer) bool {
		if len(p.all) < w.need {
			return false
		}
		w.done <- nil
		return true
	})
}

// dialLimiter says when the next dial may start. While the far end answers there is no limit. While it doesn't,
// or isn't known to, at most dialBurst start within any dialWindow, and once it is known not to they are spread evenly:
// a target that is down isn't buried under the attempts of those who need it.
type dialLimiter struct {
	answering bool                     // the last dial to end succeeded
	err       error                    // of the last dial to end
	starts    [dialBurst]time.Duration // when the latest started; the next one goes to n % dialBurst
	n         int
}

const (
	dialBurst  = 10
	dialWindow = time.Second
	dialPause  = dialWindow / dialBurst // between two dials that callers wait for, while dials fail
	fillPause  = time.Second            // the same if nobody waits, only MinConns
)

// next is the earliest moment for a dial; asked says that a caller waits for it.
func (l *dialLimiter) next(asked bool) time.Duration {
	if l.answering || l.n == 0 {
		return 0
	}
	var at time.Duration
	if l.n >= dialBurst {
		at = l.starts[l.n%dialBurst] + dialWindow
	}
	if l.err != nil {
		pause := fillPause
		if asked {
			pause = dialPause
		}
		at = max(at, l.starts[(l.n-1)%dialBurst]+pause)
	}
	return at
}

func (l *dialLimiter) started(now time.Duration) {
	l.starts[l.n%dialBurst] = now
	l.n++
}

func (l *dialLimiter) ended(err error) { l.answering, l.err = err == nil, err }
