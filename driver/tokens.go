package driver

import "context"

// Tokens is a Backend that can keep tokens, for plinth.ExactlyOnce: a table or collection named plinth_tokens, with a row for
// each piece of work that was done.
type Tokens interface {
	Tokens() TokenStatements
}

// TokenStatements are what is said to the database about tokens, in its own language. A token compares byte by byte.
type TokenStatements struct {
	Bytes bool // tokens are given as []byte instead of string
	// Conflicts says that the server doesn't have Insert wait for another transaction that has inserted the token and is open:
	// it's a fault of kind Serialization at once.
	Conflicts bool

	Create []string // make the table; they may run again, and outside of a transaction
	Insert string   // of a token. If it's there already no row is affected, or the fault is of kind Unique
	Store  string   // a result, which is text, with the token, the second argument, that is there
	Find   string   // the result stored with a token: one column, NULL if none was
	Prune  string   // delete of those older than so many seconds (a float64) at most so many (an int)
}

// Fencer is a Session that can have its server end another session, one that was lost while a transaction was open in it: the
// server may go on holding that open for hours, if the network doesn't tell it that nobody is there any more.
type Fencer interface {
	// Identity tells who this session is on the server, for Fence. It's called in a transaction, and is about that
	// one where something in between may give the next another session of the server's. It is nil where nobody
	// could be sure to hit this session and no other.
	Identity(ctx context.Context) (any, error)
	// Fence has the server end the session of that identity, if it's still there. It's only asked of sessions that were
	// lost: their connection was closed on this side. The server may take a moment after Fence has returned nil.
	Fence(ctx context.Context, identity any) error
}
