package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
)

func writeAsync(ctx context.Context, t *tour) error {
	out, db := t.out, t.db
	if _, err := db.Execute(ctx, "create table event (id integer primary key, name text)"); err != nil {
		return err
	}
	// show
	const insert = "insert into event (name) values (?)"
	start := time.Now()
	for range 300 {
		if _, err := db.Execute(ctx, insert, "alone"); err != nil {
			return err
		}
	}
	alone := time.Since(start)

	a := async.New(db, async.Options{})
	defer a.Close(ctx) //nolint:errcheck // each future was asked
	start = time.Now()
	var inserts []*future.Future[plinth.Result]
	for range 300 {
		inserts = append(inserts, a.Execute(ctx, insert, "together"))
	}
	for _, f := range inserts {
		if _, err := f.Await(ctx); err != nil { // each has its own result
			return err
		}
	}
	fmt.Fprintf(out, "300 inserts one by one took %v, as futures %v: those that wait share the next commit\n",
		alone.Round(10*time.Microsecond), time.Since(start).Round(10*time.Microsecond))

	rows, err := plinth.One[int](ctx, db, "select count(*) from event")
	if err != nil {
		return err
	}
	s := a.Stats()
	fmt.Fprintf(out, "%d rows; up to %d of them in a commit\n", rows, s.Largest)
	// end
	return expect(rows == 600 && s.Largest > 1 && s.InFlight == 0, "%d rows of 600, %+v", rows, s)
}
