package plinth

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/callsite"
	"github.com/plinthdb/plinth/retry"
)

// TxOptions are a transaction's settings, Isolation, ReadOnly and Deferrable; the zero value takes the database's own.
type TxOptions = driver.TxOptions

// Isolation levels for TxOptions.
const (
	ReadCommitted  = driver.ReadCommitted
	RepeatableRead = driver.RepeatableRead
	Serializable   = driver.Serializable
)

// Tx is a transaction, or a savepoint in one. It has the verbs of an Engine. A statement in it is never repeated; InTx
// repeats the whole. It must be ended by Commit or Rollback, and one goroutine at a time may use it.
type Tx struct {
	place
	parent  *Tx
	own     bool // the session goes back to the pool at the end
	applied bool // it was committed, or may have been
	begun   callsite.Stack
	access  driver.Access // what its session was asked for
	done    atomic.Bool   // it's asked for through a context, too, which any goroutine may have

	beginCtx context.Context // the key under which Engine.begun knows it
}

// Begin opens a transaction. ctx bounds its opening, not its life. InTx is safer: it always ends what it begins, and
// runs it again where that helps. At most one TxOptions may be given.
func (e *Engine) Begin(ctx context.Context, opts ...TxOptions) (*Tx, error) {
	o, err := e.txOptions(opts)
	if err != nil {
		return nil, err
	}
	tx, err := e.begin(ctx, o, false)
	if err != nil {
		return nil, final(err)
	}
	e.begun.add(ctx, tx)
	return tx, nil
}

func (e *Engine) txOptions(opts []TxOptions) (TxOptions, error) {
	switch len(opts) {
	case 0:
		return TxOptions{}, nil
	case 1:
		return opts[0], nil
	}
	return TxOptions{}, e.usage(ErrArgument, string(hook.Begin), "%d TxOptions given, at most one makes sense", len(opts))
}

// begin opens a transaction on a session of the pool. once leaves retrying to the caller.
func (e *Engine) begin(ctx context.Context, o TxOptions, once bool) (*Tx, error) {
	c := &call{eng: e, op: hook.Begin, tx: o, need: txNeed(o), safe: true, once: once}
	if err := e.do(ctx, c); err != nil {
		return nil, err
	}
	tx := newTx(e, &hold{sess: c.sess, st: c.st}, nil, true)
	tx.access = c.need.Access
	return tx, nil
}

// txNeed is what a transaction wants a session for.
func txNeed(o TxOptions) driver.Need {
	need := driver.Need{Access: driver.Write, Tx: true}
	if o.ReadOnly {
		need.Access = driver.Read
	}
	return need
}

func newTx(e *Engine, h *hold, parent *Tx, own bool) *Tx {
	if parent == nil {
		h.schema = false
	}
	t := &Tx{parent: parent, own: own}
	t.place = place{eng: e, hold: h, tx: t}
	t.begun.Capture()
	h.mu.Lock()
	h.tx = t
	h.mu.Unlock()
	return t
}

// Commit makes the transaction's work permanent. If that fails, nothing of it is, unless the error is ErrOutcomeUnknown.
// Committing a transaction that an error has ended rolls it back and returns that error.
func (t *Tx) Commit(ctx context.Context) error {
	if err := t.endable(hook.Commit); err != nil {
		return err
	}
	return final(t.finish(ctx, hook.Commit))
}

// endable says why the caller can't end the transaction, or nil.
func (t *Tx) endable(op hook.Op) error {
	if t.hold.exact && t.parent == nil && !t.done.Load() {
		return t.hold.st.usage(ErrArgument, string(op), "a transaction of ExactlyOnce ends with its function: return nil to commit it, an error to roll it back")
	}
	return nil
}

// Rollback undoes the transaction. Rows that are open on it are closed. After Commit or Rollback it returns ErrTxDone,
// so that a deferred Rollback does no harm. It works on a context that is done, within a second.
func (t *Tx) Rollback(ctx context.Context) error {
	if err := t.endable(hook.Rollback); err != nil {
		return err
	}
	return t.rollback(ctx)
}

func (t *Tx) rollback(ctx context.Context) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if t.parent == nil && !t.done.Load() { // else the rows are somebody else's
		t.hold.abandon(ctx)
	}
	return final(t.finish(ctx, hook.Rollback))
}

// undo rolls back what a function has left behind. If that fails, the connection goes, and the transaction with it.
func (t *Tx) undo(ctx context.Context) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	t.hold.abandon(ctx)
	t.hold.quiesce()
	_ = t.rollback(ctx)
}

// finish ends the transaction and gives its session back.
func (t *Tx) finish(ctx context.Context, op hook.Op) error {
	if t.parent != nil {
		return t.hold.st.usage(ErrArgument, string(op), "a savepoint ends with the function that InTx was given: return nil to keep it, an error to undo it")
	}
	dead, err := t.hold.enterLast(&t.place, string(op))
	if err != nil {
		return err
	}
	wanted := op
	if dead != nil || op == hook.Rollback {
		op = hook.Rollback
		var cancel context.CancelFunc
		ctx, cancel = afterwards(ctx)
		defer cancel()
	}
	c := &call{eng: t.eng, op: op, hold: t.hold}
	err = t.eng.do(ctx, c)
	t.applied = op == hook.Commit && (err == nil || t.verdict(err) == driver.Ambiguous)
	t.close()
	if dead != nil && wanted == hook.Commit {
		e := t.hold.st.usage(ErrTxDone, string(wanted), "rolled back, because an earlier error had ended the transaction: %w", dead)
		e.verdict, e.in = t.verdict(dead), t.hold
		return e
	}
	return err
}

// close ends the use of the session.
func (t *Tx) close() {
	t.done.Store(true)
	t.eng.begun.remove(t)
	h := t.hold
	h.leave()
	if h.sess.TxState() != driver.TxIdle && !h.isLost() { // a hook vetoed its end
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := h.sess.End(ctx, false)
		h.mu.Lock()
		h.lost = err
		h.mu.Unlock()
	}
	h.mu.Lock()
	h.tx, h.over, h.back = nil, nil, t.own
	h.mu.Unlock()
	switch {
	case t.own && h.isLost():
		h.sess.Release(driver.Destroy)
	case t.own:
		h.sess.Release(driver.Keep)
	default:
		h.unbind()
	}
}

// afterwards is the context for cleaning up: the caller's values, and time even if the caller has none left.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), time.Second)
}

// InTx runs fn in a transaction: it commits when fn returns nil and rolls back when fn returns an error, panics or ends
// its goroutine. If the database rolled the transaction back for a reason that passes (a deadlock, a
// serialization failure, a lock not to be had, a connection lost before COMMIT was sent), fn runs again
// with a new transaction, within the engine's retry policy: it must not keep what an earlier run did
// outside the transaction. The context that fn gets knows the transaction: a call with it on the engine instead of tx
// is an error if no other connection is free, and else a warning in the log, because it isn't part of the transaction.
func (e *Engine) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error, opts ...TxOptions) error {
	o, err := e.txOptions(opts)
	if err != nil {
		return err
	}
	return e.replay(ctx, func(ctx context.Context) error {
		tx, err := e.begin(ctx, o, true)
		if err != nil {
			return err
		}
		return tx.run(ctx, fn)
	})
}

// replay runs a unit, and again as long as the policy allows and it has applied nothing.
func (e *Engine) replay(ctx context.Context, unit func(ctx context.Context) error) error {
	first := true
	st := e.state.Load()
	policy := e.under(ctx, st).policy
	narrow := e.options.Retry.Retryable
	more := false // it was repeated for a reason that's worth that only once
	policy.Retryable = func(err error) bool {
		if _, is := err.(*spent); is || narrow != nil && !narrow(err) {
			return false
		}
		verdict, sparing := verdictOf(err, func(*Error) bool { return true })
		if verdict != driver.Again || sparing && more {
			return false
		}
		more = more || sparing
		return true
	}
	if e.watch.retry {
		e.observeRetries(&policy, &hook.Event{
			Engine: st.info.Engine, Target: st.info.Target, Op: hook.InTx, InTx: true, Start: time.Now(),
		})
	}
	_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) {
		if !first {
			e.retries.Add(1)
		}
		first = false
		return struct{}{}, unit(ctx)
	})
	// The last error goes out as the function returned it, with the attempts added to the engine's own error in it.
	tried, ok := err.(*retry.Error)
	if ok {
		err = tried.Unwrap()
	}
	if s, ok := err.(*spent); ok {
		err = s.error
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if e.retryable {
			e.retryable = false
		}
		if tried != nil {
			e.Attempts, e.tried = tried.Attempts, tried
		}
	}
	return err
}

// spent marks the error of a unit that must not run again although its cause would allow it.
type spent struct{ error }

func (s *spent) Unwrap() error { return s.error }

// verdict is what an error that a function of the transaction's returned says about running the function again. What comes from
// elsewhere, another engine or a call beside the transaction, has no say: that call's own attempts are used up, and
// running the unit again would multiply them.
func (t *Tx) verdict(err error) driver.Verdict {
	v, _ := verdictOf(err, func(e *Error) bool { return e.in == t.hold })
	return v
}

// verdictOf finds what a tree of errors, wrapped or joined, says about running the unit again, and whether that is worth it only
// once. Of several that count, one that doesn't know what was applied goes before one that knows that nothing was.
func verdictOf(err error, counts func(*Error) bool) (v driver.Verdict, sparing bool) {
	if e, ok := err.(*Error); ok && counts(e) {
		v, sparing = e.verdict, e.sparing
	}
	add := func(err error) {
		w, s := verdictOf(err, counts)
		switch {
		case w == driver.Ambiguous || v == driver.Never:
			v, sparing = w, s
		case w == v:
			sparing = sparing || s
		}
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		add(u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range u.Unwrap() {
			add(err)
		}
	}
	return v, sparing
}

// run runs fn in the transaction and ends it whatever happens.
func (t *Tx) run(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (err error) {
	returned := false
	defer func() {
		if !returned { // a panic or runtime.Goexit goes on after this
			t.undo(ctx)
		}
	}()
	err = fn(withTx(ctx, t), t)
	returned = true
	replayable := t.hold.st.info.TransactionalDDL || !t.hold.schema
	ended := t.hold.endedUnknown()
	switch {
	case t.done.Load() && err == nil && t.applied:
		return nil // fn committed it itself
	case t.done.Load() && err == nil:
		return t.hold.st.usage(ErrTxDone, string(hook.Commit), "the function rolled the transaction back itself, and returned no error")
	case err == nil:
		if err = t.finish(ctx, hook.Commit); err != nil && !t.done.Load() { // rows were left open, or a goroutine at work
			t.undo(ctx)
		}
	case !t.done.Load():
		t.undo(ctx)
	}
	if ended != nil && !errors.Is(err, ErrOutcomeUnknown) { // it isn't undone, as an error of the function's says otherwise
		err = errors.Join(err, ended)
	}
	if err != nil && (!replayable || t.applied || t.verdict(err) != driver.Again) {
		return &spent{err}
	}
	return err
}

// InTx runs fn in a savepoint: what it did is undone when it returns an error, panics or ends its goroutine, and the
// transaction around it goes on. It never runs fn twice: what can only be repeated as a whole is repeated by the
// outermost InTx, so the error must be handed up. A database without savepoints answers with ErrUnsupported. opts, there
// so that an Engine and a Tx fit one interface, must be empty.
func (t *Tx) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error, opts ...TxOptions) (err error) {
	if len(opts) > 0 {
		return t.hold.st.usage(ErrArgument, string(hook.Savepoint), "a savepoint has no options of its own: give them to the transaction")
	}
	depth := 1
	for p := t.parent; p != nil; p = p.parent {
		depth++
	}
	name := fmt.Sprintf("plinth_%d", depth)
	if err := t.savepoint(ctx, driver.SavepointSet, name); err != nil {
		return final(err)
	}
	inner := newTx(t.eng, t.hold, t, false)
	returned := false
	undo := func() error {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		t.hold.abandon(ctx)
		inner.leaveSavepoint()
		if err := t.savepoint(ctx, driver.SavepointRollback, name); err != nil {
			return err
		}
		return t.savepoint(ctx, driver.SavepointRelease, name)
	}
	defer func() {
		if !returned {
			_ = undo()
		}
	}()
	err = fn(withTx(ctx, inner), inner)
	returned = true
	if err == nil && t.hold.openRows() != nil {
		err = t.hold.st.usage(ErrBusy, string(hook.Savepoint), "the function left its rows open")
	}
	if err != nil {
		if uerr := undo(); uerr != nil && !errors.Is(uerr, ErrTxDone) {
			err = errors.Join(err, uerr)
		}
		return err
	}
	inner.leaveSavepoint()
	release, cancel := afterwards(ctx) // the function has returned: its work is kept, or undone, but not left in between
	defer cancel()
	if err := t.savepoint(release, driver.SavepointRelease, name); err != nil {
		_ = undo()
		return final(err)
	}
	return nil
}

func (t *Tx) leaveSavepoint() {
	t.done.Store(true)
	t.hold.mu.Lock()
	defer t.hold.mu.Unlock()
	t.hold.tx = t.parent
}

func (t *Tx) savepoint(ctx context.Context, op driver.SavepointOp, name string) error {
	enter := t.hold.enter
	if op == driver.SavepointRollback {
		enter = t.hold.enterUndo
	}
	if err := enter(&t.place, string(hook.Savepoint)); err != nil {
		return err
	}
	defer t.hold.leave()
	return t.eng.do(ctx, &call{eng: t.eng, op: hook.Savepoint, hold: t.hold, save: op, name: name})
}
