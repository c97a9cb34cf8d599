package lang

import (
	"fmt"
	"reflect"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/internal/names"
)

// plan is how a struct becomes a document.
type plan struct {
	fields []member
	err    error
}

// member is a field of a struct, or of one embedded in it.
type member struct {
	name      string
	path      []int
	tagged    bool
	omitEmpty bool
	entries   bool // a map whose entries are the struct's own: bson:",inline"
}

// planOf returns a struct's plan, made once a type. Names follow the rules by which documents are read: the db tag,
// else the bson tag, else the field's name in snake case; a tag of "-" leaves it out. Embedded structs without a name
// are flattened, as are those with bson:",inline"; of fields with the same name the outermost counts, and on the same
// level the one with a tag. bson's omitempty holds.
func (c *converter) planOf(t reflect.Type) *plan {
	if p, ok := c.plans.Load(t); ok {
		return p.(*plan)
	}
	w := structWalker{on: map[reflect.Type]bool{}, at: map[string]int{}}
	w.walk(t, nil)
	for _, m := range w.fields {
		if w.rivals[m.name] && w.err == nil {
			w.err = fmt.Errorf("two fields of %s are called %q; tag one of them with another name or with db:\"-\"", t, m.name)
		}
	}
	p, _ := c.plans.LoadOrStore(t, &plan{w.fields, w.err})
	return p.(*plan)
}

type structWalker struct {
	fields []member
	at     map[string]int // index in fields by name
	rivals map[string]bool
	on     map[reflect.Type]bool // on the way down: type T struct{ *T } is endless
	err    error
}

func (w *structWalker) walk(t reflect.Type, path []int) {
	if w.on[t] {
		return
	}
	w.on[t] = true
	defer delete(w.on, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		text, ok := sf.Tag.Lookup("db")
		if !ok {
			text = sf.Tag.Get("bson")
		}
		tag, options, _ := strings.Cut(text, ",")
		m := member{
			name: tag, path: append(path[:len(path):len(path)], i), tagged: tag != "",
			omitEmpty: !ok && hasOption(options, "omitempty"),
		}
		elem := sf.Type
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		inline := !ok && hasOption(options, "inline")
		switch {
		case tag == "-" || !sf.IsExported() && !sf.Anonymous:
		case (inline || sf.Anonymous && tag == "") && isRecord(elem):
			w.walk(elem, m.path)
		case !sf.IsExported():
		case inline && elem.Kind() == reflect.Map:
			m.entries = true
			w.fields = append(w.fields, m)
		default:
			if m.name == "" {
				m.name = names.Snake(sf.Name)
			}
			w.add(m)
		}
	}
}

func hasOption(options, option string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

func (w *structWalker) add(m member) {
	i, twice := w.at[m.name]
	if !twice {
		w.at[m.name] = len(w.fields)
		w.fields = append(w.fields, m)
		return
	}
	old := w.fields[i]
	switch {
	case len(m.path) < len(old.path), len(m.path) == len(old.path) && m.tagged && !old.tagged:
		w.fields[i] = m
		delete(w.rivals, m.name)
	case len(m.path) == len(old.path) && m.tagged == old.tagged:
		if w.rivals == nil {
			w.rivals = map[string]bool{}
		}
		w.rivals[m.name] = true
	}
}

// isRecord reports whether t is a struct whose fields are values, and not a value itself.
func isRecord(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !isTime(t) && !hasMethod(t) && !hasMethod(reflect.PointerTo(t)) &&
		t.PkgPath() != bsonPath()
}

func bsonPath() string { return reflect.TypeFor[bson.Binary]().PkgPath() }

// structure converts a struct.
func (c *converter) structure(rv reflect.Value) (any, error) {
	if rv.Type().PkgPath() == bsonPath() {
		return nil, c.fail("%s is no value of a document", rv.Type())
	}
	p := c.planOf(rv.Type())
	if p.err != nil {
		return nil, c.fail("%w", p.err)
	}
	if err := c.deeper(); err != nil {
		return nil, err
	}
	out := make(bson.D, 0, len(p.fields))
	merged := false
	for i := range p.fields {
		m := &p.fields[i]
		f, err := rv.FieldByIndexErr(m.path)
		if err != nil || m.omitEmpty && isEmpty(f) {
			continue // err: a nil pointer to an embedded struct, which then has no fields
		}
		if m.entries {
			if merged = true; f.Kind() == reflect.Pointer {
				f = f.Elem()
			}
			inner, err := c.convert(f.Interface())
			if err != nil {
				return nil, err
			}
			d, _ := inner.(bson.D)
			out = append(out, d...)
			continue
		}
		v, err := c.member(m.name, f.Interface())
		if err != nil {
			return nil, err
		}
		out = append(out, bson.E{Key: m.name, Value: v})
	}
	if merged && repeats(out) {
		return nil, c.fail("a key of the map inlined in %s is also a field", rv.Type())
	}
	c.depth--
	return out, nil
}

// isEmpty is bson's omitempty.
func isEmpty(f reflect.Value) bool {
	if z, ok := f.Interface().(bson.Zeroer); ok && !isNil(f) {
		return z.IsZero()
	}
	switch f.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return f.Len() == 0
	case reflect.Struct:
		return false
	}
	return f.IsZero()
}
