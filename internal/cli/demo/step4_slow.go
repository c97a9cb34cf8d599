package demo

import (
	"context"
	"log/slog"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/querylog"
)

func logSlowQuery(ctx context.Context, t *tour) error {
	out, url := t.out, t.url
	last, err := slowEnough(ctx, t.db)
	if err != nil {
		return err
	}
	// show
	db, err := open.Open(ctx, plinth.Options{
		URL:      url,
		QueryLog: querylog.Options{Logger: slog.New(slog.NewTextHandler(out, nil))}, // slow is what takes 200 ms
	})
	if err != nil {
		return err
	}
	defer db.Close(ctx)

	sum, err := plinth.One[int](ctx, db,
		"with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) select sum(i % 2) from n", last)
	if err != nil {
		return err
	}
	// end
	return expect(sum == (last+1)/2 && t.out.has("slow"), "the sum is %d", sum)
}

// slowEnough returns how many rows this machine makes in about twice the time that is slow.
func slowEnough(ctx context.Context, db *plinth.Engine) (int, error) {
	const enough = 2 * querylog.DefaultThreshold
	for n := 50_000; ; n *= 4 {
		start := time.Now()
		_, err := plinth.One[int](ctx, db,
			"with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) select sum(i % 2) from n", n)
		if err != nil {
			return 0, err
		}
		if took := time.Since(start); took > enough/20 {
			return int(float64(n) * float64(enough) / float64(took)), nil
		}
	}
}
