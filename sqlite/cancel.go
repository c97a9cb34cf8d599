package sqlite

import (
	"context"
	"sync"
	"time"

	zombiezen "zombiezen.com/go/sqlite"
)

// usualGrace is how long a call runs before anybody is told to watch its context. Most are over by then, and pay only for
// two uncontended locks.
const usualGrace = time.Millisecond

// watch interrupts the connection's running call when its context ends.
//
// SQLite's interrupt isn't addressed to a statement: it hits whatever runs. So it may only be given while the call it is
// meant for is known to run, which is what mu guards, and end doesn't return before an interrupt that was
// given has done its work. start and end are called by the connection's user, the rest by anybody.
type watch struct {
	db    *zombiezen.Conn
	grace time.Duration // see usualGrace

	mu    sync.Mutex
	timer *time.Timer     // calls late
	armed bool            // the timer will fire
	ctx   context.Context // of the call that runs; nil between calls
	call  uint64          // counts calls, so that a late firing knows its own
	stop  func() bool     // of the context's AfterFunc, if one is registered
	ch    chan struct{}   // closing it interrupts; the connection's own goroutine waits for that
	fired bool            // ch is closed
	cut   bool            // closed for good
}

func (w *watch) init(db *zombiezen.Conn) {
	w.db, w.grace, w.ch = db, usualGrace, make(chan struct{})
	w.db.SetInterrupt(w.ch)
	w.timer = time.AfterFunc(time.Hour, w.late)
	w.timer.Stop()
}

// start begins a call. Until end, ctx interrupts it.
func (w *watch) start(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	w.mu.Lock()
	w.ctx = ctx
	w.call++
	if !w.armed {
		w.armed = true
		w.timer.Reset(w.grace)
	}
	w.mu.Unlock()
}

// late runs grace after the timer was armed. The call that armed it may be over, and another may run: that one is
// registered a little early, which does no harm.
func (w *watch) late() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if w.ctx != nil && w.stop == nil {
		call := w.call
		w.stop = context.AfterFunc(w.ctx, func() { w.fire(call) })
	}
}

func (w *watch) fire(call uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call == call && w.ctx != nil {
		w.close()
	}
}

func (w *watch) close() {
	if !w.fired {
		w.fired = true
		close(w.ch)
	}
}

// end ends a call. Its statements have to be reset before, because SQLite forgets an interrupt only when nothing runs.
func (w *watch) end() {
	if w.ctx == nil { // only start and end write it
		return
	}
	w.mu.Lock()
	w.ctx = nil
	w.call++
	stop, fired := w.stop, w.fired
	w.stop = nil
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
	if fired {
		w.renew()
	}
}

// renew makes the connection usable again after an interrupt. SetInterrupt returns once the old channel's goroutine is
// gone, so that nothing of it can reach the next call.
func (w *watch) renew() {
	w.mu.Lock()
	if w.cut {
		w.mu.Unlock()
		return
	}
	w.ch, w.fired = make(chan struct{}), false
	ch := w.ch
	w.mu.Unlock()
	w.db.SetInterrupt(ch)
}

// kill interrupts the connection for good: what runs on it fails, and so does all that is tried later.
func (w *watch) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	w.close()
}

func (w *watch) killed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

// release ends the timer. The goroutine ends with the connection.
func (w *watch) release() {
	w.end()
	w.timer.Stop()
}
