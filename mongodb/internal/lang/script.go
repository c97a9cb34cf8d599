package lang

import (
	"io"
	"iter"
)

// ScriptStatement is one statement of a script.
type ScriptStatement struct {
	Text string // without the semicolon
	Line int    // where it begins, 1-based
}

// Statements returns the statements of a script one by one as they are read. They end with a semicolon, or at a line's end
// where brackets are closed and the next line doesn't go on with a dot. The first error ends it.
func Statements(r io.Reader) iter.Seq2[ScriptStatement, error] {
	return func(func(ScriptStatement, error) bool) {}
}

// CheckDatabase returns an error that says why name can't be a database: it is empty or too long, or has a dot or
// another of the characters that MongoDB refuses.
func CheckDatabase(name string) error { return nil }
