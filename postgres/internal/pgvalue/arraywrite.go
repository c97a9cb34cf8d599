package pgvalue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/plinthdb/plinth/driver"
)

// errText says that an element has no binary form, so that the array can't have one either.
var errText = errors.New("an element is in the text format")

// fromList writes the slices that arrays are most often made of without reflection.
func (t *Type) fromList(dst []byte, arg any) (out []byte, format int16, err error) {
	switch v := arg.(type) {
	case []int64:
		out, err = listOf(t, dst, v, (*Type).fromInt)
	case []string:
		out, err = listOf(t, dst, v, (*Type).fromString)
	case []int:
		out, err = listOf(t, dst, v, func(e *Type, dst []byte, n int) ([]byte, int16, error) { return e.fromInt(dst, int64(n)) })
	case []int32:
		out, err = listOf(t, dst, v, func(e *Type, dst []byte, n int32) ([]byte, int16, error) { return e.fromInt(dst, int64(n)) })
	case []float64:
		out, err = listOf(t, dst, v, func(e *Type, dst []byte, f float64) ([]byte, int16, error) {
			return e.fromFloat(dst, f, 64)
		})
	default:
		err = errText
	}
	if err == errText {
		return t.fromSlice(dst, reflect.ValueOf(arg))
	}
	return out, Binary, err
}

func listOf[T any](t *Type, dst []byte, list []T, one func(*Type, []byte, T) ([]byte, int16, error)) ([]byte, error) {
	if list == nil {
		return nil, nil
	}
	dst = t.arrayHead(dst, []int{len(list)})
	for i, v := range list {
		at := len(dst)
		out, format, err := one(t.elem, append(dst, 0, 0, 0, 0), v)
		switch {
		case err != nil:
			return nil, elementFault(err, i+1)
		case format == Text:
			return nil, errText
		}
		binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
		dst = out
	}
	return dst, nil
}

// arrayHead writes what stands in front of an array's elements, for an array without NULLs. See fromBinaryArray.
func (t *Type) arrayHead(dst []byte, lengths []int) []byte {
	if lengths[len(lengths)-1] == 0 {
		lengths = nil
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(lengths)))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, t.elem.OID)
	for _, n := range lengths {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		lower := uint32(1)
		if t.class == vector {
			lower = 0
		}
		dst = binary.BigEndian.AppendUint32(dst, lower)
	}
	return dst
}

func elementFault(err error, number int) error {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		f.Err = fmt.Errorf("element %d: %w", number, f.Err)
	}
	return err
}

// fromSlice writes a Go slice or array, whose elements may be slices again, as an array: in binary, or in text where
// an element has no binary form.
func (t *Type) fromSlice(dst []byte, rv reflect.Value) (out []byte, format int16, err error) {
	if rv.Kind() == reflect.Slice && rv.IsNil() {
		return nil, Binary, nil
	}
	var lengths []int
	for v := rv; ; v = v.Index(0) {
		if v = concrete(v); !t.isDimension(v) {
			break
		}
		if lengths = append(lengths, v.Len()); len(lengths) > maxDimensions {
			return t.refuse("a slice of more than 6 dimensions", "")
		}
		if v.Len() == 0 {
			break
		}
	}
	w := arrayWriter{t: t, dst: t.arrayHead(dst, lengths), text: t.elem.textOnly()}
	w.null = len(dst) + 4
	if w.text {
		w.dst = dst
	}
	if err = w.dimension(rv, lengths); err == errText {
		w.text, w.dst = true, dst
		err = w.dimension(rv, lengths)
	}
	switch {
	case err != nil:
		return nil, 0, err
	case w.text && lengths[len(lengths)-1] == 0:
		return append(dst, "{}"...), Text, nil
	case w.text:
		return w.dst, Text, nil
	}
	return w.dst, Binary, nil
}

// textOnly reports whether Encode never has a binary form for the type.
func (t *Type) textOnly() bool { return t.class == other || t.class == char }

// concrete returns what is in an interface.
func concrete(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v
}

// isDimension reports whether v is a part of an array and not an element of it.
func (t *Type) isDimension(v reflect.Value) bool {
	return v.IsValid() && isList(v.Type()) && !speaks(v.Type())
}

// arrayWriter appends the elements of an array to dst.
type arrayWriter struct {
	t    *Type
	dst  []byte
	text bool // in the text format
	null int  // where in dst the binary format says that there are NULLs
	buf  []byte
}

// dimension writes a slice whose dimensions must have the lengths.
func (w *arrayWriter) dimension(v reflect.Value, lengths []int) error {
	if v = concrete(v); !v.IsValid() || !w.t.isDimension(v) || v.Len() != lengths[0] {
		_, _, err := w.t.refuse("a slice of slices of different lengths", "PostgreSQL's arrays are rectangular; fill up with nil")
		return err
	}
	if w.text {
		w.dst = append(w.dst, '{')
	}
	for i := range v.Len() {
		if w.text && i > 0 {
			w.dst = append(w.dst, w.t.elem.delimiter)
		}
		var err error
		if len(lengths) > 1 {
			err = w.dimension(v.Index(i), lengths[1:])
		} else {
			err = w.element(v.Index(i).Interface())
		}
		if err == errText {
			return err
		} else if err != nil {
			return elementFault(err, i+1)
		}
	}
	if w.text {
		w.dst = append(w.dst, '}')
	}
	return nil
}

func (w *arrayWriter) element(x any) error {
	if w.text {
		return w.textElement(x)
	}
	at := len(w.dst)
	w.dst = append(w.dst, 0, 0, 0, 0)
	out, format, err := w.t.elem.encode(w.dst, x, 0)
	switch {
	case err != nil:
		return err
	case out == nil:
		binary.BigEndian.PutUint32(w.dst[at:], 1<<32-1)
		w.dst[w.null+3] = 1
		return nil
	case format == Text:
		return errText
	}
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
	w.dst = out
	return nil
}

func (w *arrayWriter) textElement(x any) error {
	out, format, err := w.t.elem.Encode(w.buf[:0], x)
	if err != nil {
		return err
	}
	if out == nil {
		w.dst = append(w.dst, "NULL"...)
		return nil
	}
	if s, isString := x.(string); isString {
		out = append(out[:0], s...)
	} else if format == Binary {
		_, _, err := w.t.refuse("a slice of some elements as text and others not", "pass elements of one Go type")
		return err
	}
	w.dst = append(w.dst, '"')
	for _, c := range out {
		if c == '"' || c == '\\' {
			w.dst = append(w.dst, '\\')
		}
		w.dst = append(w.dst, c)
	}
	w.dst, w.buf = append(w.dst, '"'), out
	return nil
}
