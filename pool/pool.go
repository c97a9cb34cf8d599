// Package pool keeps connections: anything that is dialled and closed. It knows no database.
package pool

import (
	"context"
	"iter"
	"time"
)

// Reason says why a connection is closed.
type Reason string

// The reasons.
const (
	Idle     Reason = "idle"     // not used for ConnMaxIdleTime
	Lifetime Reason = "lifetime" // older than ConnMaxLifetime
	Broken   Reason = "broken"   // destroyed by its borrower, or the check failed
	Drain    Reason = "drain"    // the pool is closed
	Resize   Reason = "resize"   // Configure made the pool smaller
	Stale    Reason = "stale"    // opened before Invalidate
	Surplus  Reason = "surplus"  // MaxIdleConns are idle already
)

// Config describes a pool of T.
type Config[T any] struct {
	Options
	Name   string                                  // for messages and statistics
	Dial   func(ctx context.Context) (T, error)    // required: opens a connection
	Close  func(conn T, reason Reason)             // required: closes one; must not block for long
	Check  func(ctx context.Context, conn T) error // optional: fails if the connection is dead
	Cut    func(conn T)                            // optional: interrupts a borrowed connection when Close's context has ended
	OnLeak func(h Holder, returned bool)           // optional
	OnOpen func(took time.Duration, err error)     // optional: after each dial
}

// Pool is a pool of T.
type Pool[T any] struct{ cfg Config[T] }

// New checks the configuration and returns a pool. It opens nothing.
func New[T any](cfg Config[T]) (*Pool[T], error) { return &Pool[T]{cfg: cfg}, nil }

// Acquire borrows a connection.
func (p *Pool[T]) Acquire(ctx context.Context) (*Conn[T], error) { return nil, ErrClosed }

// TryAcquire borrows a connection without queueing.
func (p *Pool[T]) TryAcquire(ctx context.Context) (*Conn[T], error) { return nil, ErrClosed }

// Warm opens max(1, MinConns) connections.
func (p *Pool[T]) Warm(ctx context.Context) error { return ErrClosed }

// Configure changes the options of the running pool.
func (p *Pool[T]) Configure(o Options) error { return ErrClosed }

// Options returns the options in force, defaults filled in.
func (p *Pool[T]) Options() Options { return p.cfg.Options }

// Invalidate makes every connection opened so far stale.
func (p *Pool[T]) Invalidate() {}

// Stats returns the statistics.
func (p *Pool[T]) Stats() Stats { return Stats{} }

// Holders says who holds connections, oldest first.
func (p *Pool[T]) Holders() []Holder { return nil }

// Held yields the connections that are borrowed.
func (p *Pool[T]) Held() iter.Seq[T] { return func(func(T) bool) {} }

// Close drains the pool.
func (p *Pool[T]) Close(ctx context.Context) error { return nil }
