package pgvalue

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// Decode returns a value that came in a format. src is only read during the call; nil is NULL. What must be kept is
// copied into a. Both formats of the same value give the same Value. Errors are *driver.Fault: what came isn't what
// PostgreSQL sends.
func (t *Type) Decode(src []byte, format int16, a *Arena) (driver.Value, error) {
	if src == nil {
		return driver.NullValue(), nil
	}
	if format == Binary {
		if v, ok := t.fromBinary(src, a); ok {
			return v, nil
		}
	} else if v, ok := t.fromText(src, a); ok {
		return v, nil
	}
	return driver.NullValue(), t.malformed()
}

// fromBinary reads what the type's send function of the server wrote.
func (t *Type) fromBinary(src []byte, a *Arena) (v driver.Value, ok bool) {
	switch t.class {
	case plain:
		return driver.TextValue(a.Text(src)), true
	case document:
		return driver.JSONValue(a.Text(src)), true
	case bytea, other: // a type's own binary format is only bytes
		return driver.BytesValue(a.Bytes(src)), true
	case jsonb:
		if len(src) == 0 || src[0] != 1 { // the format's version
			return v, false
		}
		return driver.JSONValue(a.Text(src[1:])), true
	case numeric:
		return numericValue(src, a)
	case array, vector:
		return t.fromBinaryArray(src, a)
	}

	if len(src) != t.class.size() {
		return v, false
	}
	switch t.class {
	case boolean:
		return driver.BoolValue(src[0] != 0), true
	case char:
		return driver.TextValue(a.Text(appendChar(nil, src[0]))), true
	case integer2:
		return driver.IntValue(int64(int16(binary.BigEndian.Uint16(src)))), true
	case integer4:
		return driver.IntValue(int64(int32(binary.BigEndian.Uint32(src)))), true
	case integer8:
		return driver.IntValue(int64(binary.BigEndian.Uint64(src))), true
	case oid:
		return driver.IntValue(int64(binary.BigEndian.Uint32(src))), true
	case xid8:
		return driver.UintValue(binary.BigEndian.Uint64(src)), true
	case float4:
		return driver.FloatValue(float64(math.Float32frombits(binary.BigEndian.Uint32(src)))), true
	case float8:
		return driver.FloatValue(math.Float64frombits(binary.BigEndian.Uint64(src))), true
	case date:
		return dateValue(int32(binary.BigEndian.Uint32(src))), true
	case timestamp, timestamptz:
		return timeValue(int64(binary.BigEndian.Uint64(src))), true
	case uuid:
		var buf [36]byte
		return driver.UUIDValue(a.Text(appendUUID(buf[:0], src))), true
	}
	var buf [64]byte
	text := buf[:0]
	switch t.class {
	case clock:
		text, ok = appendClock(text, int64(binary.BigEndian.Uint64(src)))
	case clockZone:
		text, ok = appendClock(text, int64(binary.BigEndian.Uint64(src)))
		text = appendZone(text, -int(int32(binary.BigEndian.Uint32(src[8:]))))
	case interval:
		text, ok = spanOf(src).append(text), true
	}
	return driver.TextValue(a.Text(text)), ok
}

// size returns the length of the binary form of a class that has a fixed one.
func (c class) size() int {
	switch c {
	case boolean, char:
		return 1
	case integer2:
		return 2
	case integer4, oid, float4, date:
		return 4
	case integer8, xid8, float8, timestamp, timestamptz, clock:
		return 8
	case clockZone:
		return 12
	case interval, uuid:
		return 16
	}
	return -1
}

// appendChar writes a "char" as charout of PostgreSQL 16 does: a zero byte is the empty text, and what isn't ASCII is in
// octal.
func appendChar(b []byte, c byte) []byte {
	switch {
	case c == 0:
		return b
	case c < 0x80:
		return append(b, c)
	}
	return append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
}

// appendUUID writes 16 bytes in the canonical form.
func appendUUID(b, src []byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range src {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// PostgreSQL counts days and microseconds from 2000-01-01, and has the largest and the smallest number stand for the
// infinities (src/include/datatype/timestamp.h).
const (
	epochDays    = 10957 // from 1970-01-01
	epochSeconds = epochDays * 86400
)

const (
	infinity      = "infinity"
	minusInfinity = "-infinity"
)

// dateValue returns a date, or the text infinity or -infinity, for which Go has no time.
func dateValue(days int32) driver.Value {
	switch days {
	case math.MaxInt32:
		return driver.TextValue(infinity)
	case math.MinInt32:
		return driver.TextValue(minusInfinity)
	}
	return driver.DaysValue(int64(days) + epochDays)
}

// timeValue is dateValue for microseconds.
func timeValue(us int64) driver.Value {
	switch us {
	case math.MaxInt64:
		return driver.TextValue(infinity)
	case math.MinInt64:
		return driver.TextValue(minusInfinity)
	}
	seconds, us := us/1e6, us%1e6
	if us < 0 {
		seconds, us = seconds-1, us+1e6
	}
	return driver.TimeValue(time.Unix(seconds+epochSeconds, us*1000).UTC())
}
