package plinth

import (
	"context"
	"iter"
	"sync"

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

// Result is what a statement that returns no rows did.
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
	if err := p.compile(ctx, c, statement); err != nil {
		return Result{}, err
	}
	if err := p.enter(c); err != nil {
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
	return r, nil
}

// prepare makes a call ready: compiled, its arguments matched, its session taken into use.
func (p *place) prepare(ctx context.Context, c *call, text string, args []any) error {
	if err := p.compile(ctx, c, text); err != nil {
		return err
	}
	native, flat, err := c.stmt.Binder.Bind(args)
	if err != nil {
		return final(p.eng.failed(string(c.op), c.stmt, err, false, false))
	}
	c.req = driver.Request{Stmt: c.stmt.Stmt, Native: native, Args: flat}
	return p.enter(c)
}

func (p *place) compile(ctx context.Context, c *call, text string) error {
	c.eng, c.hold = p.eng, p.hold
	stmt, err := p.eng.texts.get(text, p.eng.backend.Compile)
	if err != nil {
		return final(p.eng.failed(string(c.op), nil, err, false, false))
	}
	if stmt.Class == driver.Transaction {
		e := p.eng.usage(ErrArgument, string(c.op), "%s as a statement: the engine would not know of the transaction", stmt.Verb)
		e.Hint = "use Begin, InTx, Commit and Rollback; InTx on a Tx makes a savepoint"
		return e
	}
	c.stmt = stmt
	c.safe = stmt.Access == driver.Read
	c.need = driver.Need{Access: stmt.Access}
	if c.safe && onPrimary(ctx) {
		c.need.Access = driver.Write
	}
	return nil
}

func (p *place) enter(c *call) error {
	if p.hold == nil {
		return nil
	}
	return p.hold.enter(p, string(c.op))
}

// hold is a session that a Conn or a Tx keeps over its calls. mu guards what tells whether it is in use.
type hold struct {
	sess driver.Session

	mu    sync.Mutex
	using string // what is running, "" if nothing is
	rows  *Rows  // that are open, and so the reason why it is in use
	tx    *Tx    // the innermost that is open
	over  error  // what ended the transaction; nothing may run in it any more
	lost  error  // what broke the session; nothing may run on it any more
	back  bool   // the session went back to the pool

	schema bool // a schema change ran in this transaction
}

// enter takes the session into use by a call of p, or says why that can't be.
func (h *hold) enter(p *place, op string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := p.eng
	switch {
	case p.tx != nil && p.tx.done.Load():
		return e.usage(ErrTxDone, op, "the transaction was committed or rolled back already")
	case h.back && p.tx != nil:
		return e.usage(ErrTxDone, op, "it was rolled back when its connection went back to the pool")
	case h.back:
		return e.usage(ErrClosed, op, "the connection went back to the pool")
	case h.over != nil:
		return e.usage(ErrTxDone, op, "an earlier error ended the transaction: %w", h.over)
	case h.lost != nil:
		return e.usage(ErrClosed, op, "an earlier error broke the connection: %w", h.lost)
	case h.using != "":
		err := e.usage(ErrBusy, op, "a %s is still running on it", h.using)
		if h.rows != nil {
			err = e.usage(ErrBusy, op, "the rows of %q are still open on it", shorten(h.rows.stmt.Binder.Fingerprint(), 80))
			err.Hint = "close them, or read them to the end, before the next statement; or read them at once with FetchAll or All"
		}
		return err
	case h.tx != p.tx:
		return e.usage(ErrBusy, op, "a transaction or savepoint is open on it: run the statement on that one")
	}
	h.using = op
	return nil
}

// enterLast is enter for the call that ends the transaction, which must be possible when an error has ended it already;
// it returns that error.
func (h *hold) enterLast(p *place, op string) (dead, err error) {
	h.mu.Lock()
	if !p.tx.done.Load() && !h.back && h.over != nil && h.using == "" {
		h.using = op
		h.mu.Unlock()
		return h.over, nil
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

// close closes rows that were left open and makes every later use an error. It returns what becomes of the session,
// whose settings may have been changed.
func (h *hold) close() driver.Fate {
	if rows := h.openRows(); rows != nil {
		rows.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.back = true
	if h.lost != nil || h.sess.TxState() == driver.TxUnknown {
		return driver.Destroy
	}
	return driver.Reset
}

// isLost reports whether nothing can run on the session any more.
func (h *hold) isLost() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost != nil
}

// note remembers what a call means for those after it.
func (h *hold) note(stmt *statement, failure *Error, err error) {
	if stmt != nil && stmt.Class == driver.Schema {
		h.schema = true
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
	if h.lost == nil && (f.Evict || state == driver.TxUnknown) {
		h.lost = failure
	}
	if h.over == nil && h.tx != nil && (f.TxDead || f.Evict || state != driver.TxOpen) {
		h.over = failure
	}
	if h.lost != nil {
		failure.retryable = false // not on this session
	}
}
