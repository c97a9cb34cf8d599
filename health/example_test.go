package health_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/sqlite"
)

func Example() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite::memory:"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(health.IsHealthy(ctx, db))

	report := health.Check(ctx, db)
	fmt.Println(report.Engine, report.Role, report.Writable, report.Err)

	probes := health.Handler(&health.Checker{Engine: db})
	ready := httptest.NewRecorder()
	probes.ServeHTTP(ready, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	fmt.Println(ready.Code)

	db.Close(ctx)
	fmt.Println(health.IsHealthy(ctx, db))
	// Output:
	// true
	// sqlite primary true <nil>
	// 200
	// false
}
