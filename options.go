package plinth

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// Options are an engine's settings. The zero value is what a service should start with; what is set here goes before
// what the configuration says.
type Options struct {
	URL    string          // where the database is; "": as package config finds it (DATABASE_URL, …)
	Name   string          // of a named database: <NAME>_DATABASE_URL
	Config []config.Option // anything else that package config should know

	Pool     pool.Options     // sizes and time-outs
	Retry    retry.Policy     // attempts and backoff of statements and of InTx; its Budget is made for the engine if nil, its Retryable may only refuse
	Timeout  time.Duration    // for a call whose context has no earlier deadline; 0: none
	QueryLog querylog.Options // slow statements are logged from 200 ms

	// OnConnect runs on each new connection before its first use: for settings of the session. The
	// connection is closed if it fails. Conn must not be kept.
	OnConnect func(ctx context.Context, conn *Conn) error

	Before    hook.Before      // see Engine.SetBeforeExecuteHook
	After     hook.After       // see Engine.SetAfterExecuteHook
	Observers []*hook.Observer // they only watch
	Logger    *slog.Logger     // for leaks and panics in hooks; nil: slog.Default()
	Connect   bool             // connect in Open; else nothing is dialled before the first use
}

// Format prints the options without what may be secret: their URL as its target, and none of the rest.
func (o Options) Format(f fmt.State, _ rune) { fmt.Fprint(f, o.LogValue()) }

// LogValue returns what Format prints.
func (o Options) LogValue() slog.Value {
	target := "as configured"
	if o.URL != "" {
		target = "a URL that can't be read"
		if c, err := config.Parse(o.URL); err == nil {
			target = c.Redacted()
		}
	}
	return slog.StringValue("plinth.Options(" + target + ")")
}

// Configure finds the configuration that the options ask for. engine is the database product that is wanted, or "" for
// any. It is for the Open functions of the drivers.
func (o Options) Configure(ctx context.Context, engine config.Engine) (config.Config, error) {
	var find []config.Option
	if engine != "" {
		find = append(find, config.WithEngine(engine))
	}
	if o.URL != "" {
		find = append(find, config.WithURL(o.URL))
	}
	if o.Name != "" {
		find = append(find, config.WithName(o.Name))
	}
	c, err := config.Load(ctx, append(find, o.Config...)...)
	if err != nil {
		return c, &Error{Kind: ErrArgument, Op: "configure", Engine: string(engine), Err: err}
	}
	return c, nil
}

// Under returns the options with what they leave open taken from a configuration. It is for the Open functions of the
// drivers.
func (o Options) Under(c config.Config) Options {
	fill(&o.Pool.MaxOpenConns, c.MaxOpenConns)
	fill(&o.Pool.MaxIdleConns, c.MaxIdleConns)
	fill(&o.Pool.MinConns, c.MinConns)
	fill(&o.Pool.ConnMaxLifetime, c.ConnMaxLifetime)
	fill(&o.Pool.ConnMaxIdleTime, c.ConnMaxIdleTime)
	fill(&o.Pool.AcquireTimeout, c.AcquireTimeout)
	fill(&o.Pool.LeakThreshold, max(0, c.LeakThreshold))
	fill(&o.Timeout, max(0, c.Timeout))
	fill(&o.QueryLog.Threshold, c.SlowThreshold)
	fill(&o.Retry.Attempts, c.RetryAttempts)
	fill(&o.Retry.Base, c.RetryBaseDelay)
	fill(&o.Retry.Cap, c.RetryMaxDelay)
	return o
}

// fill sets a field that was left open.
func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
