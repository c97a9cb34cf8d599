package cli

import (
	"encoding/csv"
	"fmt"
	"strings"
)

// csvWriter prints comma-separated values (RFC 4180, with \n at the end of lines). NULL is an empty field.
type csvWriter struct {
	out   *output
	csv   *csv.Writer
	cells []string // reused
}

func newCSVWriter(out *output) *csvWriter {
	return &csvWriter{out: out, csv: csv.NewWriter(out.Writer)}
}

// Columns implements writer.
func (c *csvWriter) Columns(names []string) error { return c.record(names) }

// Row implements writer.
func (c *csvWriter) Row(values []any) error {
	c.cells = c.cells[:0]
	for _, v := range values {
		s := ""
		if v != nil {
			var err error
			if s, err = text(v); err != nil {
				return err
			}
		}
		c.cells = append(c.cells, s)
	}
	return c.record(c.cells)
}

func (c *csvWriter) record(cells []string) error {
	if len(cells) == 1 && cells[0] == "" { // encoding/csv writes an empty line, and when it reads that it skips it
		_, err := c.out.WriteString("\"\"\n") // in order: csv.NewWriter uses our buffer and has none of its own
		return err
	}
	return c.csv.Write(cells)
}

// Close implements writer.
func (c *csvWriter) Close() error { return nil }

// verticalWriter prints a line a column, as psql's expanded display does.
type verticalWriter struct {
	out   *output
	names []string // of the same width
	rows  int64
}

// Columns implements writer.
func (v *verticalWriter) Columns(names []string) error {
	longest := 0
	for _, name := range names {
		v.names = append(v.names, printable(name))
		longest = max(longest, width(v.names[len(v.names)-1]))
	}
	for i, name := range v.names {
		v.names[i] = name + strings.Repeat(" ", longest-width(name))
	}
	return nil
}

// Row implements writer.
func (v *verticalWriter) Row(values []any) error {
	v.rows++
	var b strings.Builder
	fmt.Fprintf(&b, "-[ row %d ]-\n", v.rows)
	for i, value := range values {
		s, err := text(value)
		if err != nil {
			return err
		}
		b.WriteString(strings.TrimRight(v.names[i]+" | "+printable(s), " ") + "\n")
	}
	_, err := v.out.WriteString(b.String())
	return err
}

// Close implements writer.
func (v *verticalWriter) Close() error { return nil }

// markdownWriter prints a table in Markdown.
type markdownWriter struct{ out *output }

// Columns implements writer.
func (m *markdownWriter) Columns(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := m.line(names); err != nil {
		return err
	}
	_, err := m.out.WriteString(strings.Repeat("| --- ", len(names)) + "|\n")
	return err
}

// Row implements writer.
func (m *markdownWriter) Row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		var err error
		if cells[i], err = text(v); err != nil {
			return err
		}
	}
	return m.line(cells)
}

func (m *markdownWriter) line(cells []string) error {
	r := strings.NewReplacer("|", `\|`, "\r\n", "<br>", "\n", "<br>")
	var b strings.Builder
	for _, cell := range cells {
		b.WriteString("| " + printable(r.Replace(cell)) + " ")
	}
	b.WriteString("|\n")
	_, err := m.out.WriteString(b.String())
	return err
}

// Close implements writer.
func (m *markdownWriter) Close() error { return nil }
