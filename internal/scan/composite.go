package scan

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// shape is what a nested value needs to know of a struct, slice, array or map.
type shape struct {
	elem   *target // of a slice, array or map; nil if nothing can be read into it
	fields []part  // of a struct
	fault  error   // why the struct's tags are no good
}

// part is a struct field with its target.
type part struct {
	field
	target *target
}

// setComposite reads JSON by encoding/json's rules and nested values by this package's. What was in dst is dropped.
func setComposite(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	switch v.Kind() {
	case driver.KindNull:
		return setNil(dst, v, t)
	case driver.KindJSON, driver.KindText:
		return unmarshal([]byte(v.Text()), dst, v, t)
	case driver.KindBytes:
		return unmarshal(v.Bytes(), dst, v, t)
	case driver.KindNested:
		return setNested(dst, v, t)
	}
	return mismatch(v)
}

func unmarshal(text []byte, dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	p := reflect.NewAt(t.typ, dst)
	p.Elem().SetZero()
	err := json.Unmarshal(text, p.Interface())
	if err == nil {
		return nil
	}
	// The errors' own texts may hold parts of the document.
	what := "JSON"
	if v.Kind() != driver.KindJSON {
		what = phrase(v) + ", read as JSON,"
	}
	problem := &problem{
		what: what + " that a method of the type refused", cause: err,
		hint: "use json.RawMessage to see the document, or change the type",
	}
	var syntax *json.SyntaxError
	var mismatched *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		problem.what = fmt.Sprintf("%s with a syntax error at byte %d", what, syntax.Offset)
	case errors.As(err, &mismatched):
		problem.what = fmt.Sprintf("%s with another type at byte %d where Go has %s", what, mismatched.Offset, mismatched.Type)
	}
	return problem
}

// setNested reads a nested value into a struct, map, slice or array: arrays must have the Go array's length; a key
// without a field is left out and a field without a key is left zero, as encoding/json does it for JSON columns.
func setNested(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	rv := reflect.NewAt(t.typ, dst).Elem()
	rv.SetZero()
	nested := reflect.ValueOf(v.Nested())
	if !nested.IsValid() {
		return setNil(dst, &driver.Value{}, t)
	}
	if nested.Type() == t.typ {
		rv.Set(nested)
		return nil
	}
	s := t.nestedShape()
	switch {
	case s.fault != nil:
		return &problem{what: "a nested value", hint: s.fault.Error()}
	case t.typ.Kind() == reflect.Struct:
		if m, ok := v.Nested().(map[string]any); ok {
			return setFields(dst, m, s)
		}
	case s.elem == nil:
	case t.typ.Kind() == reflect.Map && t.typ.Key().Kind() == reflect.String:
		if m, ok := v.Nested().(map[string]any); ok {
			return setMap(rv, m, s.elem)
		}
	case nested.Kind() == reflect.Slice && t.typ.Kind() == reflect.Slice:
		rv.Set(reflect.MakeSlice(t.typ, nested.Len(), nested.Len()))
		return setElements(rv, nested, s.elem)
	case nested.Kind() == reflect.Slice && t.typ.Kind() == reflect.Array:
		if nested.Len() != t.typ.Len() {
			return &problem{what: "a nested value of another length", hint: "use a slice"}
		}
		return setElements(rv, nested, s.elem)
	}
	return mismatch(v)
}

func setElements(rv, nested reflect.Value, elem *target) *problem {
	for i := range nested.Len() {
		v := valueOf(nested.Index(i).Interface())
		if p := elem.set(rv.Index(i).Addr().UnsafePointer(), &v, elem); p != nil {
			return p.within("["+strconv.Itoa(i)+"]", elem.typ)
		}
	}
	return nil
}

func setMap(rv reflect.Value, m map[string]any, elem *target) *problem {
	rv.Set(reflect.MakeMapWithSize(rv.Type(), len(m)))
	for key, x := range m {
		v, e := valueOf(x), reflect.New(elem.typ)
		if p := elem.set(e.UnsafePointer(), &v, elem); p != nil {
			return p.within("[…]", elem.typ) // the key is data
		}
		rv.SetMapIndex(reflect.ValueOf(key).Convert(rv.Type().Key()), e.Elem())
	}
	return nil
}

func setFields(dst unsafe.Pointer, m map[string]any, s *shape) *problem {
	for i := range s.fields {
		f := &s.fields[i]
		x, ok := lookup(m, f)
		if !ok {
			continue
		}
		if f.target == nil {
			return (&problem{what: "a value", hint: unsupported(f.typ).Hint}).within("."+f.name, f.typ)
		}
		at := dst
		for _, h := range f.hops {
			at = h.follow(at)
		}
		v := valueOf(x)
		if p := f.target.set(unsafe.Add(at, f.offset), &v, f.target); p != nil {
			return p.within("."+f.name, f.typ)
		}
	}
	return nil
}

// lookup finds a field's key as a column is found: exactly, or else whatever its case and underscores.
func lookup(m map[string]any, f *part) (x any, ok bool) {
	if x, ok = m[f.name]; ok {
		return x, true
	}
	for key, x := range m {
		if fold(key) == f.folded {
			return x, true
		}
	}
	return nil, false
}

// nestedShape returns t's shape. Two goroutines may make it at once; they make the same.
func (t *target) nestedShape() *shape {
	if s := t.shape.Load(); s != nil {
		return s
	}
	s := &shape{}
	if t.typ.Kind() == reflect.Struct {
		fields, err := fieldsOf(t.typ, "db", "bson")
		s.fault = err
		for _, f := range fields {
			s.fields = append(s.fields, part{f, targetOf(f.typ)})
		}
		if err == nil && len(fields) == 0 { // whatever came would be lost without a word
			s.fault = fmt.Errorf("%s has no exported fields: use a struct that has, or map[string]any", t.typ)
		}
	} else {
		s.elem = targetOf(t.typ.Elem())
	}
	t.shape.Store(s)
	return s
}

// valueOf returns an element of a nested value as a value.
func valueOf(x any) driver.Value {
	switch x := x.(type) {
	case nil:
		return driver.NullValue()
	case bool:
		return driver.BoolValue(x)
	case int:
		return driver.IntValue(int64(x))
	case int32:
		return driver.IntValue(int64(x))
	case int64:
		return driver.IntValue(x)
	case uint64:
		return driver.UintValue(x)
	case float64:
		return driver.FloatValue(x)
	case string:
		return driver.TextValue(x)
	case []byte:
		return driver.BytesValue(x)
	case time.Time:
		return driver.TimeValue(x)
	case json.RawMessage:
		return driver.JSONValue(string(x))
	case driver.Decimal:
		return driver.DecimalValue(string(x))
	case driver.Value:
		return x
	}
	return driver.NestedValue(x)
}
