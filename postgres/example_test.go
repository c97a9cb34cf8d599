package postgres_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
)

// The server is dialled by the first statement, or by Connect. Of several hosts the one that can be written to is used, and TLS is
// verified, unless the URL says otherwise. What the engine says of its target has no password in it.
func ExampleOpen() {
	ctx := context.Background()
	db, err := postgres.Open(ctx, plinth.Options{
		URL:  "postgres://app:s3cret@db1.internal,db2.internal/shop",
		Pool: pool.Options{MaxOpenConns: 20, AcquireTimeout: 2 * time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	fmt.Println(db.Name(), db.Target())
	// Output:
	// postgres postgres://db1.internal:5432,db2.internal:5432/shop
}
