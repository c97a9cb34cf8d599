// Package scan turns rows of driver values into Go values. A plan, compiled once for a type and the columns of a
// result, knows each column's place in the type and how to convert its values, so that reading a row takes no memory but
// what the values themselves need.
//
// It is strict where guessing would hide a mistake: each column needs a field and each field a column, and a value goes
// only into a Go type that holds it without loss. The same data gives the same Go value whatever the database, so that
// code and its tests can move between them. What goes into what:
//
//	integers     whole numbers in range: integers, floats, decimals
//	bool         booleans; the integers 0 and 1
//	float64      floats; integers up to 2^53; the nearest to a decimal (float32: up to 2^24, and in range)
//	string       text, decimals, UUIDs, JSON, bytes; times as RFC 3339, dates as 2006-01-02; no other numbers
//	[]byte       bytes, text, JSON; [N]byte takes N bytes
//	time.Time    times, dates; text in the databases' ISO forms, in UTC unless it has an offset
//	sql.Null…    what its V takes
//	Scan         what database/sql would give it; decimals, UUIDs, JSON and nested values as text
//	UnmarshalText, UnmarshalBinary: text, UUIDs, decimals, JSON, numbers and times; and bytes
//	json.RawMessage: JSON; text and bytes that are JSON; nested values as JSON
//	structs, maps, slices: JSON, text and bytes by encoding/json; nested values by these rules
//	any          what driver.Value's Any returns
//
// NULL goes into pointers, slices, maps, any, sql.Null… and Scan. Everything else is an error that says what to do.
package scan

import (
	"reflect"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// Plan reads rows of certain columns into values of one Go type. It is immutable and may be used by many goroutines.
type Plan struct {
	typ    reflect.Type
	ptr    reflect.Type // *typ
	cols   []driver.Column
	record reflect.Type // the struct or map behind typ, if typ is a pointer to one
	steps  []step
	names  []string // of a map's keys; nil if it isn't a map
	pairs  bool     // not a map but keys and values in their order
	lacks  []lack   // fields that a document has no key for, and that NULL doesn't go into
}

// step reads one column.
type step struct {
	column int
	set    setter // target.set, one load nearer
	target *target
	hops   []hop
	offset uintptr
	path   string // the Go field, for messages
}

// Compile returns the plan that reads rows of cols into a t, which is one of
//
//   - a struct: columns go to fields by the tag db:"name", otherwise by the field's name in snake case (AlbumID is
//     album_id), otherwise by any name that differs only in case and underscores. Embedded structs are flattened. A
//     field that is a struct, or a pointer to one, takes columns such as album.title; the pointer is left nil in rows
//     where all of them are NULL. A field tagged db:"name,optional" may be without a column, one tagged db:"-" is left out;
//   - a map[string]any, or a type made from it, by column name;
//   - anything else that can hold one value, if there is one column: a basic type, time.Time, []byte, json.RawMessage,
//     any, types with Scan, UnmarshalText or UnmarshalBinary, and slices and maps that are read from JSON;
//   - a pointer to one of these.
//
// If the columns don't fit, it returns a *driver.Fault of kind Scan that names column, type and fields. cols is kept.
func Compile(t reflect.Type, cols []driver.Column) (*Plan, error) {
	p := &Plan{typ: t, ptr: reflect.PointerTo(t), cols: cols}
	record := elemOf(t)
	isMap := isMap(record)
	if len(cols) == 0 {
		return nil, fault(nil, "use Execute for a statement without rows", "the statement returns no columns to read into %s", t)
	}
	if !isMap && !isRecord(record) {
		return compileScalar(p)
	}
	if t.Kind() == reflect.Pointer {
		p.record = record
	}
	seen := make(map[string]int, len(cols))
	for i, c := range cols {
		if first, twice := seen[c.Name]; twice {
			return nil, fault(nil, "give one of them an alias", "columns %d and %d have the same name, %s", first+1, i+1, c.Name)
		}
		seen[c.Name] = i
		if isMap {
			p.names = append(p.names, c.Name)
		}
	}
	if isMap {
		return p, nil
	}
	m := matcher{typ: record, cols: cols}
	refs := make([]columnRef, len(cols))
	for i, c := range cols {
		refs[i] = columnRef{i, c.Name}
	}
	if err := m.match(record, refs, place{}); err != nil {
		return nil, err
	}
	p.steps = m.steps
	return p, nil
}

// isMap reports whether t is a map that takes a row, or a type made from it.
func isMap(t reflect.Type) bool {
	return t.Kind() == reflect.Map && t.ConvertibleTo(reflect.TypeFor[map[string]any]()) && !hasMethods(t)
}

func compileScalar(p *Plan) (*Plan, error) {
	target := targetOf(p.typ)
	if target == nil {
		return nil, unsupported(p.typ)
	}
	if len(p.cols) != 1 {
		names := make([]string, len(p.cols))
		for i, c := range p.cols {
			names[i] = c.Name
		}
		return nil, fault(nil, "select one column, or use a struct or a map[string]any",
			"%s is read from one column, but the result has %d: %s", p.typ, len(names), list(names))
	}
	p.steps = []step{{target: target, set: target.set, path: "the destination"}}
	return p, nil
}

// Into reads one row. dst is a pointer to a zero value of the plan's type; after an error part of it may be set.
// Bytes and text that it keeps share the values' memory. Errors are of kind Scan, and name the column and the Go field.
func (p *Plan) Into(vals []driver.Value, dst any) error {
	if reflect.TypeOf(dst) != p.ptr || reflect.ValueOf(dst).IsNil() {
		return fault(nil, "", "a row for %s can't be read into %T", p.typ, dst)
	}
	if len(vals) != len(p.cols) {
		return fault(nil, "", "a row has %d values for %d columns", len(vals), len(p.cols))
	}
	at := reflect.ValueOf(dst).UnsafePointer()
	if p.record != nil {
		record := reflect.New(p.record).UnsafePointer()
		*(*unsafe.Pointer)(at) = record
		at = record
	}
	if p.pairs {
		record := p.record
		if record == nil {
			record = p.typ
		}
		p.readPairs(vals, reflect.NewAt(record, at).Elem())
		return nil
	}
	if p.names != nil {
		m := make(map[string]any, len(vals))
		for i, name := range p.names {
			m[name] = vals[i].Any()
		}
		*(*map[string]any)(at) = m
		return nil
	}
	if p.lacks != nil {
		return p.lacks[0].fault()
	}
	for i := range p.steps {
		s := &p.steps[i]
		to := at
		if s.hops != nil {
			if to = s.follow(to, vals); to == nil {
				continue
			}
		}
		if problem := s.set(unsafe.Add(to, s.offset), &vals[s.column], s.target); problem != nil {
			return problem.columnFault(p.cols, s.column, s.path, s.target.typ)
		}
	}
	return nil
}

// follow goes along the step's pointers, allocating what they point at. It returns nil if one of them is to stay nil.
func (s *step) follow(at unsafe.Pointer, vals []driver.Value) unsafe.Pointer {
	for i := range s.hops {
		h := &s.hops[i]
		if h.cols != nil && allNull(vals, h.cols) {
			return nil
		}
		at = h.follow(at)
	}
	return at
}

func allNull(vals []driver.Value, cols []int) bool {
	for _, c := range cols {
		if !vals[c].IsNull() {
			return false
		}
	}
	return true
}
