package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
)

func mariadbTasks() []task {
	single := func(name, note string, ops int, ours func(context.Context, *plinth.Engine, int) error,
		theirs func(context.Context, *stmts, int) error,
	) task {
		peer := peer{"go-sql-driver, prepared", func(ctx context.Context, _ *sql.DB, s *stmts, n int) error { return theirs(ctx, s, n) }}
		return task{name, note, ops, func(ctx context.Context, _ string) ([]contender, error) { return mariadbContenders(ctx, ours, peer) }}
	}
	return []task{
		single("mariadb-point", "select one row by its key into a struct", 4, plinthPoint, sqlPoint),
		single("mariadb-scan", "read 1,000 rows into a slice of structs", 50, plinthScan, sqlScan),
		single("mariadb-insert", "insert one row, committed", 10, plinthInsert, sqlInsert),
		{"mariadb-bulk", "insert 100,000 rows at once", 10000, func(ctx context.Context, _ string) ([]contender, error) {
			return mariadbContenders(ctx, plinthManyRows,
				peer{"go-sql-driver, prepared, 100 rows each", sqlMultiRow(100)},
				peer{"go-sql-driver, prepared, 500 rows each", sqlMultiRow(500)},
				peer{"the same in a transaction", sqlMultiRowTx(500)},
				peer{"insert … select within the server", sqlWithinServer})
		}},
	}
}

// peer is a way to do a task with database/sql.
type peer struct {
	name string
	run  func(ctx context.Context, db *sql.DB, s *stmts, n int) error
}

// mariadbContenders opens a server, and Plinth and go-sql-driver with statements prepared once over it, as its careful users
// do. Both speak TLS. The table of the inserts is empty when a round begins.
func mariadbContenders(ctx context.Context, ours func(context.Context, *plinth.Engine, int) error, peers ...peer) ([]contender, error) {
	server, err := servers.Start(ctx, servers.KindMariaDB, servers.Durable())
	if err != nil {
		return nil, err
	}
	admin, err := mariadb.Open(ctx, plinth.Options{URL: server.URL()})
	if err != nil {
		return nil, err
	}
	if _, err := admin.Execute(ctx, "create database if not exists bench"); err != nil {
		return nil, err
	}
	url := server.URLAs("", "bench")
	e, err := mariadb.Open(ctx, plinth.Options{URL: url})
	if err != nil {
		return nil, err
	}
	if err := fillMariaDB(ctx, e); err != nil {
		return nil, err
	}
	user := server.Users()[0]
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user.Name, user.Password, "tcp", server.Addr(), "bench"
	c.TLSConfig = "skip-verify"
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	s, err := prepare(ctx, db)
	if err != nil {
		return nil, err
	}
	s.many = map[int]*sql.Stmt{}
	for _, rows := range []int{100, 500} {
		if s.many[rows], err = db.PrepareContext(ctx, insert+strings.Repeat(", (?, ?)", rows-1)); err != nil {
			return nil, err
		}
	}
	empty := func(ctx context.Context) error {
		_, err := admin.Execute(ctx, "truncate table bench.play")
		return err
	}
	all := []contender{{"plinth", func(ctx context.Context, n int) error { return ours(ctx, e, n) }, func() { e.Close(context.WithoutCancel(ctx)) }, empty}}
	for _, p := range peers {
		all = append(all, contender{p.name, func(ctx context.Context, n int) error { return p.run(ctx, db, s, n) }, func() {}, empty})
	}
	all[len(all)-1].close = func() {
		admin.Close(context.WithoutCancel(ctx))
		_ = db.Close()
		_ = server.Close()
	}
	return all, nil
}

func fillMariaDB(ctx context.Context, e *plinth.Engine) error {
	for _, statement := range []string{
		"create table track (id bigint primary key, name varchar(200) not null, composer varchar(220) not null, milliseconds bigint not null, unit_price double not null)",
		"create table play (id bigint auto_increment primary key, track_id bigint not null, note varchar(200) not null)",
		fmt.Sprintf("insert into track select seq, concat('Track number ', seq), 'Angus Young, Malcolm Young, Brian Johnson', 343718 + seq, 0.99 "+
			"from seq_1_to_%d", tracks),
	} {
		if _, err := e.Execute(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

const bulkLoad = 100_000 // rows

func plinthManyRows(ctx context.Context, e *plinth.Engine, n int) error {
	for range n {
		row := make([]any, 2)
		_, err := e.ExecuteMany(ctx, insert, func(yield func([]any) bool) {
			for i := range bulkLoad {
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

func sqlMultiRow(rows int) func(context.Context, *sql.DB, *stmts, int) error {
	return func(ctx context.Context, _ *sql.DB, s *stmts, n int) error {
		for range n {
			if err := multiRow(ctx, s.many[rows], rows); err != nil {
				return err
			}
		}
		return nil
	}
}

func sqlMultiRowTx(rows int) func(context.Context, *sql.DB, *stmts, int) error {
	return func(ctx context.Context, db *sql.DB, s *stmts, n int) error {
		for range n {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if err := multiRow(ctx, tx.StmtContext(ctx, s.many[rows]), rows); err != nil {
				return errors.Join(err, tx.Rollback())
			}
			if err := tx.Commit(); err != nil {
				return err
			}
		}
		return nil
	}
}

func multiRow(ctx context.Context, many *sql.Stmt, rows int) error {
	args := make([]any, 0, 2*rows)
	for i := 0; i < bulkLoad; i += rows {
		args = args[:0]
		for j := range rows {
			args = append(args, int64(i+j), "played to the end")
		}
		if _, err := many.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// sqlWithinServer is the least that any client could take: the server makes the rows up itself.
func sqlWithinServer(ctx context.Context, db *sql.DB, _ *stmts, n int) error {
	for range n {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("insert into play (track_id, note) select seq, 'played to the end' from seq_1_to_%d", bulkLoad)); err != nil {
			return err
		}
	}
	return nil
}
