package sqltext

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

const (
	chunk        = 64 << 10 // bytes read at a time, unless the statement is larger
	maxStatement = 64 << 20 // bytes of one statement of a script
)

// errEnd is the script's end. It isn't io.EOF, which a failed reader's error may wrap.
var errEnd = errors.New("the end of the script")

// Statement is one statement of a script.
type Statement struct {
	Text  string // without the final separator, and without space and comments around it
	Line  int    // where it starts, 1-based
	Col   int    // in characters, 1-based
	Bytes int64  // how much of the script has been read when it ends, for progress
	Meta  bool   // a line for the database's own shell, such as psql's \connect; not SQL

	// Rows are the lines that follow PostgreSQL's COPY … FROM stdin up to the one that is \., each with its number. They have to
	// be read before the next statement is; what isn't read is skipped. See StatementsAndRows.
	Rows iter.Seq2[Row, error]
}

// Row is a line of data of a script.
type Row struct {
	Text string // as it is written, without the line break
	Line int    // 1-based
}

// Statements splits a script. It reads as it goes and holds one statement at a time, of at most 64 MB. Semicolons in
// the bodies of triggers, procedures, functions and events separate nothing, and MariaDB's DELIMITER is obeyed.
// The first error ends it: the reader's, or a *driver.Fault that names line and column, of kind Syntax if the script
// ends within a string, comment or quoted name, of kind Unsupported for the rows of COPY … FROM stdin, and TooLarge.
func Statements(r io.Reader, d Dialect) iter.Seq2[Statement, error] {
	return statements(newSplitter(r, d))
}

// StatementsAndRows is Statements for who can do something with the rows of COPY … FROM stdin.
func StatementsAndRows(r io.Reader, d Dialect) iter.Seq2[Statement, error] {
	s := newSplitter(r, d)
	s.takesRows = true
	return statements(s)
}

func statements(s *splitter) iter.Seq2[Statement, error] {
	return func(yield func(Statement, error) bool) {
		for {
			st, err := s.next()
			if errors.Is(err, errEnd) {
				return
			}
			if !yield(st, err) || err != nil {
				return
			}
		}
	}
}

// splitter is one run of Statements. lex.text is what is in memory of the script.
type splitter struct {
	in    io.Reader
	d     *Dialect
	lex   lexer
	whole bool  // the script's end has been read
	base  int64 // where in the script lex.text begins
	buf   []byte
	limit int // bytes of a statement

	takesRows bool // of COPY
	rows      bool // of COPY are what comes next

	mark      int // up to here in lex.text lines were counted
	line, col int // there
}

func newSplitter(r io.Reader, d Dialect) *splitter {
	return &splitter{in: r, d: &d, lex: lexer{d: &d}, limit: maxStatement, line: 1, col: 1}
}

// next returns the next statement, or errEnd.
func (s *splitter) next() (Statement, error) {
	for s.rows { // nobody has read them
		if _, err := s.row(); err != nil {
			return Statement{}, err
		}
	}
	start, end := -1, 0 // of the statement in lex.text; -1 before it begins
	b := block{nests: s.d.blocks}
	var copies copyFrom
	for {
		t, moved, err := s.token(start)
		if start >= 0 {
			start -= moved
			end -= moved
		}
		switch {
		case err != nil:
			return Statement{}, err
		case t.kind == broken:
			line, col := s.where(t.start)
			return Statement{}, s.fault(driver.Syntax, line, col, "the %s that begins here never ends", s.lex.missing)
		case t.kind == eof:
			if start < 0 {
				return Statement{}, errEnd
			}
			return s.finish(start, end, &copies)
		case t.kind == comment:
			continue
		case t.kind == separator && start < 0:
			continue
		case t.kind == separator && s.lex.code == 0 && (s.lex.delimiter != "" || !b.inside()):
			return s.finish(start, end, &copies)
		}
		text := s.lex.text[t.start:t.end]
		if start < 0 {
			start = t.start
			if s.shellLine(t, text) {
				if st, skip, err := s.meta(start); err != nil || !skip {
					return st, err
				}
				start = -1
				continue
			}
		}
		end = t.end
		if b.words == 0 || !b.plain() {
			if t.kind != codeBegin && t.kind != codeEnd {
				b.feed(t.kind, strings.ToUpper(text))
			}
		}
		if s.d.dollarQuote {
			copies.feed(t.kind, text)
		}
	}
}

// token returns the next token, reading more where that could change it. What is before start, or before the token if
// start is negative, may be forgotten; moved is how far everything in memory moved to the front.
func (s *splitter) token(start int) (t token, moved int, err error) {
	for {
		s.lex.skipSpace()
		before := s.lex.lexerState
		t = s.lex.next()
		if !s.lex.short || s.whole {
			return t, moved, nil
		}
		s.lex.lexerState = before
		from := start - moved
		if start < 0 {
			from = s.lex.pos
		}
		n, err := s.more(from)
		moved += n
		if err != nil {
			return t, moved, err
		}
	}
}

// more forgets what is before from and reads at least as much as is left, so that reading a long token again and again
// costs no more than reading it twice.
func (s *splitter) more(from int) (moved int, err error) {
	kept := len(s.lex.text) - from
	if kept > s.limit {
		line, col := s.where(from)
		return 0, s.fault(driver.TooLarge, line, col, "the statement that begins here is larger than %d MB", s.limit>>20)
	}
	s.count(from)
	size := max(kept, min(chunk, max(4<<10, int(s.base)+kept))) // most scripts are small
	if len(s.buf) < size {
		s.buf = make([]byte, size)
	}
	n := 0
	for tries := 0; n == 0 || n < kept; tries++ {
		m, err := s.in.Read(s.buf[n:])
		n += m
		if m > 0 {
			tries = 0
		}
		if err == io.EOF { // a wrapped one would be a failure
			s.whole = true
			break
		}
		if err != nil {
			return 0, fmt.Errorf("reading the script: %w", err)
		}
		if tries == 100 {
			return 0, fmt.Errorf("reading the script: %w", io.ErrNoProgress)
		}
	}
	s.lex.text = s.lex.text[from:] + string(s.buf[:n])
	s.base += int64(from)
	s.mark -= from
	s.lex.pos -= from
	s.lex.codeAt -= from
	if s.base == 0 && s.lex.pos == 0 && s.mark == 0 && strings.HasPrefix(s.lex.text, bom) {
		s.lex.pos, s.mark = len(bom), len(bom)
	}
	return from, nil
}

// finish returns the statement, with its rows if they follow.
func (s *splitter) finish(start, end int, copies *copyFrom) (Statement, error) {
	if copies.found && s.takesRows {
		st := s.statement(start, end)
		if rest, _, err := s.takeLine(); err != nil || strings.TrimSpace(rest) != "" {
			return Statement{}, cmp.Or(err, s.fault(driver.Syntax, st.Line, st.Col, "the rows of COPY … FROM stdin begin on the line behind it"))
		}
		s.rows = true
		st.Rows = s.allRows
		return st, nil
	}
	if copies.found {
		line, col := s.where(start)
		return Statement{}, s.fault(driver.Unsupported, line, col, "COPY … FROM stdin has its rows in the script, which psql and plinth exec can read; dump with --inserts")
	}
	return s.statement(start, end), nil
}

// statement returns what is between start and end in memory.
func (s *splitter) statement(start, end int) Statement {
	line, col := s.where(start)
	s.count(s.lex.pos)
	return Statement{Text: strings.Clone(s.lex.text[start:end]), Line: line, Col: col, Bytes: s.base + int64(s.lex.pos)}
}

// where returns the line and column of a byte in memory, at or behind the last one asked for.
func (s *splitter) where(at int) (line, col int) {
	s.count(at)
	return s.line, s.col
}

// count moves the line count on.
func (s *splitter) count(to int) {
	if to <= s.mark {
		return
	}
	text := s.lex.text[s.mark:to]
	if n := strings.Count(text, "\n"); n > 0 {
		s.line += n
		s.col = 1
		text = text[strings.LastIndexByte(text, '\n')+1:]
	}
	s.col += utf8.RuneCountInString(text)
	s.mark = to
}

// shellLine reports whether the token that begins a statement begins a line for a shell instead: MariaDB's DELIMITER,
// a backslash, or the dot of SQLite's shell.
func (s *splitter) shellLine(t token, text string) bool {
	switch {
	case t.kind == word:
		return s.d.conditional && strings.EqualFold(text, "DELIMITER")
	case t.kind == op && text == ".":
		return s.d.bracket
	}
	return t.kind == op && text == `\`
}

// meta reads the shell's line that begins at start. A DELIMITER line is obeyed and skipped.
func (s *splitter) meta(start int) (st Statement, skip bool, err error) {
	n, moved, err := s.lineEnd(start)
	if err != nil {
		return Statement{}, false, err
	}
	start -= moved
	line := strings.TrimSpace(s.lex.text[start : start+n])
	s.lex.pos = start + n
	if s.lex.text[start]|0x20 != 'd' {
		st = s.statement(start, start+n)
		st.Text, st.Meta = strings.TrimRight(line, "; \t\r"), true
		return st, false, nil
	}
	words := strings.Fields(line)
	if len(words) < 2 || strings.Contains(words[1], `\`) {
		l, c := s.where(start)
		return Statement{}, false, s.fault(driver.Syntax, l, c, "DELIMITER needs the characters that end a statement, without a backslash")
	}
	s.lex.delimiter = words[1]
	if words[1] == ";" {
		s.lex.delimiter = ""
	}
	return Statement{}, true, nil
}

// lineEnd returns how long the line is that begins at start, and how far everything in memory moved to the front for that.
func (s *splitter) lineEnd(start int) (n, moved int, err error) {
	for {
		if n = strings.IndexByte(s.lex.text[start:], '\n'); n >= 0 {
			return n, moved, nil
		}
		if s.whole {
			return len(s.lex.text) - start, moved, nil
		}
		m, err := s.more(start)
		if err != nil {
			return 0, moved, err
		}
		start -= m
		moved += m
	}
}

// takeLine takes the rest of the line, without its line break. It's not there at the script's end.
func (s *splitter) takeLine() (text string, there bool, err error) {
	n, _, err := s.lineEnd(s.lex.pos)
	if err != nil || s.lex.pos == len(s.lex.text) {
		return "", false, err
	}
	text = s.lex.text[s.lex.pos : s.lex.pos+n]
	s.lex.pos = min(s.lex.pos+n+1, len(s.lex.text))
	return strings.TrimSuffix(text, "\r"), true, nil
}

// row takes a row of COPY, or its end.
func (s *splitter) row() (r Row, err error) {
	line, col := s.where(s.lex.pos)
	text, there, err := s.takeLine()
	switch {
	case err != nil:
		return Row{}, err
	case !there: // a dump that was cut off mustn't pass for a whole one
		return Row{}, s.fault(driver.Syntax, line, col, `the rows of COPY … FROM stdin end without a \.`)
	}
	s.rows = text != `\.`
	return Row{text, line}, nil
}

// allRows is Statement.Rows.
func (s *splitter) allRows(yield func(Row, error) bool) {
	for s.rows {
		r, err := s.row()
		if err == nil && !s.rows || !yield(r, err) || err != nil {
			return
		}
	}
}

// fault returns a fault that lies at a place of the script.
func (s *splitter) fault(kind driver.Kind, line, col int, format string, args ...any) error {
	return driver.Faultf(kind, "line %d, column %d: %w", line, col, fmt.Errorf(format, args...))
}

// copyFrom looks for COPY … FROM STDIN.
type copyFrom struct {
	words int
	last  string
	found bool
}

func (c *copyFrom) feed(k kind, text string) {
	c.words++
	switch {
	case c.words == 1 && (k != word || !strings.EqualFold(text, "COPY")):
		c.words = -1 << 62 // something else
	case c.words > 1:
		c.found = c.found || k == word && strings.EqualFold(text, "STDIN") && strings.EqualFold(c.last, "FROM")
		c.last = text
	}
}

// Position returns the line and column of a byte offset in text, both 1-based, the column in characters.
func Position(text string, offset int) (line, col int) {
	before := text[:min(max(offset, 0), len(text))]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
