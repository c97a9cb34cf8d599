package stdsql_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

// What follows is as sqlc generates it (emit_prepared_queries: true), but that PrepareMySQL has it with MySQL's placeholders.

type DBTX interface {
	ExecContext(context.Context, string, ...interface{}) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...interface{}) *sql.Row
}

func Prepare(ctx context.Context, db DBTX) (*Queries, error) { return prepare(ctx, db, createWriter) }

func PrepareMySQL(ctx context.Context, db DBTX) (*Queries, error) {
	return prepare(ctx, db, strings.NewReplacer("$1", "?", "$2", "?").Replace(createWriter))
}

func prepare(ctx context.Context, db DBTX, createWriter string) (*Queries, error) {
	q := Queries{db: db}
	var err error
	if q.createWriterStmt, err = db.PrepareContext(ctx, createWriter); err != nil {
		return nil, err
	}
	if q.listWritersStmt, err = db.PrepareContext(ctx, listWriters); err != nil {
		return nil, err
	}
	return &q, nil
}

func (q *Queries) Close() error {
	return errors.Join(q.createWriterStmt.Close(), q.listWritersStmt.Close())
}

func (q *Queries) row(ctx context.Context, stmt *sql.Stmt, args ...interface{}) *sql.Row {
	if q.tx != nil {
		return q.tx.StmtContext(ctx, stmt).QueryRowContext(ctx, args...)
	}
	return stmt.QueryRowContext(ctx, args...)
}

type Queries struct {
	db               DBTX
	tx               *sql.Tx
	createWriterStmt *sql.Stmt
	listWritersStmt  *sql.Stmt
}

func (q *Queries) WithTx(tx *sql.Tx) *Queries {
	return &Queries{db: tx, tx: tx, createWriterStmt: q.createWriterStmt, listWritersStmt: q.listWritersStmt}
}

type Writer struct {
	ID   int64
	Name string
	Bio  sql.NullString
}

const createWriter = `-- name: CreateWriter :one
INSERT INTO writer (name, bio) VALUES ($1, $2) RETURNING id, name, bio`

func (q *Queries) CreateWriter(ctx context.Context, name string, bio sql.NullString) (Writer, error) {
	row := q.row(ctx, q.createWriterStmt, name, bio)
	var i Writer
	err := row.Scan(&i.ID, &i.Name, &i.Bio)
	return i, err
}

const addWriter = `-- name: AddWriter :execlastid
INSERT INTO writer (name, bio) VALUES (?, ?)`

func (q *Queries) AddWriter(ctx context.Context, name string, bio sql.NullString) (int64, error) {
	result, err := q.db.ExecContext(ctx, addWriter, name, bio)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

const listWriters = `-- name: ListWriters :many
SELECT id, name, bio FROM writer ORDER BY name`

func (q *Queries) ListWriters(ctx context.Context) ([]Writer, error) {
	rows, err := q.listWritersStmt.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []Writer
	for rows.Next() {
		var i Writer
		if err := rows.Scan(&i.ID, &i.Name, &i.Bio); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return items, nil
}

const listByIDs = `-- name: ListByIDs :many
SELECT id, name, bio FROM writer WHERE id IN (/*SLICE:ids*/?)`

func (q *Queries) ListByIDs(ctx context.Context, ids []int64) (n int, err error) {
	query := strings.Replace(listByIDs, "/*SLICE:ids*/?", strings.Repeat(",?", len(ids))[1:], 1)
	args := make([]interface{}, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := q.db.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

func TestSqlcQueries(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		ctx := t.Context()
		id := map[string]string{"sqlite": "INTEGER", "postgres": "BIGSERIAL", "mariadb": "BIGINT AUTO_INCREMENT"}[db.engine.Name()]
		db.exec(t, "CREATE TABLE writer (id "+id+" PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE, bio TEXT)")
		generated := Prepare
		if db.engine.Name() == "mariadb" {
			generated = PrepareMySQL
		}
		q, err := generated(ctx, db)
		ok(t, err)
		defer q.Close()

		anna, err := q.CreateWriter(ctx, "Anna", sql.NullString{})
		ok(t, err)
		if anna != (Writer{ID: 1, Name: "Anna"}) {
			t.Errorf("%+v", anna)
		}
		tx, err := db.BeginTx(ctx, nil)
		ok(t, err)
		_, err = q.WithTx(tx).CreateWriter(ctx, "Bela", sql.NullString{String: "was undone", Valid: true})
		ok(t, err)
		ok(t, tx.Rollback())
		tx, err = db.BeginTx(ctx, nil)
		ok(t, err)
		carl, err := q.WithTx(tx).CreateWriter(ctx, "Carl", sql.NullString{String: "a bio", Valid: true})
		ok(t, err)
		ok(t, tx.Commit())

		all, err := q.ListWriters(ctx)
		ok(t, err)
		if len(all) != 2 || all[0] != anna || all[1] != carl {
			t.Errorf("%+v", all)
		}
		if n, err := q.ListByIDs(ctx, []int64{anna.ID, carl.ID, 99}); n != 2 || err != nil {
			t.Errorf("ListByIDs: %d, %v; want 2", n, err)
		}
		if _, err := q.CreateWriter(ctx, "Anna", sql.NullString{}); !errors.Is(err, plinth.ErrUnique) {
			t.Errorf("a second one: %v, want ErrUnique", err)
		}
		if db.engine.Name() == "postgres" {
			return // sqlc has no :execlastid for it
		}
		dora, err := q.AddWriter(ctx, "Dora", sql.NullString{})
		ok(t, err)
		if name := one[string](t, db, "SELECT name FROM writer WHERE id = ?", dora); name != "Dora" {
			t.Errorf("id %d is %s's", dora, name)
		}
	})
}
