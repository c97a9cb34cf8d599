package cli

import (
	"strings"

	"github.com/rivo/uniseg"
)

// A table's widths are those of the rows before these bounds; later rows are printed as they come, and a wider value
// moves what is right of it.
const (
	tableRows  = 1000
	tableBytes = 4 << 20
)

// tableWriter prints a table as psql does.
type tableWriter struct {
	out     *output
	names   []string
	widths  []int
	align   []alignment
	held    [][]string // rows, until the widths are settled
	size    int        // of held
	rows    int64
	settled bool
}

// alignment of a column: right if it has numbers and nothing else, NULL apart.
type alignment uint8

const (
	undecided alignment = iota
	right
	left
)

// Columns implements writer.
func (t *tableWriter) Columns(names []string) error {
	t.widths, t.align = make([]int, len(names)), make([]alignment, len(names))
	for i, name := range names {
		name = printable(name)
		t.names = append(t.names, name)
		t.widths[i] = width(name)
	}
	return nil
}

// Row implements writer.
func (t *tableWriter) Row(values []any) error {
	t.rows++
	cells := make([]string, len(values))
	for i, v := range values {
		s, err := text(v)
		if err != nil {
			return err
		}
		cells[i] = printable(s)
		if t.settled {
			continue
		}
		t.size += len(cells[i])
		t.widths[i] = max(t.widths[i], width(cells[i]))
		switch {
		case v == nil:
		case !numeric(v):
			t.align[i] = left
		case t.align[i] == undecided:
			t.align[i] = right
		}
	}
	if t.settled {
		return t.line(cells)
	}
	t.held = append(t.held, cells)
	if len(t.held) == tableRows || t.size > tableBytes {
		return t.settle()
	}
	return nil
}

// settle prints the head and the rows held so far.
func (t *tableWriter) settle() error {
	t.settled = true
	if err := t.line(t.names); err != nil {
		return err
	}
	rules := make([]string, len(t.widths))
	for i, w := range t.widths {
		rules[i] = strings.Repeat("-", w+2)
	}
	if _, err := t.out.WriteString(strings.Join(rules, "+") + "\n"); err != nil {
		return err
	}
	for _, cells := range t.held {
		if err := t.line(cells); err != nil {
			return err
		}
	}
	t.held = nil
	return nil
}

func (t *tableWriter) line(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString(" |")
		}
		pad := strings.Repeat(" ", max(0, t.widths[i]-width(cell)))
		switch {
		case t.align[i] == right:
			b.WriteString(" " + pad + cell)
		case i < len(cells)-1:
			b.WriteString(" " + cell + pad)
		case cell != "": // no space at the end of a line
			b.WriteString(" " + cell)
		}
	}
	b.WriteByte('\n')
	_, err := t.out.WriteString(b.String())
	return err
}

// Close implements writer.
func (t *tableWriter) Close() error {
	if !t.settled {
		if err := t.settle(); err != nil {
			return err
		}
	}
	_, err := t.out.WriteString("(" + count(t.rows, "row") + ")\n")
	return err
}

// width returns how many columns of a terminal a text without control characters takes.
func width(s string) int {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return uniseg.StringWidth(s)
		}
	}
	return len(s)
}
