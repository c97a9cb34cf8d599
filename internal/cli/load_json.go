package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth"
)

// jsonSource is an array of rows, an object of such arrays, or rows one after the other.
type jsonSource struct {
	dec    *json.Decoder
	breaks *lineBreaks
	ofRows bool // rows one after the other
	whole  bool // an object of arrays
	begun  bool
	raw    json.RawMessage // the row that was read last
	next   row             // and what it holds
}

func newJSONSource(r io.Reader, ofRows, whole bool) *jsonSource {
	breaks := &lineBreaks{from: r}
	return &jsonSource{dec: json.NewDecoder(breaks), breaks: breaks, ofRows: ofRows, whole: whole}
}

func (j *jsonSource) header() []string { return nil }

func (j *jsonSource) offset() int64 { return j.dec.InputOffset() }

func (j *jsonSource) table() (string, error) {
	first := !j.begun
	j.begun = true
	switch {
	case j.ofRows && first:
		return "", nil
	case j.ofRows:
		return "", io.EOF
	case j.whole && first:
		if err := j.expect('{', "an object of arrays"); err != nil {
			return "", err
		}
	case !j.whole && first:
		return "", j.expect('[', "an array of objects, or an object of such arrays")
	case !j.whole: // and the last row has looked for the end
		return "", io.EOF
	}
	name, err := j.dec.Token()
	switch {
	case err != nil:
		return "", j.wrong(err)
	case name == json.Delim('}'):
		return "", j.end()
	}
	j.next.number = 0
	return name.(string), j.expect('[', fmt.Sprintf("the array of the rows of %s", name))
}

// end makes sure that nothing follows.
func (j *jsonSource) end() error {
	switch _, err := j.dec.Token(); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return j.wrong(err)
	}
	return j.here(errors.New("something follows the end of the JSON document"))
}

// expect reads what an object or an array begins with.
func (j *jsonSource) expect(begin json.Delim, what string) error {
	switch t, err := j.dec.Token(); {
	case err != nil:
		return j.wrong(err)
	case t != begin:
		return j.here(fmt.Errorf("%s is expected here, and not %s", what, described(t)))
	}
	return nil
}

func described(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		return "a " + strconv.Quote(t.String())
	case string:
		return "a text"
	case nil:
		return "null"
	}
	return fmt.Sprint(t)
}

func (j *jsonSource) row() (row, error) {
	if !j.ofRows && !j.dec.More() {
		switch _, err := j.dec.Token(); { // the ]
		case err != nil:
			return row{}, j.wrong(err)
		case j.whole:
			return row{}, io.EOF
		}
		return row{}, j.end()
	}
	switch err := j.dec.Decode(&j.raw); {
	case errors.Is(err, io.EOF) && j.ofRows:
		return row{}, io.EOF
	case err != nil:
		return row{}, j.wrong(err)
	}
	j.next.number++
	j.next.line = j.breaks.line(j.dec.InputOffset() - int64(len(j.raw)) + 1)
	switch {
	case j.raw[0] != '{':
		return row{}, j.inRow(0, errors.New("a row has to be an object"))
	case !utf8.Valid(j.raw): // encoding/json would put another character there
		return row{}, j.inRow(0, errors.New("the row isn't valid UTF-8"))
	}
	return j.next, j.split()
}

// split takes the object in j.raw apart, which the decoder has found to be right, into j.next.
func (j *jsonSource) split() error {
	r, at := &j.next, 1
	known := r.names // of the row before, which mostly are the same
	r.names, r.values = r.names[:0], r.values[:0]
	for {
		at = j.skip(at, ",")
		if j.raw[at] == '}' {
			return nil
		}
		end := j.valueEnd(at)
		var name string
		if n := len(r.names); n < len(known) && string(j.raw[at+1:end-1]) == known[n] && !strings.Contains(known[n], `\`) {
			name = known[n]
		} else if err := json.Unmarshal(j.raw[at:end], &name); err != nil {
			return j.inRow(at, err)
		}
		at = j.skip(end, ":")
		end = j.valueEnd(at)
		value, err := fromJSON(j.raw[at:end])
		if err != nil {
			return j.inRow(at, fmt.Errorf("%s: %w", name, err))
		}
		r.names, r.values = append(r.names, name), append(r.values, value)
		at = end
	}
}

// skip returns where something else begins than white space and mark.
func (j *jsonSource) skip(at int, mark string) int {
	for strings.IndexByte(" \t\r\n", j.raw[at]) >= 0 || j.raw[at] == mark[0] {
		at++
	}
	return at
}

// valueEnd returns where the value ends that begins at an index.
func (j *jsonSource) valueEnd(at int) int {
	for depth := 0; ; at++ {
		switch j.raw[at] {
		case '"':
			for at++; j.raw[at] != '"'; at++ {
				if j.raw[at] == '\\' {
					at++
				}
			}
			if depth == 0 {
				return at + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			switch depth--; {
			case depth == 0:
				return at + 1
			case depth < 0: // of what is around it
				return at
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return at
			}
		}
	}
}

// fromJSON returns a value as a row has it.
func fromJSON(raw []byte) (any, error) {
	switch raw[0] {
	case 'n':
		return nil, nil //nolint:nilnil // null
	case 't', 'f':
		return raw[0] == 't', nil
	case '{', '[':
		return json.RawMessage(bytes.Clone(raw)), nil
	case '"':
		if bytes.IndexByte(raw, '\\') < 0 {
			return string(raw[1 : len(raw)-1]), nil
		}
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	}
	return number(string(raw))
}

// number returns an int64, or beyond that and with a fraction a plinth.Decimal: each digit is kept.
func number(digits string) (any, error) {
	if !strings.ContainsAny(digits, ".eE") {
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return n, nil
		}
	}
	return plinth.ParseDecimal(digits)
}

// wrong is what the decoder says, with the line of what it couldn't read.
func (j *jsonSource) wrong(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &placed{line: j.breaks.line(j.breaks.read + 1), err: errors.New("the file ends in the middle of the JSON document")}
	}
	at := j.dec.InputOffset()
	if rest, ok := j.dec.Buffered().(*bytes.Reader); ok { // the white space and the comma before it
		for c, err := rest.ReadByte(); err == nil && strings.IndexByte(" \t\r\n,", c) >= 0; c, err = rest.ReadByte() {
			at++
		}
	}
	return &placed{line: j.breaks.line(at + 1), err: err}
}

// inRow is what is wrong at an index of the row.
func (j *jsonSource) inRow(at int, err error) error {
	return &placed{line: j.next.line + bytes.Count(j.raw[:at], []byte("\n")), err: err}
}

func (j *jsonSource) here(err error) error {
	return &placed{line: j.breaks.line(j.dec.InputOffset()), err: err}
}

// lineBreaks notes where the lines end of what is read through it, until somebody has asked for a line behind them.
type lineBreaks struct {
	from   io.Reader
	read   int64
	ends   []int64 // after line passed
	passed int
}

// Read implements io.Reader.
func (l *lineBreaks) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// line returns the line of the byte before an offset. The offsets that are asked for must not go back.
func (l *lineBreaks) line(offset int64) int {
	n := 0
	for n < len(l.ends) && l.ends[n] < offset-1 {
		n++
	}
	l.ends = l.ends[:copy(l.ends, l.ends[n:])]
	l.passed += n
	return l.passed + 1
}
