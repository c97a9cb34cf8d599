package mariadb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/plinthdb/plinth/driver"
)

const (
	// usualTime is how long a call may run before somebody is told to watch its context. Most are over by then, and pay only
	// for two uncontended locks. Each time it's over a processor wakes up: at 2 ms that was a tenth of a point select.
	usualTime = 10 * time.Millisecond

	// answerTime is how long a call whose context has ended waits for the server's answer, which its KILL QUERY should
	// bring; what was done is known then. moreTime is added if the server has answered that by then, and so is alive.
	answerTime = 50 * time.Millisecond
	moreTime   = 25 * time.Millisecond

	// againTime is after what time a statement that should have been ended is ended again; then twice that, and so on.
	againTime = 50 * time.Millisecond

	// settleTime is how long a session whose answer didn't come is kept in the background to wait for it.
	settleTime = 5 * time.Second
)

// errNoAnswer is what reading ends with when the context has ended and the server's answer is still to come.
var errNoAnswer = errors.New("the server hasn't answered yet")

// watch moves the connection's deadlines when the context of the call that runs ends. start and end are called by the
// session's user, the rest by anybody.
type watch struct {
	conn net.Conn

	mu     sync.Mutex
	timer  *time.Timer     // calls late
	armed  bool            // the timer will fire
	ctx    context.Context // of the call that runs; nil between calls
	call   uint64          // counts calls, so that a late firing knows its own
	stop   func() bool     // of the context's AfterFunc, if one is registered
	fired  bool            // the context has ended, and the deadlines were moved
	killed bool            // the connection was closed under its user
}

func (w *watch) init(conn net.Conn) {
	w.conn = conn
	w.timer = time.AfterFunc(time.Hour, w.late)
	w.timer.Stop()
}

// start begins a call. Until end, the end of ctx makes reading and writing fail with a time-out.
func (w *watch) start(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	w.mu.Lock()
	w.ctx = ctx
	w.call++
	if !w.armed {
		w.armed = true
		w.timer.Reset(usualTime)
	}
	w.mu.Unlock()
}

// late runs usualTime after the timer was armed. The call that armed it may be over, and another may run: that one is
// watched a little early, which does no harm.
func (w *watch) late() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if w.ctx != nil && w.stop == nil {
		call := w.call
		w.stop = context.AfterFunc(w.ctx, func() { w.fire(call) })
	}
}

// fire ends waiting for the server. What is being written may still go out, or the connection would be lost.
func (w *watch) fire(call uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call != call || w.ctx == nil || w.fired {
		return
	}
	w.fired = true
	_ = w.conn.SetReadDeadline(time.Unix(1, 0))
	_ = w.conn.SetWriteDeadline(time.Now().Add(answerTime))
}

// patience sets until when reading goes on after all; zero is without end.
func (w *watch) patience(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetReadDeadline(until)
}

// hurry gives reading until then, unless the context has ended.
func (w *watch) hurry(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.fired {
		_ = w.conn.SetReadDeadline(until)
	}
}

func (w *watch) hasFired() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fired
}

// end ends a call. No deadline is left behind.
func (w *watch) end() {
	if w.ctx == nil { // only start, end and interrupt write it
		return
	}
	w.mu.Lock()
	w.ctx = nil
	w.call++
	stop := w.stop
	w.stop = nil
	if w.fired {
		w.fired = false
		_ = w.conn.SetDeadline(time.Time{})
	}
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// kill closes the connection under its user: what runs on it fails.
func (w *watch) kill(cut func()) {
	w.mu.Lock()
	w.killed = true
	w.mu.Unlock()
	cut()
}

func (w *watch) wasKilled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.killed
}

// release ends the timer.
func (w *watch) release() {
	w.end()
	w.timer.Stop()
}

// canceling is a KILL QUERY on its way to the server.
type canceling struct {
	done chan struct{} // closed when the server has answered it, or it failed
	sent bool          // it may have got there; valid after that, as is the next
	err  error
}

// waiting is how far a call has got with waiting for an answer.
type waiting uint8

const (
	patient  waiting = iota // its context hasn't ended, as far as it knows
	canceled                // it has asked the server to cancel, and gives it answerTime
	last                    // the server is alive, and gets moreTime
	gone                    // the time is up, or no time is given
)

// requestCancel asks the server, on a connection of its own, to end the statement that runs in this session. It doesn't while
// START TRANSACTION may be what that would end, for the statement behind it would then run outside of a transaction; nor a
// COMMIT, of which nobody could say what had become of it, or a ROLLBACK.
func (s *session) requestCancel() {
	if s.cancel != nil || s.running.begins > 0 || s.running.phase == driver.Commit || s.running.phase == driver.Rollback {
		return
	}
	c := &canceling{done: make(chan struct{})}
	s.cancel = c
	s.back.aside(func() {
		ctx, cancel := context.WithTimeout(s.back.life, settleTime)
		defer cancel()
		c.sent, c.err = s.kill(ctx, "KILL QUERY ")
		close(c.done)
	})
}

// timedOut is asked what to do when reading has failed. It returns nil if reading shall go on.
func (s *session) timedOut(err error) error {
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
		s.waiting = canceled
		s.requestCancel()
		s.watch.patience(time.Now().Add(answerTime))
		return nil
	case canceled:
		if s.cancel == nil {
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
	return errNoAnswer
}

// cancelAgain sends another KILL QUERY if the one before is known to have arrived: it may have come before the statement, which
// it does nothing about then. It returns false if nobody knows where that one is.
func (s *session) cancelAgain() bool {
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

// impatient has reading ask the server to end the statement if nothing comes for a while, and again and again. What it returns
// ends that.
func (s *session) impatient(d time.Duration) (end func()) {
	s.hurried = d
	s.watch.hurry(time.Now().Add(d))
	return func() {
		s.hurried = 0
		s.watch.hurry(time.Time{})
	}
}

// interrupt is what the watch does, without waiting for it to notice that the context has ended.
func (s *session) interrupt(ctx context.Context) {
	w := &s.watch
	w.mu.Lock()
	w.ctx, w.fired = ctx, true
	w.mu.Unlock()
	if s.waiting == patient {
		s.waiting = canceled
		s.requestCancel()
		w.patience(time.Now().Add(answerTime))
	}
}

// unsettled reports whether something that was sent hasn't been answered, or a KILL may still come.
func (s *session) unsettled() bool { return s.Awaited() > 0 || s.cancel != nil }

// settle waits until all that was sent is answered and no KILL can hit what comes next.
//
// When the KILL is answered the session's thread is marked. The mark is gone when the command that meets it is over, so a ping
// is made to.
func (s *session) settle(ctx context.Context, phase driver.Phase) *driver.Fault {
	s.watch.start(ctx)
	defer s.watch.end()
	s.waiting = gone
	if s.Awaited() > 0 {
		end := s.impatient(againTime)
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
			return ended(ctx, phase, nil)
		}
		if err := s.cancel.err; err != nil && s.cancel.sent {
			s.broken = fmt.Errorf("a KILL QUERY may be under way, it isn't known where: %w", err)
			return s.useless(phase)
		}
		s.cancel = nil
		for hit := true; hit; {
			s.SendPing()
			s.running = running{phase: phase}
			if f := s.flush(ctx); f != nil {
				return f
			}
			if f := s.drain(ctx, phase); f != nil {
				return f
			}
			hit = s.running.failure != nil && s.running.failure.Code == queryInterrupted
		}
	}
	return nil
}

// drain reads until everything that was sent is answered, whatever the answers are. A fault is of the connection, or
// says that ctx has ended first.
func (s *session) drain(ctx context.Context, phase driver.Phase) *driver.Fault {
	for s.Awaited() > 0 {
		if _, f := s.answer(ctx); f != nil && s.Awaited() > 0 {
			if s.broken == nil { // nothing of the call that wanted this has been sent
				return ended(ctx, phase, nil)
			}
			return s.useless(phase)
		}
	}
	return nil
}

// ended is the fault of a call that its context has ended, of which nothing can have been applied.
func ended(ctx context.Context, phase driver.Phase, native error) *driver.Fault {
	f := &driver.Fault{Kind: contextKind(ctx), Phase: phase, Err: context.Cause(ctx)}
	if native != nil {
		f.Err = fmt.Errorf("%w: %w", f.Err, native)
	}
	return f
}
