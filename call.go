package plinth

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/retry"
)

// call is one statement, begin, commit or ping on its way through the engine. There is one a call, and no allocation
// but its own: a query's lives in its Rows.
type call struct {
	eng  *Engine
	st   *state    // of the engine, when the call began
	set  *settings // what it's made with
	op   hook.Op
	hold *hold // the session of a Conn or a Tx; nil: any of the pool's
	stmt *statement
	req  driver.Request
	need driver.Need
	safe bool // running it twice can't apply anything twice
	ran  bool // an attempt was sent whose end nobody knows: it is repeated because the call is safe
	more bool // it was repeated for a reason that's worth that only once
	left bool // the same of one that writes (see Idempotent): it may have been applied
	once bool // leave retrying to the caller

	counted bool // as one of the blocking calls that run
	lonely  bool // it can't be part of a batch

	ended bool // end was called

	tx   driver.TxOptions // of begin
	many iter.Seq[[]any]  // of executemany
	row  int              // of executemany: the one that runs, 1-based
	name string           // of a savepoint
	save driver.SavepointOp

	asked  context.Context // as the caller gave it
	ctx    context.Context // of the attempt
	cancel context.CancelFunc
	sess   driver.Session
	rows   driver.Rows
	result driver.Result
	server driver.Server

	ev       hook.Event
	began    time.Time // the attempt
	acquired time.Time
	executed time.Time
}

// handler is one step of the way down to the driver.
type handler func(ctx context.Context, c *call) error

// do sends a call on its way. If it is a query that succeeded, the call goes on until its rows are closed.
func (e *Engine) do(ctx context.Context, c *call) error {
	if c.hold == nil || c.hold.unbound() {
		if err := e.usable(string(c.op)); err != nil {
			return err
		}
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	c.asked = ctx
	returned := false
	defer func() {
		if !returned {
			c.abandoned(ctx)
		}
	}()
	c.start(ctx)
	err := e.handle(ctx, c)
	if err != nil && c.left {
		err = c.unknown(err)
	}
	if err != nil || c.rows == nil {
		c.end(ctx, err)
	}
	returned = true
	return err
}

// ready takes what the call is made with, and says whether it may be made.
func (c *call) ready(ctx context.Context) error {
	if c.st == nil {
		if c.st = c.eng.state.Load(); c.hold != nil && !c.hold.unbound() {
			c.st = c.hold.st // the engine may have gone to another target
		}
		c.set = c.eng.under(ctx, c.st)
	}
	if c.op == hook.Begin && c.set.readOnly {
		c.tx.ReadOnly, c.need.Access = true, driver.Read
	}
	return c.admit()
}

// abandoned ends a call that a panic or runtime.Goexit has left, in an argument's method or a hook. Nobody knows where that
// left the session, so it's destroyed.
func (c *call) abandoned(ctx context.Context) {
	if c.ended {
		return
	}
	err := c.st.usage(driver.Unknown, string(c.op), "a panic or runtime.Goexit left the call before its end")
	switch {
	case c.hold != nil && !c.hold.unbound():
		c.hold.lose(err)
	case c.sess != nil:
		c.sess.Release(driver.Destroy)
		c.sess = nil
		fallthrough
	default:
		c.hold.leave()
	}
	c.end(ctx, err)
}

// start begins the watching of a call.
func (c *call) start(ctx context.Context) {
	c.ev = hook.Event{
		Engine: c.st.info.Engine, Target: c.st.info.Target, Op: c.op, Args: c.req.Args,
		InTx: c.hold.inTx(), Slow: c.set.slow, Start: time.Now(),
	}
	if c.stmt != nil {
		c.ev.Statement, c.ev.Source = c.stmt.Text, c.stmt.Binder
	}
	c.eng.watch.callStart(ctx, c.eng, &c.ev)
}

// end ends the watching of a call, and its deadline.
func (c *call) end(ctx context.Context, err error) {
	c.ended = true
	c.ev.Err = err
	c.eng.watch.callEnd(ctx, c.eng, &c.ev)
	if c.cancel != nil {
		c.cancel()
	}
}

// withDeadline gives the call its time-out, if there is one and the context has no earlier deadline.
func (e *Engine) withDeadline(next handler) handler {
	return func(ctx context.Context, c *call) error {
		if c.set.timeout <= 0 {
			return next(ctx, c)
		}
		if at, ok := ctx.Deadline(); ok && time.Until(at) <= c.set.timeout {
			return next(ctx, c)
		}
		ctx, c.cancel = context.WithTimeout(ctx, c.set.timeout)
		return next(ctx, c)
	}
}

// withRetry runs the call again as long as the policy allows and nothing can be applied twice. What is inside a
// transaction never runs again by itself.
func (e *Engine) withRetry(next handler) handler {
	return func(ctx context.Context, c *call) error {
		if c.once || c.set.policy.Attempts == 1 || c.hold != nil && c.hold.tx != nil {
			return next(ctx, c)
		}
		policy := c.set.policy
		policy.Start = c.ev.Start
		if e.watch.retry {
			e.observeRetries(&policy, &c.ev)
		}
		_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) {
			if c.ev.Attempt > 0 {
				e.retries.Add(1)
			}
			return struct{}{}, next(ctx, c)
		})
		return err
	}
}

// observeRetries is apart so that its closure is only made where somebody watches.
func (e *Engine) observeRetries(p *retry.Policy, ev *hook.Event) {
	own := p.OnRetry
	p.OnRetry = func(ctx context.Context, attempt int, delay time.Duration, err error) {
		ev.Attempt, ev.Err = attempt, err
		e.watch.retrying(ctx, e, ev, delay)
		if own != nil {
			own(ctx, attempt, delay, err)
		}
	}
}

// attempt is the last step: hooks, a session, the driver.
func (e *Engine) attempt(ctx context.Context, c *call) error {
	ctx, err := c.begin(ctx)
	if err != nil {
		return err
	}
	err = c.run(ctx)
	if err != nil || c.rows == nil {
		return c.attempted(err)
	}
	return nil
}

// begin begins an attempt, which the before hook may refuse. It returns the attempt's context.
func (c *call) begin(ctx context.Context) (context.Context, error) {
	c.ev.Attempt++
	c.ev.Err, c.ev.Logged, c.ev.Rows, c.ev.Queue = nil, false, 0, 0
	c.began, c.acquired, c.executed = time.Now(), time.Time{}, time.Time{}
	if before := c.eng.hooks.Load().before; before != nil {
		replaced, err := c.eng.runBefore(ctx, before, &c.ev)
		if err != nil {
			return nil, c.eng.vetoed(c, err)
		}
		ctx = replaced
	}
	c.ctx = ctx
	return ctx, nil
}

// vetoed returns the error of a before hook as the call's.
func (e *Engine) vetoed(c *call, err error) *Error {
	v := &Error{Kind: ErrVetoed, Op: string(c.op), Engine: c.st.info.Engine, Target: c.st.info.Target, Err: err}
	if c.stmt != nil {
		v.Statement = c.stmt.Binder.Fingerprint()
	}
	return v
}

// run gets a session and has the driver do the work; or a batch does it.
func (c *call) run(ctx context.Context) error {
	if c.eng.pipeline.enter(ctx, c) {
		err := c.eng.pipeline.together(ctx, c)
		if err != errAlone {
			return err
		}
		c.lonely = true
	}
	if c.hold != nil && !c.hold.unbound() {
		c.sess = c.hold.sess
	} else {
		need := c.needs()
		need.Timeout = c.set.acquire
		sess, err := c.borrow(ctx, c.asked, need)
		if err != nil {
			c.acquired = time.Now() // all it did was wait
			c.executed = c.acquired
			return err
		}
		c.sess = sess
	}
	c.acquired = time.Now()
	err := c.drive(ctx)
	c.executed = time.Now()
	return err
}

func (c *call) drive(ctx context.Context) (err error) {
	c.req.ReadOnly = c.guarded()
	switch c.op {
	case hook.Query:
		c.rows, err = c.sess.Query(ctx, &c.req)
	case hook.Execute:
		c.result, err = c.sess.Execute(ctx, &c.req)
		c.ev.Rows = c.result.RowsAffected
	case hook.ExecuteMany:
		c.result, err = c.manyGuarded(ctx)
		c.ev.Rows = c.result.RowsAffected
	case hook.Begin:
		err = c.sess.Begin(ctx, c.tx)
	case hook.Commit, hook.Rollback:
		err = c.sess.End(ctx, c.op == hook.Commit)
	case hook.Savepoint:
		err = c.sess.Savepoint(ctx, c.save, c.name)
	case hook.Ping:
		c.server, err = c.sess.Ping(ctx)
	}
	return err
}

// attempted ends an attempt: the error gets its meaning, the session goes back, the after hook runs. For a query it
// is called when the rows are closed.
func (c *call) attempted(err error) error {
	e := c.eng
	e.pipeline.leave(c)
	inTx := c.hold != nil && c.hold.tx != nil
	var failure *Error
	if err != nil {
		safe := c.safe && (c.rows == nil || c.stmt == nil || c.stmt.Access == driver.Read) // a write whose rows are read isn't repeated any more
		failure = c.st.failed(string(c.op), c.stmt, err, safe, inTx || c.op == hook.ExecuteMany)
		failure.Row = c.row
		c.judge(failure, err)
		if inTx {
			failure.in = c.hold
		}
		if c.once || failure.sparing && c.more {
			failure.retryable = false
		}
		c.more = c.more || failure.sparing
	}
	switch {
	case c.hold != nil && !c.hold.unbound():
		c.hold.note(c.stmt, failure, err)
	case c.sess == nil, c.hold == nil && c.op == hook.Begin && err == nil:
	case c.hold != nil && err == nil && c.keeps():
		c.hold.bind(c.st, c.sess, c.needs().Access)
		c.hold.note(c.stmt, nil, nil)
	default:
		c.sess.Release(fate(c.sess, c.stmt, err))
		c.sess = nil
	}
	c.rows = nil
	c.measure(time.Now())
	if c.stmt != nil && c.stmt.slow() && err == nil && c.hold == nil {
		c.stmt.learn(c.ev.Execute) // it may have become faster
	}
	if after := e.hooks.Load().after; after != nil {
		if failure != nil {
			c.ev.Err = failure
		}
		e.runAfter(c.ctx, after, &c.ev)
	}
	if failure != nil {
		return failure
	}
	return nil
}

// guarded reports whether the database has to refuse the statement if it writes: because the context asks for that, or because
// it's run again although nobody knows what became of it before. By its text it's a read, but a view or a function may
// write all the same.
func (c *call) guarded() bool {
	return c.stmt != nil && c.st.info.GuardsReads && (c.hold == nil || c.hold.tx == nil) && (c.set.readOnly || c.ran)
}

// judge takes note of what a failure means for a read that is repeated.
func (c *call) judge(failure *Error, err error) {
	if f, ok := asFault(err); ok && c.safe && f.Sent && f.Verdict == driver.IfSafe {
		c.left = c.stmt != nil && c.stmt.Access == driver.Write
		c.ran = !c.left
	}
	if c.ran && c.req.ReadOnly && !c.set.readOnly && failure.Kind == ErrReadOnly {
		failure.Kind, failure.verdict, failure.retryable = ErrOutcomeUnknown, driver.Ambiguous, false
		failure.Hint = "it looks like a read but writes, and the answer to its first run was lost: look before you repeat it"
	}
}

// unknown is the error of a call of which an earlier attempt may have been applied, whatever the last one failed with. It still
// matches that one's kind.
func (c *call) unknown(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind == ErrOutcomeUnknown {
		return err
	}
	e.doubt("no attempt was answered, but one may have been applied")
	c.ev.Logged = false // that is news
	return err
}

// measure fills in the durations of an attempt that ends now.
func (c *call) measure(now time.Time) {
	c.ev.Wait = since(c.began, c.acquired)
	c.ev.Execute = since(c.acquired, c.executed)
	c.ev.Fetch = since(c.executed, now)
	c.ev.Total = now.Sub(c.ev.Start)
}

// fate decides what becomes of a session of the pool.
func fate(s driver.Session, stmt *statement, err error) driver.Fate {
	if f, ok := asFault(err); ok && f.Evict {
		return driver.Destroy
	}
	switch {
	case s.TxState() == driver.TxUnknown:
		return driver.Destroy
	case s.TxState() != driver.TxIdle, stmt != nil && stmt.Class == driver.Setting:
		return driver.Reset
	}
	return driver.Keep
}
