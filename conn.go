package plinth

import (
	"context"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
)

// Conn is one connection, pinned by Engine.With (or Pin). It has the verbs of an Engine; settings of the session hold until
// the end of With. One goroutine at a time may use it.
type Conn struct {
	place
}

// With runs fn with a connection of its own. At the end the connection is reset, or closed where it can't be, so
// that nothing fn set reaches the next one; a transaction that fn left open is rolled back. conn must not be kept.
func (e *Engine) With(ctx context.Context, fn func(conn *Conn) error) error {
	if err := e.usable("with"); err != nil {
		return err
	}
	c := call{eng: e, op: "with", need: driver.Need{Access: driver.Write, Pinned: true}}
	if err := c.ready(ctx); err != nil {
		return err
	}
	c.need.Timeout = c.set.acquire
	sess, err := c.borrow(ctx, ctx, c.need)
	if err != nil {
		return final(c.st.failed(string(c.op), nil, err, true, false))
	}
	conn := &Conn{place: place{eng: e, hold: &hold{sess: sess, st: c.st}}}
	defer func() { sess.Release(conn.hold.close()) }() // also when fn panics
	return fn(conn)
}

// Native returns the driver's own connection, for what Plinth has no word for. Each driver's package says what it is. It
// must not be used after With, when Native returns nil, nor while rows are open.
func (c *Conn) Native() any {
	c.hold.mu.Lock()
	defer c.hold.mu.Unlock()
	if c.hold.back || c.hold.sess == nil {
		return nil
	}
	c.hold.changed = true
	return c.hold.sess.Native()
}

// Begin opens a transaction on this connection. ctx bounds its opening, not its life.
func (c *Conn) Begin(ctx context.Context, opts ...TxOptions) (*Tx, error) {
	o, err := c.eng.txOptions(opts)
	if err != nil {
		return nil, err
	}
	tx, err := c.begin(ctx, o, false)
	return tx, final(err)
}

func (c *Conn) begin(ctx context.Context, o TxOptions, once bool) (*Tx, error) {
	if err := c.hold.enter(&c.place, string(hook.Begin)); err != nil {
		return nil, err
	}
	defer c.hold.leave()
	begin := &call{eng: c.eng, op: hook.Begin, hold: c.hold, tx: o, need: txNeed(o), safe: true, once: once || !c.hold.unbound()}
	if err := c.eng.do(ctx, begin); err != nil {
		return nil, err
	}
	tx := newTx(c.eng, c.hold, nil, false)
	tx.access = begin.need.Access
	return tx, nil
}

// InTx is Engine.InTx on this connection.
func (c *Conn) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error, opts ...TxOptions) error {
	o, err := c.eng.txOptions(opts)
	if err != nil {
		return err
	}
	return c.eng.replay(ctx, func(ctx context.Context) error {
		tx, err := c.begin(ctx, o, true)
		if err == nil {
			err = tx.run(ctx, fn)
		}
		if err != nil && c.hold.isLost() { // there's no other connection to run it on
			return &spent{err}
		}
		return err
	})
}
