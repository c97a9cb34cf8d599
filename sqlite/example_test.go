package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
)

// A file is made by its first use. It's in WAL mode, foreign keys are checked, and who meets a lock waits for it.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "plinth")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite:" + filepath.Join(dir, "shop.db") + "?busy_timeout=10s"})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)

	_, err = db.Execute(ctx, "create table item (name text primary key, price text)")
	fmt.Println(err)
	_, err = db.Execute(ctx, "insert into item values (?, ?), (?, ?)", "pear", "0.35", "fig", "0.50")
	fmt.Println(err)
	_, err = db.Execute(ctx, "insert into item values (?, ?)", "fig", "0.40")
	fmt.Println(errors.Is(err, plinth.ErrUnique))
	fmt.Println(plinth.One[string](ctx, db, "pragma journal_mode"))
	// Output:
	// <nil>
	// <nil>
	// true
	// wal <nil>
}

// What is wrong with a URL is told when the engine is opened.
func ExampleOpen_mistake() {
	_, err := sqlite.Open(context.Background(), plinth.Options{URL: "sqlite:shop.db?busy_timeot=10s"})
	fmt.Println(err)
	// Output:
	// configure: wrong argument: config: busy_timeot (from argument): isn't a parameter of an SQLite URL; did you mean busy_timeout?
}
