package plinth

import (
	"context"
	"log/slog"
	"time"

	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// Options are an engine's settings. The zero value is what a service should start with; what is set here goes before
// what the configuration says.
type Options struct {
	URL  string // where the database is; "": as package config finds it (DATABASE_URL, …)
	Name string // of a named database: <NAME>_DATABASE_URL

	Pool     pool.Options     // sizes and time-outs
	Retry    retry.Policy     // attempts and backoff of statements and of InTx; its Budget is made for the engine if nil
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
