package netdriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/plinthdb/plinth/driver"
)

// ContextKind tells a deadline from a cancel.
func ContextKind(ctx context.Context) driver.Kind {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return driver.Timeout
	}
	return driver.Canceled
}

// Ended is the fault of a call that its context has ended, of which nothing can have been applied. native is what the
// server said about that, or nil.
func Ended(ctx context.Context, phase driver.Phase, native error) *driver.Fault {
	f := &driver.Fault{Kind: ContextKind(ctx), Phase: phase, Err: context.Cause(ctx)}
	if native != nil {
		f.Err = fmt.Errorf("%w: %w", f.Err, native)
	}
	return f
}

// WireFault is the fault of a connection that broke, or of a call that its context ended. sent says whether a byte of the
// statement itself, or of COMMIT, left this process; hint is for a connection that was closed from the other side.
func WireFault(ctx context.Context, phase driver.Phase, sent bool, err error, hint string) *driver.Fault {
	f := &driver.Fault{Kind: driver.Unavailable, Phase: phase, Verdict: driver.Again, Sent: sent, Evict: true, TxDead: true,
		Err: fmt.Errorf("the connection broke: %w", err)}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.Hint = "the server doesn't answer any more"
	case HungUp(err):
		f.Hint = hint
	}
	if ctx.Err() != nil {
		f.Kind, f.Verdict, f.Hint = ContextKind(ctx), driver.Never, ""
		f.Err = context.Cause(ctx)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ctx.Err()) { // it isn't broken: the answer is still to come
			f.Evict, f.TxDead = false, false
		} else if err != nil {
			f.Err = fmt.Errorf("%w: %w", f.Err, err)
		}
	}
	switch {
	case !sent || phase == driver.Begin || phase == driver.Rollback: // there is nothing that could have been applied
	case phase == driver.Commit:
		f.Verdict = driver.Ambiguous
	default:
		f.Verdict = driver.IfSafe
	}
	return f
}

// HungUp reports whether the other side has closed the connection.
func HungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
