package stdsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
	"github.com/plinthdb/plinth/stdsql"
)

// Queries is code as sqlc generates it: it knows database/sql and nothing of Plinth.
type Queries struct{ db *sql.DB }

func (q *Queries) CreateAuthor(ctx context.Context, name string) (id int64, err error) {
	err = q.db.QueryRowContext(ctx, "INSERT INTO author (name) VALUES (?) RETURNING id", name).Scan(&id)
	return id, err
}

func ExampleOpenDB() {
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite::memory:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close(ctx)
	db := stdsql.OpenDB(engine)
	defer db.Close()

	_, err = db.ExecContext(ctx, "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
	fmt.Println(err)
	queries := &Queries{db}
	fmt.Println(queries.CreateAuthor(ctx, "Anna Seghers"))
	_, err = queries.CreateAuthor(ctx, "Anna Seghers")
	fmt.Println(errors.Is(err, plinth.ErrUnique))
	// Output:
	// <nil>
	// 1 <nil>
	// true
}
