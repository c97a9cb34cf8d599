package netdriver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/plinthdb/plinth/driver"
)

const (
	// AnswerTime is how long a call whose context has ended waits for the server's answer, which its cancel request should
	// bring; what was done is known then. moreTime is added if the server has taken the request by then, and so is alive.
	AnswerTime = 50 * time.Millisecond
	moreTime   = 25 * time.Millisecond

	// againTime is after what time a statement that should have been cancelled is cancelled again; then twice that, and so on.
	againTime = 50 * time.Millisecond

	// SettleTime is how long a session whose answer didn't come is kept in the background to wait for it.
	SettleTime = 5 * time.Second
)

// ErrNoAnswer is what TimedOut ends reading with when the context has ended and the server's answer is still to come.
var ErrNoAnswer = errors.New("the server hasn't answered yet")

// canceling is a cancel request on its way to the server.
type canceling struct {
	done chan struct{} // closed when it's known to be over, or has failed
	sent bool          // it may have got there; valid after that, as is the next
	err  error
}

// waiting is how far a call has got with waiting for an answer.
type waiting uint8

const (
	patient  waiting = iota // its context hasn't ended, as far as it knows
	canceled                // it has asked the server to cancel, and gives it AnswerTime
	last                    // the server is alive, and gets moreTime
	gone                    // the time is up, or no time is given
)

// StartCall begins a call: until EndCall, the end of ctx makes reading and writing fail with a time-out. It allocates nothing.
func (s *Session) StartCall(ctx context.Context) {
	s.waiting = patient
	s.watch.start(ctx)
}

// EndCall ends a call. No deadline is left behind. It does nothing if none runs.
func (s *Session) EndCall() { s.watch.end() }

// CallOver reports whether the context of the call that runs has ended, and its reading was ended therefore.
func (s *Session) CallOver() bool { return s.watch.hasFired() }

// CancelSent reports whether a cancel request may still be on its way.
func (s *Session) CancelSent() bool { return s.cancel != nil }

// requestCancel asks the server, on a connection of its own, to end what runs in this session.
func (s *Session) requestCancel() {
	if s.cancel != nil || !s.own.Cancellable() {
		return
	}
	c := &canceling{done: make(chan struct{})}
	s.cancel = c
	s.back.aside(s.back.life, SettleTime, func(ctx context.Context) {
		c.sent, c.err = s.own.CancelRequest(ctx)
		close(c.done)
	})
}

// CancelNow sends the cancel request that the call wants, and that Cancellable has put off.
func (s *Session) CancelNow() {
	if s.waiting == canceled {
		s.requestCancel()
	}
}

// TimedOut is asked what to do when reading has failed. It returns nil if reading shall go on, ErrNoAnswer if the call has to
// end without its answer, and else err.
func (s *Session) TimedOut(err error) error {
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		return err
	}
	if !s.watch.hasFired() {
		if s.hurried == 0 {
			return err
		}
		if !s.cancelAgain() { // it can only be waited for
			s.hurried = 0
			s.watch.hurry(time.Time{})
			return nil
		}
		s.hurried = min(2*s.hurried, time.Second)
		s.watch.hurry(time.Now().Add(s.hurried))
		return nil
	}
	switch s.waiting {
	case patient:
		s.askForAnswer()
		return nil
	case canceled:
		if s.cancel == nil { // it was put off
			break
		}
		select {
		case <-s.cancel.done:
			if s.cancelAgain() {
				s.waiting = last
				s.watch.patience(time.Now().Add(moreTime))
				return nil
			}
		default:
		}
	}
	s.waiting = gone
	return ErrNoAnswer
}

// askForAnswer has the server asked to cancel, and gives it AnswerTime.
func (s *Session) askForAnswer() {
	s.waiting = canceled
	s.requestCancel()
	s.watch.patience(time.Now().Add(AnswerTime))
}

// cancelAgain sends another cancel request if the one before is known to have arrived: it may have come before the
// statement, which it does nothing about then. It returns false if nobody knows where that one is.
func (s *Session) cancelAgain() bool {
	if s.cancel != nil {
		select {
		case <-s.cancel.done:
			if s.cancel.err != nil {
				return false
			}
			s.cancel = nil
		default:
			return true
		}
	}
	s.requestCancel()
	return true
}

// Impatient has reading ask the server to cancel if nothing comes for d, and again and again. What it returns ends that.
func (s *Session) Impatient(d time.Duration) (end func()) {
	s.hurried = d
	s.watch.hurry(time.Now().Add(d))
	return func() {
		s.hurried = 0
		s.watch.hurry(time.Time{})
	}
}

// interrupt is what the watch does, without waiting for it to notice that ctx has ended.
func (s *Session) interrupt(ctx context.Context) {
	s.watch.fireNow(ctx)
	if s.waiting == patient {
		s.askForAnswer()
	}
}

// Unsettled reports whether something that was sent hasn't been answered, or a cancel request may still arrive.
func (s *Session) Unsettled() bool { return s.cancel != nil || s.own.Awaited() > 0 }

// Settle waits until all that was sent is answered and no cancel request can hit what comes next. A fault is of the call that
// wants this, of which nothing was sent: phase is how far it is.
//
// When a request is known to be over the server's own part of it may still be to come: the process is signalled, but hasn't
// looked (PostgreSQL); the thread is marked, and the mark goes with the command that meets it (MariaDB). So something is sent
// that does nothing, until the answer to one wasn't hit.
func (s *Session) Settle(ctx context.Context, phase driver.Phase) *driver.Fault {
	if !s.Unsettled() {
		return nil
	}
	s.watch.start(ctx)
	defer s.watch.end()
	s.waiting = gone
	if s.own.Awaited() > 0 {
		end := s.Impatient(againTime)
		f := s.drain(ctx, phase)
		end()
		if f != nil {
			return f
		}
	}
	for s.cancel != nil {
		select {
		case <-s.cancel.done:
		case <-ctx.Done():
			return Ended(ctx, phase, nil)
		}
		if err := s.cancel.err; err != nil && s.cancel.sent {
			s.Broken = fmt.Errorf("a cancel request may be under way, it isn't known where: %w", err)
			return s.Useless(phase)
		}
		s.cancel = nil
		for hit := true; hit; hit = s.own.Hit() {
			if f := s.own.Sync(ctx, phase); f != nil {
				return f
			}
			if f := s.drain(ctx, phase); f != nil {
				return f
			}
		}
	}
	return nil
}

// drain reads until everything that was sent is answered, whatever the answers are. A fault is of the connection, or
// says that ctx has ended first.
func (s *Session) drain(ctx context.Context, phase driver.Phase) *driver.Fault {
	for s.own.Awaited() > 0 {
		if f := s.own.Skip(ctx); f != nil && s.own.Awaited() > 0 {
			if s.Broken == nil { // nothing of the call that wanted this has been sent
				return Ended(ctx, phase, nil)
			}
			return s.Useless(phase)
		}
	}
	return nil
}
