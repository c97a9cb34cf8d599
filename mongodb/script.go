package mongodb

import (
	"io"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

// Statements returns the statements of a script one by one, as they are read: in mongosh's form or as database commands. Each ends
// with a semicolon, or with its line where all brackets are closed and the next line doesn't go on with a dot. The last element is
// an error if the script can't be read to its end; what else is wrong with a statement its execution says.
func Statements(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return lang.Statements(script)
}
