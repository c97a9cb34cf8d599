// Package retry runs a function again when that can help: pauses with full jitter, a budget that keeps retries from
// making an outage worse, and an end that says what each attempt failed with.
//
// It knows no database. What may run again without harm is the caller's to say, in Policy.Retryable.
package retry

import (
	"context"
	"slices"
	"time"

	"github.com/plinthdb/plinth/future"
)

// Do calls f until it succeeds or the policy says stop, and returns what the last call of f returned.
//
// If f is called once and fails with what can't be repeated, or the policy allows one attempt only, its error is returned
// as it is. Every other failure is an *Error with all attempts. f isn't called again once ctx has ended, nor if
// ctx's deadline comes before the end of the pause: then Do returns at once instead of sleeping into the deadline.
//
// A call that succeeds at once allocates nothing. A panic of f is the caller's: Do doesn't recover it.
func Do[T any](ctx context.Context, p Policy, f func(ctx context.Context) (T, error)) (T, error) {
	if p.Start.IsZero() {
		p.Start = time.Now()
	}
	value, err := f(ctx)
	if err == nil {
		p.Budget.succeeded()
		return value, nil
	}
	// A function of its own, so that keeping score costs the call that succeeds nothing.
	return again(ctx, p, f, value, err)
}

// DoAsync is Do on a goroutine of its own. The end of ctx ends the work; an Await that is given up doesn't.
func DoAsync[T any](ctx context.Context, p Policy, f func(ctx context.Context) (T, error)) *future.Future[T] {
	return future.Go(ctx, func(ctx context.Context) (T, error) { return Do(ctx, p, f) })
}

// again goes on after the first failure.
func again[T any](ctx context.Context, p Policy, f func(ctx context.Context) (T, error), value T, err error) (T, error) {
	var s Tally
	for start := p.Start; ; {
		if err = s.failed(ctx, &p, err, time.Since(start)); err != nil {
			return value, err
		}
		start = time.Now()
		if value, err = f(ctx); err == nil {
			p.Budget.succeeded()
			return value, nil
		}
	}
}

// kept bounds the attempts that are remembered: with Policy.Attempts below zero there is no end to them.
const kept = 100

// Tally keeps the score of a call that is repeated by somebody who can't wait for its pauses, as Do does: a queue's worker.
// The zero Tally is one of a call that hasn't failed yet. It may be used by one goroutine at a time.
type Tally struct {
	attempts []Attempt
	cost     int64 // of the retry that was paid last
}

// Succeeded takes note that an attempt succeeded.
func (*Tally) Succeeded(p *Policy) { p.Budget.succeeded() }

// Failed takes note of an attempt that failed with err, after took. If there shall be another it returns the pause before it
// and no error, and the retry is paid for; else it returns the error the call ends with, as Do would.
func (s *Tally) Failed(ctx context.Context, p *Policy, err error, took time.Duration) (pause time.Duration, final error) {
	n, again := 1, p.retryable(err)
	if len(s.attempts) > 0 {
		n = s.attempts[len(s.attempts)-1].N + 1
	}
	if n == 1 && (!again || p.attempts() == 1) {
		return 0, err
	}
	if len(s.attempts) == kept {
		s.attempts = slices.Delete(s.attempts, kept/2, kept/2+1)
	}
	s.attempts = append(s.attempts, Attempt{N: n, Err: err, Took: took})

	// The budget comes last: nothing is paid for a retry that won't be made.
	switch {
	case ctx.Err() != nil:
		return 0, s.stop(ctx, Canceled)
	case !again:
		return 0, s.stop(ctx, NotRetryable)
	case n == p.attempts():
		return 0, s.stop(ctx, AttemptsUsed)
	}
	delay := p.Delay(n - 1)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return 0, s.stop(ctx, DeadlineNear)
	}
	s.cost = RetryCost
	if timedOut(err) {
		s.cost = TimeoutCost
	}
	if !p.Budget.take(s.cost) {
		return 0, s.stop(ctx, BudgetEmpty)
	}
	if p.OnRetry != nil {
		p.OnRetry(ctx, n, delay, err)
	}
	s.attempts[len(s.attempts)-1].Delay = delay
	return delay, nil
}

// Canceled returns the error the call ends with because ctx has ended in the pause. The retry isn't paid for.
func (s *Tally) Canceled(ctx context.Context, p *Policy) error {
	p.Budget.giveBack(s.cost)
	return s.stop(ctx, Canceled)
}

// failed is Failed with the pause.
func (s *Tally) failed(ctx context.Context, p *Policy, err error, took time.Duration) error {
	delay, final := s.Failed(ctx, p, err, took)
	if final != nil {
		return final
	}
	pause := time.NewTimer(delay)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return s.Canceled(ctx, p)
	}
	return nil
}

func (s *Tally) stop(ctx context.Context, why Stop) *Error {
	e := &Error{Attempts: s.attempts, Stopped: why}
	if why == Canceled {
		e.ctxErr, e.Cause = ctx.Err(), context.Cause(ctx)
	}
	return e
}
