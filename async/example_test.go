package async_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/sqlite"
)

// shelf opens a database in memory with a table of books.
func shelf(ctx context.Context) *plinth.Engine {
	db, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite::memory:"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Execute(ctx, "create table book (id integer primary key, title text not null unique)"); err != nil {
		log.Fatal(err)
	}
	return db
}

func Example() {
	ctx := context.Background()
	db := shelf(ctx)
	defer db.Close(ctx)
	a := async.New(db, async.Options{})
	defer a.Close(ctx)

	first := a.Execute(ctx, "insert into book (title) values (?)", "Emma")
	again := a.Execute(ctx, "insert into book (title) values (?)", "Emma") // may be in one batch with the first, but fails alone
	if _, err := first.Await(ctx); err != nil {
		log.Fatal(err)
	}
	_, err := again.Await(ctx)
	fmt.Println(errors.Is(err, plinth.ErrUnique))

	title, err := async.One[string](ctx, a, "select title from book where id = ?", 1).Await(ctx)
	fmt.Println(title, err)
	// Output:
	// true
	// Emma <nil>
}

func ExampleGather() {
	ctx := context.Background()
	db := shelf(ctx)
	defer db.Close(ctx)
	a := async.New(db, async.Options{})
	defer a.Close(ctx)

	var inserts []*future.Future[plinth.Result]
	for _, title := range []string{"Emma", "Persuasion", "Sanditon"} {
		inserts = append(inserts, a.Execute(ctx, "insert into book (title) values (?)", title))
	}
	results, err := async.Gather(ctx, inserts...) // all are committed now, or err says which failed
	fmt.Println(len(results), err)
	// Output: 3 <nil>
}

func ExampleMap() {
	ctx := context.Background()
	db := shelf(ctx)
	defer db.Close(ctx)
	a := async.New(db, async.Options{})
	defer a.Close(ctx)

	square := func(ctx context.Context, n int) *future.Future[int] {
		return async.One[int](ctx, a, "select ? * ?", n, n)
	}
	for result, err := range async.Map(ctx, 10, slices.Values([]int{1, 2, 3, 4}), square) { // at most 10 are under way
		fmt.Println(result, err)
	}
	// Output:
	// 1 <nil>
	// 4 <nil>
	// 9 <nil>
	// 16 <nil>
}
