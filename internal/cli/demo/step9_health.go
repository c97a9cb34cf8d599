package demo

import (
	"context"
	"fmt"

	"github.com/plinthdb/plinth/health"
)

func checkHealth(ctx context.Context, t *tour) error {
	out, db := t.out, t.db
	// show
	report := health.Check(ctx, db)
	fmt.Fprintln(out, report)
	fmt.Fprintf(out, "version %s, role %q, writable %t\n", report.Version, report.Role, report.Writable)
	// end
	return expect(report.Healthy && report.Writable && health.IsHealthy(ctx, db), "%+v", report)
}
