package scan

import (
	"reflect"

	"github.com/plinthdb/plinth/driver"
)

// CompileDocument is Compile for a document, whose keys are the columns. Documents of one collection differ, and get new keys
// while a program runs, so it is lenient where Compile is strict: a key without a field is left out, as encoding/json does it, and
// a field without a key is as if the key were there with NULL; db:"name,optional" leaves such a field as it is. Where a field
// has no db tag its bson tag counts. A slice of structs of a Key and a Value, such as bson.D, keeps the keys' order. A document goes into a single value if it has one key.
func CompileDocument(t reflect.Type, cols []driver.Column) (*Plan, error) {
	return documentOf(t).plan(cols)
}

// document is what there is to know of a type that documents are read into, whatever their keys. It is immutable.
type document struct {
	typ    reflect.Type
	record reflect.Type // the struct or map that typ is, or points at; nil if a single value is read
	isMap  bool
	isList bool // of keys and values, in their order
	fields []part
	exact  map[string]int // index in fields by name
	folded map[string]int // by folded name; -1 where two fields share it
	fault  error          // why the type's tags are no good
}

func documentOf(t reflect.Type) *document {
	d := &document{typ: t}
	record := elemOf(t)
	d.isMap, d.isList = isMap(record), isPairs(record)
	if d.isList {
		d.record = record
		return d
	}
	if !d.isMap && !isRecord(record) {
		return d
	}
	d.record = record
	if d.isMap {
		return d
	}
	fields, err := fieldsOf(record, "db", "bson")
	d.fault = err
	d.exact, d.folded = make(map[string]int, len(fields)), make(map[string]int, len(fields))
	for i, f := range fields {
		d.fields = append(d.fields, part{f, targetOf(f.typ)})
		d.exact[f.name] = i
		if _, twice := d.folded[f.folded]; twice {
			i = -1
		}
		d.folded[f.folded] = i
	}
	return d
}

// plan returns the plan for documents with these keys.
func (d *document) plan(cols []driver.Column) (*Plan, error) {
	p := &Plan{typ: d.typ, ptr: reflect.PointerTo(d.typ), cols: cols}
	if d.record == nil {
		return compileScalar(p)
	}
	if d.fault != nil {
		return nil, d.fault
	}
	if d.typ.Kind() == reflect.Pointer {
		p.record = d.record
	}
	p.pairs = d.isList
	if d.isMap || d.isList {
		p.names = make([]string, len(cols))
		for i, c := range cols {
			p.names[i] = c.Name
		}
		return p, nil
	}
	keys := d.match(cols)
	for i := range d.fields {
		f := &d.fields[i]
		switch {
		case f.target == nil:
			if keys[i] > 0 || !f.optional {
				return nil, d.unsupported(f)
			}
		case keys[i] > 0:
			p.steps = append(p.steps, step{column: keys[i] - 1, target: f.target, set: f.target.set, hops: f.hops, offset: f.offset,
				path: d.path(f)})
		case !f.optional && !f.target.takesNull():
			p.lacks = append(p.lacks, lack{key: f.name, path: d.path(f), typ: f.typ})
		}
	}
	return p, nil
}

// match returns the key of each field: its index + 1, or 0. A key that is spelt exactly as the field goes before one that
// differs in case and underscores; of the same key twice the last one counts.
func (d *document) match(cols []driver.Column) []int {
	keys := make([]int, len(d.fields))
	for i, c := range cols {
		if f, ok := d.exact[c.Name]; ok {
			keys[f] = i + 1
		}
	}
	for i, c := range cols {
		if _, ok := d.exact[c.Name]; ok {
			continue
		}
		if f, ok := d.folded[fold(c.Name)]; ok && f >= 0 && keys[f] == 0 {
			keys[f] = i + 1
		}
	}
	return keys
}

// isPairs reports whether t is a slice of structs of a Key and a Value, as bson.D is: a document in its order.
func isPairs(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct || t.Elem().NumField() != 2 {
		return false
	}
	key, value := t.Elem().Field(0), t.Elem().Field(1)
	return key.Name == "Key" && key.Type.Kind() == reflect.String && value.Name == "Value" && value.Type == reflect.TypeFor[any]()
}

// readPairs reads a document into a slice of its keys and values.
func (p *Plan) readPairs(vals []driver.Value, list reflect.Value) {
	list.Set(reflect.MakeSlice(list.Type(), len(vals), len(vals)))
	for i, name := range p.names {
		e := list.Index(i)
		e.Field(0).SetString(name)
		if v := vals[i].Any(); v != nil {
			e.Field(1).Set(reflect.ValueOf(v))
		}
	}
}

func (d *document) path(f *part) string { return typeName(d.record) + "." + f.path }

func (d *document) unsupported(f *part) error {
	unfit := unsupported(f.typ)
	return fault(unfit.Err, unfit.Hint, "%s: %v", d.path(f), unfit.Err)
}

// takesNull reports whether NULL can be read into the target.
func (t *target) takesNull() bool {
	return t.set(reflect.New(t.typ).UnsafePointer(), &driver.Value{}, t) == nil
}

// lack is a field that can't be without a value, for which a document has no key.
type lack struct {
	key, path string
	typ       reflect.Type
}

func (l *lack) fault() error {
	f := fault(nil, "tag it with db:\""+l.key+",optional\" to leave it as it is there, or use *"+l.typ.String(),
		"the document has no key %s; %s is %s", l.key, l.path, l.typ)
	f.Column = l.key
	return f
}
