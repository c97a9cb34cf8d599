package sqltext

import (
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

// Statement is one statement of a script.
type Statement struct {
	Text  string // without the final separator and the space around it
	Line  int    // where it starts, 1-based
	Col   int    // in characters, 1-based
	Bytes int64  // how much of the script has been read when it ends, for progress
	Meta  bool   // a line for the database's own shell, such as psql's \connect; not SQL
}

// Statements splits a script.
func Statements(r io.Reader, d Dialect) iter.Seq2[Statement, error] {
	return func(yield func(Statement, error) bool) {
		yield(Statement{}, driver.Faultf(driver.Unsupported, "splitting scripts isn't built yet"))
	}
}

// Position returns the line and column of a byte offset in text, both 1-based, the column in characters.
func Position(text string, offset int) (line, col int) {
	before := text[:min(max(offset, 0), len(text))]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
