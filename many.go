package plinth

import (
	"context"
	"iter"

	"github.com/plinthdb/plinth/driver"
)

// manySavepoint is the savepoint around an ExecuteMany inside a transaction. A statement of the user's can't be open
// at the same time, so one name is enough.
const manySavepoint = "plinth_many"

// manyGuarded is executeMany for a generator that panics or ends its goroutine: the call ends here, because nobody
// above will.
func (c *call) manyGuarded(ctx context.Context) (sum driver.Result, err error) {
	returned := false
	defer func() {
		if !returned {
			err := c.attempted(driver.Faultf(driver.Argument, "the sequence of rows panicked or ended its goroutine"))
			c.end(ctx, err)
		}
	}()
	sum, err = c.executeMany(ctx)
	returned = true
	return sum, err
}

// executeMany runs the statement for each row, all or nothing.
func (c *call) executeMany(ctx context.Context) (sum driver.Result, err error) {
	if bulk, ok := c.sess.(driver.SelfContained); ok {
		sum, c.row, err = bulk.ExecuteMany(ctx, c.requests())
		if err == nil {
			c.row = 0
		}
		return sum, err
	}
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
	if bulk, ok := c.sess.(driver.Bulk); ok {
		sum, c.row, err = bulk.ExecuteMany(ctx, c.requests())
	} else {
		sum, err = c.executeEach(ctx)
	}
	if err != nil {
		return sum, err
	}
	c.row = 0
	if err := keep(); err != nil {
		return sum, err
	}
	done = true
	return sum, nil
}

// requests yields a request for each row, or the error of the one that doesn't fit the statement.
func (c *call) requests() iter.Seq2[*driver.Request, error] {
	return func(yield func(*driver.Request, error) bool) {
		for args := range c.many {
			c.once = true // what a generator gave can't be had again
			c.row++
			err := c.bind(args)
			if !yield(&c.req, err) || err != nil {
				return
			}
		}
	}
}

// executeEach runs the rows one by one.
func (c *call) executeEach(ctx context.Context) (sum driver.Result, err error) {
	for req, err := range c.requests() {
		if err != nil {
			return sum, err
		}
		result, err := c.sess.Execute(ctx, req)
		if err != nil {
			return sum, err
		}
		sum.RowsAffected += result.RowsAffected
		sum.LastInsertID = result.LastInsertID
	}
	return sum, nil
}

// openUnit opens a transaction, or a savepoint in one that is open, and returns how to undo and how to keep it.
func (c *call) openUnit(ctx context.Context) (undo func(), keep func() error, err error) {
	if c.hold != nil && c.hold.tx != nil {
		err = c.sess.Savepoint(ctx, driver.SavepointSet, manySavepoint)
		undo = func() {
			ctx, cancel := afterwards(ctx)
			defer cancel()
			if c.sess.Savepoint(ctx, driver.SavepointRollback, manySavepoint) == nil {
				_ = c.sess.Savepoint(ctx, driver.SavepointRelease, manySavepoint)
			}
		}
		keep = func() error { return c.sess.Savepoint(ctx, driver.SavepointRelease, manySavepoint) }
		return undo, keep, err
	}
	err = c.sess.Begin(ctx, driver.TxOptions{ReadOnly: c.set.readOnly})
	undo = func() {
		if c.sess.TxState() != driver.TxIdle {
			ctx, cancel := afterwards(ctx)
			defer cancel()
			_ = c.sess.End(ctx, false)
		}
	}
	keep = func() error { return c.sess.End(ctx, true) }
	return undo, keep, err
}
