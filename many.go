package plinth

import (
	"context"

	"github.com/plinthdb/plinth/driver"
)

// manySavepoint is the savepoint around an ExecuteMany inside a transaction. A statement of the user's can't be open
// at the same time, so one name is enough.
const manySavepoint = "plinth_many"

// executeMany runs the statement for each row, all or nothing.
func (c *call) executeMany(ctx context.Context) (sum driver.Result, err error) {
	undo, keep, err := c.openUnit(ctx)
	if err != nil {
		return sum, err
	}
	done := false
	defer func() {
		if !done { // the caller's generator panicked, or a row failed
			undo()
			sum = driver.Result{}
		}
	}()
	row := 0
	for args := range c.many {
		row++
		c.once = true // what a generator gave can't be had again
		result, err := c.executeRow(ctx, args)
		if err != nil {
			failure := c.eng.failed(string(c.op), c.stmt, err, false, true)
			failure.Row = row
			failure.retryable = false
			return sum, failure
		}
		sum.RowsAffected += result.RowsAffected
		sum.LastInsertID = result.LastInsertID
	}
	if err := keep(); err != nil {
		return sum, err
	}
	done = true
	return sum, nil
}

func (c *call) executeRow(ctx context.Context, args []any) (driver.Result, error) {
	native, flat, err := c.stmt.Binder.Bind(args)
	if err != nil {
		return driver.Result{}, err
	}
	c.req = driver.Request{Stmt: c.stmt.Stmt, Native: native, Args: flat}
	return c.sess.Execute(ctx, &c.req)
}

// openUnit opens a transaction, or a savepoint in one that is open, and returns how to undo and how to keep it.
func (c *call) openUnit(ctx context.Context) (undo func(), keep func() error, err error) {
	if c.hold != nil && c.hold.tx != nil {
		err = c.sess.Savepoint(ctx, driver.SavepointSet, manySavepoint)
		undo = func() {
			ctx, cancel := afterwards(ctx)
			defer cancel()
			if c.sess.Savepoint(ctx, driver.SavepointRollback, manySavepoint) == nil {
				c.sess.Savepoint(ctx, driver.SavepointRelease, manySavepoint)
			}
		}
		keep = func() error { return c.sess.Savepoint(ctx, driver.SavepointRelease, manySavepoint) }
		return undo, keep, err
	}
	err = c.sess.Begin(ctx, driver.TxOptions{})
	undo = func() {
		if c.sess.TxState() != driver.TxIdle {
			ctx, cancel := afterwards(ctx)
			defer cancel()
			c.sess.End(ctx, false)
		}
	}
	keep = func() error { return c.sess.End(ctx, true) }
	return undo, keep, err
}
