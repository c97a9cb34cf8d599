package value

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

// Append appends an argument to dst as the value of a parameter, and returns its type and whether that is unsigned:
// https://mariadb.com/kb/en/com_stmt_execute/#binary-parameter-encoding. NULL has the type NULL, 0x06, and appends nothing.
// arg may be of any Go type, and nil. What can't be sent, or would be changed by it, is a *driver.Fault that says what to do
// and never repeats the value; the caller adds which argument it was.
//
// MariaDB doesn't tell what type a parameter should have, so a Go type always becomes the same one:
//
//	integers, and what is made from them    BIGINT, unsigned only beyond the largest int64
//	bool                                    TINYINT 0 or 1
//	float32, float64                        DOUBLE
//	string and what is text                 VARCHAR
//	[]byte                                  BLOB
//	time.Time                               DATETIME(6) in UTC
//	driver.Decimal                          DECIMAL
//
// A time.Duration is its nanoseconds, as any integer: what it's kept in is a BIGINT mostly, in which a TIME would quietly become
// another number, 01:30:00 the number 13000.
func Append(dst []byte, arg any) (out []byte, typ byte, unsigned bool, err error) {
	switch v := arg.(type) {
	case nil:
		return dst, typeNull, false, nil
	case int64:
		return appendInt(dst, v)
	case int:
		return appendInt(dst, int64(v))
	case string:
		return appendText(dst, typeVarString, v)
	case []byte:
		return appendBytes(dst, v)
	case bool:
		var n byte
		if v {
			n = 1
		}
		return append(dst, n), typeTiny, false, nil
	case float64:
		return appendFloat(dst, v)
	case time.Time:
		return appendTime(dst, v)
	case driver.Decimal:
		return appendDecimal(dst, string(v))
	case time.Duration:
		return appendInt(dst, int64(v))
	case json.RawMessage:
		if v == nil {
			return dst, typeNull, false, nil
		}
		return appendText(dst, typeVarString, v)
	case int32:
		return appendInt(dst, int64(v))
	case int16:
		return appendInt(dst, int64(v))
	case int8:
		return appendInt(dst, int64(v))
	case uint64:
		return appendUint(dst, v)
	case uint:
		return appendUint(dst, uint64(v))
	case uint32:
		return appendInt(dst, int64(v))
	case uint16:
		return appendInt(dst, int64(v))
	case uint8:
		return appendInt(dst, int64(v))
	case float32:
		return appendFloat(dst, float64(v))
	}
	simple, err := driver.Simplify(arg) // nil, or of one of the types above
	if err != nil {
		return dst, 0, false, err
	}
	return Append(dst, simple)
}

// refuse returns the fault for an argument that MariaDB can't have.
func refuse(dst []byte, what, hint string) ([]byte, byte, bool, error) {
	f := driver.Faultf(driver.Argument, "%s can't be sent to MariaDB", what)
	f.Hint = hint
	return dst, 0, false, f
}

func appendInt(dst []byte, n int64) ([]byte, byte, bool, error) {
	return binary.LittleEndian.AppendUint64(dst, uint64(n)), typeLongLong, false, nil
}

func appendUint(dst []byte, n uint64) ([]byte, byte, bool, error) {
	return binary.LittleEndian.AppendUint64(dst, n), typeLongLong, n > math.MaxInt64, nil
}

func appendFloat(dst []byte, f float64) ([]byte, byte, bool, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return refuse(dst, "a float that is NaN or infinite", "its floats are finite: pass nil for NULL")
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), typeDouble, false, nil
}

// maxValue is the most that max_allowed_packet can be set to:
// https://mariadb.com/docs/server/server-management/variables-and-modes/server-system-variables#max_allowed_packet.
const maxValue = 1 << 30

func appendText[T string | json.RawMessage](dst []byte, typ byte, s T) ([]byte, byte, bool, error) {
	if len(s) > maxValue {
		return tooLarge(dst, len(s))
	}
	if !utf8.ValidString(string(s)) {
		return refuse(dst, "text that isn't valid UTF-8", "pass bytes as []byte, or see to the text with strings.ToValidUTF8")
	}
	return append(appendLength(dst, len(s)), s...), typ, false, nil
}

func appendBytes(dst, b []byte) ([]byte, byte, bool, error) {
	switch {
	case b == nil:
		return dst, typeNull, false, nil
	case len(b) > maxValue:
		return tooLarge(dst, len(b))
	}
	return append(appendLength(dst, len(b)), b...), typeBlob, false, nil
}

func tooLarge(dst []byte, n int) ([]byte, byte, bool, error) {
	f := driver.Faultf(driver.TooLarge, "a value of %d bytes, MariaDB takes %d", n, maxValue)
	f.Hint = "store it in parts"
	return dst, 0, false, f
}

// appendLength writes an int<lenenc>: https://mariadb.com/kb/en/protocol-data-types/#length-encoded-integers.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 0xfb:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), uint64(n))
}

// Size returns how many bytes of src, what Append wrote, are the value of the type that it returned.
func Size(typ byte, src []byte) int {
	switch typ {
	case typeNull:
		return 0
	case typeTiny:
		return 1
	case typeLongLong, typeDouble:
		return 8
	}
	n := int(src[0])
	if n < 0xfb {
		return 1 + n
	}
	n, rest := longLength(n, src[1:])
	return len(src) - len(rest) + n
}

// appendTime writes a DATETIME of the instant, in UTC as sessions are. What is finer than microseconds is cut off.
func appendTime(dst []byte, t time.Time) ([]byte, byte, bool, error) {
	t = t.UTC()
	y, m, d := t.Date()
	if y < 0 || y > 9999 {
		return refuse(dst, "a time out of its range", "its dates go from the year 0 to 9999")
	}
	hour, minute, second := t.Clock()
	us := uint32(t.Nanosecond() / 1000)
	size := byte(7)
	if us > 0 {
		size = 11
	}
	dst = append(dst, size, byte(y), byte(y>>8), byte(m), byte(d), byte(hour), byte(minute), byte(second))
	if us > 0 {
		dst = binary.LittleEndian.AppendUint32(dst, us)
	}
	return dst, typeDateTime, false, nil
}

// maxDigits is how many digits a DECIMAL has at most. Of a longer one the server would cut the end, and say nothing.
// https://mariadb.com/docs/server/reference/data-types/numeric-data-types/decimal
const maxDigits = 65

// appendDecimal writes digits, with an exponent or without. The server takes what isn't a number for 0, so it isn't sent.
func appendDecimal(dst []byte, s string) ([]byte, byte, bool, error) {
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if hasExponent {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return refuse(dst, "a decimal that isn't a number", "")
		}
	}
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return refuse(dst, "a decimal that isn't a number", "its decimals have no NaN and no infinity: pass nil for NULL")
	}
	digits := max(len(strings.TrimLeft(whole, "0")), -shift) + max(len(fraction), shift)
	if shift < -maxDigits || shift > maxDigits || digits > maxDigits {
		return refuse(dst, "a decimal of more than 65 digits", "round it first, or send its digits as a string to a text column")
	}
	return append(appendLength(dst, len(s)), s...), typeNewDecimal, false, nil
}
