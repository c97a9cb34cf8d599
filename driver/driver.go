// Package driver is the seam between Plinth and a database: the few interfaces a database implements, and the
// vocabulary (kinds, faults, values) in which it answers. Applications use the root package; a driver implements
// this one and proves itself with package drivertest.
//
// A driver reports and never decides: it says what went wrong, in which phase and whether bytes of the statement were
// sent (Fault). Whether to repeat, to give up or to call the outcome unknown is decided once, in the root package.
package driver

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/plinthdb/plinth/pool"
)

// Opener makes a backend for an engine. It opens no connection.
type Opener func(Host) (Backend, error)

// Host is what the engine offers the backend it is about to own. No field is nil but where it says so.
type Host struct {
	Pool pool.Options // the pool's settings, as the user gave them

	OnConnect func(ctx context.Context, s Session) error                                // runs on each new session before its first use; an error closes it
	Opened    func(ctx context.Context, poolName string, took time.Duration, err error) // a connection was dialled, or wasn't
	Closed    func(poolName string, reason pool.Reason)                                 // one was closed
	Leaked    func(h pool.Holder, returned bool)                                        // one is held too long, or came back after that

	// Breaker is told when a pool has found its target to be down (see pool.Options.BreakerFailures), and err why, or to be up again.
	// It may be nil.
	Breaker func(poolName string, state pool.BreakerState, err error)

	// Login is asked for who logs in, once for each new connection: both may change while the engine runs. An
	// empty user stands for what the backend was made with.
	Login func(ctx context.Context) (user, password string, err error)
}

// Backend is one open database target. Its methods may be called by many goroutines at once.
// Every error that crosses the seam is a *Fault.
type Backend interface {
	// Info describes the target; it doesn't change.
	Info() Info
	// Compile reads one statement's text. It talks to nobody. The root package keeps what it returns.
	Compile(text string) (*Stmt, error)
	// Connect opens the connections that shall always be there, at least one, and returns when they can be used.
	Connect(ctx context.Context) error
	// Acquire borrows a session until its Release. ctx bounds the wait.
	Acquire(ctx context.Context, need Need) (Session, error)
	// Stats returns the statistics of each pool.
	Stats() []pool.Stats
	// Configure has the running pools follow other settings, all of them at once. If they are wrong nothing changes.
	Configure(o pool.Options) error
	// Close takes no more sessions out, waits until the borrowed ones are back or ctx ends, and then cuts those that
	// are left: their running statements fail. The error names who was cut.
	Close(ctx context.Context) error
}

// Splitter is a Backend that can take a script apart. It is asked for once, when the engine is made.
type Splitter interface {
	// Split returns the statements of a script as they are read. The last element is an error if the script can't be
	// read to its end.
	Split(script io.Reader) iter.Seq2[ScriptStatement, error]
}

// ScriptStatement is one statement of a script.
type ScriptStatement struct {
	Text string
	Line int // where it begins, 1-based
}

// Info describes a target.
type Info struct {
	Engine           string // "sqlite", "postgres", "mariadb", "mongodb"
	Target           string // for messages and logs: names the database and holds no secret
	TransactionalDDL bool   // a schema change can be rolled back; where it can't, a transaction that ran one isn't replayed
	SingleWriter     bool   // all writing goes through one session
	GuardsReads      bool   // Request.ReadOnly is honoured
	Volatile         bool   // what is in it goes with its last connection
}

// Need says what a session is wanted for.
type Need struct {
	Access Access // Read may be answered by a session that can't write
	Tx     bool   // a transaction will be opened
	Pinned bool   // the caller gets the session itself, and may change its settings
	NoWait bool   // fail with PoolExhausted rather than queue: the caller holds a session already, or only asks

	Timeout time.Duration // the longest wait for it, if it isn't the pool's: 0 is the pool's, negative is none
}

// Session is one borrowed connection. One goroutine at a time uses it, and one Rows is open on it at a time.
type Session interface {
	// Execute runs the statement to its end and throws rows away.
	Execute(ctx context.Context, req *Request) (Result, error)
	// Query runs the statement and returns its rows, which belong to the session and must be closed before the
	// next call. If it returns an error there are no rows to close.
	Query(ctx context.Context, req *Request) (Rows, error)
	// Begin opens a transaction. It may travel with the first statement.
	Begin(ctx context.Context, opts TxOptions) error
	// End commits or rolls back. After a failed commit the fault says whether the transaction is known to have
	// been rolled back, and TxState tells whether the session still is in it.
	End(ctx context.Context, commit bool) error
	// Savepoint sets, releases or returns to a savepoint. The name is an identifier made by the caller of the seam.
	Savepoint(ctx context.Context, op SavepointOp, name string) error
	// TxState tells where the session stands, without a round trip.
	TxState() TxState
	// Ping makes one round trip that fails if a statement would.
	Ping(ctx context.Context) (Server, error)
	// Native returns the driver's own connection. From then on Release(Reset) has to expect any state.
	Native() any
	// Release gives the session back. The session must not be used afterwards.
	Release(fate Fate)
}

// Bulk is a Session that has a faster way to run one statement for many rows than one by one.
type Bulk interface {
	// ExecuteMany runs the requests in their order and stops at the first that fails: row is its 1-based number, or 0
	// where the database doesn't tell. All are of the same Stmt; each is only valid until the next is asked for. The
	// caller has opened a transaction or a savepoint and undoes it after an error. An error of requests ends it, and is
	// returned as it is.
	ExecuteMany(ctx context.Context, requests iter.Seq2[*Request, error]) (res Result, row int, err error)
}

// Rows are the answer to a query.
type Rows interface {
	// Columns describes the result. The slice must not be changed; it may be shared by later runs of the statement.
	Columns() []Column
	// Next returns the next row, or io.EOF. The slice is valid until the next call; the values own their memory.
	Next(ctx context.Context) ([]Value, error)
	// Close ends the statement, whether or not all rows were read, within ctx. It may be called more than once.
	Close(ctx context.Context) (Result, error)
}

// Documents are Rows whose columns differ from row to row, because each row is a document with keys of its own. What asks for
// a key that a document hasn't got, such as a field of a struct, is given what NULL would give it.
type Documents interface {
	Rows
	// Documents reports whether these are. Then Columns describes the row that Next returned last, and before that the
	// first; it returns the same slice again for documents with the same keys in the same order.
	Documents() bool
}

// Request is one statement with its arguments. It is only valid during the call it is given to.
type Request struct {
	Stmt   *Stmt
	Native string // what the database is given: Stmt's own text, or that with lists spread
	Args   []any  // in the order of the native placeholders; see Simplify for their types

	ReadOnly bool // outside a transaction: the database must refuse the statement, with a fault of kind ReadOnly, if it writes
}

// Stmt is a compiled statement. It is immutable and shared.
type Stmt struct {
	Text   string // as the caller wrote it
	Verb   string // the first word that matters, upper case: SELECT, INSERT, CREATE, find, …
	Access Access // what running it does, as far as the text tells; in doubt Write
	Class  Class
	Binder Binder
}

// Binder matches a call's arguments with the statement's placeholders.
type Binder interface {
	// Bind returns the native text and the arguments in native order, or a fault of kind Argument when their number or
	// names don't fit. It returns args itself when they fit as they are.
	Bind(args []any) (native string, flat []any, err error)
	// Fingerprint returns the statement without its literals, for logs and metrics. It holds no value of the caller's.
	Fingerprint() string
}

// Access is what a statement does with data.
type Access uint8

// What a statement does with data.
const (
	Write Access = iota // may change something; the zero value, because doubt means write
	Read                // changes nothing
)

// Class sorts statements by what the root package has to know about them.
type Class uint8

// The classes.
const (
	Ordinary    Class = iota
	Schema            // CREATE, ALTER, DROP, …: commits where DDL isn't transactional
	Transaction       // BEGIN, COMMIT, ROLLBACK, SAVEPOINT …: refused as text
	Setting           // changes the session (PRAGMA, SET, ATTACH, USE): a borrowed session is reset or closed after it
)

// SelfContained is a Bulk that looks after its own unit of work, because the database may have no transactions, or no
// savepoints: nothing is opened around its ExecuteMany. What can't be all or nothing there has to be said in the error.
type SelfContained interface {
	Bulk
	// SelfContained marks the type.
	SelfContained()
}

// Result is what a statement that returns no rows did.
type Result struct {
	RowsAffected int64
	LastInsertID int64 // 0 where the database doesn't tell
}

// Abandoner is Rows that needn't be read to their end where their transaction, or the savepoint they were queried in, is
// about to be rolled back: they may be cancelled, a write's too.
type Abandoner interface {
	// Abandon closes the rows, within ctx, and may leave a transaction that can only be rolled back, or return to a savepoint.
	Abandon(ctx context.Context) (Result, error)
}

// Column describes one column of a result.
type Column struct {
	Name string
	Type string // the database's own name of the type, "" where it doesn't tell
}

// TxOptions are a transaction's settings.
type TxOptions struct {
	Isolation  Isolation
	ReadOnly   bool
	Deferrable bool // PostgreSQL: with Serializable and ReadOnly, wait for a safe snapshot
}

// Isolation is a transaction's isolation level.
type Isolation uint8

// The isolation levels.
const (
	DefaultIsolation Isolation = iota // the database's own default
	ReadCommitted
	RepeatableRead
	Serializable
)

// SavepointOp is what to do with a savepoint.
type SavepointOp uint8

// What to do with a savepoint.
const (
	SavepointSet SavepointOp = iota
	SavepointRelease
	SavepointRollback // back to it; it stays set
)

// TxState is where a session stands.
type TxState uint8

// The states.
const (
	TxIdle    TxState = iota // no transaction
	TxOpen                   // in a transaction that can go on
	TxDead                   // in a transaction that can only be rolled back
	TxUnknown                // nobody can say; the session has to be destroyed
)

// Fate is what becomes of a released session.
type Fate uint8

// The fates.
const (
	Keep    Fate = iota // as good as new: next one, please
	Reset               // its settings may have been changed: reset it, or close it where that can't be done
	Destroy             // broken or stale: close it
)

// Server is what a Ping learned.
type Server struct {
	Version  string
	Role     string // "primary", "replica", "" where there is no such thing
	Writable bool
}
