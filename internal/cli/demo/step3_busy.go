package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/retry"
)

func retryBusy(ctx context.Context, t *tour) error {
	out, other, url := t.out, t.db, t.url
	// show
	db, err := open.Open(ctx, plinth.Options{
		URL:   url + "?busy_timeout=20ms", // how long SQLite itself waits for a lock
		Retry: retry.Policy{Attempts: 20, Base: 50 * time.Millisecond, Cap: 100 * time.Millisecond},
		Observers: []*hook.Observer{{Retry: func(_ context.Context, e *hook.Event, delay time.Duration) {
			fmt.Fprintf(out, "attempt %d failed (locked: %t), again in %v\n", e.Attempt, errors.Is(e.Err, plinth.ErrLocked), delay.Round(time.Millisecond))
		}}},
	})
	if err != nil {
		return err
	}
	defer db.Close(ctx)

	tx, err := other.Begin(ctx) // takes the lock for writing
	if err != nil {
		return err
	}
	released := make(chan error)
	go func() {
		time.Sleep(200 * time.Millisecond)
		released <- tx.Rollback(ctx)
	}()

	result, err := db.Execute(ctx, "update book set year = 1816 where title = ?", "Emma")
	fmt.Fprintf(out, "rows affected: %d, error: %v\n", result.RowsAffected, err)
	// end
	if err := errors.Join(err, <-released); err != nil {
		return err
	}
	return expect(db.Stats().Retries > 0 && t.out.has("locked: true") && result.RowsAffected == 1,
		"%d retries, %d rows affected", db.Stats().Retries, result.RowsAffected)
}
