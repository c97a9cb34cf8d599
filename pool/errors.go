package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrClosed is returned by a pool that was closed.
var ErrClosed = errors.New("the pool is closed")

// ErrWouldBlock is what TryAcquire returns when no connection is free and none may be opened.
var ErrWouldBlock = errors.New("no connection of the pool is free")

// TimeoutError says that no connection was to be had before the acquire time-out, or before the caller's context ended.
// errors.Is and errors.As see Cause and LastDialError.
type TimeoutError struct {
	Pool          string // its name
	Waited        time.Duration
	Max           int // MaxOpenConns
	InUse         int
	Dialing       int
	DialingFor    time.Duration // the oldest of them
	Waiting       int           // other callers in the queue
	Holders       []Holder      // the oldest ten, if leak detection is on
	LastDialError error         // if the last dial failed
	Cause         error         // the context's, or nil for the acquire time-out
}

// Connecting reports whether what was waited for in vain was a new connection, and not one that somebody holds: there was room
// in the pool, and to fill it failed or took most of the wait. More connections wouldn't have helped then, nor would have holding
// them for less long.
func (e *TimeoutError) Connecting() bool {
	return e.InUse < e.Max && (e.LastDialError != nil || e.Dialing > 0 && e.DialingFor >= e.Waited/2)
}

// Error says what the pool was busy with, who holds its connections if that is known, and what to try.
func (e *TimeoutError) Error() string {
	if e.Waited == 0 && e.Cause != nil {
		return fmt.Sprintf("%s: the context had ended before a connection was asked for: %v", label(e.Pool), e.Cause)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: no connection after %v", label(e.Pool), e.Waited.Round(time.Microsecond))
	if e.Cause != nil {
		fmt.Fprintf(&b, " (%v)", e.Cause)
	}
	fmt.Fprintf(&b, ": %d of %d in use, %d being opened, %d other callers waiting", e.InUse, e.Max, e.Dialing, e.Waiting)
	if e.LastDialError != nil {
		fmt.Fprintf(&b, "; the last attempt to open one failed: %v", e.LastDialError)
	}
	switch {
	case e.Connecting() && e.Dialing > 0:
		fmt.Fprintf(&b, "; connecting takes longer than %v", e.DialingFor.Round(time.Microsecond))
	case e.InUse < e.Max:
		// Those who hold connections aren't the reason.
	case len(e.Holders) > 0:
		writeHolders(&b, e.Holders, e.InUse)
		b.WriteString("; release them sooner")
	default:
		b.WriteString("; release them sooner (LeakThreshold tells who holds them)")
	}
	if e.InUse >= e.Max && e.Max > 1 {
		b.WriteString(", or raise MaxOpenConns")
	}
	return b.String()
}

// Unwrap returns Cause and LastDialError, those that are set.
func (e *TimeoutError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Cause, e.LastDialError} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// namedHolders is how many holders an error lists. When a pool runs dry many callers fail at once, and turning
// a stack into text isn't free.
const namedHolders = 10

// timeoutError describes the pool as it is at the end of a wait: what comes back a moment later wasn't there in time. It is
// called with the lock held; named does the rest without it.
func (p *Pool[T]) timeoutError(waited time.Duration, cause error) *TimeoutError {
	e := &TimeoutError{
		Pool: p.cfg.Name, Waited: waited, Max: p.lim.maxOpen, InUse: p.inUse(), Dialing: len(p.dialing), Waiting: p.queue.n,
		LastDialError: p.dials.err, Cause: cause,
	}
	if e.Dialing > 0 {
		e.DialingFor = p.now() - p.dialing[0]
	}
	return e
}

// ended is the error of a caller whose context had ended before.
func (p *Pool[T]) ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	p.mu.Lock()
	e := p.timeoutError(0, cause)
	p.mu.Unlock()
	return p.named(e)
}

// named adds who holds the connections.
func (p *Pool[T]) named(e *TimeoutError) error {
	if p.tracking.Load() {
		e.Holders = p.holders(namedHolders)
	}
	return e
}

// DrainError says that Close's context ended while the pool was still draining. errors.Is and errors.As see Cause.
type DrainError struct {
	Pool    string   // its name
	Left    int      // connections that were still borrowed; 0 if only dials or closing were still under way
	Cut     bool     // those were interrupted
	Holders []Holder // the oldest ten
	Cause   error    // the context's
}

// Error says how many connections were left, and who holds them if that is known.
func (e *DrainError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: closed before it was drained (%v)", label(e.Pool), e.Cause)
	if e.Left == 0 {
		b.WriteString(": every connection is back, but some are still being opened or closed")
		return b.String()
	}
	fmt.Fprintf(&b, ": %d still borrowed", e.Left)
	if e.Cut {
		b.WriteString(", which were interrupted")
	}
	writeHolders(&b, e.Holders, e.Left)
	return b.String()
}

// Unwrap returns Cause.
func (e *DrainError) Unwrap() error { return e.Cause }

// writeHolders names the first three holders whose site is known.
func writeHolders(b *strings.Builder, holders []Holder, of int) {
	named := 0
	for _, h := range holders {
		if h.Site == "" {
			continue
		}
		if named == 3 {
			break
		}
		if named == 0 {
			b.WriteString("; held by ")
		} else {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s for %v", h.Site, h.Held.Round(time.Millisecond))
		named++
	}
	if named > 0 && of > named {
		fmt.Fprintf(b, " and %d more", of-named)
	}
}
