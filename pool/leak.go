package pool

import (
	"cmp"
	"slices"
	"time"

	"github.com/plinthdb/plinth/internal/callsite"
)

// Holder is who holds a connection.
type Holder struct {
	Site  string        // where it was acquired, as "file.go:12 (package.Function)"; "" without leak detection
	Stack string        // the frames that led there, a line each; "" without leak detection
	Since time.Time     // zero without leak detection
	Held  time.Duration // so far, or until it came back
}

type leakState uint8

const (
	leakNone leakState = iota
	leakReporting
	leakReported
)

// holding is a copy of what a connection knows of its borrower. Turning it into text is left for after the lock.
type holding[T any] struct {
	conn  *Conn[T]
	hold  uint64
	since time.Duration
	stack callsite.Stack
}

func (c *Conn[T]) holding() holding[T] {
	h := holding[T]{conn: c, hold: c.hold, since: c.since}
	if c.since != unset {
		h.stack = c.stack
	}
	return h
}

func (h *holding[T]) holder(now time.Duration) Holder {
	if h.since == unset {
		return Holder{}
	}
	return Holder{
		Site: h.stack.Site(), Stack: h.stack.String(),
		Since: h.conn.pool.epoch.Add(h.since), Held: now - h.since,
	}
}

// track remembers who took c. It runs on the borrower's goroutine.
func (c *Conn[T]) track() {
	var s callsite.Stack
	s.Capture()
	p := c.pool
	p.mu.Lock()
	c.stack, c.since = s, p.now()
	p.schedule(c.since + p.lim.leak)
	p.mu.Unlock()
}

// Holders returns who holds connections, oldest first. Without leak detection the holders are blank: only their number
// is known.
func (p *Pool[T]) Holders() []Holder { return p.holders(-1) }

// holders returns the oldest so many holders, or all of them if limit is negative.
func (p *Pool[T]) holders(limit int) []Holder {
	p.mu.Lock()
	var list []holding[T]
	for _, c := range p.all {
		if c.state == stateBorrowed {
			list = append(list, c.holding())
		}
	}
	p.mu.Unlock()
	slices.SortFunc(list, func(a, b holding[T]) int { return cmp.Compare(a.hold, b.hold) })
	if limit >= 0 && len(list) > limit {
		list = list[:limit]
	}
	now := p.now()
	out := make([]Holder, len(list))
	for i := range list {
		out[i] = list[i].holder(now)
	}
	return out
}

// findLeaks marks the holds that have become too long, and returns when the next one will.
func (p *Pool[T]) findLeaks(now time.Duration) (found []holding[T], next time.Duration) {
	next = never
	if p.lim.leak == never {
		return nil, never
	}
	for _, c := range p.all {
		if c.state != stateBorrowed || c.since == unset || c.leak != leakNone {
			continue
		}
		if due := c.since + p.lim.leak; due > now {
			next = min(next, due)
			continue
		}
		c.leak = leakReporting
		p.counts.leak++
		found = append(found, c.holding())
	}
	return found, next
}

// reportLeaks tells OnLeak. A connection that comes back meanwhile is reported as returned here and not by its
// Release, so that OnLeak hears of it in this order.
func (p *Pool[T]) reportLeaks(found []holding[T]) {
	for i := range found {
		h := &found[i]
		if p.cfg.OnLeak != nil {
			p.cfg.OnLeak(h.holder(p.now()), false)
		}
		p.mu.Lock()
		held := h.conn.state == stateBorrowed && h.conn.hold == h.hold
		if held {
			h.conn.leak = leakReported
		}
		p.mu.Unlock()
		if !held {
			p.reportReturn(*h)
		}
	}
}

// endLeak ends, by giveUp, a hold that was found to be a leak. It is called with the lock held and releases it.
func (c *Conn[T]) endLeak(giveUp func()) {
	p, h, reported := c.pool, c.holding(), c.leak == leakReported
	giveUp()
	p.maintain()
	p.unlock()
	if reported { // else reportLeaks is at it, and will see that it came back
		p.reportReturn(h)
	}
}

// reportReturn tells OnLeak that a leak has come back.
func (p *Pool[T]) reportReturn(h holding[T]) {
	if p.cfg.OnLeak != nil {
		p.cfg.OnLeak(h.holder(p.now()), true)
	}
}
