package hook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// DefaultBefore returns a before hook that logs the start of each attempt at level Debug: the statement's fingerprint,
// never its arguments. It vetoes nothing. A nil logger means slog.Default(), as it is when something is logged.
func DefaultBefore(logger *slog.Logger) Before {
	return func(ctx context.Context, e *Event) (context.Context, error) {
		if l := orDefault(logger); l.Enabled(ctx, slog.LevelDebug) {
			l.LogAttrs(ctx, slog.LevelDebug, "statement starts",
				slog.String("statement", e.Fingerprint()), slog.String("engine", e.Engine), slog.String("target", e.Target),
				slog.String("op", string(e.Op)), slog.Int("attempt", e.Attempt))
		}
		return ctx, nil
	}
}

// DefaultAfter returns an after hook that logs the end of each attempt, with the time since the call began: at level Debug,
// or Warn if it failed. Of an error it logs what ErrorAttr says. A nil logger means slog.Default(), as it is when
// something is logged. A failure that it has logged the query log leaves out (see Event.Logged), so with querylog.Options.Errors
// each one is logged once: by this hook if an attempt failed, else by the query log.
func DefaultAfter(logger *slog.Logger) After {
	return func(ctx context.Context, e *Event) {
		level, message := slog.LevelDebug, "statement ended"
		if e.Err != nil {
			level, message = slog.LevelWarn, "statement failed"
		}
		if l := orDefault(logger); l.Enabled(ctx, level) {
			l.LogAttrs(ctx, level, message,
				slog.String("statement", e.Fingerprint()), slog.String("engine", e.Engine), slog.String("target", e.Target),
				slog.String("op", string(e.Op)), slog.Int("attempt", e.Attempt), slog.Duration("total", e.Total),
				slog.Int64("rows", e.Rows), ErrorAttr(e.Err))
			e.Logged = e.Err != nil
		}
	}
}

func orDefault(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}

// ErrorAttr returns the attribute "error" for a log that may hold no value of the caller's. A database's error text can
// quote one ("Duplicate entry 'ann@example.com'"), so the text isn't logged. An error that is a slog.LogValuer, or wraps
// one, says itself what is; a plinth.Error does. Of another error only the type is, except that the ends of a context are
// named. For a nil error the attribute is empty, which slog leaves out.
func ErrorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	if v, ok := errors.AsType[interface {
		error
		slog.LogValuer
	}](err); ok {
		return slog.Any("error", v)
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return slog.String("error", end.Error())
		}
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner // *fmt.wrapError says nothing, what it wraps may
	}
	return slog.String("error", fmt.Sprintf("%T", err))
}
