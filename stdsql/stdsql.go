// Package stdsql lets code that is written for database/sql run on a Plinth engine: migrations by goose, code that sqlc
// generated, models of GORM or bun. OpenDB makes a *sql.DB of an engine, and every statement goes the way of any other
// call of that engine: its hooks and query log see it, its retry repeats it where nothing can be applied twice, and its
// errors are *plinth.Error, so that errors.Is(err, plinth.ErrUnique) works as does errors.Is(err, sql.ErrNoRows).
//
// # Connections
//
// The engine's pool is the only one. The *sql.DB keeps no idle connections, whatever SetMaxIdleConns says; a call of it
// takes one from the engine's pool when it needs one and gives it back at its end. So the engine's Stats tell the truth
// and those of sql.DB only count calls; SetMaxOpenConns bounds how many run at once, beside the engine's own bound. A
// *sql.Conn keeps its connection from the first statement that may change something on, until its Close. Closing the
// *sql.DB doesn't close the engine, and has to come first.
//
// # Statements
//
// Placeholders are Plinth's, ? and :name (for sql.Named), and the database's own. Arguments are any that the engine takes:
// also a slice for IN (?), which database/sql itself would refuse. PostgreSQL's operators with a ? are left alone in a
// text that has $1, and are written ?? in one that hasn't. Prepare only remembers the text: each connection of the engine
// keeps what it has prepared by itself, and a mistake in the text shows when it runs first.
//
// Transactions are for BeginTx: BEGIN and COMMIT as text are refused, because the engine would not know of them.
// SAVEPOINT, RELEASE and ROLLBACK TO as text work within one, for that is how GORM and bun nest transactions.
//
// A text of several statements runs with Exec and without arguments, as each database has it: PostgreSQL's in one
// transaction, all or nothing, the others' one by one up to the first that fails. Between BEGIN and COMMIT, as the first
// and the last of them, they are one transaction everywhere. The Result of such a text tells nothing.
//
// While rows are open, the transaction or the Conn they came from runs nothing else (ErrBusy): close them first, or read
// them to the end. Drivers for PostgreSQL have the same rule. Beside rows of the DB itself anything can run.
//
// # Values
//
// What database/sql has no type for comes as pgx and lib/pq give it: decimals and UUIDs as string, JSON as []byte, an
// array as the text in which PostgreSQL writes it (which scanners such as pq.Array read), integers beyond int64 as their
// digits. In SQLite a text comes as a time.Time if its column is declared DATE, DATETIME or TIMESTAMP and it is one, as
// other drivers for SQLite have it.
//
// # Errors and retries
//
// driver.ErrBadConn never comes out of this package: database/sql would run the statement again, and the engine has
// already done that as often as it may. When the outcome of a write isn't known the error is ErrOutcomeUnknown, as it is
// everywhere in Plinth. A transaction of database/sql can't be run again by the engine: use Engine.InTx for that.
package stdsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/plinthdb/plinth"
)

// OpenDB returns a *sql.DB whose statements run on the engine. Closing it doesn't close the engine.
func OpenDB(engine *plinth.Engine) *sql.DB {
	db := sql.OpenDB(Connector(engine))
	db.SetMaxIdleConns(-1)
	return db
}

// Connector returns the driver.Connector of OpenDB, for what wraps one, such as OpenTelemetry's otelsql. Of the *sql.DB
// that is made of it set SetMaxIdleConns(-1), unless the wrapper passes driver.Validator on: an idle connection may
// keep one of the engine's.
func Connector(engine *plinth.Engine) driver.Connector { return &connector{engine} }

type connector struct{ engine *plinth.Engine }

// Connect implements driver.Connector. It talks to nobody: a connection takes one from the engine's pool when it needs one.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	return &conn{engine: c.engine, pin: c.engine.Pin()}, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return opener{} }

// opener is the driver.Driver that database/sql asks a connector for.
type opener struct{}

// Open implements driver.Driver.
func (opener) Open(string) (driver.Conn, error) {
	return nil, fmt.Errorf("stdsql: %w: open an engine, and give it to stdsql.OpenDB", plinth.ErrUnsupported)
}
