package scan

import (
	"encoding"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// The setters of this file read basic Go types, and named types made from them, which lie in memory the same way.
// All but
// setByteArray do without the target.

// basicSetter returns the setter of t by its kind alone, or nil.
func basicSetter(t reflect.Type) setter {
	switch t.Kind() {
	case reflect.Bool:
		return setBool
	case reflect.Int:
		return setInt[int]
	case reflect.Int8:
		return setInt[int8]
	case reflect.Int16:
		return setInt[int16]
	case reflect.Int32:
		return setInt[int32]
	case reflect.Int64:
		return setInt[int64]
	case reflect.Uint:
		return setUint[uint]
	case reflect.Uint8:
		return setUint[uint8]
	case reflect.Uint16:
		return setUint[uint16]
	case reflect.Uint32:
		return setUint[uint32]
	case reflect.Uint64:
		return setUint[uint64]
	case reflect.Float32:
		return setFloat[float32]
	case reflect.Float64:
		return setFloat[float64]
	case reflect.String:
		return setString
	case reflect.Struct:
		if isTime(t) {
			return setTime
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return setBytes
		}
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return setByteArray
		}
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return setAny
		}
	}
	return nil
}

func setBool(dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	switch {
	case v.Kind() == driver.KindBool:
		*(*bool)(dst) = v.Bool()
	case v.Kind() == driver.KindInt && uint64(v.Int64()) <= 1:
		*(*bool)(dst) = v.Int64() == 1
	case v.Kind() == driver.KindInt:
		return &problem{what: "an integer other than 0 and 1", hint: "compare it in the statement, as in x <> 0, or use int64"}
	default:
		return mismatch(v)
	}
	return nil
}

func setInt[T int | int8 | int16 | int32 | int64](dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	n := v.Int64()
	if v.Kind() != driver.KindInt {
		var p *problem
		if n, p = toInt(v); p != nil {
			return p
		}
	}
	if int64(T(n)) != n {
		return outOfRange(v)
	}
	*(*T)(dst) = T(n)
	return nil
}

func setUint[T uint | uint8 | uint16 | uint32 | uint64](dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	n, p := toUint(v)
	if p != nil {
		return p
	}
	if uint64(T(n)) != n {
		return outOfRange(v)
	}
	*(*T)(dst) = T(n)
	return nil
}

// toInt returns any number that is whole and fits, and 0 and 1 for booleans.
func toInt(v *driver.Value) (int64, *problem) {
	switch v.Kind() {
	case driver.KindInt:
		return v.Int64(), nil
	case driver.KindBool: // MariaDB's BOOLEAN is a TINYINT(1), which people keep small numbers in, too
		if v.Bool() {
			return 1, nil
		}
		return 0, nil
	case driver.KindUint:
		return 0, outOfRange(v)
	case driver.KindFloat:
		f := v.Float64()
		if f != math.Trunc(f) && !math.IsInf(f, 0) {
			return 0, fractional(v)
		}
		if !(f >= -1<<63 && f < 1<<63) {
			return 0, outOfRange(v)
		}
		return int64(f), nil
	case driver.KindDecimal:
		n, negative, p := wholeDecimal(v)
		switch {
		case p != nil:
			return 0, p
		case negative && n <= 1<<63:
			return -int64(n), nil // of 1<<63 too: it wraps around to itself
		case negative || n > math.MaxInt64:
			return 0, outOfRange(v)
		}
		return int64(n), nil
	}
	return 0, mismatch(v)
}

// toUint is toInt for what isn't negative.
func toUint(v *driver.Value) (uint64, *problem) {
	switch v.Kind() {
	case driver.KindUint:
		return v.Uint64(), nil
	case driver.KindFloat:
		if f := v.Float64(); f >= 1<<63 && f < 1<<64 { // where float64s are whole
			return uint64(f), nil
		}
	case driver.KindDecimal:
		n, negative, p := wholeDecimal(v)
		if p == nil && negative && n > 0 {
			p = outOfRange(v)
		}
		return n, p
	}
	n, p := toInt(v)
	if p == nil && n < 0 {
		p = outOfRange(v)
	}
	return uint64(n), p
}

func setFloat[T float32 | float64](dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	var f float64
	switch v.Kind() {
	case driver.KindFloat:
		f = v.Float64()
	case driver.KindInt, driver.KindUint:
		// All whole numbers up to here are floats: 2^24 and 2^53.
		limit, hint := int64(1)<<53, "a float64 has every whole number only up to 2^53; use int64 or uint64"
		if unsafe.Sizeof(T(0)) == 4 {
			limit, hint = 1<<24, "a float32 has every whole number only up to 2^24; use float64 or int64"
		}
		if n := v.Int64(); v.Kind() == driver.KindUint || n > limit || n < -limit {
			return &problem{what: "an integer that it may not hold exactly", hint: hint}
		}
		f = float64(v.Int64())
	case driver.KindDecimal:
		var err error
		if f, err = strconv.ParseFloat(v.Text(), 64); err != nil { // the nearest; NaN and Infinity too
			return outOfRange(v)
		}
	default:
		return mismatch(v)
	}
	if math.IsInf(float64(T(f)), 0) && !math.IsInf(f, 0) {
		return outOfRange(v)
	}
	*(*T)(dst) = T(f)
	return nil
}

// setString takes what is text, and times in RFC 3339. Numbers aren't text: each database would write them its own way.
func setString(dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	switch v.Kind() {
	case driver.KindText, driver.KindDecimal, driver.KindUUID, driver.KindJSON:
		*(*string)(dst) = v.Text()
	case driver.KindBytes:
		*(*string)(dst) = string(v.Bytes())
	case driver.KindTime, driver.KindDate:
		*(*string)(dst) = timeString(v)
	case driver.KindNested:
		text, ok := nestedText(v)
		if !ok {
			return mismatch(v)
		}
		*(*string)(dst) = string(text)
	default:
		return mismatch(v)
	}
	return nil
}

// nestedText returns the text of what a driver gives in a Go type of its library's that has one, such as an ObjectID.
func nestedText(v *driver.Value) ([]byte, bool) {
	m, ok := v.Nested().(encoding.TextMarshaler)
	if !ok {
		return nil, false
	}
	text, err := m.MarshalText()
	return text, err == nil
}

// timeString returns a date as 2006-01-02 and a time as RFC 3339 with the digits of a second it has.
func timeString(v *driver.Value) string {
	if v.Kind() == driver.KindDate {
		return v.Time().Format(time.DateOnly)
	}
	return v.Time().Format(time.RFC3339Nano)
}

// setBytes shares the memory of bytes, which the value gives up, and copies text.
func setBytes(dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	switch v.Kind() {
	case driver.KindNull:
		*(*[]byte)(dst) = nil
	case driver.KindBytes:
		b := v.Bytes()
		if b == nil { // empty isn't NULL
			b = []byte{}
		}
		*(*[]byte)(dst) = b
	case driver.KindText, driver.KindJSON:
		*(*[]byte)(dst) = []byte(v.Text())
	default:
		return mismatch(v)
	}
	return nil
}

// setRawMessage takes JSON documents; what comes as text or bytes is checked.
func setRawMessage(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	if v.Kind() == driver.KindText || v.Kind() == driver.KindBytes || v.Kind() == driver.KindJSON || v.IsNull() {
		p := setBytes(dst, v, t)
		if (v.Kind() == driver.KindText || v.Kind() == driver.KindBytes) && !json.Valid(*(*[]byte)(dst)) {
			return &problem{what: phrase(v) + " that isn't JSON", hint: "use string or []byte"}
		}
		return p
	}
	if v.Kind() == driver.KindNested {
		text, err := json.Marshal(v.Nested())
		if err != nil {
			return refused(v, "MarshalJSON", err)
		}
		*(*[]byte)(dst) = text
		return nil
	}
	return mismatch(v)
}

// setByteArray takes bytes of the array's own length, a UUID into 16 bytes, and a nested value that is such an array.
func setByteArray(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	array := unsafe.Slice((*byte)(dst), t.typ.Len())
	switch {
	case v.Kind() == driver.KindUUID && len(array) == 16:
		digits := strings.ReplaceAll(v.Text(), "-", "")
		if _, err := hex.Decode(array, []byte(digits[:min(len(digits), 32)])); err != nil || len(digits) != 32 {
			return mismatch(v)
		}
		return nil
	case v.Kind() == driver.KindNested:
		nested := reflect.ValueOf(v.Nested())
		if !nested.IsValid() || nested.Kind() != reflect.Array || !nested.CanConvert(t.typ) {
			return mismatch(v)
		}
		reflect.NewAt(t.typ, dst).Elem().Set(nested.Convert(t.typ))
		return nil
	case v.Kind() != driver.KindBytes:
		return mismatch(v)
	case len(v.Bytes()) != len(array):
		return &problem{what: "bytes of another length", hint: "use []byte"}
	}
	copy(array, v.Bytes())
	return nil
}

func setTime(dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	switch v.Kind() {
	case driver.KindTime, driver.KindDate:
		*(*time.Time)(dst) = v.Time()
	case driver.KindText:
		t, ok := parseTime(v.Text())
		if s := v.Text(); s == "infinity" || s == "-infinity" { // PostgreSQL's
			return &problem{what: "a time without end", hint: "use string or any, or nullif() in the statement"}
		}
		if !ok {
			return &problem{
				what: "text that isn't a date and time",
				hint: "store times as 2006-01-02 15:04:05 with an optional fraction and offset, or use string",
			}
		}
		*(*time.Time)(dst) = t
	default:
		return mismatch(v)
	}
	return nil
}

func setAny(dst unsafe.Pointer, v *driver.Value, _ *target) *problem {
	*(*any)(dst) = v.Any()
	return nil
}
