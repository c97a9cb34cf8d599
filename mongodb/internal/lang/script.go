package lang

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

// ScriptStatement is one statement of a script, its text without the semicolon.
type ScriptStatement = driver.ScriptStatement

// maxStatement is how long a statement of a script may be, in bytes: it holds documents, of 16 MB at most each.
const maxStatement = 64 << 20

// Statements returns the statements of a script one by one, as they are read. They end with a semicolon, or at a
// line's end where all brackets are closed and the next line doesn't go on with a dot, as in mongosh. The first error
// ends it: the reader's, a *SyntaxError if a string, regular expression or comment never ends, or a fault of kind
// TooLarge. What else is wrong with a statement Parse finds.
func Statements(r io.Reader) iter.Seq2[ScriptStatement, error] {
	return func(yield func(ScriptStatement, error) bool) {
		s := splitter{in: bufio.NewReaderSize(r, 64<<10), line: 1, col: 1, limit: maxStatement}
		if b, _ := s.in.Peek(3); string(b) == "\ufeff" {
			_, _ = s.in.Discard(3)
		}
		for {
			st, err := s.next()
			if errors.Is(err, errEnd) || !yield(st, err) || err != nil {
				return
			}
		}
	}
}

// errEnd is the script's end. It isn't io.EOF, which a failed reader's error may wrap.
var errEnd = errors.New("the end of the script")

// splitter is one run of Statements.
type splitter struct {
	in        *bufio.Reader
	line, col int // of the next byte
	limit     int

	text  []byte // of the statement, with what may follow it
	end   int    // behind its last byte that isn't space or a comment
	begin int    // its line
	last  byte   // that byte
	depth int    // brackets that are open
	ended bool   // by the end of its line, unless it goes on
}

// next returns the next statement, or errEnd.
func (s *splitter) next() (ScriptStatement, error) {
	s.text, s.end, s.last, s.depth, s.ended = nil, 0, 0, 0, false
	for {
		if s.large() {
			return ScriptStatement{}, driver.Faultf(driver.TooLarge,
				"the statement that begins in line %d is larger than %d MB", s.begin, s.limit>>20)
		}
		c, err := s.peek()
		if err != nil {
			if errors.Is(err, errEnd) && s.end > 0 {
				return s.statement(), nil
			}
			return ScriptStatement{}, err
		}
		if c == '\n' && s.depth <= 0 && s.end > 0 {
			s.ended = true
		}
		space, err := s.space(c)
		if err != nil {
			return ScriptStatement{}, err
		}
		switch {
		case space:
			continue
		case c == ';':
			if s.take(); s.end > 0 {
				return s.statement(), nil
			}
			s.text = s.text[:0]
			continue
		case s.ended && s.last != '.' && strings.IndexByte(".[(", c) < 0:
			return s.statement(), nil
		}
		if s.ended = false; s.end == 0 {
			s.text, s.begin = s.text[:0], s.line
		}
		if err := s.token(c); err != nil {
			return ScriptStatement{}, err
		}
		s.end, s.last = len(s.text), c
	}
}

func (s *splitter) statement() ScriptStatement {
	return ScriptStatement{Text: string(s.text[:s.end]), Line: s.begin}
}

// space takes one byte of white space, or a comment.
func (s *splitter) space(c byte) (bool, error) {
	switch c {
	case ' ', '\t', '\n', '\r', '\v', '\f':
		s.take()
		s.forget()
		return true, nil
	case '/':
		two, _ := s.in.Peek(2)
		switch string(two) {
		case "//":
			for c, err := s.peek(); c != '\n' && !s.large(); c, err = s.peek() {
				if err != nil {
					return true, unlessEnd(err)
				}
				s.take()
				s.forget()
			}
			return true, nil
		case "/*":
			return true, s.until("comment", func() bool { return s.takes("*/") }, true)
		}
	}
	return false, nil
}

// forget drops what was taken where no statement has begun.
func (s *splitter) forget() {
	if s.end == 0 {
		s.text = s.text[:0]
	}
}

// large reports whether the statement is beyond the limit.
func (s *splitter) large() bool { return len(s.text) > s.limit }

func unlessEnd(err error) error {
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

// token takes what begins with a byte: a string, a regular expression, or just that byte.
func (s *splitter) token(c byte) error {
	switch c {
	case '(', '[', '{':
		s.depth++
	case ')', ']', '}':
		s.depth--
	case '"', '\'', '`':
		return s.until("string", func() bool { return s.takes(string(c)) }, c == '`')
	case '/':
		if strings.IndexByte("(,:[{", s.last) < 0 || s.end == 0 {
			break // division, which Parse refuses
		}
		class := false
		return s.until("regular expression", func() bool {
			switch c, _ := s.peek(); c {
			case '[':
				class = true
			case ']':
				class = false
			case '/':
				return !class && s.takes("/")
			}
			return false
		}, false)
	}
	s.take()
	return nil
}

// until takes the first byte, or both of a comment, and goes on until done took the end. A backslash takes the next
// byte along.
func (s *splitter) until(what string, done func() bool, lines bool) error {
	line, col := s.line, s.col
	s.take()
	if what == "comment" {
		s.take()
	}
	for !done() {
		c, err := s.peek()
		switch {
		case errors.Is(err, errEnd) || err == nil && c == '\n' && !lines:
			return &SyntaxError{Line: line, Column: col, Text: fmt.Sprintf("the %s that begins here never ends", what)}
		case err != nil:
			return err
		case s.large():
			return nil // which next tells
		}
		s.take()
		if what == "comment" {
			s.forget()
			continue
		}
		if c == '\\' {
			if _, err := s.peek(); err == nil {
				s.take()
			}
		}
	}
	return nil
}

// takes takes a text of one or two bytes if it comes next.
func (s *splitter) takes(text string) bool {
	if b, _ := s.in.Peek(len(text)); string(b) != text {
		return false
	}
	for range len(text) {
		s.take()
	}
	return true
}

// peek returns the next byte.
func (s *splitter) peek() (byte, error) {
	b, err := s.in.Peek(1)
	switch {
	case len(b) == 1:
		return b[0], nil
	case err == io.EOF: // a wrapped one would be a failure
		return 0, errEnd
	}
	return 0, fmt.Errorf("reading the script: %w", err)
}

// take takes the byte that peek returned.
func (s *splitter) take() {
	c, err := s.in.ReadByte()
	if err != nil {
		return
	}
	s.text = append(s.text, c)
	switch {
	case c == '\n':
		s.line, s.col = s.line+1, 1
	case utf8.RuneStart(c):
		s.col++
	}
}
