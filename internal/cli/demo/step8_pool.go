package demo

import (
	"context"
	"fmt"
	"time"
)

func poolStatistics(_ context.Context, t *tour) error {
	out, db := t.out, t.db
	// show
	for _, p := range db.Stats().Pools {
		fmt.Fprintf(out, "%-6s %d of %d open, taken %d times, %d waits of %v together\n", p.Name,
			p.OpenConnections, p.MaxOpenConnections, p.AcquireCount, p.WaitCount, p.WaitDuration.Round(time.Microsecond))
	}
	// end
	s := db.Stats()
	return expect(s.InUse == 0 && s.AcquireCount >= 400, "%+v", s.Stats)
}
