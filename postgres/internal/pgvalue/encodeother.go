package pgvalue

import (
	sqldriver "database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"net"
	"reflect"

	"github.com/plinthdb/plinth/driver"
)

// maxSteps bounds the walk through pointers and sql.Nulls, as driver.Simplify does.
const maxSteps = 16

// fromOther takes what needs reflection: what is behind a pointer or in a sql.Null, what the type has a better form for
// than driver.Simplify, and the rest as what Simplify makes of it.
func (t *Type) fromOther(dst []byte, arg any, step int) (out []byte, format int16, err error) {
	rv := reflect.ValueOf(arg)
	typ := rv.Type()
	if step < maxSteps {
		if inner, ok := unwrap(rv); ok {
			return t.encode(dst, inner, step+1)
		}
	}
	list := isList(typ)
	switch t.class {
	case uuid:
		if rv.Kind() == reflect.Array && rv.Len() == 16 && !list {
			for i := range 16 {
				dst = append(dst, byte(rv.Index(i).Uint()))
			}
			return dst, Binary, nil
		}
	case document, jsonb:
		return t.fromDocument(dst, arg, rv)
	case array, vector:
		if list && !speaks(typ) {
			return t.fromSlice(dst, rv)
		}
	case other:
		switch v := arg.(type) {
		case net.HardwareAddr:
			return t.fromString(dst, v.String())
		case net.IPNet:
			return t.fromString(dst, v.String())
		}
	}
	simple, err := driver.Simplify(arg)
	if err != nil {
		return nil, 0, err
	}
	if _, isText := simple.(string); isText && !t.takesJSON() && !speaks(typ) {
		switch {
		case list:
			return t.refuse(fmt.Sprintf("a %T", arg), "pass one value; IN (?) and = any($1) take a slice")
		case rv.Kind() == reflect.Map, rv.Kind() == reflect.Struct:
			return t.refuse(fmt.Sprintf("a %T", arg), "pass one of its parts, or give the type a Value method")
		}
	}
	return t.encode(dst, simple, maxSteps)
}

// takesJSON reports whether the JSON that Simplify makes of structs and lists can be a value of the type.
func (t *Type) takesJSON() bool { return t.class == plain || t.class == other || t.class == bytea }

// unwrap returns what is in a sql.Null, and what a pointer without methods of its own points at; nil for NULL.
func unwrap(rv reflect.Value) (inner any, ok bool) {
	switch typ := rv.Type(); {
	case typ.Kind() == reflect.Pointer:
		for _, method := range [...]reflect.Type{
			reflect.TypeFor[sqldriver.Valuer](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler](),
		} {
			if typ.Implements(method) && !typ.Elem().Implements(method) {
				return nil, false
			}
		}
		if rv.IsNil() {
			return nil, true
		}
		return rv.Elem().Interface(), true
	case typ.Kind() == reflect.Struct && typ.PkgPath() == "database/sql" && typ.NumField() == 2 && typ.Field(1).Name == "Valid":
		if !rv.Field(1).Bool() {
			return nil, true
		}
		return rv.Field(0).Interface(), true
	}
	return nil, false
}

// speaks reports whether a type, or a pointer to it, says by a method what it is in a database.
func speaks(typ reflect.Type) bool {
	if typ.PkgPath() == "" && typ.Name() == "" && typ.Kind() != reflect.Struct { // []int and the like have no methods
		return false
	}
	p := reflect.PointerTo(typ)
	return p.Implements(reflect.TypeFor[sqldriver.Valuer]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// isList reports whether a type is a slice or an array of anything but bytes.
func isList(typ reflect.Type) bool {
	return (typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array) && typ.Elem().Kind() != reflect.Uint8
}

// fromDocument makes JSON of a value: what encoding/json makes of it, but text and bytes are a document already, and so
// is what a Value method returns, unless encoding/json has a method to ask.
func (t *Type) fromDocument(dst []byte, arg any, rv reflect.Value) (out []byte, format int16, err error) {
	typ := rv.Type()
	marshals := marshalsJSON(typ) || marshalsJSON(reflect.PointerTo(typ))
	_, isValuer := arg.(sqldriver.Valuer)
	text := typ.Kind() == reflect.String || !isList(typ) && (typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array)
	if isValuer || text && !marshals {
		simple, err := driver.Simplify(arg)
		if err != nil || simple == nil || !marshals {
			return t.simple(dst, simple, err)
		}
	}
	if k := typ.Kind(); (k == reflect.Pointer || k == reflect.Slice || k == reflect.Map) && rv.IsNil() {
		return nil, Binary, nil
	}
	p := reflect.New(typ) // with an address, so that methods on the pointer type count
	p.Elem().Set(rv)
	doc, err := json.Marshal(p.Interface())
	if err != nil {
		return nil, 0, driver.Faultf(driver.Argument, "%s as JSON: %w", typ, err)
	}
	return t.fromBytes(dst, doc)
}

// simple encodes what Simplify returned.
func (t *Type) simple(dst []byte, simple any, err error) (out []byte, format int16, _ error) {
	if err != nil {
		return nil, 0, err
	}
	return t.encode(dst, simple, maxSteps)
}

func marshalsJSON(typ reflect.Type) bool {
	return typ.Implements(reflect.TypeFor[json.Marshaler]()) || typ.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
