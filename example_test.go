package plinth_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/sqlite"
)

// Track is what the examples read.
type Track struct {
	ID   int
	Name string
	Ms   *int // may be NULL
}

// library opens a database in memory with a few tracks.
func library(ctx context.Context, o plinth.Options) *plinth.Engine {
	o.URL = "sqlite::memory:"
	db, err := sqlite.Open(ctx, o)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Execute(ctx, "create table track (id integer primary key, name text not null unique, ms int)"); err != nil {
		log.Fatal(err)
	}
	tracks := [][]any{{"Aria", 152000}, {"Fugue", 98000}, {"Silence", nil}}
	if _, err := db.ExecuteMany(ctx, "insert into track (name, ms) values (?, ?)", slices.Values(tracks)); err != nil {
		log.Fatal(err)
	}
	return db
}

func Example() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	track, err := plinth.One[Track](ctx, db, "select * from track where name = ?", "Aria")
	fmt.Println(track.ID, track.Name, *track.Ms, err)

	_, err = plinth.One[Track](ctx, db, "select * from track where name = ?", "Toccata")
	fmt.Println(errors.Is(err, plinth.ErrNotFound), errors.Is(err, sql.ErrNoRows))

	names, err := plinth.All[string](ctx, db, "select name from track where id in (?) order by name desc", []int{1, 3})
	fmt.Println(names, err)
	// Output:
	// 1 Aria 152000 <nil>
	// true true
	// [Silence Aria] <nil>
}

func ExampleEngine_Execute() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	result, err := db.Execute(ctx, "update track set ms = :ms where ms is null", map[string]any{"ms": 273000})
	fmt.Println(result.RowsAffected, err)

	_, err = db.Execute(ctx, "insert into track (name) values (?)", "Aria")
	var e *plinth.Error
	if errors.As(err, &e) && errors.Is(err, plinth.ErrUnique) {
		fmt.Println(e.Kind, e.Table, e.Column)
	}
	// Output:
	// 1 <nil>
	// unique constraint track name
}

func ExampleEngine_FetchAll() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	rows, err := db.FetchAll(ctx, "select id, name, ms from track order by id")
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range rows {
		fmt.Println(row)
	}
	// Output:
	// {"id":1,"name":"Aria","ms":152000}
	// {"id":2,"name":"Fugue","ms":98000}
	// {"id":3,"name":"Silence","ms":null}
}

func ExampleEngine_FetchOne() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	row, err := db.FetchOne(ctx, "select count(*) as n, sum(ms) as total from track")
	if err != nil {
		log.Fatal(err)
	}
	n, _ := row.Int64("n")
	total, err := plinth.Get[*int](row, "total")
	fmt.Println(n, *total, err)
	// Output: 3 250000 <nil>
}

func ExampleEach() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	for track, err := range plinth.Each[Track](ctx, db, "select * from track order by id") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(track.ID, track.Name)
		if track.ID == 2 {
			break // closes the query
		}
	}
	// Output:
	// 1 Aria
	// 2 Fugue
}

func ExampleEngine_InTx() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	err := db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, "update track set ms = ms + 1 where id = 1"); err != nil {
			return err
		}
		// A savepoint: what it did is undone, the transaction goes on.
		err := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := tx.Execute(ctx, "delete from track"); err != nil {
				return err
			}
			return errors.New("better not")
		})
		fmt.Println(err)
		return nil
	})
	n, _ := plinth.One[int](ctx, db, "select count(*) from track")
	ms, _ := plinth.One[int](ctx, db, "select ms from track where id = 1")
	fmt.Println(n, ms, err)
	// Output:
	// better not
	// 3 152001 <nil>
}

func ExampleEngine_Begin() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	tx, err := db.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback(ctx) // does nothing after Commit
	if _, err := tx.Execute(ctx, "delete from track where ms is null"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(tx.Commit(ctx))
	_, err = tx.Execute(ctx, "delete from track")
	fmt.Println(errors.Is(err, plinth.ErrTxDone))
	// Output:
	// <nil>
	// true
}

func ExampleEngine_With() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	// What belongs to one connection, a temporary table here, needs one that stays the same.
	err := db.With(ctx, func(conn *plinth.Conn) error {
		if _, err := conn.Execute(ctx, "create temp table wanted as select id from track where ms > 100000"); err != nil {
			return err
		}
		names, err := plinth.All[string](ctx, conn, "select name from track join wanted using (id)")
		fmt.Println(names)
		return err
	})
	fmt.Println(err)
	// Output:
	// [Aria]
	// <nil>
}

func ExampleEngine_SetBeforeExecuteHook() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	db.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if e.Op == hook.Execute && e.Statement == "delete from track" {
			return nil, errors.New("not the whole table")
		}
		return ctx, nil
	})
	db.SetAfterExecuteHook(func(_ context.Context, e *hook.Event) {
		fmt.Println(e.Op, e.Fingerprint(), e.Rows)
	})
	_, err := db.Execute(ctx, "delete from track")
	fmt.Println(errors.Is(err, plinth.ErrVetoed), err)
	db.Execute(ctx, "delete from track where id = 3")
	// Output:
	// true execute delete from track on sqlite (in memory): vetoed by a hook: not the whole table
	// execute delete from track where id = ? 1
}

// shelf is a fake for tests of code that takes a plinth.Querier.
type shelf struct{ plinth.Querier }

func (shelf) Query(context.Context, string, ...any) (*plinth.Rows, error) {
	return plinth.NewRows([]string{"id", "name", "ms"}, []any{7, "Gigue", nil}), nil
}

func ExampleNewRows() {
	track, err := plinth.One[Track](context.Background(), shelf{}, "select * from track")
	fmt.Println(track.ID, track.Name, track.Ms, err)
	// Output: 7 Gigue <nil> <nil>
}

func ExampleEngine_Stats() {
	ctx := context.Background()
	db := library(ctx, plinth.Options{})
	defer db.Close(ctx)

	s := db.Stats()
	fmt.Println(s.MaxOpenConnections, s.OpenConnections, s.InUse, s.Idle)
	// Output: 1 1 0 1
}
