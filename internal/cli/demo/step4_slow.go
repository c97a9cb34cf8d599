package demo

import (
	"context"
	"log/slog"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/querylog"
)

func logSlowQuery(ctx context.Context, t *tour) error {
	out, url := t.out, t.url
	sum, last := 0, 0
	// show
	db, err := open.Open(ctx, plinth.Options{
		URL:      url,
		QueryLog: querylog.Options{Logger: slog.New(slog.NewTextHandler(out, nil))}, // 200 ms are slow
	})
	if err != nil {
		return err
	}
	defer db.Close(ctx) //nolint:errcheck // nobody to tell

	for rows := 10_000; !out.has("slow query"); rows *= 3 { // until it's too much for this machine
		last = rows
		sum, err = plinth.One[int](ctx, db,
			"with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) select sum(i % 2) from n", rows)
		if err != nil {
			return err
		}
	}
	// end
	return expect(sum == last/2, "the sum is %d", sum)
}
