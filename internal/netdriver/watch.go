package netdriver

import (
	"context"
	"net"
	"sync"
	"time"
)

// usualTime is how long a call may run before somebody is told to watch its context. Most are over by then, and pay only for
// two uncontended locks. Each time it's over a processor wakes up: at 2 ms that was a tenth of a point select.
const usualTime = 10 * time.Millisecond

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
	_ = w.conn.SetWriteDeadline(time.Now().Add(AnswerTime))
}

// fireNow is what fire does to a call whose user has seen by himself that ctx has ended; how long it still waits is his to say.
func (w *watch) fireNow(ctx context.Context) {
	w.mu.Lock()
	w.ctx, w.fired = ctx, true
	w.mu.Unlock()
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
	if w.ctx == nil { // only start, end and fireNow write it
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

// kill notes that the connection is about to be closed under its user.
func (w *watch) kill() {
	w.mu.Lock()
	w.killed = true
	w.mu.Unlock()
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
