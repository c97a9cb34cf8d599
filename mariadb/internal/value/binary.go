package value

import (
	"encoding/binary"
	"math"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// DecodeBinary returns a value of a row of the binary protocol. src is the value without its length; nil is NULL. It's only
// read during the call: what must be kept is copied into a. Errors are *driver.Fault.
// https://mariadb.com/kb/en/resultset-row/#binary-resultset-row
func (c *Column) DecodeBinary(src []byte, a *arena.Arena) (driver.Value, error) {
	if src == nil {
		return driver.NullValue(), nil
	}
	if c.size != 0 {
		if len(src) != int(c.size) {
			return driver.NullValue(), c.malformed()
		}
		return c.number(src), nil
	}
	switch c.class {
	case date, instant:
		if t, ok := splitTime(src); ok {
			return c.time(t)
		}
	case clock:
		if t, ok := splitClock(src); ok {
			return t.value(a), nil
		}
	default:
		if v, ok := c.string(src, a); ok {
			return v, nil
		}
	}
	return driver.NullValue(), c.malformed()
}

// number reads a number of the column's size.
func (c *Column) number(src []byte) driver.Value {
	switch c.class {
	case float:
		return driver.FloatValue(float64(math.Float32frombits(binary.LittleEndian.Uint32(src))))
	case double:
		return driver.FloatValue(math.Float64frombits(binary.LittleEndian.Uint64(src)))
	case boolean:
		return booleanValue(int64(int8(src[0])))
	}
	var n uint64
	switch c.size {
	case 1:
		if n = uint64(src[0]); c.class == signed {
			n = uint64(int8(src[0]))
		}
	case 2:
		if n = uint64(binary.LittleEndian.Uint16(src)); c.class == signed {
			n = uint64(int16(n))
		}
	case 4:
		if n = uint64(binary.LittleEndian.Uint32(src)); c.class == signed {
			n = uint64(int32(n))
		}
	case 8:
		n = binary.LittleEndian.Uint64(src)
	}
	if c.class == signed {
		return driver.IntValue(int64(n))
	}
	return driver.UintValue(n)
}

// booleanValue returns a TINYINT(1): a boolean, but an integer where it is neither 0 nor 1, for it could be lost else.
func booleanValue(n int64) driver.Value {
	if n&^1 == 0 {
		return driver.BoolValue(n == 1)
	}
	return driver.IntValue(n)
}

// string reads what both protocols send in the same form.
func (c *Column) string(src []byte, a *arena.Arena) (v driver.Value, ok bool) {
	switch c.class {
	case text:
		return driver.TextValue(a.Text(src)), true
	case octets:
		return driver.BytesValue(a.Bytes(src)), true
	case document:
		return driver.JSONValue(a.Text(src)), true
	case uuid:
		return driver.UUIDValue(a.Text(src)), len(src) == 36
	case decimal:
		digits := src
		for len(digits) > 1 && digits[0] == '0' && digits[1] != '.' { // ZEROFILL
			digits = digits[1:]
		}
		return driver.DecimalValue(a.Text(digits)), isDecimal(digits)
	case bit, flag:
		var n uint64
		for _, b := range src {
			n = n<<8 | uint64(b)
		}
		if c.class == flag {
			return driver.BoolValue(n == 1), len(src) == 1 && n <= 1
		}
		return driver.UintValue(n), len(src) > 0 && len(src) <= 8
	}
	return v, c.class == null
}

// isDecimal tells whether s are digits with a sign and a point.
func isDecimal(s []byte) bool {
	digits, points := 0, 0
	for i, b := range s {
		switch {
		case b >= '0' && b <= '9':
			digits++
		case b == '.':
			points++
		case b != '-' || i > 0:
			return false
		}
	}
	return digits > 0 && points <= 1
}
