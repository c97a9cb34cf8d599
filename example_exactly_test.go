package plinth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
)

// A service takes orders. Its clients send an order again until they have an answer, with the same key, and each order is taken once.
func ExampleExactlyOnce() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite::memory:"})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	if err := plinth.CreateTokens(ctx, db); err != nil { // once, in a migration
		log.Fatal(err)
	}
	if _, err := db.Execute(ctx, "create table orders (id integer primary key, item text)"); err != nil {
		log.Fatal(err)
	}

	type order struct{ ID int64 }
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		taken, already, err := plinth.ExactlyOnce(r.Context(), db, key, func(ctx context.Context, tx *plinth.Tx) (order, error) {
			result, err := tx.Execute(ctx, "insert into orders (item) values (?)", r.URL.Query().Get("item"))
			return order{result.LastInsertID}, err
		})
		if err != nil {
			http.Error(w, "ask again with the same key", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("order", taken.ID, "taken before:", already)
	}))
	defer service.Close()

	for range 2 { // the client had no answer to its first request
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, service.URL+"?item=tea", nil)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Idempotency-Key", "7d1c")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
	}
	n, err := plinth.One[int](ctx, db, "select count(*) from orders")
	fmt.Println(n, "order", err)

	pruned, err := plinth.PruneTokens(ctx, db, 7*24*time.Hour) // now and then
	fmt.Println(pruned, "tokens are older than a week", err)
	// Output:
	// order 1 taken before: false
	// order 1 taken before: true
	// 1 order <nil>
	// 0 tokens are older than a week <nil>
}
