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

	// Pipeline has the calls of many goroutines share connections, round trips and commits: statements that are calls of their
	// own, in no transaction, travel in batches as those of package async do. A caller that is alone takes the direct
	// path. Rows are read at once, up to a bound. What the statements of a batch share is said in docs/async.md.
	Pipeline bool

	// Watch has the engine follow its configuration until it's closed: see Engine.Reconfigure and config.Watch.
	Watch bool
	// Credentials is asked for who logs in, for each new connection: for passwords that change or expire. Without
	// it they are the configuration's. ctx ends with the dial.
	Credentials func(ctx context.Context) (user string, password config.Secret, err error)
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
	c, err := config.Load(ctx, o.sources(engine)...)
	if err != nil {
		return c, &Error{Kind: ErrArgument, Op: "configure", Engine: string(engine), Err: err}
	}
	return c, nil
}

// sources says where the configuration is looked for.
func (o Options) sources(engine config.Engine) []config.Option {
	find := []config.Option{config.WithURL(o.URL), config.WithName(o.Name)}
	if engine != "" {
		find = append(find, config.WithEngine(engine))
	}
	return append(find, o.Config...)
}
