package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/plinthdb/plinth"
)

func writeTogether(ctx context.Context, t *tour) error {
	out, db := t.out, t.db
	if _, err := db.Execute(ctx, "create table visit (visitor int, page int, primary key (visitor, page))"); err != nil {
		return err
	}
	// show
	var writers sync.WaitGroup
	errs := make([]error, 8)
	for visitor := range errs {
		writers.Go(func() {
			for page := range 50 {
				err := db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
					_, err := tx.Execute(ctx, "insert into visit (visitor, page) values (?, ?)", visitor, page)
					return err
				})
				errs[visitor] = errors.Join(errs[visitor], err)
			}
		})
	}
	writers.Wait()

	rows, err := plinth.One[int](ctx, db, "select count(*) from visit")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "8 writers, 50 transactions each: %d rows, errors: %v\n", rows, errors.Join(errs...))
	// end
	return expect(rows == 400 && errors.Join(errs...) == nil, "%d rows of 400: %w", rows, errors.Join(errs...))
}
