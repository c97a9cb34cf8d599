package driver

import (
	"context"
	"database/sql"
)

// Kind says what went wrong in a word that means the same for every database.
// It is an error itself, so that a kind is a target for errors.Is:
//
//	errors.Is(err, plinth.ErrUnique)
type Kind uint8

// The kinds. Their names and texts are part of the public interface; the root package repeats each of them as ErrXxx.
const (
	Unknown        Kind = iota // a failure that no rule knows; never repeated
	NotFound                   // no row where one was asked for
	Unique                     // a unique or primary key exists already
	ForeignKey                 // a referenced row is missing, or a row is still referenced
	NotNull                    // NULL into a NOT NULL column
	Check                      // a CHECK, exclusion or other declared constraint
	Invalid                    // a value the column or the function can't take (range, format, type)
	Deadlock                   // chosen as the victim of a deadlock
	Serialization              // a serialization failure: the transaction must run again
	Locked                     // a lock wasn't to be had in time (SQLITE_BUSY, lock wait time-outs)
	Timeout                    // a deadline passed
	Canceled                   // the caller's context was cancelled
	Unavailable                // no connection: refused, reset, shutting down, can't open
	ReadOnly                   // a write on something that only reads
	Auth                       // login refused
	Permission                 // logged in, but not allowed to do this
	Syntax                     // the text can't be parsed
	Undefined                  // an unknown table, column, function or database
	Exists                     // a table, index or database of that name is there already
	PoolExhausted              // no connection became free within the acquire time-out
	SelfDeadlock               // the caller waits for a connection that it holds itself
	OutcomeUnknown             // sent, but nobody can say whether it was applied
	Closed                     // used after Close
	TxDone                     // a transaction used after Commit, Rollback or an error that ended it
	Busy                       // a connection used while its rows are still open
	Argument                   // wrong number or type of arguments; misuse that is found before anything is sent
	Scan                       // a value doesn't fit the Go type it is read into
	TooLarge                   // a value, statement or result beyond a limit
	Full                       // disk, quota or max_page_count is used up
	Corrupt                    // the file is damaged or isn't a database
	Unsupported                // this database or version can't do it
	Vetoed                     // a before hook said no
	kinds
)

// String returns the kind in words. An unlisted number says so.
func (k Kind) String() string {
	text := [kinds]string{
		Unknown: "unknown error", NotFound: "not found", Unique: "unique constraint", ForeignKey: "foreign key constraint",
		NotNull: "not-null constraint", Check: "check constraint", Invalid: "invalid value", Deadlock: "deadlock",
		Serialization: "serialization failure", Locked: "locked", Timeout: "timeout", Canceled: "canceled",
		Unavailable: "unavailable", ReadOnly: "read-only", Auth: "login refused", Permission: "permission denied",
		Syntax: "syntax error", Undefined: "undefined", Exists: "exists already", PoolExhausted: "pool exhausted",
		SelfDeadlock: "self-deadlock", OutcomeUnknown: "outcome unknown", Closed: "closed", TxDone: "transaction is over",
		Busy: "connection busy", Argument: "wrong argument", Scan: "scan", TooLarge: "too large", Full: "disk full",
		Corrupt: "corrupt database", Unsupported: "not supported", Vetoed: "vetoed by a hook",
	}
	if k < kinds {
		return text[k]
	}
	return "unlisted kind"
}

// Error returns what String returns.
func (k Kind) Error() string { return k.String() }

// Is makes each kind match the standard library's error for the same thing:
// NotFound sql.ErrNoRows, Canceled context.Canceled, Timeout context.DeadlineExceeded,
// Closed sql.ErrConnDone, TxDone sql.ErrTxDone.
func (k Kind) Is(target error) bool {
	switch k {
	case NotFound:
		return target == sql.ErrNoRows
	case Canceled:
		return target == context.Canceled
	case Timeout:
		return target == context.DeadlineExceeded
	case Closed:
		return target == sql.ErrConnDone
	case TxDone:
		return target == sql.ErrTxDone
	}
	return false
}
