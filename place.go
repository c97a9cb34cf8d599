package plinth

import (
	"context"
	"fmt"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
)

// Querier is what a function needs to run statements: an *Engine, a *Conn, a *Tx, or a fake (see NewRows).
type Querier interface {
	Execute(ctx context.Context, statement string, args ...any) (Result, error)
	FetchOne(ctx context.Context, statement string, args ...any) (Row, error)
	FetchAll(ctx context.Context, statement string, args ...any) ([]Row, error)
	Query(ctx context.Context, statement string, args ...any) (*Rows, error)
}

// Transactor is a Querier that can also run many rows and transactions: an *Engine, a *Conn or a *Tx. It's for a function
// that must not care whether it is part of a transaction.
type Transactor interface {
	Querier
	ExecuteMany(ctx context.Context, statement string, rows iter.Seq[[]any]) (Result, error)
	InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error, opts ...TxOptions) error
}

// Result is what a statement that returns no rows did: RowsAffected, and LastInsertID, which is 0 where the database doesn't
// tell. PostgreSQL doesn't: ask for it (insert … returning id) with One, as SQLite and MariaDB understand it, too.
type Result = driver.Result

// place is where statements run. Engine, Conn and Tx have one each, and with it the same verbs.
type place struct {
	eng  *Engine
	hold *hold // the session of a Conn or a Tx; nil: any of the pool's
	tx   *Tx
}

// Execute runs a statement to its end and returns what it did.
func (p *place) Execute(ctx context.Context, statement string, args ...any) (Result, error) {
	c := &call{op: hook.Execute}
	if err := p.prepare(ctx, c, statement, args); err != nil {
		return Result{}, err
	}
	err := p.eng.do(ctx, c)
	p.hold.leave()
	return c.result, final(err)
}

// ExecuteMany runs the statement once for each of rows, all or nothing: in a transaction of its own, or in a savepoint
// where a transaction is open. It returns the sum of the rows affected. An error's Row is the one that failed. It's
// retried only as long as no row was taken from rows, which may be a generator that can't start again.
func (p *place) ExecuteMany(ctx context.Context, statement string, rows iter.Seq[[]any]) (Result, error) {
	c := &call{op: hook.ExecuteMany, many: rows}
	if err := p.prepare(ctx, c, statement, nil); err != nil {
		return Result{}, err
	}
	defer p.hold.leave() // rows is the caller's code and may panic
	err := p.eng.do(ctx, c)
	return c.result, final(err)
}

// FetchOne returns the first row, or ErrNotFound, which is sql.ErrNoRows too.
func (p *place) FetchOne(ctx context.Context, statement string, args ...any) (Row, error) {
	rows, err := p.Query(ctx, statement, args...)
	if err != nil {
		return Row{}, err
	}
	return first(rows, func() (Row, error) { return rows.Row(), nil })
}

// FetchAll returns all rows. For a result that may be large, Query or Each read it row by row.
func (p *place) FetchAll(ctx context.Context, statement string, args ...any) ([]Row, error) {
	rows, err := p.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	var all []Row
	for rows.Next() {
		all = append(all, rows.Row())
	}
	return all, rows.Close()
}

// Query runs a statement and returns its rows as they come. The rows hold a connection and must be closed, or read
// to their end. What fails until the first row is there is retried, if that is safe; what comes later is not.
func (p *place) Query(ctx context.Context, statement string, args ...any) (*Rows, error) {
	r := &Rows{}
	r.op = hook.Query
	if err := p.prepare(ctx, &r.call, statement, args); err != nil {
		return nil, err
	}
	if err := p.eng.do(ctx, &r.call); err != nil {
		p.hold.leave()
		return nil, final(err)
	}
	p.hold.keep(r)
	r.cols = r.call.rows.Columns()
	if d, ok := r.call.rows.(driver.Documents); ok {
		r.docs = d.Documents()
	}
	return r, nil
}

// prepare makes a call ready: compiled, its arguments matched, its session taken into use. A call that can't be made
// ready has no attempt, but those who watch calls see it fail.
func (p *place) prepare(ctx context.Context, c *call, text string, args []any) error {
	err := p.compile(ctx, c, text)
	if err == nil && c.many == nil {
		if err = c.bind(args); err != nil {
			err = final(c.st.failed(string(c.op), c.stmt, err, false, false))
		}
	}
	if err == nil {
		err = p.enter(c)
	}
	if err != nil {
		c.start(ctx)
		c.ev.Statement, c.ev.Args = text, args
		c.end(ctx, err)
	}
	return err
}

// bind makes the call's request with arguments for the statement's placeholders.
func (c *call) bind(args []any) error {
	native, flat, err := c.stmt.Binder.Bind(args)
	c.req = driver.Request{Stmt: c.stmt.Stmt, Native: native, Args: flat}
	if f, ok := asFault(err); ok && f.Kind == driver.Argument && len(args) == 1 {
		if list, ok := args[0].([]any); ok {
			hinted := *f
			hinted.Hint = fmt.Sprintf("the only argument is a slice of %d: write args... to give its elements", len(list))
			return &hinted
		}
	}
	return err
}

func (p *place) compile(ctx context.Context, c *call, text string) error {
	c.eng, c.hold = p.eng, p.hold
	if err := c.ready(ctx); err != nil {
		return err
	}
	stmt, err := p.eng.texts.get(text, c.st.backend.Compile)
	if err != nil {
		return final(c.st.failed(string(c.op), nil, err, false, false))
	}
	if stmt.Class == driver.Transaction {
		e := c.st.usage(ErrArgument, string(c.op), "%s as a statement: the engine would not know of the transaction", stmt.Verb)
		e.Hint = "use Begin, InTx, Commit and Rollback; InTx on a Tx makes a savepoint"
		return e
	}
	c.stmt = stmt
	if err := c.admit(); err != nil {
		return err
	}
	if err := c.hold.refuses(p.eng, stmt); err != nil {
		return err
	}
	c.need = driver.Need{Access: stmt.Access}
	switch {
	case stmt.Access == driver.Read:
		c.safe = true
		if onPrimary(ctx) {
			c.need.Access = driver.Write
		}
	case c.many == nil && p.tx == nil: // rows that a generator gave can't be had again
		c.safe = idempotent(ctx)
	}
	return nil
}

func (p *place) enter(c *call) error {
	if p.hold == nil {
		return nil
	}
	return p.hold.enter(p, string(c.op))
}
