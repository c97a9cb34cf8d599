package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
)

func mariadbTasks() []task {
	return []task{
		{"mariadb-point", "select one row by its key into a struct", 4, func(ctx context.Context, _ string) ([]contender, error) {
			return mariadbContenders(ctx, plinthPoint, sqlPoint)
		}},
		{"mariadb-scan", "read 1,000 rows into a slice of structs", 500, func(ctx context.Context, _ string) ([]contender, error) {
			return mariadbContenders(ctx, plinthScan, sqlScan)
		}},
		{"mariadb-insert", "insert one row, committed (not flushed to disk)", 10, func(ctx context.Context, _ string) ([]contender, error) {
			return mariadbContenders(ctx, plinthInsert, sqlInsert)
		}},
		{"mariadb-bulk", "insert 10,000 rows at once", 2000, func(ctx context.Context, _ string) ([]contender, error) {
			return mariadbContenders(ctx, plinthBulk, sqlMultiRow)
		}},
	}
}

// mariadbContenders opens a server, and Plinth and go-sql-driver with statements prepared once over it, as its careful users
// do. Both speak TLS.
func mariadbContenders(ctx context.Context, ours func(context.Context, *plinth.Engine, int) error,
	theirs func(context.Context, *stmts, int) error,
) ([]contender, error) {
	server, err := servers.Start(ctx, servers.KindMariaDB)
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
	if s.many, err = db.PrepareContext(ctx, "insert into play (track_id, note) values (?, ?)"+strings.Repeat(", (?, ?)", manyRows-1)); err != nil {
		return nil, err
	}
	return []contender{
		{"plinth", func(ctx context.Context, n int) error { return ours(ctx, e, n) }, func() {
			ctx := context.WithoutCancel(ctx)
			admin.Close(ctx)
			e.Close(ctx)
		}},
		{"go-sql-driver, prepared", func(ctx context.Context, n int) error { return theirs(ctx, s, n) }, func() {
			_ = db.Close()
			_ = server.Close()
		}},
	}, nil
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

// manyRows is how many rows a prepared INSERT of several rows has.
const manyRows = 500

func sqlMultiRow(ctx context.Context, s *stmts, n int) error {
	args := make([]any, 0, 2*manyRows)
	for range n {
		for i := 0; i < bulkRows; i += manyRows {
			args = args[:0]
			for j := range manyRows {
				args = append(args, int64(i+j), "played to the end")
			}
			if _, err := s.many.ExecContext(ctx, args...); err != nil {
				return err
			}
		}
	}
	return nil
}
