package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3"
	_ "modernc.org/sqlite"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/sqlite"
)

// Track is a row of the point select and the scan: five columns, two of them text.
type Track struct {
	ID           int64
	Name         string
	Composer     string
	Milliseconds int64
	UnitPrice    float64
}

const (
	pointSelect  = "select id, name, composer, milliseconds, unit_price from track where id = ?"
	thousandRows = "select id, name, composer, milliseconds, unit_price from track where id <= 1000"
	insert       = "insert into play (track_id, note) values (?, ?)"
	tracks       = 10_000
)

func sqliteTasks() []task {
	return []task{
		{"sqlite-point", "select one row by its key into a struct", 1, func(ctx context.Context, dir string) ([]contender, error) {
			return sqliteContenders(ctx, dir, plinthPoint, sqlPoint)
		}},
		{"sqlite-scan", "read 1,000 rows into a slice of structs", 500, func(ctx context.Context, dir string) ([]contender, error) {
			return sqliteContenders(ctx, dir, plinthScan, sqlScan)
		}},
		{"sqlite-insert", "insert one row, committed (WAL, synchronous NORMAL)", 4, func(ctx context.Context, dir string) ([]contender, error) {
			return sqliteContenders(ctx, dir, plinthInsert, sqlInsert)
		}},
	}
}

// sqliteContenders opens each library with its own file and the same settings: WAL, NORMAL, 64 MB of cache.
func sqliteContenders(ctx context.Context, dir string, ours func(context.Context, *plinth.Engine, int) error,
	theirs func(context.Context, *stmts, int) error,
) ([]contender, error) {
	e, err := sqlite.Open(ctx, plinth.Options{URL: "sqlite:" + filepath.Join(dir, "plinth.db")})
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, e); err != nil {
		return nil, err
	}
	all := []contender{{
		name:  "plinth",
		run:   func(ctx context.Context, n int) error { return ours(ctx, e, n) },
		close: func() { e.Close(context.WithoutCancel(ctx)) },
	}}
	for _, peer := range []struct{ name, driver, params string }{
		{"mattn, database/sql", "sqlite3", "?_journal_mode=WAL&_synchronous=NORMAL&_cache_size=-65536&_foreign_keys=on&_busy_timeout=5000"},
		{"modernc, database/sql", "sqlite", "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-65536)&_pragma=foreign_keys(on)&_pragma=busy_timeout(5000)"},
	} {
		file := "file:" + filepath.Join(dir, peer.driver+".db")
		seed, err := sqlite.Open(ctx, plinth.Options{URL: file})
		if err != nil {
			return nil, err
		}
		if err := fill(ctx, seed); err != nil {
			return nil, err
		}
		if err := seed.Close(ctx); err != nil {
			return nil, err
		}
		db, err := sql.Open(peer.driver, file+peer.params)
		if err != nil {
			return nil, err
		}
		s, err := prepare(ctx, db)
		if err != nil {
			return nil, err
		}
		all = append(all, contender{
			name:  peer.name,
			run:   func(ctx context.Context, n int) error { return theirs(ctx, s, n) },
			close: func() { _ = db.Close() },
		})
	}
	return all, nil
}

func fill(ctx context.Context, e *plinth.Engine) error {
	for _, ddl := range []string{
		"create table track (id integer primary key, name text not null, composer text not null, milliseconds integer not null, unit_price real not null)",
		"create table play (id integer primary key, track_id integer not null, note text not null)",
	} {
		if _, err := e.Execute(ctx, ddl); err != nil {
			return err
		}
	}
	_, err := e.ExecuteMany(ctx, "insert into track values (?, ?, ?, ?, ?)", func(yield func([]any) bool) {
		for i := range tracks {
			if !yield([]any{i + 1, fmt.Sprintf("Track number %d", i+1), "Angus Young, Malcolm Young, Brian Johnson", 343719 + i, 0.99}) {
				return
			}
		}
	})
	return err
}

func plinthPoint(ctx context.Context, e *plinth.Engine, n int) error {
	for i := range n {
		id := int64(i%tracks + 1)
		t, err := plinth.One[Track](ctx, e, pointSelect, id)
		if err != nil {
			return err
		}
		if t.ID != id {
			return fmt.Errorf("asked for %d, got %d", id, t.ID)
		}
	}
	return nil
}

func plinthScan(ctx context.Context, e *plinth.Engine, n int) error {
	for range n {
		all, err := plinth.All[Track](ctx, e, thousandRows)
		if err != nil {
			return err
		}
		if len(all) != 1000 {
			return fmt.Errorf("%d rows", len(all))
		}
	}
	return nil
}

func plinthInsert(ctx context.Context, e *plinth.Engine, n int) error {
	for i := range n {
		if _, err := e.Execute(ctx, insert, int64(i), "played to the end"); err != nil {
			return err
		}
	}
	return nil
}

// stmts are the statements prepared once, as careful users of database/sql do.
type stmts struct {
	point, scan, insert *sql.Stmt
	many                map[int]*sql.Stmt // by their rows
}

func prepare(ctx context.Context, db *sql.DB) (*stmts, error) {
	var s stmts
	for dst, text := range map[**sql.Stmt]string{&s.point: pointSelect, &s.scan: thousandRows, &s.insert: insert} {
		stmt, err := db.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		*dst = stmt
	}
	return &s, nil
}

func sqlPoint(ctx context.Context, s *stmts, n int) error {
	for i := range n {
		id := int64(i%tracks + 1)
		var t Track
		if err := s.point.QueryRowContext(ctx, id).Scan(&t.ID, &t.Name, &t.Composer, &t.Milliseconds, &t.UnitPrice); err != nil {
			return err
		}
		if t.ID != id {
			return fmt.Errorf("asked for %d, got %d", id, t.ID)
		}
	}
	return nil
}

func sqlScan(ctx context.Context, s *stmts, n int) error {
	for range n {
		rows, err := s.scan.QueryContext(ctx)
		if err != nil {
			return err
		}
		var all []Track
		for rows.Next() {
			var t Track
			if err := rows.Scan(&t.ID, &t.Name, &t.Composer, &t.Milliseconds, &t.UnitPrice); err != nil {
				return errors.Join(err, rows.Close())
			}
			all = append(all, t)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if err := rows.Close(); err != nil {
			return err
		}
		if len(all) != 1000 {
			return fmt.Errorf("%d rows", len(all))
		}
	}
	return nil
}

func sqlInsert(ctx context.Context, s *stmts, n int) error {
	for i := range n {
		if _, err := s.insert.ExecContext(ctx, int64(i), "played to the end"); err != nil {
			return err
		}
	}
	return nil
}
