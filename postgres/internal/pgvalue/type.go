// Package pgvalue turns PostgreSQL's wire formats into driver.Values, and arguments into wire formats. It knows no
// connection. docs/types.md says what becomes what.
package pgvalue

import "github.com/plinthdb/plinth/driver"

// The formats of a value on the wire (PostgreSQL documentation, "Formats and Format Codes").
const (
	Text   int16 = 0
	Binary int16 = 1
)

// Type is a type of the server. It is immutable, so it may be shared by goroutines and connections.
type Type struct {
	OID  uint32
	Name string // pg_type.typname; of an array its element's name and []

	class     class
	elem      *Type // of an array
	delimiter byte  // between the elements of an array of this type, in text
}

// class is a family of types that are written in the same way.
type class uint8

const (
	other    class = iota // known in the text format only: geometry, ranges, composites, types of extensions
	plain                 // text that is the same in both formats
	char                  // "char", a single byte
	document              // json
	jsonb
	array
	vector // int2vector and oidvector: arrays, but for their text format
	boolean
	integer2
	integer4
	integer8
	oid // and what else is an unsigned integer of 32 bits
	xid8
	float4
	float8
	numeric
	bytea
	date
	clock     // time
	clockZone // timetz
	timestamp
	timestamptz
	interval
	uuid
)

// Builtin returns a type that every server has under a fixed OID, or nil if oid is none that is known here.
func Builtin(oid uint32) *Type {
	name, c, elem := builtin(oid)
	if name == "" {
		return nil
	}
	t := &Type{OID: oid, Name: name, class: c, elem: elem, delimiter: ','}
	if oid == 603 { // box, the only one
		t.delimiter = ';'
	}
	return t
}

// Named returns a type by its row in pg_type: an enum, range, composite, domain, array or type of an extension. elem is
// the type of an array's elements, or the type a domain is based on; else, or where it isn't known, it is nil.
func Named(oid uint32, name string, typtype byte, category byte, elem *Type) *Type {
	t := &Type{OID: oid, Name: name, delimiter: ','}
	switch {
	case typtype == 'e':
		t.class = plain
	case typtype == 'd' && elem != nil:
		t.class, t.elem, t.delimiter = elem.class, elem.elem, elem.delimiter
	case category == 'A' && elem != nil:
		t.class, t.elem, t.Name = array, elem, elem.Name+"[]"
	}
	return t
}

// WithDelimiter returns the type with another delimiter between the elements of its arrays (pg_type.typdelim), which is
// a comma for all but box and PostGIS's geometry. It is for the type of the elements, before it is given to Named.
func (t *Type) WithDelimiter(c byte) *Type {
	copied := *t
	copied.delimiter = c
	return &copied
}

// ResultFormat returns the format to ask for: Binary where Decode knows it, else Text.
func (t *Type) ResultFormat() int16 {
	switch t.class {
	case other:
		return Text
	case array:
		return t.elem.ResultFormat()
	}
	return Binary
}

// Same reports whether a value of the type is the same bytes in both formats.
func (t *Type) Same() bool { return t.class == plain || t.class == document }

// malformed says that what came isn't what PostgreSQL sends for the type, so that nothing on the connection can be
// trusted any more.
func (t *Type) malformed() *driver.Fault {
	f := driver.Faultf(driver.Unknown, "the server sent bytes that aren't a value of the type %s", t.Name)
	f.Phase, f.Sent, f.Evict = driver.Fetch, true, true
	if t.class == date || t.class == timestamp || t.class == timestamptz {
		f.Hint = "if the session's DateStyle isn't ISO, set it back"
	}
	return f
}
