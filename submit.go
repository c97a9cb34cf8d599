package plinth

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/lanes"
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
	s := &submission{ctx: ctx, done: done}
	s.rows.eng, s.rows.op = e, op
	s.step(func() { s.start(statement, args) })
}

// submission is a call that nobody's goroutine waits for.
type submission struct {
	rows  Rows
	ctx   context.Context
	tally retry.Tally
	done  func(*Rows, error)
	began bool // those who watch know of it
	told  bool // done was called
}

// step makes a part of the way. If a hook or an argument's method leaves it by a panic or runtime.Goexit, the call ends there.
func (s *submission) step(f func()) {
	err := future.ErrExited
	defer func() {
		if err == nil || s.told {
			return
		}
		if v := recover(); v != nil {
			err = &future.PanicError{Value: v, Stack: debug.Stack()}
		}
		c := &s.rows.call
		if s.began {
			c.abandoned(s.ctx)
		}
		failure := c.eng.usage(driver.Unknown, string(c.op), "the call was left before its end")
		failure.Err = err
		s.tell(nil, failure)
	}()
	f()
	err = nil
}

// tell calls done, once.
func (s *submission) tell(rows *Rows, err error) {
	if !s.told {
		s.told = true
		s.done(rows, err)
	}
}

func (s *submission) start(statement string, args []any) {
	c := &s.rows.call
	e := c.eng
	if c.op != hook.Query && c.op != hook.Execute {
		s.tell(nil, e.usage(ErrArgument, string(c.op), "only %s and %s can be submitted", hook.Query, hook.Execute))
		return
	}
	if err := e.prepare(s.ctx, c, statement, args); err != nil {
		s.tell(nil, err)
		return
	}
	if err := e.usable(string(c.op)); err != nil {
		s.tell(nil, err)
		return
	}
	c.asked = s.ctx
	s.began = true
	c.start(s.ctx)
	if at, ok := s.ctx.Deadline(); c.set.timeout > 0 && (!ok || time.Until(at) > c.set.timeout) {
		s.ctx, c.cancel = context.WithTimeout(s.ctx, c.set.timeout)
	}
	s.attempt()
}

// attempt makes the next attempt.
func (s *submission) attempt() {
	c := &s.rows.call
	p := c.eng.pipeline
	if err := c.eng.usable(string(c.op)); err != nil {
		s.end(err)
		return
	}
	ctx, err := c.begin(s.ctx)
	if err != nil {
		s.failed(err)
		return
	}
	if !p.takes(s.ctx, c) {
		s.byItself()
		return
	}
	var stop func() bool // watching ctx
	j := newJob(ctx, c, func(err error) {
		if stop != nil {
			stop()
		}
		s.step(func() { s.settled(err) })
	})
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() {
			if err := j.giveUp(); err != nil {
				c.ev.Queue = time.Since(j.queued)
				s.step(func() { s.settled(err) })
			}
		})
	}
	j.queue()
}

// byItself queues the attempt to be made as a call of its own.
func (s *submission) byItself() {
	c := &s.rows.call
	queued := time.Now()
	run := func() {
		c.began = time.Now()
		c.ev.Queue += c.began.Sub(queued)
		s.step(s.runAlone)
	}
	c.eng.pipeline.alone.PutUntil(c.ctx, &lanes.Item[func()]{Job: run}, func() {
		c.ev.Queue += time.Since(queued)
		s.step(func() { s.settled(notSent(c.ctx)) })
	})
}

func (s *submission) runAlone() {
	c := &s.rows.call
	c.lonely = true
	err := c.run(c.ctx)
	if err != nil || c.rows == nil {
		err = c.attempted(err)
	}
	if err != nil {
		s.failed(err)
		return
	}
	s.answered()
}

// settled goes on after an attempt in a batch.
func (s *submission) settled(err error) {
	c := &s.rows.call
	switch {
	case err == errAlone:
		s.byItself()
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
	s.pause(pause, &policy)
}

// pause makes the next attempt after a while. The end of the context ends the pause, and the call.
func (s *submission) pause(pause time.Duration, policy *retry.Policy) {
	var first atomic.Bool // which of the two comes first
	ended := make(chan func() bool, 1)
	timer := time.AfterFunc(pause, func() {
		stop := <-ended
		stop()
		if first.CompareAndSwap(false, true) {
			s.rows.eng.retries.Add(1)
			s.step(s.attempt)
		}
	})
	ended <- context.AfterFunc(s.ctx, func() {
		timer.Stop()
		if first.CompareAndSwap(false, true) {
			s.step(func() { s.end(s.tally.Canceled(s.ctx, policy)) })
		}
	})
}

// answered hands out what the statement returned.
func (s *submission) answered() {
	c := &s.rows.call
	s.tally.Succeeded(&c.set.policy)
	if c.rows == nil {
		s.rows.ended = true
		c.end(s.ctx, nil)
		s.tell(&s.rows, nil)
		return
	}
	s.rows.cols = c.rows.Columns()
	if d, ok := c.rows.(driver.Documents); ok {
		s.rows.docs = d.Documents()
	}
	defer s.rows.Close() // what done has left open
	s.tell(&s.rows, nil)
}

// end ends the call with an error.
func (s *submission) end(err error) {
	c := &s.rows.call
	if c.left {
		err = c.unknown(err)
	}
	err = final(err)
	c.end(s.ctx, err)
	s.tell(nil, err)
}
