package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plinthdb/plinth"
)

func undoSavepoint(ctx context.Context, t *tour) error {
	out, db := t.out, t.db
	// show
	const insert = "insert into book (title) values (?)"
	err := db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, insert, "Persuasion"); err != nil {
			return err
		}
		err := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { // a savepoint
			if _, err := tx.Execute(ctx, insert, "Sanditon"); err != nil {
				return err
			}
			return errors.New("it was never finished")
		})
		fmt.Fprintln(out, "undone:", err)
		return nil
	})
	if err != nil {
		return err
	}
	titles, err := plinth.All[string](ctx, db, "select title from book where year is null")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "committed: %q\n", titles)
	// end
	return expect(slices.Equal(titles, []string{"Persuasion"}), "read %q", titles)
}
