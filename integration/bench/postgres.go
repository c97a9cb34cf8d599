package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/postgres"
)

func postgresTasks() []task {
	return []task{
		{"postgres-point", "select one row by its key into a struct", 4, func(ctx context.Context, _ string) ([]contender, error) {
			return postgresContenders(ctx, plinthPoint, pgxPoint)
		}},
		{"postgres-scan", "read 1,000 rows into a slice of structs", 500, func(ctx context.Context, _ string) ([]contender, error) {
			return postgresContenders(ctx, plinthScan, pgxScan)
		}},
		{"postgres-insert", "insert one row, committed", 10, func(ctx context.Context, _ string) ([]contender, error) {
			return postgresContenders(ctx, plinthInsert, pgxInsert)
		}},
		{"postgres-tx", "a transaction of two statements", 20, func(ctx context.Context, _ string) ([]contender, error) {
			return postgresContenders(ctx, plinthTx, pgxTx)
		}},
		{"postgres-bulk", "insert 10,000 rows at once", 2000, func(ctx context.Context, _ string) ([]contender, error) {
			return postgresContenders(ctx, plinthBulk, pgxBulk)
		}},
	}
}

// postgresContenders opens a server, and Plinth and pgx with pools of the same size over it.
func postgresContenders(ctx context.Context, ours func(context.Context, *plinth.Engine, int) error,
	theirs func(context.Context, *pgxpool.Pool, int) error,
) ([]contender, error) {
	server, err := servers.Start(ctx, servers.KindPostgres, servers.Durable())
	if err != nil {
		return nil, err
	}
	e, err := postgres.Open(ctx, plinth.Options{URL: server.URL()})
	if err != nil {
		return nil, err
	}
	if err := fillPostgres(ctx, e); err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, server.URL())
	if err != nil {
		return nil, err
	}
	return []contender{
		{name: "plinth", run: func(ctx context.Context, n int) error { return ours(ctx, e, n) }, close: func() { e.Close(context.WithoutCancel(ctx)) }},
		{name: "pgx, pgxpool, hand-written Scan", run: func(ctx context.Context, n int) error { return theirs(ctx, pool, n) }, close: func() {
			pool.Close()
			_ = server.Close()
		}},
	}, nil
}

func fillPostgres(ctx context.Context, e *plinth.Engine) error {
	for _, statement := range []string{
		"create table track (id bigint primary key, name text not null, composer text not null, milliseconds bigint not null, unit_price float8 not null)",
		"create table play (id bigint generated always as identity primary key, track_id bigint not null, note text not null)",
		fmt.Sprintf("insert into track select i, 'Track number ' || i, 'Angus Young, Malcolm Young, Brian Johnson', 343718 + i, 0.99 "+
			"from generate_series(1, %d) i", tracks),
		"analyze track",
	} {
		if _, err := e.Execute(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func plinthTx(ctx context.Context, e *plinth.Engine, n int) error {
	for i := range n {
		err := e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := plinth.One[Track](ctx, tx, pointSelect, int64(i%tracks+1)); err != nil {
				return err
			}
			_, err := tx.Execute(ctx, insert, int64(i), "played to the end")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const bulkRows = 10_000

func plinthBulk(ctx context.Context, e *plinth.Engine, n int) error {
	for range n {
		row := make([]any, 2)
		_, err := e.ExecuteMany(ctx, insert, func(yield func([]any) bool) {
			for i := range bulkRows {
				if row[0], row[1] = int64(i), "played to the end"; !yield(row) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// native is a statement with PostgreSQL's own placeholders.
func native(text string) string {
	for i := 1; strings.Contains(text, "?"); i++ {
		text = strings.Replace(text, "?", fmt.Sprint("$", i), 1)
	}
	return text
}

func pgxPoint(ctx context.Context, p *pgxpool.Pool, n int) error {
	text := native(pointSelect)
	for i := range n {
		id := int64(i%tracks + 1)
		var t Track
		if err := p.QueryRow(ctx, text, id).Scan(&t.ID, &t.Name, &t.Composer, &t.Milliseconds, &t.UnitPrice); err != nil {
			return err
		}
		if t.ID != id {
			return fmt.Errorf("asked for %d, got %d", id, t.ID)
		}
	}
	return nil
}

func pgxScan(ctx context.Context, p *pgxpool.Pool, n int) error {
	for range n {
		rows, err := p.Query(ctx, thousandRows)
		if err != nil {
			return err
		}
		var all []Track
		for rows.Next() {
			var t Track
			if err := rows.Scan(&t.ID, &t.Name, &t.Composer, &t.Milliseconds, &t.UnitPrice); err != nil {
				rows.Close()
				return err
			}
			all = append(all, t)
		}
		if rows.Close(); rows.Err() != nil {
			return rows.Err()
		}
		if len(all) != 1000 {
			return fmt.Errorf("%d rows", len(all))
		}
	}
	return nil
}

func pgxInsert(ctx context.Context, p *pgxpool.Pool, n int) error {
	text := native(insert)
	for i := range n {
		if _, err := p.Exec(ctx, text, int64(i), "played to the end"); err != nil {
			return err
		}
	}
	return nil
}

func pgxTx(ctx context.Context, p *pgxpool.Pool, n int) error {
	point, text := native(pointSelect), native(insert)
	for i := range n {
		err := pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error {
			var t Track
			err := tx.QueryRow(ctx, point, int64(i%tracks+1)).Scan(&t.ID, &t.Name, &t.Composer, &t.Milliseconds, &t.UnitPrice)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, text, int64(i), "played to the end")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func pgxBulk(ctx context.Context, p *pgxpool.Pool, n int) error {
	for range n {
		i := 0
		_, err := p.CopyFrom(ctx, pgx.Identifier{"play"}, []string{"track_id", "note"}, pgx.CopyFromFunc(func() ([]any, error) {
			if i == bulkRows {
				return nil, nil
			}
			i++
			return []any{int64(i - 1), "played to the end"}, nil
		}))
		if err != nil {
			return err
		}
	}
	return nil
}
