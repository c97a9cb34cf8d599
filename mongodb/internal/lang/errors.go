package lang

import "fmt"

// SyntaxError says where a text can't be read, and why.
type SyntaxError struct {
	Line, Column int    // 1-based, the column in characters
	Offset       int    // the byte in the text, 0-based
	Text         string // what is wrong and what to write instead; no value of a string or number
}

// Error returns the place and the text.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}
