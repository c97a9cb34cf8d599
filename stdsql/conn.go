package stdsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"

	"github.com/plinthdb/plinth"
)

// conn is a driver.Conn on a pinned connection. database/sql calls it, and all that comes from it, under one lock.
type conn struct {
	engine *plinth.Engine
	pin    *plinth.Conn
	tx     *plinth.Tx // that is open
}

var _ interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
} = (*conn)(nil)

// place is where statements run now.
func (c *conn) place() plinth.Transactor {
	if c.tx != nil {
		return c.tx
	}
	return c.pin
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.tx != nil {
		if op, name, ok := savepoint(query); ok {
			return result{}, hide(c.tx.Savepoint(ctx, op, name))
		}
	}
	if len(args) == 0 {
		if all := c.several(query); all != nil {
			return driver.ResultNoRows, hide(c.script(ctx, all))
		}
	}
	done, err := c.place().Execute(ctx, query, values(args)...)
	if err != nil {
		return nil, hide(err)
	}
	return result{done, c.engine.Name()}, nil
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	answer, err := c.place().Query(ctx, query, values(args)...)
	if err != nil {
		return nil, hide(err)
	}
	return newRows(answer, c.engine.Name()), nil
}

// values returns the arguments as an engine takes them.
func values(args []driver.NamedValue) []any {
	if len(args) == 0 {
		return nil
	}
	all := make([]any, len(args))
	for i, a := range args {
		if all[i] = a.Value; a.Name != "" {
			all[i] = sql.Named(a.Name, a.Value)
		}
	}
	return all
}

// CheckNamedValue implements driver.NamedValueChecker. Everything goes to the engine as it is, but sql.Out, which no engine
// has, and the options for pgx that GORM's migrations of PostgreSQL put among the arguments.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	switch v.Value.(type) {
	case nil, string, int, int64, float64, bool, []byte: // the frequent ones, without reflection
		return nil
	case sql.Out:
		return fmt.Errorf("stdsql: sql.Out: %w: read what the statement returns as rows", plinth.ErrUnsupported)
	}
	if t := reflect.TypeOf(v.Value); t.Name() == "QueryExecMode" && t.PkgPath() == "github.com/jackc/pgx/v5" {
		return driver.ErrRemoveArgument
	}
	return nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &stmt{c, query}, nil
}

// Prepare implements driver.Conn.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	_, err := c.pin.Ping(ctx)
	return hide(err)
}

// ResetSession implements driver.SessionResetter.
func (c *conn) ResetSession(context.Context) error {
	err := c.Close()
	c.pin, c.tx = c.engine.Pin(), nil
	return err
}

// IsValid implements driver.Validator, by which database/sql asks whether to keep the connection although nobody uses it. It
// must not: the engine's pool wants it back.
func (c *conn) IsValid() bool { return false }

// Close implements driver.Conn. A transaction that is open is rolled back.
func (c *conn) Close() error { return hide(c.pin.Close()) }

// stmt is a driver.Stmt: a text.
type stmt struct {
	conn *conn
	text string
}

var _ interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
} = (*stmt)(nil)

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.text, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.text, args)
}

// NumInput implements driver.Stmt: the engine counts the arguments, which may be lists or have names.
func (s *stmt) NumInput() int { return -1 }

// Close implements driver.Stmt.
func (s *stmt) Close() error { return nil }

// Exec implements driver.Stmt.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

// Query implements driver.Stmt.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	all := make([]driver.NamedValue, len(args))
	for i, v := range args {
		all[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return all
}

// result is a driver.Result.
type result struct {
	done   plinth.Result
	engine string
}

// LastInsertId implements driver.Result.
func (r result) LastInsertId() (int64, error) {
	if r.engine == postgres {
		return 0, fmt.Errorf("stdsql: LastInsertId: %w by PostgreSQL: use INSERT … RETURNING with QueryRow", plinth.ErrUnsupported)
	}
	return r.done.LastInsertID, nil
}

// RowsAffected implements driver.Result.
func (r result) RowsAffected() (int64, error) { return r.done.RowsAffected, nil }

// postgres is the name of the engine that differs here from the others.
const postgres = "postgres"
