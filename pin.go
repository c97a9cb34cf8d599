package plinth

import (
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
)

// Pin returns a connection for adapters that can't use With, such as a driver of database/sql. It takes none from
// the pool before it needs one that stays: what only reads runs on any of the pool's, and the first statement or transaction
// that may leave something behind in its session keeps the session that it ran on, after the retries of any call,
// until Close. It must be closed.
func (e *Engine) Pin() *Conn {
	return &Conn{place: place{eng: e, hold: &hold{lazy: true}}}
}

// Close gives the connection of a Pin back: what is open on it is closed and rolled back, and its settings are reset if one
// of its statements was of the kind that changes them. It returns ErrBusy, and does nothing, within With, whose end does
// this. It may be called more than once.
func (c *Conn) Close() error {
	if !c.hold.lazy {
		e := c.eng.usage(ErrBusy, "close", "the connection belongs to With")
		e.Hint = "return from the function that With was given"
		return e
	}
	c.hold.mu.Lock()
	closed := c.hold.back
	c.hold.back = true
	c.hold.mu.Unlock()
	if closed {
		return nil
	}
	if fate := c.hold.close(); c.hold.sess != nil {
		c.hold.sess.Release(fate)
	}
	return nil
}

// Broken reports whether an error has broken the connection, so that nothing can run on it any more.
func (c *Conn) Broken() bool { return c.hold.isLost() }

// unbound reports whether the hold has no session yet: a Pin's, before it needs one.
func (h *hold) unbound() bool { return h != nil && h.sess == nil }

// bind keeps the session of the call that has just run.
func (h *hold) bind(st *state, s driver.Session, access driver.Access) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.st, h.sess, h.access = st, s, access
}

// unbind gives back a session that can't write, which a transaction that only read has kept until its end.
func (h *hold) unbind() {
	h.mu.Lock()
	s := h.sess
	if !h.lazy || s == nil || h.access != driver.Read || h.lost != nil {
		h.mu.Unlock()
		return
	}
	h.sess = nil
	h.mu.Unlock()
	s.Release(driver.Keep)
}

// keeps reports whether the session of a call that was made on an unbound hold stays with it.
func (c *call) keeps() bool {
	return c.stmt == nil || c.stmt.Access != driver.Read || c.stmt.Class != driver.Ordinary
}

// needs is what a call that keeps its session has to get. A transaction may be one that only reads.
func (c *call) needs() driver.Need {
	need := c.need
	if c.hold.unbound() && c.op != hook.Begin && c.keeps() {
		need.Access, need.Pinned = driver.Write, true
	}
	return need
}
