package open_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/open"
)

// greet knows nothing of tenants: whose visitor it counts says its context.
func greet(ctx context.Context, set *open.Set, visitor string) error {
	return set.Use(ctx, func(ctx context.Context, db *plinth.Engine) error {
		if _, err := db.Execute(ctx, "create table if not exists visit (name text)"); err != nil {
			return err
		}
		if _, err := db.Execute(ctx, "insert into visit values (?)", visitor); err != nil {
			return err
		}
		n, err := plinth.One[int](ctx, db, "select count(*) from visit")
		fmt.Printf("%s is visitor number %d\n", visitor, n)
		return err
	})
}

func ExampleSet() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tenants")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears it up

	var set open.Set
	defer set.Close(ctx) //nolint:errcheck // at the end of the program

	// What a service's middleware does for each request.
	red := config.WithOverride(ctx, config.WithURL("sqlite:"+filepath.Join(dir, "red.db")))
	blue := config.WithOverride(ctx, config.WithURL("sqlite:"+filepath.Join(dir, "blue.db")))

	for _, err := range []error{greet(red, &set, "Ada"), greet(blue, &set, "Bob"), greet(red, &set, "Cyd")} {
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// Ada is visitor number 1
	// Bob is visitor number 1
	// Cyd is visitor number 2
}
