package plinth

import (
	"context"
	"sync"

	"github.com/plinthdb/plinth/driver"
)

// hold is a session that a Conn or a Tx keeps over its calls. mu guards what tells whether it is in use.
type hold struct {
	st     *state         // of the engine, when the session was borrowed
	sess   driver.Session // nil as long as a Pin needs none
	lazy   bool           // of a Pin
	access driver.Access  // what a Pin's session was asked for

	mu    sync.Mutex
	using string // what is running, "" if nothing is
	rows  *Rows  // that are open, and so the reason why it is in use
	tx    *Tx    // the innermost that is open
	over  error  // what ended the transaction; nothing may run in it any more
	undo  bool   // returning to a savepoint makes it go on all the same, as in PostgreSQL after any error
	lost  error  // what broke the session; nothing may run on it any more
	back  bool   // the session went back to the pool

	schema  bool // a schema change ran in this transaction
	exact   bool // it's ExactlyOnce's: it ends with the function, and a session that wasn't heard of in time isn't used again
	changed bool // what ran on it may have changed the session's settings

	freed chan struct{} // closed at the end of the call that runs; nil if nobody waits for that
}

// enter takes the session into use by a call of p, or says why that can't be.
func (h *hold) enter(p *place, op string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := p.eng.state.Load().target
	if h.st != nil { // else it's a Pin that has no session yet
		at = h.st.target
	}
	switch {
	case p.tx != nil && p.tx.done.Load():
		return at.usage(ErrTxDone, op, "the transaction was committed or rolled back already")
	case h.back && p.tx != nil:
		return at.usage(ErrTxDone, op, "it was rolled back when its connection went back to the pool")
	case h.back:
		return at.usage(ErrClosed, op, "the connection went back to the pool")
	case h.over != nil:
		return at.usage(ErrTxDone, op, "an earlier error ended the transaction: %w", h.over)
	case h.lost != nil:
		return at.usage(ErrClosed, op, "an earlier error broke the connection: %w", h.lost)
	case h.using != "":
		err := at.usage(ErrBusy, op, "a %s is still running on it", h.using)
		if h.rows != nil {
			err = at.usage(ErrBusy, op, "the rows of %q are still open on it", shorten(h.rows.stmt.Binder.Fingerprint(), 80))
			err.Hint = "close them, or read them to the end, before the next statement; or read them at once with FetchAll or All"
		}
		return err
	case h.tx != p.tx:
		return at.usage(ErrBusy, op, "a transaction or savepoint is open on it: run the statement on that one")
	}
	h.using = op
	return nil
}

// enterUndo is enter for the return to a savepoint, which is possible after an error that keeps all else from running.
func (h *hold) enterUndo(p *place, op string) error {
	h.mu.Lock()
	over := h.over
	undo := h.undo && over != nil && h.lost == nil
	if undo {
		h.over, h.undo = nil, false
	}
	h.mu.Unlock()
	err := h.enter(p, op)
	if err != nil && undo {
		h.mu.Lock()
		h.over, h.undo = over, true
		h.mu.Unlock()
	}
	return err
}

// enterLast is enter for the call that ends the transaction, which must be possible when an error has ended it already;
// it returns that error.
func (h *hold) enterLast(p *place, op string) (dead, err error) {
	h.mu.Lock()
	if !p.tx.done.Load() && !h.back && (h.over != nil || h.lost != nil) && h.using == "" {
		h.using = op
		dead = h.over
		if dead == nil {
			dead = h.lost
		}
		h.mu.Unlock()
		return dead, nil
	}
	h.mu.Unlock()
	return nil, h.enter(p, op)
}

// leave ends the use. A nil hold, the pool's, has nothing to end.
func (h *hold) leave() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.using, h.rows = "", nil
	if h.freed != nil {
		close(h.freed)
		h.freed = nil
	}
}

// abandon closes rows that are open where what they were queried in is about to be undone.
func (h *hold) abandon(ctx context.Context) {
	if rows := h.openRows(); rows != nil {
		rows.abandon(ctx)
	}
}

// quiesce closes rows that are open and waits until no call runs, for which a goroutine may be at fault that the caller's
// function has left behind. A transaction that is open can only be rolled back after that.
func (h *hold) quiesce() {
	h.mu.Lock()
	rows, doomed := h.rows, h.tx != nil
	h.mu.Unlock()
	switch {
	case rows != nil && doomed:
		rows.abandon(rows.ctx)
	case rows != nil:
		rows.Close()
	}
	for {
		h.mu.Lock()
		if h.using == "" {
			h.mu.Unlock()
			return
		}
		if h.freed == nil {
			h.freed = make(chan struct{})
		}
		freed := h.freed
		h.mu.Unlock()
		<-freed
	}
}

// lose makes the session one that nothing may run on any more, and ends the call that ran.
func (h *hold) lose(err error) {
	h.mu.Lock()
	if h.lost == nil {
		h.lost = err
	}
	h.mu.Unlock()
	h.leave()
}

// keep remembers the rows that use the session. A nil hold, the pool's, has a session for each.
func (h *hold) keep(r *Rows) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows = r
}

// openRows returns the rows that are open, or nil.
func (h *hold) openRows() *Rows {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rows
}

// close closes rows that were left open and makes every later use an error. It returns what becomes of the session. Within
// With its settings may have been changed in ways that no statement shows; a Pin's is treated as the pool's own is.
func (h *hold) close() driver.Fate {
	h.mu.Lock()
	h.back = true
	h.mu.Unlock()
	h.quiesce()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sess == nil {
		return driver.Keep
	}
	if h.lost != nil || h.sess.TxState() == driver.TxUnknown {
		return driver.Destroy
	}
	if h.lazy && !h.changed && h.sess.TxState() == driver.TxIdle {
		return driver.Keep
	}
	return driver.Reset
}

// isLost reports whether nothing can run on the session any more.
func (h *hold) isLost() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost != nil
}

// inTx reports whether a transaction is open. It may be asked by who hasn't taken the session into use.
func (h *hold) inTx() bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tx != nil
}

// endedUnknown returns the error of the statement that has ended the transaction in a way that may have committed it, or nil.
func (h *hold) endedUnknown() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok := h.over.(*Error); ok && e.verdict == driver.Ambiguous {
		return e
	}
	return nil
}

// note remembers what a call means for those after it.
func (h *hold) note(stmt *statement, failure *Error, err error) {
	if stmt != nil {
		h.schema = h.schema || stmt.Class == driver.Schema
		h.changed = h.changed || stmt.Class == driver.Setting
	}
	if failure == nil {
		return
	}
	var f driver.Fault
	if fault, ok := asFault(err); ok {
		f = *fault
	}
	state := h.sess.TxState()
	h.mu.Lock()
	defer h.mu.Unlock()
	silent := h.exact && state != driver.TxOpen && f.Code == "" && (f.Kind == driver.Timeout || f.Kind == driver.Canceled)
	if h.lost == nil && (f.Evict || silent || state == driver.TxUnknown) {
		h.lost = failure
	}
	if h.over == nil && h.tx != nil && (f.TxDead || f.Evict || state != driver.TxOpen) {
		h.over = failure
		h.undo = state == driver.TxDead && !f.TxDead && !f.Evict
	}
	if h.lost != nil {
		failure.retryable = false // not on this session
	}
}
