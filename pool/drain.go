package pool

import (
	"cmp"
	"context"
	"iter"
	"slices"
)

// Close drains the pool. From now on Acquire fails with ErrClosed, for those who wait too; idle connections are
// closed, dials and checks under way are cancelled, and Close waits until every borrowed connection has come back and been
// closed. If ctx ends first, Config.Cut interrupts those that are left and Close returns a *DrainError; they are
// closed when their borrowers release them. Close may be called again, and waits again.
func (p *Pool[T]) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.cancel()
		if p.timer != nil {
			p.timer.Stop()
		}
		for p.queue.n > 0 {
			p.fail(p.queue.first, ErrClosed)
		}
		for _, w := range p.warmers {
			w.done <- ErrClosed
		}
		p.warmers = nil
		for _, c := range p.idle {
			p.condemn(c, Drain)
		}
		p.idle = nil
		for _, c := range p.all {
			c.retire = Drain
		}
		p.settle()
	}
	p.unlock()

	select {
	case <-p.drained:
		return nil
	default:
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
	}
	err := &DrainError{Pool: p.cfg.Name, Cause: context.Cause(ctx), Holders: p.holders(namedHolders)}
	for conn := range p.Held() {
		err.Left++
		if p.cfg.Cut != nil {
			p.cfg.Cut(conn)
			err.Cut = true
		}
	}
	return err
}

// settle tells Close when nothing is open any more.
func (p *Pool[T]) settle() {
	if !p.closed || p.total() > 0 {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

// Held yields the connections that are borrowed, oldest hold first, for the owner to interrupt them. Their borrowers
// use them at the same time. A connection isn't closed while the loop's body has it, but it may be released and, unless
// the pool is closed, be lent to somebody else.
func (p *Pool[T]) Held() iter.Seq[T] {
	return func(yield func(T) bool) {
		p.mu.Lock()
		list := slices.Clone(p.all)
		slices.SortFunc(list, func(a, b *Conn[T]) int { return cmp.Compare(a.hold, b.hold) })
		p.mu.Unlock()
		for _, c := range list {
			if !p.pinned(c, yield) {
				return
			}
		}
	}
}

// pinned calls yield with c's value if c is borrowed. If c is condemned meanwhile it is closed here, afterwards.
func (p *Pool[T]) pinned(c *Conn[T], yield func(T) bool) bool {
	p.mu.Lock()
	if c.state != stateBorrowed {
		p.mu.Unlock()
		return true
	}
	c.pins++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		c.pins--
		if c.pins == 0 && c.state == stateGone {
			p.doomed = append(p.doomed, doomed[T]{c, c.retire})
		}
		p.unlock()
	}()
	return yield(c.value)
}
