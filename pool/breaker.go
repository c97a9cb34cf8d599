package pool

import (
	"errors"
	"fmt"
	"time"
)

// BreakerState is what a pool thinks of its target. It's the circuit breaker of Nygard's "Release It!", on dials: no
// statement's failure counts, only that connections can't be opened, for as long as none is open.
type BreakerState uint8

// The states.
const (
	BreakerClosed   BreakerState = iota // connections can be opened, as far as anybody knows
	BreakerHalfOpen                     // the target is known to be down, and a dial is under way to see whether it still is
	BreakerOpen                         // it's known to be down: who asks for a connection is told so at once
)

// String returns the state's name.
func (s BreakerState) String() string {
	text := [...]string{"closed", "half-open", "open"}
	if int(s) < len(text) {
		return text[s]
	}
	return "unlisted state"
}

// DownError is what a caller gets while the target is known to be down. errors.Is and errors.As see Cause.
type DownError struct {
	Pool  string        // its name
	For   time.Duration // since the first dial that failed
	Next  time.Duration // until another dial may start; 0: one is under way
	Cause error         // of the last dial to end
}

// Error says for how long the target has been down, why, and when it's tried again.
func (e *DownError) Error() string {
	next := "an attempt to connect is under way"
	if e.Next > 0 {
		next = "the next attempt to connect may be made in " + e.Next.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%s: not tried, because nothing could be opened for %v, and %s; the last attempt failed: %v",
		label(e.Pool), e.For.Round(time.Millisecond), next, e.Cause)
}

// Unwrap returns Cause.
func (e *DownError) Unwrap() error { return e.Cause }

// breaker counts the dials that failed in a row because the target couldn't be reached.
type breaker struct {
	failures int
	since    time.Duration // when the first of them ended
	told     bool          // OnBreaker knows that it's open
	opened   int64
	refused  int64
}

// dialled takes note of how a dial ended. Who is turned away by the target (a wrong password) has reached it.
func (b *breaker) dialled(now time.Duration, err error) {
	far, is := errors.AsType[interface {
		error
		Unreachable() bool
	}](err)
	switch {
	case err == nil || !is || !far.Unreachable():
		b.failures = 0
	default:
		if b.failures == 0 {
			b.since = now
		}
		b.failures++
	}
}

// down reports whether the target is known to be down. As long as a connection is open it isn't: somebody may give it back.
func (p *Pool[T]) down() bool {
	return p.lim.breaker > 0 && p.breaker.failures >= p.lim.breaker && len(p.all) == 0
}

// refuse is the error of a caller who isn't let in because the target is down.
func (p *Pool[T]) refuse() error {
	p.breaker.refused++
	now := p.now()
	e := &DownError{Pool: p.cfg.Name, For: now - p.breaker.since, Cause: p.dials.err}
	if len(p.dialing) == 0 {
		e.Next = max(0, p.dials.next(true)-now)
	}
	return e
}

// shed ends the waits of those whom no dial under way will serve, once the target is known to be down.
func (p *Pool[T]) shed() {
	for p.down() && p.unserved() > 0 {
		p.fail(p.queue.last, p.refuse())
	}
}

// turned tells whether the breaker has opened or closed since that was asked last.
func (p *Pool[T]) turned() (state BreakerState, is bool) {
	open := p.down()
	if open == p.breaker.told {
		return 0, false
	}
	p.breaker.told = open
	if !open {
		return BreakerClosed, true
	}
	p.breaker.opened++
	return BreakerOpen, true
}

// breakerState is the state for statistics.
func (p *Pool[T]) breakerState() BreakerState {
	switch {
	case !p.down():
		return BreakerClosed
	case len(p.dialing) > 0:
		return BreakerHalfOpen
	}
	return BreakerOpen
}
