package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// The defaults of a Policy.
const (
	DefaultAttempts = 4
	DefaultBase     = 10 * time.Millisecond
	DefaultCap      = time.Second
)

// Policy says what is repeated, how often and after which pause. The zero Policy has the defaults and no budget. A
// Policy is read only and may be shared.
type Policy struct {
	Attempts  int              // in all; 0: DefaultAttempts, 1: never again, negative: as long as context and budget allow
	Base      time.Duration    // the longest first pause; 0: DefaultBase
	Cap       time.Duration    // the longest pause of all; 0: DefaultCap
	Budget    *Budget          // shared by the calls that may fail for the same reason; nil: none
	Retryable func(error) bool // nil: the rule of the function Retryable
	Rand      func() float64   // in [0, 1), for tests; nil: math/rand/v2

	// Start is when the call began, if the caller has looked at the clock already. It is only used to say how long the first
	// attempt took; if it is zero, Do looks at the clock itself, which costs more than the rest of Do.
	Start time.Time

	// OnRetry is told, before the pause, that attempt number attempt (1 is the first) failed with err and that the next one
	// starts after delay. It runs on the goroutine of the call.
	OnRetry func(ctx context.Context, attempt int, delay time.Duration, err error)
}

// Delay returns a pause with full jitter: random(0, min(Cap, Base·2^attempt)). attempt counts from 0, so Delay(0)
// follows the first failure. Full jitter spreads callers that failed together better than a pause with a fixed part
// does: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func (p Policy) Delay(attempt int) time.Duration {
	base, longest := p.Base, p.Cap
	if base <= 0 {
		base = DefaultBase
	}
	if longest <= 0 {
		longest = DefaultCap
	}
	// base·2^attempt, unless that is more than the cap or more than an int64 can hold.
	if attempt = max(attempt, 0); attempt < 63 && base <= longest>>attempt {
		longest = base << attempt
	}
	random := p.Rand
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(random() * float64(longest))
}

func (p *Policy) attempts() int {
	if p.Attempts == 0 {
		return DefaultAttempts
	}
	return p.Attempts
}

func (p *Policy) retryable(err error) bool {
	if p.Retryable != nil {
		return p.Retryable(err)
	}
	return Retryable(err)
}

// Retryable is the rule of a Policy that has none: an error is repeated if it, or an error it wraps, has a method
// Retryable() bool that returns true. What says nothing is not repeated. Nor is an error that holds an *Error: that call
// was repeated already, and loops around loops would multiply the load on a server in trouble.
func Retryable(err error) bool {
	if _, ok := errors.AsType[*Error](err); ok {
		return false
	}
	r, ok := errors.AsType[interface {
		error
		Retryable() bool
	}](err)
	return ok && r.Retryable()
}

// timedOut reports whether err says that time ran out. That costs the budget more: a time-out has held a connection and
// a caller for its whole length.
func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}
