package sqltext

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/plinthdb/plinth/driver"
)

// operatorSlot is the slot of a ?? in the text.
const operatorSlot = -1

// hole is a placeholder in the text.
type hole struct {
	start, end int
	slot       int  // which of the caller's values it takes
	list       bool // it stands in IN ( ? ), so a slice is spread
	not        bool // in NOT IN ( ? )
	in, close  int  // IN ( ? ) in the text, with the NOT and the parenthesis
}

// binder is the driver.Binder of a statement.
type binder struct {
	text       string
	d          *Dialect
	start, end int // the statement in text
	native     string
	holes      []hole
	style      byte     // '?', '#' for ?1 and $1, or the sigil before names; 0 without placeholders
	names      []string // by slot
	takes      int      // slots
	lists      bool     // a hole is in a list
	perHole    bool     // the native text has no way to say that two holes share a value
	fields     sync.Map // reflect.Type of a struct: [][]int, the field of each slot

	once  sync.Once
	print string
}

// Fingerprint returns the statement without its literals.
func (b *binder) Fingerprint() string {
	b.once.Do(func() { b.print = Fingerprint(b.text[b.start:b.end], *b.d) })
	return b.print
}

// Bind returns the native text and args in its order; see driver.Binder.
func (b *binder) Bind(args []any) (string, []any, error) {
	vals := args
	if b.names != nil {
		var err error
		if vals, err = b.byName(args); err != nil {
			return "", nil, err
		}
	} else if err := b.positional(args); err != nil {
		return "", nil, err
	}
	if b.lists {
		if total, spread := b.count(vals); total > b.d.limit {
			return "", nil, b.tooMany(total)
		} else if spread {
			flat := make([]any, 0, total)
			native := b.render(vals, &flat)
			return native, flat, nil
		}
	}
	if b.perHole {
		flat := make([]any, len(b.holes))
		for i, h := range b.holes {
			flat[i] = vals[h.slot]
		}
		return b.native, flat, nil
	}
	return b.native, vals, nil
}

// positional checks arguments that have no names.
func (b *binder) positional(args []any) error {
	for i := range args {
		if n, ok := args[i].(sql.NamedArg); ok {
			return driver.Faultf(driver.Argument, "argument %d is named %q, but the statement has no named placeholders", i+1, n.Name)
		}
	}
	if len(args) == b.takes {
		return nil
	}
	f := driver.Faultf(driver.Argument, "the statement takes %s, %s given", plural(b.takes, "argument"), were(len(args)))
	switch {
	case len(args) == 1 && holds(args[0], b.takes):
		f.Hint = "the argument is a slice: write args... for each of its elements to be one"
	case b.d.operatorMark && b.style == '?' && len(args) < b.takes:
		f.Hint = "each ? is a placeholder; write ?? for the operator"
	case b.takes == 0 && b.d.userVariables && strings.Contains(b.text, "$1"): // where $ is a letter of names
		f.Hint = "placeholders are ? or :name in " + b.d.says + ", and $1 is a name there"
	case b.takes == 0:
		f.Hint = "placeholders are ? or :name"
	case b.lists && len(args) > b.takes:
		f.Hint = "IN (?) takes one slice"
	}
	return f
}

// count returns how many native placeholders there will be at most, and whether one of the lists is a slice.
func (b *binder) count(vals []any) (total int, spread bool) {
	for _, h := range b.holes {
		if h.slot == operatorSlot {
			continue
		}
		n := 1
		if h.list {
			if rv, ok := list(vals[h.slot]); ok {
				n, spread = rv.Len(), true
			}
		}
		total += n
	}
	return total, spread
}

// tooMany is the fault of a statement with that many native placeholders.
func (b *binder) tooMany(n int) error {
	f := driver.Faultf(driver.Argument, "the statement needs %d placeholders, %s takes at most %d", n, b.d.says, b.d.limit)
	f.Hint = "split the list, or put it into a table"
	return f
}

// render returns the native text. Without vals every hole is one native placeholder; with them slices in lists are
// spread, and flat gets the values in native order.
func (b *binder) render(vals []any, flat *[]any) string {
	if len(b.holes) == 0 {
		return b.text[b.start:b.end]
	}
	var out strings.Builder
	out.Grow(b.end - b.start + 4*len(b.holes))
	var numbers []int // of slots that have one
	if vals != nil {
		numbers = make([]int, b.takes)
	}
	at := b.start
	for _, h := range b.holes {
		if b.d.emptyIn != "" && h.list && vals != nil && empty(vals[h.slot]) {
			out.WriteString(b.text[at:h.in])
			at = h.close
			if h.not {
				out.WriteString(b.d.emptyNotIn)
			} else {
				out.WriteString(b.d.emptyIn)
			}
			continue
		}
		out.WriteString(b.text[at:h.start])
		at = h.end
		switch {
		case h.slot == operatorSlot:
			out.WriteByte('?')
			continue
		case vals == nil:
			b.writeMark(&out, h, h.slot+1)
			continue
		}
		if h.list {
			if rv, ok := list(vals[h.slot]); ok {
				b.spread(&out, h, rv, flat)
				continue
			}
		}
		if numbers[h.slot] == 0 || !b.d.renumber || b.style == '?' {
			*flat = append(*flat, vals[h.slot])
			numbers[h.slot] = len(*flat)
		}
		b.writeMark(&out, h, numbers[h.slot])
	}
	out.WriteString(b.text[at:b.end])
	return out.String()
}

// empty reports whether v is a slice or array to be spread, and has no element.
func empty(v any) bool { return holds(v, 0) }

// holds reports whether v is a slice or array to be spread, and has n elements.
func holds(v any, n int) bool {
	rv, ok := list(v)
	return ok && rv.Len() == n
}

// spread writes a native placeholder for each element, or what matches nothing.
func (b *binder) spread(out *strings.Builder, h hole, rv reflect.Value, flat *[]any) {
	if rv.Len() == 0 {
		out.WriteString(b.d.emptyList)
		return
	}
	for i := range rv.Len() {
		if i > 0 {
			out.WriteString(", ")
		}
		*flat = append(*flat, rv.Index(i).Interface())
		b.writeMark(out, h, len(*flat))
	}
}

// writeMark writes a native placeholder, apart from names and numbers that it would run into.
func (b *binder) writeMark(out *strings.Builder, h hole, n int) {
	if b.d.mark == '$' && h.start > b.start && isNamePart(b.text[h.start-1]) {
		out.WriteByte(' ')
	}
	out.WriteByte(b.d.mark)
	if b.d.mark == '?' && (b.style == '?' || !b.d.renumber) {
		return
	}
	out.WriteString(strconv.Itoa(n))
	if h.end < b.end && isNamePart(b.text[h.end]) {
		out.WriteByte(' ')
	}
}

// list returns v as what is spread: any slice or array, except of bytes and of types that make a value of themselves.
func list(v any) (reflect.Value, bool) {
	switch v.(type) {
	case nil, string, int, int64, float64, bool, []byte: // the frequent ones, without reflection
		return reflect.Value{}, false
	}
	rv := reflect.ValueOf(v)
	t := rv.Type()
	if k := t.Kind(); k != reflect.Slice && k != reflect.Array || t.Elem().Kind() == reflect.Uint8 {
		return reflect.Value{}, false
	}
	for _, t := range []reflect.Type{t, reflect.PointerTo(t)} {
		if t.Implements(reflect.TypeFor[sqldriver.Valuer]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
			return reflect.Value{}, false
		}
	}
	return rv, true
}

func plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func were(n int) string {
	switch n {
	case 0:
		return "none was"
	case 1:
		return "1 was"
	}
	return strconv.Itoa(n) + " were"
}
