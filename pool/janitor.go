package pool

import (
	"context"
	"time"
)

// schedule makes sure that tick runs no later than at.
func (p *Pool[T]) schedule(at time.Duration) {
	if at >= p.tickAt || p.closed {
		return
	}
	p.tickAt = at
	if wait := at - p.now(); p.timer == nil {
		p.timer = time.AfterFunc(wait, p.tick)
	} else {
		p.timer.Reset(wait)
	}
}

// tick does everything that is due, and schedules the next tick for when something will be. It runs on the timer's own
// goroutine; when nothing will ever be due there is none.
func (p *Pool[T]) tick() {
	p.mu.Lock()
	p.tickAt = never
	if p.closed {
		p.mu.Unlock()
		return
	}
	now := p.now()
	p.schedule(p.endWaits(now))
	p.schedule(p.sweep(now))
	leaks, next := p.findLeaks(now)
	p.schedule(next)
	p.maintain()
	p.unlock()
	p.reportLeaks(leaks)
}

// endWaits ends the waits whose time is over and returns when the next one's is.
func (p *Pool[T]) endWaits(now time.Duration) time.Duration {
	next := never
	for w := p.queue.first; w != nil; {
		following := w.next
		if end := p.waitEnd(w); end > now {
			next = min(next, end)
		} else {
			p.queue.remove(w)
			w.err = p.timeoutError(now-w.start, nil)
			w.ready <- nil
		}
		w = following
	}
	return next
}

// sweep notices which connections have become idle, retires those at the end of their lifetime, closes those idle for too
// long and starts the next keepalive check. It returns when it next has something to do.
func (p *Pool[T]) sweep(now time.Duration) time.Duration {
	p.noticing = p.lim.grain == 0
	next := never
	for _, c := range p.all {
		if c.retire != "" {
			continue
		}
		if c.expires > now {
			next = min(next, c.expires)
		} else {
			c.retire = Lifetime
		}
	}
	kept := p.idle[:0]
	for _, c := range p.idle {
		if c.idleSince == unset {
			c.idleSince, c.alive = now, now
		}
		closeAt := c.idleSince + p.lim.idleTime
		checkAt := c.alive + jittered(p.lim.keepAlive, keepAliveJitter, c.spread)
		switch {
		case c.retire != "" && !p.needed():
			p.condemn(c, c.retire)
			continue
		case len(p.all) <= p.lim.minConns: // can't be spared
		case closeAt <= now:
			p.condemn(c, Idle)
			continue
		default:
			next = min(next, closeAt)
		}
		if checkAt > now {
			next = min(next, checkAt)
		} else if p.checking == 0 { // one at a time; the end of a check schedules a tick
			p.startCheck(c)
			continue
		}
		kept = append(kept, c)
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	return next
}

// startCheck checks a connection that was taken off the idle stack.
func (p *Pool[T]) startCheck(c *Conn[T]) {
	c.state = stateChecked
	p.checking++
	go p.check(c, p.lim.check)
}

func (p *Pool[T]) check(c *Conn[T], limit time.Duration) {
	ctx, cancel := context.WithTimeout(p.dialCtx, limit)
	err := p.cfg.Check(ctx, c.value)
	cancel()

	p.mu.Lock()
	defer p.unlock()
	p.checking--
	now := p.now()
	if err == nil {
		c.alive = now
		p.offer(c)
	} else {
		why := Broken
		if p.closed {
			why = Drain // the check failed because Close ended it
		}
		p.condemn(c, why)
		// One dead connection is seldom alone. All that might be dead are checked now, side by side, so that the next
		// callers don't find them one after the other.
		kept := p.idle[:0]
		for _, c := range p.idle {
			if p.fresh(c) {
				kept = append(kept, c)
			} else {
				p.startCheck(c)
			}
		}
		clear(p.idle[len(kept):])
		p.idle = kept
	}
	p.maintain()
	p.schedule(now)
}
