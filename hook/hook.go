// Package hook is how an application watches, and may refuse, what an engine does.
//
// There are two ways in. A before hook and an after hook surround each attempt of a statement; the before hook may
// replace the context or veto the attempt. Observers only watch. Whatever a hook does, a panic included, the
// call goes on: the engine recovers it, logs it and counts it.
package hook

import (
	"context"
	"time"
)

// Op is what a call does.
type Op string

// The operations.
const (
	Execute     Op = "execute"
	ExecuteMany Op = "executemany"
	Query       Op = "query"
	Begin       Op = "begin"
	Commit      Op = "commit"
	Rollback    Op = "rollback"
	Savepoint   Op = "savepoint"
	Ping        Op = "ping"
	InTx        Op = "intx" // the whole of a transaction function; only Retry is told of it
)

// Event describes a call. It belongs to the engine, is reused, and is only valid while the hook runs: copy what you
// keep (a copy of the struct is enough). Fields that aren't known yet are zero.
type Event struct {
	Engine    string        // "sqlite", …
	Target    string        // which database; holds no secret
	Op        Op            // what is done
	Statement string        // the text as the caller wrote it; "" for begin, commit and the like
	Args      []any         // the arguments as given: personal data, print them only with care
	Attempt   int           // 1 for the first
	InTx      bool          // inside a transaction
	Slow      time.Duration // from how long the call counts as slow; 0: as the observer sees fit, negative: never
	Start     time.Time     // of the call

	// Known once the call, or the attempt, has ended.
	Queue   time.Duration // until a batch took it; 0 for a call that wasn't queued
	Wait    time.Duration // for a connection
	Execute time.Duration // until the first row or the result was there
	Fetch   time.Duration // from then until the rows were closed
	Total   time.Duration // since Start
	Rows    int64         // read by a query, affected by a statement
	Err     error

	// Logged is for an after hook to set that has logged Err, as DefaultAfter does: then the query log doesn't log that the call
	// failed once more.
	Logged bool

	// Source computes the statement without its literals. Use Fingerprint.
	Source interface{ Fingerprint() string }
}

// Fingerprint returns the statement without its literals. It holds no value of the caller's and is computed once a
// statement. It is the operation's name where there is no statement.
func (e *Event) Fingerprint() string {
	if e.Source == nil {
		return string(e.Op)
	}
	return e.Source.Fingerprint()
}

// Before runs before each attempt. The context it returns is used for the attempt (nil: the one it was given); an error
// refuses it: nothing is sent, and the call fails with that error as a plinth.ErrVetoed.
type Before func(ctx context.Context, e *Event) (context.Context, error)

// After runs when an attempt has ended: for a query, when its rows were closed.
type After func(ctx context.Context, e *Event)

// Observer watches. Every call is seen to start and to end, also one that is refused before its first attempt (a wrong
// number of arguments) or fails after its last (a row that doesn't fit the Go type). Every field may be nil; a nil field costs
// nothing. New fields may come, so name the fields you set. The functions run on the goroutine of the call and must return
// quickly; they may run at the same time for different calls.
type Observer struct {
	CallStart func(ctx context.Context, e *Event)                      // a call begins
	CallEnd   func(ctx context.Context, e *Event)                      // it has ended, after all its attempts
	Retry     func(ctx context.Context, e *Event, delay time.Duration) // an attempt failed with e.Err, the next one starts after delay
	ConnOpen  func(ctx context.Context, c ConnEvent)                   // a connection was dialled, or wasn't: c.Err
	ConnClose func(c ConnEvent)                                        // a connection was closed, c.Reason says why
	Leak      func(l Leak)                                             // something is held longer than the leak threshold, or came back after that
	TxHeld    func(ctx context.Context, h TxHeld)                      // the pool is used while the same context holds a transaction
	Breaker   func(b Breaker)                                          // the target was found to be down, or up again
}

// Breaker is the opening or closing of a pool's circuit breaker (see pool.Options.BreakerFailures).
type Breaker struct {
	Engine, Target string
	Pool           string // which of the engine's pools; mostly ""
	Open           bool   // the target can't be reached, and calls that need a connection fail at once
	Err            error  // then, what the last attempt to connect failed with
}

// ConnEvent is the opening or closing of one connection.
type ConnEvent struct {
	Engine, Target string
	Pool           string // which of the engine's pools: "writer", "reader", …
	Took           time.Duration
	Reason         string // of closing: "idle", "lifetime", "broken", "drain", "resize", "stale"
	Err            error
}

// Leak is something that wasn't closed in time.
type Leak struct {
	Engine, Target string
	What           string        // "connection", "rows", "transaction"
	Held           time.Duration // so far
	Returned       bool          // it came back after all
	Site           string        // where it was taken: "file.go:12 (package.Function)"
	Stack          string        // of the goroutine that took it
}

// TxHeld says that a call asked the pool for a connection while its context holds a transaction of the same engine:
// the call isn't part of the transaction, and with a small pool the two wait for each other.
type TxHeld struct {
	Engine, Target string
	Begun          string // call site of the transaction
	Used           string // call site of this call
}
