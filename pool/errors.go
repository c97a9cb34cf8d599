package pool

import (
	"errors"
	"time"
)

// ErrClosed is returned by a pool that was closed.
var ErrClosed = errors.New("the pool is closed")

// ErrWouldBlock is returned by TryAcquire when every connection is in use.
var ErrWouldBlock = errors.New("every connection of the pool is in use")

// Holder is a borrower of a connection.
type Holder struct {
	Site  string        // where it was acquired: "file.go:12 (package.Function)"; "" without leak detection
	Stack string        // the whole stack
	Since time.Time     // zero without leak detection
	Held  time.Duration // so far
}

// TimeoutError says that no connection was to be had in time.
type TimeoutError struct {
	Pool                         string
	Waited                       time.Duration
	Max, InUse, Dialing, Waiting int
	Holders                      []Holder
	LastDialError                error
	Cause                        error // the context's, or nil for the acquire time-out
}

func (e *TimeoutError) Error() string { return "pool: no connection in time" }

// Unwrap returns what lies behind it.
func (e *TimeoutError) Unwrap() []error { return nil }

// DrainError says that Close's context ended while connections were still borrowed.
type DrainError struct {
	Pool    string
	InUse   int // borrowed still; they were cut
	Dialing int
	Holders []Holder
	Cause   error
}

func (e *DrainError) Error() string { return "pool: closed with connections still borrowed" }

// Unwrap returns the context's cause.
func (e *DrainError) Unwrap() error { return e.Cause }
