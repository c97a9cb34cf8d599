package retry

import (
	"errors"
	"fmt"
	"time"
)

// Stop is why no further attempt was made.
type Stop uint8

// The reasons.
const (
	AttemptsUsed Stop = iota // as many were made as the policy allows
	BudgetEmpty              // too much has failed lately: see Budget
	DeadlineNear             // the context's deadline comes before the end of the pause
	NotRetryable             // the last failure would only come again
	Canceled                 // the context ended, by its deadline or by hand
)

// String returns the reason in words.
func (s Stop) String() string {
	text := [...]string{
		"every attempt allowed was used", "the retry budget is empty", "the deadline leaves no room for another attempt",
		"the last failure is not worth repeating", "the context ended",
	}
	if int(s) < len(text) {
		return text[s]
	}
	return "unlisted reason"
}

// Attempt is one try of a call.
type Attempt struct {
	N     int           // 1 for the first
	Err   error         // what it failed with
	Took  time.Duration // how long it ran
	Delay time.Duration // the pause that followed, unless the context cut it short; 0 after the last
}

// Error is the failure of a call that was repeated, or would have been. It wraps the last attempt's error, so errors.Is
// and errors.As see that one; the earlier ones are in Attempts. If the context ended, it also matches (errors.Is) the
// context's error and its cause.
type Error struct {
	// Attempts are all attempts in order. Of a call that was repeated more than 100 times, the first and the last 50 are
	// kept; N says which.
	Attempts []Attempt
	Stopped  Stop
	Cause    error // context.Cause, if the context ended; else nil

	ctxErr error // context.Canceled or context.DeadlineExceeded beside Cause
}

// Error says what the last attempt failed with, how often was tried and why that ended.
func (e *Error) Error() string {
	if len(e.Attempts) == 0 {
		return "retry: " + e.Stopped.String()
	}
	last := e.Attempts[len(e.Attempts)-1]
	times, why := "1 attempt", e.Stopped.String()
	if last.N != 1 {
		times = fmt.Sprintf("%d attempts", last.N)
	}
	if e.Cause != nil {
		why += ": " + e.Cause.Error()
	}
	return fmt.Sprintf("%v (gave up after %s: %s)", last.Err, times, why)
}

// Unwrap returns the last attempt's error.
func (e *Error) Unwrap() error {
	if len(e.Attempts) == 0 {
		return nil
	}
	return e.Attempts[len(e.Attempts)-1].Err
}

// Is matches the context's error and its cause, if the context ended.
func (e *Error) Is(target error) bool {
	return e.ctxErr != nil && (errors.Is(e.ctxErr, target) || errors.Is(e.Cause, target))
}
