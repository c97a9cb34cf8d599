package plinth_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
)

// With Options.Pipeline the plain calls of many goroutines share round trips and commits.
func ExampleOptions_pipeline() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite::memory:", Pipeline: true})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	if _, err := db.Execute(ctx, "create table visit (user_id integer)"); err != nil {
		log.Fatal(err)
	}
	var visitors sync.WaitGroup
	for id := range 100 {
		visitors.Go(func() {
			if _, err := db.Execute(ctx, "insert into visit values (?)", id); err != nil {
				log.Print(err)
			}
		})
	}
	visitors.Wait()
	n, err := plinth.One[int](ctx, db, "select count(*) from visit")
	fmt.Println(n, err)
	// Output: 100 <nil>
}
