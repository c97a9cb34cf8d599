package querylog_test

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/querylog"
)

// logger writes to standard output what is the same in every run.
func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "caller" {
				return slog.Attr{}
			}
			if a.Key == "total" {
				a.Value = slog.DurationValue(a.Value.Duration().Round(time.Second))
			}
			return a
		},
	}))
}

func ExampleLogQuery() {
	ctx := context.Background()
	options := querylog.Options{Logger: logger()}

	start := time.Now()
	// … the query …
	querylog.LogQuery(ctx, options, "select name from users where id = 7", start)

	start = time.Now().Add(-3 * time.Second)
	// … one that takes three seconds …
	querylog.LogQuery(ctx, options, "select * from orders where mail = 'ann@example.com'", start)
	// Output:
	// level=DEBUG msg=query statement="select name from users where id = ?" total=0s
	// level=WARN msg="slow query" statement="select * from orders where mail = ?" total=3s
}

// fingerprint stands for a statement that an engine has parsed.
type fingerprint string

func (f fingerprint) Fingerprint() string { return string(f) }

// An engine has an observer like this one from the start: see plinth.Options.QueryLog.
func ExampleObserver() {
	log := querylog.Observer(querylog.Options{Logger: logger()})

	// What the engine does when a call has ended:
	log.CallEnd(context.Background(), &hook.Event{
		Engine: "sqlite", Target: "shop.db", Op: hook.Query, Source: fingerprint("select * from orders where mail = ?"),
		Args: []any{"ann@example.com"}, Attempt: 1, Rows: 20,
		Total: 3 * time.Second, Wait: 20 * time.Millisecond, Execute: 2900 * time.Millisecond, Fetch: 80 * time.Millisecond,
	})
	// Output:
	// level=WARN msg="slow query" statement="select * from orders where mail = ?" engine=sqlite target=shop.db op=query total=3s wait=20ms execute=2.9s fetch=80ms rows=20 attempts=1 args="1 redacted (string)"
}
