package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/pool"
)

func findLeak(ctx context.Context, t *tour) error {
	out, url := t.out, t.quietURL()
	// show
	leaks := make(chan hook.Leak, 2)
	db, err := open.Open(ctx, plinth.Options{
		URL:       url,
		Pool:      pool.Options{LeakThreshold: 50 * time.Millisecond},
		Logger:    slog.New(slog.DiscardHandler), // which would tell of it, too
		Observers: []*hook.Observer{{Leak: func(l hook.Leak) { leaks <- l }}},
	})
	if err != nil {
		return err
	}
	defer db.Close(ctx) //nolint:errcheck // nobody to tell

	rows, err := db.Query(ctx, "select title from book")
	if err != nil {
		return err
	}
	leak, err := receive(ctx, leaks)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s not closed for %v, taken at %s\n", leak.What, leak.Held.Round(time.Millisecond), leak.Site)

	rows.Close()
	back, err := receive(ctx, leaks)
	fmt.Fprintf(out, "closed after all: %t\n", back.Returned)
	// end
	return errors.Join(err, expect(leak.What == "rows" && strings.HasSuffix(leak.Site, "(demo.findLeak)") && back.Returned,
		"%s, taken at %s, came back: %t", leak.What, leak.Site, back.Returned))
}

// receive doesn't wait longer than the tour may take.
func receive[T any](ctx context.Context, from <-chan T) (v T, err error) {
	select {
	case v = <-from:
		return v, nil
	case <-ctx.Done():
		return v, ctx.Err()
	}
}
