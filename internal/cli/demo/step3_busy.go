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
	out, other, url := t.out, t.db, t.quietURL()
	// show
	var tx *plinth.Tx // another program's
	db, err := open.Open(ctx, plinth.Options{
		URL:     url + "&busy_timeout=10ms", // how long an attempt waits for the lock
		Retry:   retry.Policy{Attempts: 20, Base: 20 * time.Millisecond, Cap: 40 * time.Millisecond},
		Connect: true, // now, and not at the first statement
		Observers: []*hook.Observer{{Retry: func(ctx context.Context, e *hook.Event, delay time.Duration) {
			fmt.Fprintf(out, "attempt %d: locked %t, again in %v\n", e.Attempt, errors.Is(e.Err, plinth.ErrLocked), delay.Round(time.Millisecond))
			if e.Attempt == 3 { // the other program is done
				tx.Rollback(ctx) //nolint:errcheck // checked by the result
			}
		}}},
	})
	if err != nil {
		return err
	}
	defer db.Close(ctx) //nolint:errcheck // nobody to tell

	tx, err = other.Begin(ctx) // takes the lock for writing
	if err != nil {
		return err
	}
	result, err := db.Execute(ctx, "update book set year = 1816 where title = ?", "Emma")
	fmt.Fprintf(out, "rows affected: %d, error: %v\n", result.RowsAffected, err)
	// end
	return errors.Join(err, expect(db.Stats().Retries == 3 && t.out.has("locked true") && result.RowsAffected == 1,
		"%d retries, %d rows affected", db.Stats().Retries, result.RowsAffected))
}
