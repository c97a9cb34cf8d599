package stdsql_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
	"github.com/plinthdb/plinth/stdsql"
)

// BenchmarkOverhead compares statements through database/sql with the same ones on the engine.
func BenchmarkOverhead(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context()) // one that can be cancelled, as a request's
	defer cancel()
	engine, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "bench.db")})
	ok(b, err)
	defer engine.Close(ctx)
	db := stdsql.OpenDB(engine)
	defer db.Close()
	_, err = engine.Execute(ctx, "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, n INTEGER)")
	ok(b, err)
	_, err = engine.Execute(ctx, `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000)
		INSERT INTO item SELECT x, 'item ' || x, x * 2 FROM c`)
	ok(b, err)
	prepared, err := db.Prepare("SELECT name, n FROM item WHERE id = ?")
	ok(b, err)
	defer prepared.Close()
	conn, err := db.Conn(ctx)
	ok(b, err)
	defer conn.Close()

	row := func(b *testing.B, query func(id int) interface{ Scan(...any) error }) {
		b.ReportAllocs()
		var name string
		var n int
		for i := 0; b.Loop(); i++ {
			if err := query(i%1000+1).Scan(&name, &n); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("row/engine", func(b *testing.B) {
		row(b, func(id int) interface{ Scan(...any) error } {
			return engineRow{engine, ctx, id}
		})
	})
	b.Run("row/DB", func(b *testing.B) {
		row(b, func(id int) interface{ Scan(...any) error } {
			return db.QueryRowContext(ctx, "SELECT name, n FROM item WHERE id = ?", id)
		})
	})
	b.Run("row/Stmt", func(b *testing.B) {
		row(b, func(id int) interface{ Scan(...any) error } { return prepared.QueryRowContext(ctx, id) })
	})
	b.Run("row/Conn", func(b *testing.B) {
		row(b, func(id int) interface{ Scan(...any) error } {
			return conn.QueryRowContext(ctx, "SELECT name, n FROM item WHERE id = ?", id)
		})
	})
	b.Run("update/engine", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := engine.Execute(ctx, "UPDATE item SET n = n + 1 WHERE id = ?", i%1000+1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("update/DB", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := db.ExecContext(ctx, "UPDATE item SET n = n + 1 WHERE id = ?", i%1000+1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("1000rows/engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rows, err := engine.Query(ctx, "SELECT id, name, n FROM item")
			if err != nil {
				b.Fatal(err)
			}
			scanAll(b, rows)
		}
	})
	b.Run("1000rows/DB", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rows, err := db.QueryContext(ctx, "SELECT id, name, n FROM item")
			if err != nil {
				b.Fatal(err)
			}
			scanAll(b, rows)
		}
	})
}

type engineRow struct {
	engine *plinth.Engine
	ctx    context.Context
	id     int
}

func (r engineRow) Scan(dst ...any) error {
	rows, err := r.engine.Query(r.ctx, "SELECT name, n FROM item WHERE id = ?", r.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return sql.ErrNoRows
	}
	return rows.Scan(dst...)
}

func scanAll(b *testing.B, rows interface {
	Next() bool
	Scan(...any) error
	Close() error
}) {
	var id, n, count int
	var name string
	for ; rows.Next(); count++ {
		if err := rows.Scan(&id, &name, &n); err != nil {
			b.Fatal(err)
		}
	}
	if err := rows.Close(); err != nil || count != 1000 {
		b.Fatal(count, err)
	}
}
