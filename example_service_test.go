package plinth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/sqlite"
)

// Accounts is a part of a service. It takes an engine, or a transaction that is open already.
type Accounts struct{ DB plinth.Transactor }

// Transfer moves money in one transaction, or in a savepoint of the one it is called in.
func (a Accounts) Transfer(ctx context.Context, from, to string, cents int) error {
	return a.DB.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, "update account set cents = cents - ? where name = ?", cents, from); err != nil {
			return err
		}
		_, err := tx.Execute(ctx, "update account set cents = cents + ? where name = ?", cents, to)
		return err
	})
}

// How a service sets its engine up: with DATABASE_URL in its environment, sqlite.Open(ctx) is enough; here is the rest.
func Example_service() {
	ctx := context.Background()
	writes := 0
	db, err := sqlite.Open(ctx, plinth.Options{
		URL:      "sqlite::memory:",
		Pool:     pool.Options{AcquireTimeout: 5 * time.Second, LeakThreshold: time.Minute}, // name and report who holds connections
		Timeout:  10 * time.Second,                                                          // of calls whose context has no deadline
		QueryLog: querylog.Options{Threshold: 100 * time.Millisecond, Errors: true},
		Observers: []*hook.Observer{{CallEnd: func(_ context.Context, e *hook.Event) { // metrics
			if e.Op == hook.Commit {
				writes++
			}
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	const schema = `
		create table account (name text primary key, cents int not null check (cents >= 0));
		insert into account values ('ann', 500), ('bob', 0);`
	if err := db.ExecuteScript(ctx, strings.NewReader(schema)); err != nil {
		log.Fatal(err)
	}

	accounts := Accounts{db}
	fmt.Println(accounts.Transfer(ctx, "ann", "bob", 200))
	fmt.Println(accounts.Transfer(ctx, "ann", "bob", 400) != nil) // the check says no, and nothing was moved

	probes := httptest.NewServer(health.Handler(&health.Checker{Engine: db}))
	defer probes.Close()
	ready, err := http.Get(probes.URL + "/readyz")
	if err != nil {
		log.Fatal(err)
	}
	ready.Body.Close()

	cents, err := plinth.All[int](ctx, db, "select cents from account order by name")
	fmt.Println(cents, err, writes, ready.StatusCode)
	// Output:
	// <nil>
	// true
	// [300 200] <nil> 1 200
}
