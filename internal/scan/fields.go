package scan

import (
	"reflect"
	"strings"
	"unsafe"

	"github.com/plinthdb/plinth/internal/names"
)

// field is a struct field that a column can be read into, embedded structs' fields included.
type field struct {
	name     string // the column's
	folded   string // name for the second look
	path     string // the Go field, Base.ID
	optional bool
	typ      reflect.Type
	hops     []hop   // pointers on the way
	offset   uintptr // in what the last hop points at, or in the struct itself
	depth    int     // how many structs it is embedded in
	tagged   bool
}

// hop is a pointer to a struct on the way to a field.
type hop struct {
	offset uintptr
	elem   reflect.Type
	cols   []int // if all these columns are NULL the pointer stays nil; without columns it is always allocated
}

// follow returns where the pointer leads, allocating what isn't there.
func (h *hop) follow(at unsafe.Pointer) unsafe.Pointer {
	p := (*unsafe.Pointer)(unsafe.Add(at, h.offset))
	if *p == nil {
		*p = reflect.New(h.elem).UnsafePointer()
	}
	return *p
}

// fieldsOf returns t's fields by name. The first of the tag keys that a field has names it, otherwise its name in snake
// case does. Embedded structs are flattened; as in encoding/json, of fields with the same name the outermost counts,
// and on the same level the one with a tag. Errors are faults of kind Scan.
func fieldsOf(t reflect.Type, keys ...string) ([]field, error) {
	w := walker{keys: keys, on: map[reflect.Type]bool{}}
	if err := w.walk(t, field{}); err != nil {
		return nil, err
	}
	var fields []field
	at := map[string]int{}          // index in fields by name
	rivals := map[string][2]field{} // two of the same standing, until a better one comes
	for _, f := range w.fields {
		i, twice := at[f.name]
		switch {
		case !twice:
			at[f.name] = len(fields)
			fields = append(fields, f)
		case f.before(fields[i]):
			fields[i] = f
			delete(rivals, f.name)
		case !fields[i].before(f):
			rivals[f.name] = [2]field{fields[i], f}
		}
	}
	for _, f := range fields {
		r, ok := rivals[f.name]
		if !ok {
			continue
		}
		return nil, fault(nil, `tag one of them with another name or with db:"-"`,
			"%s.%s and its %s both take the column %s", typeName(t), r[0].path, r[1].path, r[0].name)
	}
	return fields, nil
}

// before reports whether f takes precedence over g, of the same name.
func (f field) before(g field) bool {
	if f.depth != g.depth {
		return f.depth < g.depth
	}
	return f.tagged && !g.tagged
}

type walker struct {
	keys   []string
	on     map[reflect.Type]bool // on the way down: type T struct{ *T } is endless
	fields []field
}

// walk collects t's fields; at is the field that t is embedded by.
func (w *walker) walk(t reflect.Type, at field) error {
	if w.on[t] {
		return nil
	}
	w.on[t] = true
	defer delete(w.on, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, err := w.tag(t, sf)
		if err != nil {
			return err
		}
		elem := sf.Type
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		flatten := tag.inline || sf.Anonymous && tag.name == ""
		f := field{
			name: tag.name, optional: tag.optional, tagged: tag.name != "", path: at.path + sf.Name,
			typ: sf.Type, hops: at.hops, offset: at.offset + sf.Offset, depth: at.depth,
		}
		switch {
		case tag.skip:
		case flatten && isRecord(elem):
			if sf.Type.Kind() == reflect.Pointer {
				if !sf.IsExported() {
					return fault(nil, "embed the struct itself, or export it",
						"%s embeds a pointer to the unexported %s, which can't be set", typeName(t), elem)
				}
				f.hops = append(f.hops[:len(f.hops):len(f.hops)], hop{offset: f.offset, elem: elem})
				f.offset = 0
			}
			f.path += "."
			f.depth++
			if err := w.walk(elem, f); err != nil {
				return err
			}
		case !sf.IsExported():
			if tag.name != "" {
				return fault(nil, "export it, or remove the tag", "%s.%s has a tag but isn't exported", typeName(t), sf.Name)
			}
		default:
			if f.name == "" {
				f.name = names.Snake(sf.Name)
			}
			f.folded = fold(f.name)
			w.fields = append(w.fields, f)
		}
	}
	return nil
}

type fieldTag struct {
	name                   string
	skip, optional, inline bool
}

// tag reads a field's tag: db:"name,optional", or bson's own with its options.
func (w *walker) tag(t reflect.Type, sf reflect.StructField) (fieldTag, error) {
	for _, key := range w.keys {
		text, ok := sf.Tag.Lookup(key)
		if !ok {
			continue
		}
		if text == "-" {
			return fieldTag{skip: true}, nil
		}
		name, options, _ := strings.Cut(text, ",")
		tag := fieldTag{name: name}
		for option := range strings.SplitSeq(options, ",") {
			switch {
			case option == "":
			case key == "db" && option == "optional":
				tag.optional = true
			case key == "bson":
				tag.inline = tag.inline || option == "inline"
			default:
				return tag, fault(nil, "the only option is optional", "%s.%s has the unknown option %q in its db tag",
					typeName(t), sf.Name, option)
			}
		}
		return tag, nil
	}
	return fieldTag{}, nil
}

// fold makes names that differ in case and underscores the same.
func fold(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}
