package plinth

import (
	"context"
	"time"

	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/retry"
)

// Submit hands a statement to the engine's dispatcher and returns. done is called exactly once, on a goroutine of the engine's or
// the caller's own, with what Execute or Query would have returned: op says which. It must be quick and must read rows to their
// end or close them. The arguments must not be changed before that.
//
// The end of ctx ends what hasn't been sent; of what was sent in a batch, done is told that it ended, and it goes on for nobody.
//
// Package async is made of it, and has the friendlier form.
func (e *Engine) Submit(ctx context.Context, op hook.Op, statement string, args []any, done func(rows *Rows, err error)) {
	s := &submission{done: done}
	s.rows.op = op
	c := &s.rows.call
	if op != hook.Query && op != hook.Execute {
		done(nil, e.usage(ErrArgument, string(op), "only %s and %s can be submitted", hook.Query, hook.Execute))
		return
	}
	if err := e.prepare(ctx, c, statement, args); err != nil {
		done(nil, err)
		return
	}
	if err := e.usable(string(op)); err != nil {
		done(nil, err)
		return
	}
	c.asked = ctx
	c.start(ctx)
	if at, ok := ctx.Deadline(); c.set.timeout > 0 && (!ok || time.Until(at) > c.set.timeout) {
		ctx, c.cancel = context.WithTimeout(ctx, c.set.timeout)
	}
	s.ctx = ctx
	s.attempt()
}

// submission is a call that nobody's goroutine waits for.
type submission struct {
	rows  Rows
	ctx   context.Context
	tally retry.Tally
	stop  func() bool // watching ctx
	done  func(*Rows, error)
}

// attempt makes the next attempt.
func (s *submission) attempt() {
	c := &s.rows.call
	p := c.eng.pipeline
	if err := c.eng.usable(string(c.op)); err != nil {
		s.end(err)
		return
	}
	if !p.takes(s.ctx, c) {
		p.alone.Put(s.alone)
		return
	}
	ctx, err := c.begin(s.ctx)
	if err != nil {
		s.failed(err)
		return
	}
	j := newJob(ctx, c, s.ended)
	if s.stop = nil; ctx.Done() != nil {
		s.stop = context.AfterFunc(ctx, func() {
			if err := j.giveUp(); err != nil {
				c.ev.Queue = time.Since(j.queued)
				s.settled(err)
			}
		})
	}
	p.groups[j.Kind].Put(j)
}

// alone makes an attempt as a call of its own.
func (s *submission) alone() {
	s.rows.lonely = true
	if err := s.rows.eng.attempt(s.ctx, &s.rows.call); err != nil {
		s.failed(err)
		return
	}
	s.answered()
}

// ended is told by a lane how an attempt in a batch has ended.
func (s *submission) ended(err error) {
	if s.stop != nil {
		s.stop()
	}
	s.settled(err)
}

func (s *submission) settled(err error) {
	c := &s.rows.call
	switch {
	case err == errAlone:
		c.ev.Attempt--
		c.eng.pipeline.alone.Put(s.alone)
	case err != nil:
		s.failed(c.attempted(err))
	case c.op == hook.Execute:
		_ = c.attempted(nil)
		fallthrough
	default:
		s.answered()
	}
}

// failed goes on after an attempt that failed: with another, after a pause, if that can help and does no harm.
func (s *submission) failed(err error) {
	c := &s.rows.call
	e := c.eng
	policy := c.set.policy
	if e.watch.retry {
		e.observeRetries(&policy, &c.ev)
	}
	pause, last := s.tally.Failed(s.ctx, &policy, err, time.Since(c.began))
	if last != nil {
		s.end(last)
		return
	}
	time.AfterFunc(pause, func() {
		if s.ctx.Err() != nil {
			s.end(s.tally.Canceled(s.ctx, &policy))
			return
		}
		e.retries.Add(1)
		s.attempt()
	})
}

// answered hands out what the statement returned.
func (s *submission) answered() {
	c := &s.rows.call
	s.tally.Succeeded(&c.set.policy)
	if c.rows == nil {
		s.rows.ended = true
		c.end(s.ctx, nil)
		s.done(&s.rows, nil)
		return
	}
	s.rows.cols = c.rows.Columns()
	defer s.rows.Close() // what done has left open
	s.done(&s.rows, nil)
}

// end ends the call with an error.
func (s *submission) end(err error) {
	c := &s.rows.call
	if c.left {
		err = c.unknown(err)
	}
	err = final(err)
	c.end(s.ctx, err)
	s.done(nil, err)
}
