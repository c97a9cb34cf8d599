package plinthtest

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Stats counts since the start of the proxy.
type Stats struct {
	Accepted   int // connections of clients
	Open       int // of these those that haven't ended and weren't cut; those that hang are open
	Unanswered int // of these those for which the server couldn't be dialled: they were reset

	ToServer, ToClient                   int64 // bytes forwarded
	SwallowedToServer, SwallowedToClient int64 // bytes read and lost: by Swallow, Hang or Drop

	Cuts    int // connections ended by CutAfter, Cut or a plan's Cut, Hang included
	Dropped int // replies dropped, and the connection ended
	Armed   int // DropReply calls that no connection has met yet
}

type counters struct {
	accepted, open, unanswered, cuts, dropped atomic.Int64
	forwarded, swallowed                      [3]atomic.Int64 // by Direction
	waiters                                   atomic.Int64
}

// Stats returns the counts.
func (p *Proxy) Stats() Stats {
	c := &p.count
	return Stats{
		Accepted: int(c.accepted.Load()), Open: int(c.open.Load()), Unanswered: int(c.unanswered.Load()),
		ToServer: c.forwarded[ToServer].Load(), ToClient: c.forwarded[ToClient].Load(),
		SwallowedToServer: c.swallowed[ToServer].Load(), SwallowedToClient: c.swallowed[ToClient].Load(),
		Cuts: int(c.cuts.Load()), Dropped: int(c.dropped.Load()), Armed: int(p.armed.Load()),
	}
}

// WaitFor returns once cond is true of the counts; cond is asked again whenever one has changed. If ctx ends first the
// error wraps its error and tells the counts.
func (p *Proxy) WaitFor(ctx context.Context, cond func(Stats) bool) error {
	p.count.waiters.Add(1)
	defer p.count.waiters.Add(-1)
	for {
		p.mu.Lock()
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		stats := p.Stats()
		if cond(stats) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("plinthtest: waiting for the proxy: %w; it counts %+v", context.Cause(ctx), stats)
		}
	}
}

// WaitIdle returns once no connection is open any more.
func (p *Proxy) WaitIdle(ctx context.Context) error {
	return p.WaitFor(ctx, func(s Stats) bool { return s.Open == 0 })
}

// notify wakes those who wait for a change of the counts, after it.
func (p *Proxy) notify() {
	if p.count.waiters.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
