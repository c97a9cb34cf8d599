package driver

import (
	"encoding/json"
	"math"
	"time"
	"unsafe"
)

// ValueKind is the kind of a Value.
type ValueKind uint8

// The kinds of values, with the getter for each.
const (
	KindNull    ValueKind = iota
	KindBool              // Bool
	KindInt               // Int64
	KindUint              // Uint64, only where it exceeds int64
	KindFloat             // Float64
	KindDecimal           // Text holds the exact digits
	KindText              // Text
	KindBytes             // Bytes
	KindTime              // Time: an instant, or a date and time without a zone, which is given in UTC
	KindDate              // Time at midnight UTC
	KindUUID              // Text in its canonical form
	KindJSON              // Text holds the document
	KindNested            // Nested: an array or a document, already as Go values
)

// String returns the kind as messages call it.
func (k ValueKind) String() string {
	text := [...]string{
		"NULL", "boolean", "integer", "unsigned integer", "float", "decimal", "text", "bytes", "time", "date", "UUID", "JSON",
		"nested value",
	}
	if int(k) < len(text) {
		return text[k]
	}
	return "unlisted value kind"
}

// Value is one column of one row as the driver read it: a tagged union, so that a row is read without an
// allocation a column (the idea is slog.Value's). The zero Value is NULL. A Value owns its memory, or shares memory
// that nobody writes any more.
type Value struct {
	kind ValueKind
	nsec uint32 // of a time
	num  uint64 // integer, float bits, boolean, seconds of a time; length of text and bytes
	ptr  *byte  // text and bytes
	ref  any    // *time.Location of a time; a nested value
}

func NullValue() Value           { return Value{} }
func IntValue(v int64) Value     { return Value{kind: KindInt, num: uint64(v)} }
func FloatValue(v float64) Value { return Value{kind: KindFloat, num: math.Float64bits(v)} }

// UintValue returns an integer value: KindInt where it fits, else KindUint.
func UintValue(v uint64) Value {
	if v <= math.MaxInt64 {
		return IntValue(int64(v))
	}
	return Value{kind: KindUint, num: v}
}

func BoolValue(v bool) Value {
	if v {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// TextValue returns a text; DecimalValue, UUIDValue and JSONValue the other kinds that are text.
func TextValue(s string) Value    { return stringValue(KindText, s) }
func DecimalValue(s string) Value { return stringValue(KindDecimal, s) }
func UUIDValue(s string) Value    { return stringValue(KindUUID, s) }
func JSONValue(s string) Value    { return stringValue(KindJSON, s) }

func stringValue(k ValueKind, s string) Value {
	return Value{kind: k, num: uint64(len(s)), ptr: unsafe.StringData(s)}
}

// BytesValue returns b, which it keeps.
func BytesValue(b []byte) Value {
	return Value{kind: KindBytes, num: uint64(len(b)), ptr: unsafe.SliceData(b)}
}

// TimeValue returns an instant with its location.
func TimeValue(t time.Time) Value { return timeValue(KindTime, t) }

// DateValue returns the calendar date of t.
func DateValue(t time.Time) Value {
	y, m, d := t.Date()
	return timeValue(KindDate, time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
}

// DaysValue returns the date that is a number of days after 1970-01-01. It is DateValue without taking a time apart and
// putting it together again.
func DaysValue(days int64) Value {
	return Value{kind: KindDate, num: uint64(days * 86400), ref: time.UTC}
}

func timeValue(k ValueKind, t time.Time) Value {
	return Value{kind: k, num: uint64(t.Unix()), nsec: uint32(t.Nanosecond()), ref: t.Location()}
}

// NestedValue returns an array ([]any) or a document that the driver has turned into Go values.
func NestedValue(v any) Value { return Value{kind: KindNested, ref: v} }

// Kind returns the value's kind. Each of the getters below may only be asked for its own kind.
func (v *Value) Kind() ValueKind { return v.kind }

func (v *Value) IsNull() bool     { return v.kind == KindNull }
func (v *Value) Bool() bool       { return v.num != 0 }
func (v *Value) Int64() int64     { return int64(v.num) }
func (v *Value) Uint64() uint64   { return v.num }
func (v *Value) Float64() float64 { return math.Float64frombits(v.num) }

// Text returns the characters of any kind that has them. It doesn't copy.
func (v *Value) Text() string { return unsafe.String(v.ptr, int(v.num)) }

// Bytes returns the bytes. It doesn't copy.
func (v *Value) Bytes() []byte { return unsafe.Slice(v.ptr, int(v.num)) }

// Time returns the time of a KindTime or KindDate.
func (v *Value) Time() time.Time {
	t := time.Unix(int64(v.num), int64(v.nsec))
	if loc, ok := v.ref.(*time.Location); ok {
		return t.In(loc)
	}
	return t.UTC()
}

// Nested returns the nested value.
func (v *Value) Nested() any { return v.ref }

// Any returns the value as an untyped Go value: nil, bool, int64, uint64, float64, string (text, UUID and the digits of
// a decimal), []byte, time.Time, json.RawMessage, or the nested value.
func (v *Value) Any() any {
	switch v.kind {
	case KindBool:
		return v.Bool()
	case KindInt:
		return v.Int64()
	case KindUint:
		return v.Uint64()
	case KindFloat:
		return v.Float64()
	case KindDecimal, KindText, KindUUID:
		return v.Text()
	case KindBytes:
		return v.Bytes()
	case KindTime, KindDate:
		return v.Time()
	case KindJSON:
		return json.RawMessage(v.Text())
	case KindNested:
		return v.Nested()
	}
	return nil
}
