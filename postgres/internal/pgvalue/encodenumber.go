package pgvalue

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// The largest whole numbers up to which a float has each.
const (
	float4Whole = 1 << 24
	float8Whole = 1 << 53
)

func (t *Type) fromInt(dst []byte, n int64) (out []byte, format int16, err error) {
	var low, high int64
	switch t.class {
	case integer8:
		return binary.BigEndian.AppendUint64(dst, uint64(n)), Binary, nil
	case integer4:
		low, high = math.MinInt32, math.MaxInt32
	case integer2:
		low, high = math.MinInt16, math.MaxInt16
	case oid:
		high = math.MaxUint32
	case xid8:
		high = math.MaxInt64
	case boolean:
		high = 1
	case float4:
		low, high = -float4Whole, float4Whole
	case float8:
		low, high = -float8Whole, float8Whole
	case numeric:
		var buf [20]byte
		return t.fromDecimal(dst, string(strconv.AppendInt(buf[:0], n, 10)))
	case plain, document, jsonb, other:
		return t.fromDigits(strconv.AppendInt(t.prefix(dst), n, 10))
	case array, vector:
		return t.refuse("a single number", "pass a slice, or compare with = any($1)")
	case interval, clock:
		return t.refuse("an integer", "pass a time.Duration, or text such as 1 day 02:30:00")
	case date, timestamp, timestamptz:
		return t.refuse("an integer", "pass a time.Time, or convert it in the statement, as in to_timestamp($1)")
	default:
		return t.refuse("an integer", "")
	}
	if n < low || n > high {
		return t.refuse("an integer out of its range", "use a wider type, or a cast such as $1::int8")
	}
	switch t.class {
	case integer4, oid:
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	case integer2:
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	case xid8:
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	case boolean:
		dst = append(dst, byte(n))
	case float4:
		dst = binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(n)))
	case float8:
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(float64(n)))
	}
	return dst, Binary, nil
}

// prefix appends what is in front of a text in the type's binary format: jsonb has a version there.
func (t *Type) prefix(dst []byte) []byte {
	if t.class == jsonb {
		return append(dst, 1)
	}
	return dst
}

// fromDigits returns out, which ends in digits, in the format in which the type takes them.
func (t *Type) fromDigits(out []byte) ([]byte, int16, error) {
	if t.class == other {
		return out, Text, nil
	}
	return out, Binary, nil
}

func (t *Type) fromUint(dst []byte, n uint64) (out []byte, format int16, err error) {
	switch {
	case n <= math.MaxInt64:
		return t.fromInt(dst, int64(n))
	case t.class == xid8:
		return binary.BigEndian.AppendUint64(dst, n), Binary, nil
	case t.class == numeric:
		return t.fromDecimal(dst, strconv.FormatUint(n, 10))
	case t.class == plain || t.class == document || t.class == jsonb || t.class == other:
		return t.fromDigits(strconv.AppendUint(t.prefix(dst), n, 10))
	}
	return t.refuse("an integer beyond 9223372036854775807", "use the type numeric for it")
}

func (t *Type) fromBool(dst []byte, v bool) (out []byte, format int16, err error) {
	switch t.class {
	case boolean, integer2, integer4, integer8, numeric:
		n := int64(0)
		if v {
			n = 1
		}
		return t.fromInt(dst, n)
	case plain, document, jsonb, other:
		return t.fromDigits(strconv.AppendBool(t.prefix(dst), v))
	}
	return t.refuse("a boolean", "")
}

// fromFloat takes a float whose precision is 32 or 64 bits.
func (t *Type) fromFloat(dst []byte, f float64, bits int) (out []byte, format int16, err error) {
	switch t.class {
	case float8:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(f)), Binary, nil
	case float4:
		if math.IsInf(float64(float32(f)), 0) && !math.IsInf(f, 0) {
			return t.refuse("a float out of its range", "use the type float8")
		}
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(f))), Binary, nil
	case numeric:
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return t.fromDecimal(dst, floatName(f))
		}
		return t.fromDecimal(dst, strconv.FormatFloat(f, 'f', -1, bits))
	case integer2, integer4, integer8, oid:
		if f != math.Trunc(f) {
			return t.refuse("a float that isn't a whole number", "round it before")
		}
		if !(f >= -1<<63 && f < 1<<63) {
			return t.refuse("a float out of its range", "")
		}
		return t.fromInt(dst, int64(f))
	case plain, other:
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return t.fromDigits(append(dst, floatName(f)...))
		}
		return t.fromDigits(strconv.AppendFloat(dst, f, 'g', -1, bits))
	case document, jsonb:
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return t.refuse("NaN or an infinity", "JSON has none of them")
		}
		return append(t.prefix(dst), jsonFloat(f, bits)...), Binary, nil
	}
	return t.refuse("a float", "")
}

// floatName returns PostgreSQL's name for what isn't finite.
func floatName(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case f > 0:
		return "Infinity"
	}
	return "-Infinity"
}

func jsonFloat(f float64, bits int) []byte {
	var text []byte
	if bits == 32 {
		text, _ = json.Marshal(float32(f))
	} else {
		text, _ = json.Marshal(f)
	}
	return text
}

// fromDecimal takes the digits of a decimal. Into a float goes the nearest one, as it is read from there.
func (t *Type) fromDecimal(dst []byte, digits string) (out []byte, format int16, err error) {
	switch t.class {
	case numeric:
		if out, ok := appendNumeric(dst, digits); ok {
			return out, Binary, nil
		}
	case float4, float8:
		if f, err := strconv.ParseFloat(digits, 64); err == nil {
			return t.fromFloat(dst, f, 64)
		}
		return t.refuse("a decimal out of its range", "")
	case integer2, integer4, integer8, oid:
		whole, fraction, _ := strings.Cut(digits, ".")
		if strings.Trim(fraction, "0") != "" {
			return t.refuse("a decimal that isn't a whole number", "round it before")
		}
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return t.refuse("a decimal out of its range", "")
		}
		return t.fromInt(dst, n)
	case boolean, bytea, array, vector, uuid, date, clock, clockZone, timestamp, timestamptz, interval:
		return t.refuse("a decimal", "")
	}
	return t.fromString(dst, digits)
}

// fromDuration takes a duration as what PostgreSQL has for it, cut to microseconds, or else as its nanoseconds.
func (t *Type) fromDuration(dst []byte, d time.Duration) (out []byte, format int16, err error) {
	switch t.class {
	case interval:
		dst = binary.BigEndian.AppendUint64(dst, uint64(d.Microseconds()))
		return append(dst, 0, 0, 0, 0, 0, 0, 0, 0), Binary, nil
	case clock:
		if d < 0 || d > 24*time.Hour {
			return t.refuse("a time.Duration outside of a day", "a time of day is between 0 and 24 hours")
		}
		return binary.BigEndian.AppendUint64(dst, uint64(d.Microseconds())), Binary, nil
	}
	return t.fromInt(dst, int64(d))
}
