package netdriver

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// Session is the part of a session that any protocol needs: who waits for what, what may still hit it, and how it is given
// back. A driver embeds it in its own session, which is a Protocol by that. It's ready after Init. As a session's, its methods
// are for one goroutine at a time.
type Session struct {
	Broken error // why nothing can run on the connection any more
	Dirty  bool  // settings may have been changed: they are unmade when the session is given back
	Spent  bool  // the connection isn't used again when the session is given back

	own  Protocol
	back *Backend
	slot *pool.Conn[Protocol] // while it's borrowed

	watch   watch
	waiting waiting       // how far the call got with waiting for an answer
	hurried time.Duration // if not 0, reading has a deadline of ours: see Impatient
	cancel  *canceling    // a cancel request that may still be under way
}

// Protocol is a driver's session, as what is shared needs to know it: what it does in its own protocol's way.
type Protocol interface {
	driver.Session

	// Check makes a round trip that runs nothing.
	Check(ctx context.Context) error
	// Heard reports whether the server has said something that wasn't read, or has hung up. It's asked of an idle session.
	Heard() bool
	// Awaited is how many answers are still to come to what was sent.
	Awaited() int
	// Skip reads up to the next row, which it throws away, or to the end of all that is awaited.
	Skip(ctx context.Context) *driver.Fault
	// Sync sends what is answered and does nothing.
	Sync(ctx context.Context, phase driver.Phase) *driver.Fault
	// Hit reports whether the call that was answered last was ended by a cancel request.
	Hit() bool
	// MayHaveApplied reports whether the statement that was sent last is a write that needs no COMMIT.
	MayHaveApplied() bool

	// Cancellable reports whether what runs may be cancelled now. Where it isn't, CancelNow is called when it is.
	Cancellable() bool
	// CancelRequest asks the server, on a connection of its own, to end what the session runs, and returns when that is known
	// to have been done: what is sent after the next answer but one can't be hit. After an error sent says whether it may
	// still be. It's called in the background.
	CancelRequest(ctx context.Context) (sent bool, err error)
	// Abort has the server end what the session runs, because its connection isn't read any more. It's called in the background.
	Abort(ctx context.Context)
	// Disconnect closes the connection, after a good-bye if polite is set. It may be called more than once, and impolitely
	// at any time.
	Disconnect(polite bool)

	// Idle reports whether neither the server nor the session knows of a transaction. One that is only planned it forgets.
	Idle() bool
	// DropRows forgets the open rows, whatever is left of them.
	DropRows()
	// RollBack ends the transaction that the server may know of.
	RollBack(ctx context.Context) *driver.Fault
	// Reset makes the server forget what the session has set, or says that it can't.
	Reset(ctx context.Context) error

	Base() *Session
}

// Init makes the session own's part. conn is where deadlines are set.
func (s *Session) Init(own Protocol, back *Backend, conn net.Conn) {
	s.own, s.back = own, back
	s.watch.init(conn)
}

// Base returns s, for the pool.
func (s *Session) Base() *Session { return s }

// Startable says why no call can begin, whatever it is: the connection broke, ctx has ended, or rows are open. It returns
// nil if one can.
func (s *Session) Startable(ctx context.Context, phase driver.Phase, rowsOpen bool) *driver.Fault {
	switch {
	case s.Broken != nil:
		return s.Useless(phase)
	case ctx.Err() != nil:
		return Ended(ctx, phase, nil)
	case rowsOpen:
		return driver.Faultf(driver.Busy, "the rows of the query before are still open")
	}
	return nil
}

// Useless is the fault of a call on a connection that broke before anything of it was sent.
func (s *Session) Useless(phase driver.Phase) *driver.Fault {
	return &driver.Fault{Kind: driver.Unavailable, Phase: phase, Verdict: driver.Again, Evict: true,
		Err: fmt.Errorf("the connection broke before: %w", s.Broken)}
}

// Unanswered is the fault of a call that ended before the server answered it. sent says whether a byte of the statement
// itself, or of COMMIT, left this process. The session has to be settled before it's used again.
func (s *Session) Unanswered(ctx context.Context, phase driver.Phase, sent bool) *driver.Fault {
	f := Ended(ctx, phase, nil)
	f.Sent, f.Verdict = sent, s.outcome(phase, sent)
	return f
}

// Lost is the fault of a call during which the connection broke by err; hint is for one that was closed from the other side.
func (s *Session) Lost(ctx context.Context, phase driver.Phase, sent bool, err error, hint string) *driver.Fault {
	if s.Broken == nil {
		s.Broken = err
	}
	if s.watch.wasKilled() {
		return &driver.Fault{Kind: driver.Closed, Phase: phase, Verdict: s.outcome(phase, sent), Sent: sent, Evict: true,
			Err: fmt.Errorf("interrupted, because the engine was closed: %w", err)}
	}
	f := WireFault(ctx, phase, sent, err, hint)
	f.Evict = true
	return f
}

// outcome is the verdict on a call whose end nobody knows.
func (s *Session) outcome(phase driver.Phase, sent bool) driver.Verdict {
	switch {
	case !sent:
	case phase == driver.Commit:
		return driver.Ambiguous
	case s.own.MayHaveApplied():
		return driver.IfSafe
	}
	return driver.Never
}

// Unusable ends a call whose answer can't be used, because of f. If the connection is good the rest is thrown away.
func (s *Session) Unusable(ctx context.Context, f *driver.Fault) *driver.Fault {
	if f.Evict {
		s.Broken = f
		return f
	}
	if worse := s.skipAll(ctx); worse != nil {
		return worse
	}
	return f
}

// Interrupted ends a call whose context has ended while its rows were read.
func (s *Session) Interrupted(ctx context.Context) *driver.Fault {
	s.interrupt(ctx)
	if f := s.skipAll(ctx); f != nil {
		return f
	}
	f := Ended(ctx, driver.Fetch, nil) // the server was faster, but the rows are lost
	f.Sent = true
	if s.own.MayHaveApplied() {
		f.Verdict = driver.IfSafe
	}
	return f
}

func (s *Session) skipAll(ctx context.Context) *driver.Fault {
	for s.own.Awaited() > 0 {
		if f := s.own.Skip(ctx); f != nil {
			return f
		}
	}
	return nil
}

// Configure has the host make its settings in a session that is new, or as new.
func (s *Session) Configure(ctx context.Context) error {
	if err := s.back.Host.OnConnect(ctx, s.own); err != nil {
		return err
	}
	s.own.DropRows()
	if f := s.Settle(ctx, driver.Dial); f != nil {
		return f
	}
	if f := s.own.RollBack(ctx); f != nil {
		return f
	}
	s.Dirty = false
	return nil
}

// Release implements driver.Session. What takes time is done in the background, while the session still counts as borrowed.
func (s *Session) Release(fate driver.Fate) {
	slot := s.slot
	if slot == nil { // it was given back before
		return
	}
	s.slot = nil
	s.watch.end() // a call that panicked hasn't
	s.own.DropRows()
	reset := fate == driver.Reset || s.Dirty
	switch {
	case fate == driver.Destroy || s.Broken != nil || s.Spent:
		slot.Destroy()
	case !s.Unsettled() && s.own.Idle() && !reset:
		slot.Release()
	default:
		s.back.aside(s.back.use, SettleTime, func(ctx context.Context) {
			if err := s.renew(ctx, reset); err != nil {
				slot.Destroy()
				return
			}
			slot.Release()
		})
	}
}

// renew makes a session as good as new, or says that it can't be done in time.
func (s *Session) renew(ctx context.Context, reset bool) error {
	if s.own.Awaited() > 0 {
		s.requestCancel()
	}
	if f := s.Settle(ctx, driver.Rollback); f != nil {
		return f
	}
	if f := s.own.RollBack(ctx); f != nil {
		return f
	}
	if !reset || ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.own.Reset(ctx); err != nil {
		return err
	}
	return s.Configure(ctx)
}

// cutTime is how long asking the server to end what was cut may take.
const cutTime = time.Second

// cut ends what runs in a session that somebody uses: the server is asked to end it, and the connection is closed.
func (s *Session) cut() {
	s.abort()
	s.watch.kill()
	s.own.Disconnect(false)
}

// abort has the server end what nobody waits for, because the connection won't be used any more.
func (s *Session) abort() { s.back.aside(s.back.life, cutTime, s.own.Abort) }

// closeTime is how long a good-bye may take that a full buffer holds up.
const closeTime = 50 * time.Millisecond

// Shut closes the connection. It doesn't block: what can't be sent at once isn't sent.
func (s *Session) Shut() {
	s.watch.release()
	unread := s.own.Awaited() > 0
	if unread && s.cancel == nil && !s.watch.wasKilled() {
		s.abort() // the server finds out that nobody listens only when it has something to say
	}
	polite := s.Broken == nil && !unread
	if polite {
		_ = s.watch.conn.SetDeadline(time.Now().Add(closeTime))
	}
	s.own.Disconnect(polite)
}
