package scan

import (
	"database/sql"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// target is a Go type that one value is read into, and how. It is shared by goroutines.
type target struct {
	typ   reflect.Type
	set   setter
	elem  *target               // of a pointer and of a sql.Null
	shape atomic.Pointer[shape] // of what a nested value is read into, made when first needed
}

// setter reads v into the memory at dst, which holds a value of t's type. Offsets and setters instead of reflect.Value
// take a third off the time of a row; see BenchmarkStruct.
type setter func(dst unsafe.Pointer, v *driver.Value, t *target) *problem

// maxPointers bounds chains such as ***int, which type P *P makes endless.
const maxPointers = 4

// targetOf returns the target for t, or nil if nothing can be read into it.
func targetOf(t reflect.Type) *target { return newTarget(t, 0) }

func newTarget(t reflect.Type, depth int) *target {
	target := &target{typ: t, set: setterOf(t)}
	if target.set == nil || depth > maxPointers {
		return nil
	}
	var inner reflect.Type
	switch {
	case t.Kind() == reflect.Pointer:
		inner = t.Elem()
	case isSQLNull(t):
		inner = t.Field(0).Type
	default:
		return target
	}
	if target.elem = newTarget(inner, depth+1); target.elem == nil {
		return nil
	}
	return target
}

// setterOf chooses how values are read into a t; nil if they can't be. A type's methods come before its kind.
func setterOf(t reflect.Type) setter {
	switch {
	case t.Kind() == reflect.Pointer:
		return setPointer
	case t.PkgPath() == "" && t.Name() != "": // predeclared: no methods
		return basicSetter(t)
	case t == reflect.TypeFor[time.Time]():
		return setTime
	case t == reflect.TypeFor[time.Duration]():
		return setDuration
	case t == reflect.TypeFor[json.RawMessage]():
		return setRawMessage
	case isSQLNull(t):
		return setNull
	}
	switch p := reflect.PointerTo(t); {
	case p.Implements(reflect.TypeFor[sql.Scanner]()):
		return setScanner
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return setText
	case p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()):
		return setBinary
	}
	if set := basicSetter(t); set != nil {
		return set
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		return setComposite
	}
	return nil
}

// isRecord reports whether t is a struct that is read field by field from columns, not as one value.
func isRecord(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || isTime(t) || isSQLNull(t) {
		return false
	}
	return !hasMethods(t)
}

// hasMethods reports whether t reads itself from one value.
func hasMethods(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[sql.Scanner]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]())
}

// isTime reports whether t is time.Time or made from it.
func isTime(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.ConvertibleTo(reflect.TypeFor[time.Time]())
}

// isSQLNull reports whether t is sql.Null[T], sql.NullString or another of that family: a value and Valid.
func isSQLNull(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "database/sql" && t.NumField() == 2 && t.Field(1).Name == "Valid"
}

func setPointer(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	if v.IsNull() {
		*(*unsafe.Pointer)(dst) = nil
		return nil
	}
	p := reflect.New(t.elem.typ).UnsafePointer()
	if problem := t.elem.set(p, v, t.elem); problem != nil {
		return problem
	}
	*(*unsafe.Pointer)(dst) = p
	return nil
}

// setNull reads the value of a sql.Null by the rules of its own type: its Scan method would convert more freely than
// Plinth, and know no times written as text, so that the same data would differ from database to database.
func setNull(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	reflect.NewAt(t.typ, dst).Elem().SetZero()
	if v.IsNull() {
		return nil
	}
	if p := t.elem.set(dst, v, t.elem); p != nil { // the value is the first field
		return p
	}
	*(*bool)(unsafe.Add(dst, t.typ.Field(1).Offset)) = true
	return nil
}

// setScanner gives Scan what database/sql/driver.Value allows: decimals, UUIDs and JSON as text, nested values as
// JSON text, and an integer beyond int64 as its digits.
func setScanner(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	var src any
	switch v.Kind() {
	case driver.KindUint:
		src = strconv.FormatUint(v.Uint64(), 10)
	case driver.KindJSON:
		src = v.Text()
	case driver.KindNested:
		text, err := json.Marshal(v.Nested())
		if err != nil {
			return refused(v, "MarshalJSON", err)
		}
		src = string(text)
	default:
		src = v.Any()
	}
	if err := reflect.NewAt(t.typ, dst).Interface().(sql.Scanner).Scan(src); err != nil {
		p := refused(v, "Scan", err)
		if v.IsNull() {
			p.mismatch, p.kind = true, driver.KindNull
		}
		return p
	}
	return nil
}

// setText gives UnmarshalText what is text, and the digits of numbers unless the type itself is a number. Bytes go to
// UnmarshalBinary if there is one.
func setText(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	var text []byte
	switch v.Kind() {
	case driver.KindText, driver.KindUUID, driver.KindDecimal, driver.KindJSON:
		text = []byte(v.Text())
	case driver.KindBytes:
		if reflect.PointerTo(t.typ).Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()) {
			return setBinary(dst, v, t)
		}
		text = v.Bytes()
	default:
		if t.typ.Kind() != reflect.String {
			if set := basicSetter(t.typ); set != nil {
				return set(dst, v, t)
			}
		}
		switch v.Kind() {
		case driver.KindInt:
			text = strconv.AppendInt(nil, v.Int64(), 10)
		case driver.KindUint:
			text = strconv.AppendUint(nil, v.Uint64(), 10)
		case driver.KindFloat:
			text = strconv.AppendFloat(nil, v.Float64(), 'f', -1, 64)
		case driver.KindTime, driver.KindDate:
			text = []byte(timeString(v))
		case driver.KindNull:
			return setNil(dst, v, t)
		case driver.KindNested:
			rv, nested := reflect.NewAt(t.typ, dst).Elem(), reflect.ValueOf(v.Nested())
			if nested.IsValid() && nested.Type() == t.typ {
				rv.Set(nested)
				return nil
			}
			var ok bool
			if text, ok = nestedText(v); !ok {
				return mismatch(v)
			}
		default:
			return mismatch(v)
		}
	}
	if err := reflect.NewAt(t.typ, dst).Interface().(encoding.TextUnmarshaler).UnmarshalText(text); err != nil {
		return refused(v, "UnmarshalText", err)
	}
	return nil
}

// setBinary gives bytes to UnmarshalBinary and treats the rest as if the type had no methods.
func setBinary(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	if v.Kind() == driver.KindBytes {
		if err := reflect.NewAt(t.typ, dst).Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(v.Bytes()); err != nil {
			return refused(v, "UnmarshalBinary", err)
		}
		return nil
	}
	if set := basicSetter(t.typ); set != nil {
		return set(dst, v, t)
	}
	return setComposite(dst, v, t)
}

// setNil reads NULL into what can be nil.
func setNil(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	if k := t.typ.Kind(); k != reflect.Slice && k != reflect.Map {
		return mismatch(v)
	}
	reflect.NewAt(t.typ, dst).Elem().SetZero()
	return nil
}
