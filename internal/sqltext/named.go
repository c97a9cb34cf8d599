package sqltext

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
)

// byName returns the value of each named placeholder. It comes from one map, one struct, sql.NamedArg values or, for
// SQLite's own @name and $name, from as many plain values in the order in which the names first appear.
func (b *binder) byName(args []any) ([]any, error) {
	vals := make([]any, len(b.names))
	if len(args) == 1 {
		if m, ok := args[0].(map[string]any); ok {
			return vals, b.fill(vals, func(name string) (any, bool) { v, ok := m[name]; return v, ok }, func() []string { return keys(reflect.ValueOf(m)) })
		}
		if rv := record(args[0]); rv.IsValid() && rv.Kind() == reflect.Map {
			key := rv.Type().Key()
			return vals, b.fill(vals, func(name string) (any, bool) {
				if v := rv.MapIndex(reflect.ValueOf(name).Convert(key)); v.IsValid() {
					return v.Interface(), true
				}
				return nil, false
			}, func() []string { return keys(rv) })
		} else if rv.IsValid() {
			return vals, b.fromStruct(vals, rv)
		}
	}
	named := 0
	for _, a := range args {
		if _, ok := a.(sql.NamedArg); ok {
			named++
		}
	}
	switch {
	case named > 0 && named == len(args):
		return vals, b.fromNamedArgs(vals, args)
	case named > 0:
		return nil, driver.Faultf(driver.Argument, "some arguments have names and some don't: name all of them with sql.Named")
	case b.style != ':' && len(args) == len(b.names):
		return args, nil
	case b.style != ':':
		return nil, driver.Faultf(driver.Argument, "the statement takes %s, %s given", plural(b.takes, "argument"), were(len(args)))
	case len(args) == 0:
		return nil, driver.Faultf(driver.Argument, "the statement takes values for %s, none was given", b.listed())
	}
	f := driver.Faultf(driver.Argument, "the statement takes values by name, for %s, and was given %s without", b.listed(), plural(len(args), "value"))
	f.Hint = "give one map with string keys, one struct, or sql.Named values"
	return nil, f
}

// listed returns the placeholders as they are written, the first few of them.
func (b *binder) listed() string {
	var out strings.Builder
	for i, name := range b.names {
		if i == 5 {
			out.WriteString(", …")
			break
		}
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteByte(b.style)
		out.WriteString(name)
	}
	return out.String()
}

// fill looks each name up. known returns the names there are, for the message.
func (b *binder) fill(vals []any, value func(string) (any, bool), known func() []string) error {
	for i, name := range b.names {
		v, ok := value(name)
		if !ok {
			return b.missing(name, known())
		}
		vals[i] = v
	}
	return nil
}

// missing is the fault of a name without a value.
func (b *binder) missing(name string, known []string) error {
	f := driver.Faultf(driver.Argument, "no value for %c%s", b.style, name)
	if near := nearest(name, known); near != "" {
		f = driver.Faultf(driver.Argument, "no value for %c%s; did you mean %q?", b.style, name, near)
	}
	return f
}

// fromNamedArgs fills vals from sql.NamedArg values, all of which the statement must know.
func (b *binder) fromNamedArgs(vals, args []any) error {
	given := make([]string, len(args))
	for i, a := range args {
		given[i] = a.(sql.NamedArg).Name
		if slices.Contains(given[:i], given[i]) {
			return driver.Faultf(driver.Argument, "two values for %c%s", b.style, given[i])
		}
		at := slices.Index(b.names, given[i])
		if at >= 0 {
			vals[at] = a.(sql.NamedArg).Value
			continue
		}
		if near := nearest(given[i], b.names); near != "" {
			return driver.Faultf(driver.Argument, "the statement has no %c%s; did you mean %c%s?", b.style, given[i], b.style, near)
		}
		return driver.Faultf(driver.Argument, "the statement has no %c%s; it has %s", b.style, given[i], b.listed())
	}
	for _, name := range b.names {
		if !slices.Contains(given, name) {
			return b.missing(name, given)
		}
	}
	return nil
}

// fromStruct fills vals from a struct's fields.
func (b *binder) fromStruct(vals []any, rv reflect.Value) error {
	paths, ok := b.fields.Load(rv.Type())
	if !ok {
		found, err := b.match(rv.Type())
		if err != nil {
			return err
		}
		paths, _ = b.fields.LoadOrStore(rv.Type(), found)
	}
	for i, path := range paths.([][]int) {
		if f, err := rv.FieldByIndexErr(path); err == nil { // an error is a nil pointer on the way: NULL
			vals[i] = f.Interface()
		}
	}
	return nil
}

// match returns the field of each slot.
func (b *binder) match(t reflect.Type) ([][]int, error) {
	w := walker{fields: map[string]field{}, on: map[reflect.Type]bool{}}
	w.walk(t, nil)
	paths := make([][]int, len(b.names))
	for i, name := range b.names {
		f, ok := w.fields[name]
		if !ok {
			var known []string
			for n := range w.fields {
				known = append(known, n)
			}
			return nil, b.missing(name, known)
		}
		if f.rivals {
			return nil, driver.Faultf(driver.Argument, "two fields of %s are called %q; tag one of them with another name or with db:\"-\"", t, name)
		}
		paths[i] = f.path
	}
	return paths, nil
}

// field is a field of a struct, or of one embedded in it.
type field struct {
	path   []int
	tagged bool
	rivals bool // another one has the same name and standing
}

// walker collects fields by name, by the rules by which rows are read into structs: the db tag's name, or the field's
// in snake case; the outermost field counts, and on the same level the one with a tag.
type walker struct {
	fields map[string]field
	on     map[reflect.Type]bool // on the way down: type T struct{ *T } is endless
}

func (w *walker) walk(t reflect.Type, path []int) {
	if w.on[t] {
		return
	}
	w.on[t] = true
	defer delete(w.on, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("db"), ",")
		f := field{path: append(path[:len(path):len(path)], i), tagged: name != ""}
		elem := sf.Type
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		switch {
		case sf.Tag.Get("db") == "-":
		case sf.Anonymous && name == "" && isRecord(elem):
			w.walk(elem, f.path)
		case sf.IsExported():
			if name == "" {
				name = names.Snake(sf.Name)
			}
			w.add(name, f)
		}
	}
}

func (w *walker) add(name string, f field) {
	old, twice := w.fields[name]
	switch {
	case !twice || len(f.path) < len(old.path) || len(f.path) == len(old.path) && f.tagged && !old.tagged:
		w.fields[name] = f
	case len(f.path) == len(old.path) && f.tagged == old.tagged:
		old.rivals = true
		w.fields[name] = old
	}
}

// record returns v if its fields or keys are values: a map with string keys, a struct or a pointer to one. Otherwise
// it returns the zero Value.
func record(v any) reflect.Value {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	switch {
	case !rv.IsValid():
	case rv.Kind() == reflect.Struct && isRecord(rv.Type()), rv.Kind() == reflect.Map && rv.Type().Key().Kind() == reflect.String:
		return rv
	}
	return reflect.Value{}
}

// isRecord reports whether t is a struct whose fields are values, and not a value itself.
func isRecord(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.ConvertibleTo(reflect.TypeFor[time.Time]()) && t != reflect.TypeFor[sql.NamedArg]() &&
		!reflect.PointerTo(t).Implements(reflect.TypeFor[sqldriver.Valuer]())
}

func keys(m reflect.Value) []string {
	var names []string
	for _, k := range m.MapKeys() {
		names = append(names, k.String())
	}
	return names
}

// nearest returns the known name that name was probably meant to be, or "".
func nearest(name string, known []string) string {
	fold := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	best, least := "", 1+min(2, len(name)/3)
	for _, k := range slices.Sorted(slices.Values(known)) { // the same message every time
		d := names.Distance(fold(name), fold(k))
		if d < least {
			best, least = k, d
		}
	}
	return best
}
