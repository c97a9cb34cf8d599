package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A source is a file that is read table by table, and row by row.
type source interface {
	table() (name string, err error) // goes to the next table, "" where the file has only one; io.EOF after the last
	row() (row, error)               // reads the next row of the table, which is good until the next call; io.EOF after the last
	header() []string                // the names of the table's columns, where the file says them before the rows
	offset() int64                   // how many bytes were read
}

// row is a row of a file. A value is nil, a bool, an int64, a plinth.Decimal, a string, or the json.RawMessage of an object or
// an array.
type row struct {
	line   int // where it begins
	number int // of the row in its file, from 1
	names  []string
	values []any
}

// open finds out of what format the file is.
func (l *load) open(in io.Reader, format string) (source, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	if bom, _ := r.Peek(3); string(bom) == "\ufeff" {
		_, _ = r.Discard(len(bom)) // they are buffered
	}
	begin, err := beginning(r)
	if err != nil {
		return nil, &scriptError{place: l.name, err: err}
	}
	if format == "auto" {
		format = formatOf(l.name, begin)
	}
	whole := format == "json" && strings.HasPrefix(begin, "{")
	switch {
	case whole && l.into != "":
		return nil, usagef("leave out --into; or if the file has an object a line, say --format jsonl",
			"%s is a JSON object, whose keys name the tables", l.name)
	case l.null != nil && format != "csv":
		return nil, usagef("JSON has a null of its own", "--null is for CSV, and %s is not", l.name)
	case l.into == "" && !whole && l.name == "standard input":
		return nil, usagef("say --into NAME", "standard input has no name that says into which table its rows go")
	case l.into == "" && !whole:
		l.into = base(l.name)
	}
	if format == "csv" {
		return newCSVSource(r, l.null), nil
	}
	return newJSONSource(r, format == "jsonl", whole), nil
}

// beginning returns the first characters of a file that aren't white space, of those that are buffered.
func beginning(r *bufio.Reader) (string, error) {
	for n := 512; ; n *= 2 {
		b, err := r.Peek(min(n, r.Size()))
		text := bytes.TrimLeft(b, " \t\r\n")
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return "", err
		case len(text) >= 256, err != nil, n >= r.Size():
			return string(text), nil
		}
	}
}

// formatOf guesses a format by the file's ending, else by how it begins. An object is taken for one of arrays if its first value
// is an array of objects, or of nothing.
func formatOf(name, begin string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return "csv"
	case ".jsonl", ".ndjson":
		return "jsonl"
	}
	switch {
	case strings.HasPrefix(begin, "["):
		return "json"
	case !strings.HasPrefix(begin, "{"):
		if strings.EqualFold(filepath.Ext(name), ".json") {
			return "json" // and the parser says what is wrong
		}
		return "csv"
	}
	d := json.NewDecoder(strings.NewReader(begin))
	var got []json.Token
	for len(got) < 4 {
		t, err := d.Token()
		if err != nil {
			break
		}
		got = append(got, t)
	}
	ofArrays := len(got) > 2 && got[2] == json.Delim('[') && (len(got) == 3 || got[3] == json.Delim('{') || got[3] == json.Delim(']'))
	if ofArrays || len(got) == 2 && got[1] == json.Delim('}') {
		return "json"
	}
	return "jsonl"
}

// csvSource is a file of comma-separated values (RFC 4180) with a line of names.
type csvSource struct {
	csv    *csv.Reader
	null   *string
	names  []string
	begun  bool
	number int
	empty  []uint64 // a bit for each row: it has an empty field that isn't NULL
}

func newCSVSource(r io.Reader, null *string) *csvSource {
	return &csvSource{csv: csv.NewReader(r), null: null}
}

func (c *csvSource) header() []string { return c.names }

func (c *csvSource) offset() int64 { return c.csv.InputOffset() }

func (c *csvSource) table() (string, error) {
	if c.begun {
		return "", io.EOF
	}
	c.begun = true
	header, err := c.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return "", errors.New("the file is empty: its first line has to name the columns")
	case err != nil:
		return "", csvError(err)
	}
	for i, name := range header {
		if name = strings.TrimSpace(name); name == "" {
			return "", &placed{line: 1, err: fmt.Errorf("column %d has no name", i+1)}
		}
		if slices.Contains(header[:i], name) {
			return "", &placed{line: 1, err: fmt.Errorf("two columns are named %s", name)}
		}
		header[i] = name
	}
	c.names = header
	c.csv.ReuseRecord = true
	return "", nil
}

func (c *csvSource) row() (row, error) {
	fields, err := c.csv.Read()
	if err != nil {
		return row{}, csvError(err)
	}
	c.number++
	line, _ := c.csv.FieldPos(0)
	r := row{line: line, number: c.number, names: c.names, values: make([]any, len(fields))}
	for i, field := range fields {
		if !utf8.ValidString(field) {
			return row{}, &placed{line: line, err: fmt.Errorf("%s isn't valid UTF-8", c.names[i])}
		}
		if c.null != nil && field == *c.null {
			continue
		}
		if r.values[i] = field; field == "" {
			c.noteEmpty(c.number)
		}
	}
	return r, nil
}

// noteEmpty notes that a row has an empty field.
func (c *csvSource) noteEmpty(number int) {
	for len(c.empty) <= number/64 {
		c.empty = append(c.empty, 0)
	}
	c.empty[number/64] |= 1 << (number % 64)
}

// hasEmpty reports whether a row that was read has an empty field that isn't NULL.
func (c *csvSource) hasEmpty(number int) bool {
	return number/64 < len(c.empty) && c.empty[number/64]&(1<<(number%64)) != 0
}

// csvError adds the line to an error, and says the commonest in other words.
func csvError(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return err
	}
	if errors.Is(err, csv.ErrFieldCount) {
		return &placed{line: p.Line, err: errors.New("the line has another number of fields than the first")}
	}
	return &placed{line: p.Line, err: fmt.Errorf("column %d: %w", p.Column, p.Err)}
}
