package driver

import (
	sqldriver "database/sql/driver"
	"encoding"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"time"
)

// Decimal is an exact decimal number as its digits: what Simplify makes of a plinth.Decimal, so that a driver can send
// it as the database's own decimal type, or as text where there is none.
type Decimal string

// Simplify brings an argument down to one of nil, bool, int64, uint64 (only beyond int64), float64, string, []byte,
// time.Time or Decimal. It is meant for a driver's default case, after a switch on the types that need no help.
// The first rule that fits counts:
//
//   - nil, a nil pointer, a nil slice and a nil map are nil: NULL. (A Value method on a pointer type is asked first.)
//   - time.Time, and a type made from it, stays a time.
//   - sql.Null[T], sql.NullString and the like are their value, by these rules, or nil.
//   - A database/sql/driver.Valuer is what Value returns, by these rules. If that is text and the type also has
//     Rat() *big.Rat, as exact decimals do, it is a Decimal.
//   - json.RawMessage is its text; an encoding.TextMarshaler is what MarshalText returns.
//   - A pointer is what it points at.
//   - Booleans, numbers and strings of any named type are themselves, slices and arrays of bytes are []byte.
//   - Other structs, maps, slices and arrays are the JSON text that encoding/json makes of them. Methods on their
//     pointer types count too.
//
// The rest (channels, functions, complex numbers, uintptr) is a fault of kind Argument that names the Go type, as is a
// method that fails; the caller adds which argument it was. A []byte isn't copied.
func Simplify(v any) (any, error) { return simplify(v, 0) }

// maxSteps bounds the walk through pointers and Value methods: type P *P and a Valuer that returns itself never end.
const maxSteps = 16

func simplify(v any, step int) (any, error) {
	switch x := v.(type) {
	case nil, bool, int64, float64, string, time.Time, Decimal:
		return v, nil
	case uint64:
		return simpleUint(x), nil
	case []byte:
		if x == nil {
			return nil, nil
		}
		return v, nil
	case json.RawMessage:
		if x == nil {
			return nil, nil
		}
		return string(x), nil
	case *time.Time: // before its MarshalText
		if x == nil {
			return nil, nil
		}
		return *x, nil
	}
	if step == maxSteps {
		return nil, Faultf(Argument, "%T leads to more than %d pointers or Value methods, one behind the other", v, maxSteps)
	}

	rv := reflect.ValueOf(v)
	t := rv.Type()
	if inner, ok := sqlNull(rv); ok {
		return simplify(inner, step+1)
	}
	if valuer, ok := v.(sqldriver.Valuer); ok {
		return simplifyValuer(valuer, rv, step)
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if rv.IsNil() {
			return nil, nil
		}
	case reflect.Struct:
		if at := reflect.TypeFor[time.Time](); t.ConvertibleTo(at) {
			return rv.Convert(at).Interface(), nil
		}
	}
	if m, ok := v.(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return nil, Faultf(Argument, "MarshalText of %T: %w", v, err)
		}
		return string(text), nil
	}

	switch t.Kind() {
	case reflect.Pointer:
		return simplify(rv.Elem().Interface(), step+1)
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return simpleUint(rv.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return rv.Float(), nil
	case reflect.String:
		return rv.String(), nil
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
		return simplifyComposite(rv, step)
	}
	return nil, Faultf(Argument, "a Go value of type %T has no counterpart in a database", v)
}

func simpleUint(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return n
}

// sqlNull returns what is in a sql.Null[T], sql.NullInt64 and so on. Their own Value methods would refuse what
// database/sql has no type for, such as a large uint64, and forget that a decimal is one.
func sqlNull(rv reflect.Value) (inner any, ok bool) {
	t := rv.Type()
	if t.Kind() != reflect.Struct || t.PkgPath() != "database/sql" || t.NumField() != 2 || t.Field(1).Name != "Valid" {
		return nil, false
	}
	if !rv.Field(1).Bool() {
		return nil, true
	}
	return rv.Field(0).Interface(), true
}

// simplifyValuer calls Value, but not on a nil pointer whose element has the method: that would panic. database/sql
// treats such a pointer as nil in the same way (callValuerValue, golang/go#8415).
func simplifyValuer(valuer sqldriver.Valuer, rv reflect.Value, step int) (any, error) {
	if rv.Kind() == reflect.Pointer && rv.IsNil() && rv.Type().Elem().Implements(reflect.TypeFor[sqldriver.Valuer]()) {
		return nil, nil
	}
	v, err := valuer.Value()
	if err != nil {
		return nil, Faultf(Argument, "Value of %T: %w", valuer, err)
	}
	if text, ok := v.(string); ok {
		if _, exact := valuer.(interface{ Rat() *big.Rat }); exact {
			return Decimal(text), nil
		}
	}
	return simplify(v, step+1)
}

// simplifyComposite makes bytes or JSON of a slice, array, map or struct.
func simplifyComposite(rv reflect.Value, step int) (any, error) {
	t := rv.Type()
	p := reflect.New(t) // a copy with an address, so that methods on the pointer type are found
	p.Elem().Set(rv)
	switch p.Interface().(type) {
	case sqldriver.Valuer, encoding.TextMarshaler:
		return simplify(p.Interface(), step+1)
	}
	if k := t.Kind(); (k == reflect.Slice || k == reflect.Array) && t.Elem().Kind() == reflect.Uint8 {
		return p.Elem().Bytes(), nil
	}
	text, err := json.Marshal(p.Interface())
	if err != nil {
		return nil, Faultf(Argument, "%s as JSON: %w", t, err)
	}
	return string(text), nil
}
