package plinth

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/callsite"
)

// contextKey is the one key under which a context carries what Plinth has to know, so that a call looks it up once.
type contextKey struct{}

type carried struct {
	primary bool
	again   bool // writes may be repeated
	tx      *Tx  // the innermost that the context was made for
}

func carriedBy(ctx context.Context) carried {
	if c, ok := ctx.Value(contextKey{}).(*carried); ok {
		return *c
	}
	return carried{}
}

func carrying(ctx context.Context, set func(*carried)) context.Context {
	c := carriedBy(ctx)
	set(&c)
	return context.WithValue(ctx, contextKey{}, &c)
}

// OnPrimary returns a context whose reads go where writes go: to SQLite's writer, to a primary instead of a
// replica. It's for a read that must see what was just written elsewhere, or a SELECT that writes.
func OnPrimary(ctx context.Context) context.Context {
	return carrying(ctx, func(c *carried) { c.primary = true })
}

func onPrimary(ctx context.Context) bool { return carriedBy(ctx).primary }

// Idempotent returns a context whose statements may run twice though they write: an upsert, an UPDATE to a fixed value, a DELETE by
// key. Outside of a transaction they are then repeated as reads are, also where the answer to the first run was lost. It's the
// caller's word: Plinth can't see whether it's true. It says nothing of transactions (see ExactlyOnce for those), nor of ExecuteMany,
// whose rows can't be had again.
//
// If no attempt gets an answer the error is ErrOutcomeUnknown all the same.
func Idempotent(ctx context.Context) context.Context {
	return carrying(ctx, func(c *carried) { c.again = true })
}

func idempotent(ctx context.Context) bool { return carriedBy(ctx).again }

func withTx(ctx context.Context, tx *Tx) context.Context {
	return carrying(ctx, func(c *carried) { c.tx = tx })
}

// heldTx returns the open transaction of e that ctx was made for.
func (e *Engine) heldTx(ctx context.Context) *Tx {
	if tx := carriedBy(ctx).tx; tx != nil && tx.eng == e && !tx.done.Load() {
		return tx
	}
	return nil
}

// borrow takes a session from the pool. A caller whose context holds a transaction already doesn't queue: it would hold
// one connection while it waits for another, and with enough callers like it nobody ever goes on. asked is the context
// that the caller gave; ctx comes from it.
//
// The session is of c's target, unless the engine has left that one: then it's of the one that it has gone to, if the call
// may be made there.
func (c *call) borrow(ctx, asked context.Context, need driver.Need) (driver.Session, error) {
	e := c.eng
	held := e.heldTx(ctx)
	if held != nil && held.hold.exact && need.Access == driver.Write {
		return nil, &driver.Fault{
			Kind: driver.Argument, Phase: driver.Acquire, Err: errors.New("a write on the engine at " + callsite.Caller() +
				", within ExactlyOnce, would not be part of what is applied once"),
			Hint: "run it on the function's transaction, or give it a context from outside of ExactlyOnce",
		}
	}
	if held != nil {
		// Where writing has a connection of its own, reading doesn't wait for it.
		need.NoWait = !c.st.info.SingleWriter || need.Access == held.access
		e.watch.txHeld(ctx, e, held)
	}
	sess, err := c.acquire(ctx, asked, need)
	if err == nil {
		return sess, nil
	}
	f, ok := asFault(err)
	if !ok || f.Kind != driver.PoolExhausted {
		return nil, err
	}
	if need.NoWait {
		return nil, &driver.Fault{
			Kind: driver.SelfDeadlock, Phase: driver.Acquire, Err: errors.New("the context of the call at " +
				callsite.Caller() + " holds the transaction begun at " + held.begun.Site() + ", and no other connection is free"),
			Hint: "run the statement on the transaction (tx.Execute, tx.Query, …), or give it a context from outside of it",
		}
	}
	return nil, e.explained(asked, f)
}

// explained returns the error of a wait for a connection, which may have been for one that the caller holds itself.
func (e *Engine) explained(asked context.Context, err error) error {
	f, ok := asFault(err)
	if !ok || f.Kind != driver.PoolExhausted {
		return err
	}
	if tx := e.begun.find(asked); tx != nil {
		own := *f
		own.Hint = "a transaction begun with this same context at " + tx.begun.Site() + " holds a connection: if this call should be part of it, run it on the transaction"
		return &own
	}
	return err
}

// acquire is borrow without what is to be known of a transaction that is held. Each turn of its loop admits the call to the
// target that the engine has gone to, which the context's override may refuse.
func (c *call) acquire(ctx, asked context.Context, need driver.Need) (driver.Session, error) {
	for {
		if now := c.eng.state.Load(); now.target != c.st.target {
			c.st, c.set = now, c.eng.under(asked, now)
			if err := c.admit(); err != nil {
				return nil, err
			}
		}
		sess, err := c.st.backend.Acquire(ctx, need)
		if err == nil || c.eng.closing.Load() || c.eng.state.Load().target == c.st.target {
			return sess, err
		}
		if f, ok := asFault(err); !ok || f.Kind != driver.Closed {
			return nil, err
		}
	}
}

// begunTxs remembers which contexts opened transactions with Begin, which can't mark them as InTx does. A shared
// context says little about who waits for whom, so this only explains a time-out and never causes one.
type begunTxs struct {
	mu sync.Mutex
	by map[context.Context]*Tx
}

func (b *begunTxs) add(ctx context.Context, tx *Tx) {
	if ctx == context.Background() || ctx == context.TODO() || !reflect.ValueOf(ctx).Comparable() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil {
		b.by = make(map[context.Context]*Tx)
	}
	b.by[ctx] = tx
	tx.beginCtx = ctx
}

func (b *begunTxs) remove(tx *Tx) {
	if tx.beginCtx == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by[tx.beginCtx] == tx {
		delete(b.by, tx.beginCtx)
	}
}

func (b *begunTxs) find(ctx context.Context) *Tx {
	if !reflect.ValueOf(ctx).Comparable() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.by[ctx]
}

// maxWarned bounds how many call sites are remembered as warned about.
const maxWarned = 100

// sites remembers call sites that were warned about.
type sites struct {
	mu   sync.Mutex
	seen map[string]bool
}

// first reports whether site is new, and remembers it.
func (s *sites) first(site string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[site] || len(s.seen) >= maxWarned {
		return false
	}
	if s.seen == nil {
		s.seen = make(map[string]bool)
	}
	s.seen[site] = true
	return true
}

// txHeld says that the pool is used beside a transaction of the same context: to the log, once a call site, and to the
// observers each time. What such a call reads isn't what the transaction wrote.
func (w *watchers) txHeld(ctx context.Context, e *Engine, tx *Tx) {
	h := hook.TxHeld{Engine: e.state.Load().info.Engine, Target: e.state.Load().info.Target, Begun: tx.begun.Site(), Used: callsite.Caller()}
	if e.warned.first(h.Used) {
		e.log().LogAttrs(ctx, slog.LevelWarn, "plinth: the engine is used where a transaction is open; the call isn't part of it",
			slog.String("target", h.Target), slog.String("transaction_begun_at", h.Begun), slog.String("engine_used_at", h.Used))
	}
	for _, o := range w.all {
		if o.TxHeld != nil {
			e.guard(ctx, "TxHeld", func() { o.TxHeld(ctx, h) })
		}
	}
}
