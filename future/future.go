// Package future holds a value that isn't there yet.
//
// A pending Future is one small struct and one channel: no goroutine stands behind it. Whoever waits gives a context;
// its end frees the waiter and touches neither the work nor the result, which another Await can still fetch.
package future

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Future is a result that arrives later, once. Make one with New, Go or Resolved; all methods may be used by any number
// of goroutines at the same time.
type Future[T any] struct {
	done  chan struct{} // closed after value and err were written
	taken atomic.Bool   // somebody resolves it, or has
	value T
	err   error
}

// New returns a pending future and the function that resolves it. The first resolution wins and reports true; later
// ones change nothing and report false. Whoever makes a future sees to it that it is resolved at some time.
func New[T any]() (*Future[T], func(T, error) bool) {
	f := &Future[T]{done: make(chan struct{})}
	return f, f.resolve
}

// Resolved returns a future whose result is there already.
func Resolved[T any](value T, err error) *Future[T] {
	f := &Future[T]{done: make(chan struct{}), value: value, err: err}
	f.taken.Store(true)
	close(f.done)
	return f
}

// Go runs work on a goroutine of its own and returns the future of its result. Only the end of ctx asks the work to
// stop; an Await that is given up doesn't. If work panics, the result is a *PanicError; if it ends its goroutine
// with runtime.Goexit, the result is ErrExited.
func Go[T any](ctx context.Context, work func(context.Context) (T, error)) *Future[T] {
	f, resolve := New[T]()
	go func() {
		var value T
		err := ErrExited // holds if neither the return nor the recovery below is reached
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
			resolve(value, err)
		}()
		value, err = work(ctx)
	}()
	return f
}

func (f *Future[T]) resolve(value T, err error) bool {
	if !f.taken.CompareAndSwap(false, true) {
		return false
	}
	f.value, f.err = value, err
	close(f.done)
	return true
}

// Done returns a channel that is closed when the result is there: for a select over several futures.
func (f *Future[T]) Done() <-chan struct{} { return f.done }

// Await returns the result, waiting for it until ctx ends. A result that is there already is returned even if ctx has
// ended. An Await that ctx ended returns an error that matches ctx's error and its cause; the work goes on, and
// another Await may fetch the result. Await can be called again and again, by many goroutines.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	select {
	case <-f.done:
		return f.value, f.err
	default:
	}
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none T
		return none, givenUp(ctx)
	}
}

func givenUp(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return fmt.Errorf("future: gave up waiting while the work goes on: %w", cause)
	}
	return fmt.Errorf("future: gave up waiting while the work goes on: %w: %w", err, cause)
}

// ErrExited is the result of work that left by runtime.Goexit and so returned nothing.
var ErrExited = errors.New("future: the work ended its goroutine without returning a result")

// PanicError is the result of work that panicked.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the goroutine that panicked
}

// Error says what was given to panic. The stack is in Stack: too long for a message.
func (e *PanicError) Error() string { return fmt.Sprintf("future: the work panicked: %v", e.Value) }

// Unwrap returns the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
