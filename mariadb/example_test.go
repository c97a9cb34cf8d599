package mariadb_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/pool"
)

// The server is dialled by the first statement, or by Connect. Of several hosts the one that can be written to is used, and TLS is
// verified, unless the URL says otherwise. What the engine says of its target has no password in it.
func ExampleOpen() {
	ctx := context.Background()
	db, err := mariadb.Open(ctx, plinth.Options{
		URL:  "mariadb://app:s3cret@db1.internal,db2.internal/shop",
		Pool: pool.Options{MaxOpenConns: 20, AcquireTimeout: 2 * time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	fmt.Println(db.Name(), db.Target())
	// Output:
	// mariadb mariadb://db1.internal:3306,db2.internal:3306/shop
}
