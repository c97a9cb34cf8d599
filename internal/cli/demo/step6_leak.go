package demo

import (
	"context"
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
	out, url := t.out, t.url
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
	defer db.Close(ctx)

	rows, err := db.Query(ctx, "select title from book")
	if err != nil {
		return err
	}
	leak := <-leaks
	function, _, _ := strings.Cut(leak.Stack, "\n")
	fmt.Fprintf(out, "%s not closed for %v, taken by %s\n", leak.What, leak.Held.Round(time.Millisecond), function)

	rows.Close()
	back := <-leaks
	fmt.Fprintf(out, "closed after all: %t\n", back.Returned)
	// end
	return expect(leak.What == "rows" && strings.HasSuffix(function, "demo.findLeak") && back.Returned, "%s taken by %s", leak.What, function)
}
