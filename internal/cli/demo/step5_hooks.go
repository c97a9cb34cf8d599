package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
)

func hooks(ctx context.Context, t *tour) error {
	out, db := t.out, t.db
	defer db.SetBeforeExecuteHook(nil)
	defer db.SetAfterExecuteHook(nil)
	// show
	db.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if strings.HasPrefix(e.Statement, "delete") && !strings.Contains(e.Statement, "where") {
			return ctx, errors.New("a delete without where")
		}
		return ctx, nil
	})
	db.SetAfterExecuteHook(func(_ context.Context, e *hook.Event) {
		fmt.Fprintf(out, "%s: %d rows in %v\n", e.Fingerprint(), e.Rows, e.Total.Round(time.Microsecond))
	})

	_, veto := db.Execute(ctx, "delete from book")
	fmt.Fprintln(out, veto)
	result, err := db.Execute(ctx, "delete from book where year > ?", 1920)
	// end
	if err != nil {
		return err
	}
	return expect(errors.Is(veto, plinth.ErrVetoed) && result.RowsAffected == 1 && t.out.has("1 rows in "),
		"the veto: %v; rows affected: %d", veto, result.RowsAffected)
}
