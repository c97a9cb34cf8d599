package hook_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/plinthdb/plinth/hook"
)

// logger writes to standard output, without the time.
func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// fingerprint stands for a statement that an engine has parsed.
type fingerprint string

func (f fingerprint) Fingerprint() string { return string(f) }

func ExampleDefaultBefore() {
	before := hook.DefaultBefore(logger()) // for Engine.SetBeforeExecuteHook

	// What the engine does before an attempt:
	ctx, err := before(context.Background(), &hook.Event{
		Engine: "sqlite", Target: "shop.db", Op: hook.Execute, Source: fingerprint("insert into users values (?)"),
		Args: []any{"ann@example.com"}, Attempt: 1,
	})
	fmt.Println(ctx, err)
	// Output:
	// level=DEBUG msg="statement starts" statement="insert into users values (?)" engine=sqlite target=shop.db op=execute attempt=1
	// context.Background <nil>
}

func ExampleDefaultAfter() {
	after := hook.DefaultAfter(logger()) // for Engine.SetAfterExecuteHook

	// What the engine does after an attempt:
	e := hook.Event{
		Engine: "sqlite", Target: "shop.db", Op: hook.Execute, Source: fingerprint("insert into users values (?)"),
		Args: []any{"ann@example.com"}, Attempt: 1, Total: 2 * time.Millisecond, Rows: 1,
	}
	after(context.Background(), &e)
	e.Attempt, e.Rows, e.Err = 2, 0, context.DeadlineExceeded
	after(context.Background(), &e)
	// Output:
	// level=DEBUG msg="statement ended" statement="insert into users values (?)" engine=sqlite target=shop.db op=execute attempt=1 total=2ms rows=1
	// level=WARN msg="statement failed" statement="insert into users values (?)" engine=sqlite target=shop.db op=execute attempt=2 total=2ms rows=0 error="context deadline exceeded"
}

// A before hook can refuse a statement, or hand on a context with something in it.
func ExampleBefore() {
	frozen := true
	var before hook.Before = func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if frozen && e.Op == hook.Execute {
			return nil, errors.New("no writes during the migration")
		}
		return ctx, nil
	}
	_, err := before(context.Background(), &hook.Event{Op: hook.Execute})
	fmt.Println(err)
	// Output: no writes during the migration
}

// An observer sets the fields it wants; the others cost nothing.
func ExampleObserver() {
	calls, failed := 0, 0
	observer := &hook.Observer{
		CallEnd: func(_ context.Context, e *hook.Event) {
			calls++
			if e.Err != nil {
				failed++
			}
		},
		Retry: func(_ context.Context, e *hook.Event, delay time.Duration) {
			fmt.Printf("%s again in %v: %v\n", e.Op, delay, e.Err)
		},
	}

	// What the engine does with a call that fails once:
	e := hook.Event{Op: hook.Query, Attempt: 1, Err: errors.New("database is locked")}
	observer.Retry(context.Background(), &e, 10*time.Millisecond)
	e.Attempt, e.Err = 2, nil
	observer.CallEnd(context.Background(), &e)
	fmt.Println(calls, "call,", failed, "failed")
	// Output:
	// query again in 10ms: database is locked
	// 1 call, 0 failed
}
