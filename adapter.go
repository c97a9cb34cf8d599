package plinth

import (
	"context"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
)

// What is here is for adapters that offer an engine under another interface, such as package stdsql.

// ColumnTypes returns the columns with what the database says of their types. The slice must not be changed.
func (r *Rows) ColumnTypes() []driver.Column { return r.cols }

// Raw returns the current row's values as the driver read them, or nil where there is no row. The slice is valid until the
// next call of Next or Close; the values may be kept.
func (r *Rows) Raw() []driver.Value { return r.vals }

// Ping makes one round trip, on this connection or, as long as a Pin needs none of its own, on one of the pool.
func (c *Conn) Ping(ctx context.Context) (Server, error) {
	if err := c.hold.enter(&c.place, string(hook.Ping)); err != nil {
		return Server{}, err
	}
	defer c.hold.leave()
	if c.hold.unbound() {
		return c.eng.Ping(ctx)
	}
	ping := call{eng: c.eng, op: hook.Ping, hold: c.hold, safe: true}
	err := c.eng.do(ctx, &ping)
	return ping.server, final(err)
}

// Savepoint sets, releases or returns to a savepoint, for interfaces in which those are calls of their own; InTx on a Tx
// does all three as it should be. name is put into the statement as it is: it must be an identifier, and none that begins
// with plinth_.
func (t *Tx) Savepoint(ctx context.Context, op driver.SavepointOp, name string) error {
	return final(t.savepoint(ctx, op, name))
}
