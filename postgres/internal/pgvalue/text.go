package pgvalue

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// fromText reads what the type's output function of the server wrote. Dates are expected in the DateStyle ISO, which is the
// server's default.
func (t *Type) fromText(src []byte, a *Arena) (v driver.Value, ok bool) {
	s := unsafe.String(unsafe.SliceData(src), len(src)) // only looked at during the call
	switch t.class {
	case boolean:
		return driver.BoolValue(s == "t"), s == "t" || s == "f"
	case integer2, integer4, integer8, oid:
		n, err := strconv.ParseInt(s, 10, 64)
		return driver.IntValue(n), err == nil
	case xid8:
		n, err := strconv.ParseUint(s, 10, 64)
		return driver.UintValue(n), err == nil
	case float4, float8:
		bits := 64
		if t.class == float4 {
			bits = 32
		}
		f, err := strconv.ParseFloat(s, bits)
		return driver.FloatValue(f), err == nil
	case numeric:
		return driver.DecimalValue(a.Text(src)), s != ""
	case bytea:
		return byteaValue(src, a)
	case date, timestamp, timestamptz:
		return t.parseTime(s)
	case interval:
		span, ok := parseSpan(s)
		var buf [64]byte
		return driver.TextValue(a.Text(span.append(buf[:0]))), ok
	case uuid:
		return driver.UUIDValue(a.Text(src)), len(src) == 36
	case document, jsonb:
		return driver.JSONValue(a.Text(src)), true
	case array:
		return t.fromTextArray(s, a)
	case vector:
		return t.fromTextVector(s, a)
	}
	return driver.TextValue(a.Text(src)), true
}

// byteaValue reads both forms that bytea_output has: \x and hexadecimal digits, or text with what isn't ASCII in octal.
func byteaValue(src []byte, a *Arena) (v driver.Value, ok bool) {
	if len(src) >= 2 && src[0] == '\\' && src[1] == 'x' {
		b := a.Bytes(src[2:])
		n, err := hex.Decode(b, b)
		return driver.BytesValue(b[:n:n]), err == nil
	}
	b := a.Bytes(src)
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c != '\\':
		case i+1 < len(b) && b[i+1] == '\\':
			i++
		case i+3 < len(b):
			octal, err := strconv.ParseUint(string(b[i+1:i+4]), 8, 8)
			if err != nil {
				return v, false
			}
			c, i = byte(octal), i+3
		default:
			return v, false
		}
		b[n] = c
		n++
	}
	return driver.BytesValue(b[:n:n]), true
}

// parseTime reads a date, a timestamp or a timestamptz in the DateStyle ISO:
//
//	2006-01-02[ 15:04:05[.999999][±hh[:mm[:ss]]]][ BC]
//
// with more digits for the years behind 9999.
func (t *Type) parseTime(s string) (v driver.Value, ok bool) {
	if s == infinity || s == minusInfinity {
		return driver.TextValue(strings.Clone(s)), true
	}
	s, bc := strings.CutSuffix(s, " BC")
	day, clock, hasClock := strings.Cut(s, " ")
	if hasClock == (t.class == date) {
		return v, false
	}
	number := func(text string, least, most int) int {
		n, err := strconv.ParseUint(text, 10, 31)
		if ok = ok && err == nil && len(text) >= least && len(text) <= most; !ok {
			return 0
		}
		return int(n)
	}
	ok = len(day) >= len("2006-01-02")
	if !ok || day[len(day)-3] != '-' || day[len(day)-6] != '-' {
		return v, false
	}
	year := number(day[:len(day)-6], 4, 7)
	if bc {
		year = 1 - year
	}
	month, dom := number(day[len(day)-5:len(day)-3], 2, 2), number(day[len(day)-2:], 2, 2)
	if t.class == date {
		return driver.DateValue(time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC)), ok
	}

	offset := 0
	if t.class == timestamptz {
		i := strings.IndexAny(clock, "+-")
		if i < 0 {
			return v, false
		}
		zone := clock[i+1:]
		for _, unit := range [...]int{3600, 60, 1} {
			part, rest, _ := strings.Cut(zone, ":")
			if part != "" {
				offset += unit * number(part, 2, 2)
			}
			zone = rest
		}
		if clock[i] == '-' {
			offset = -offset
		}
		clock = clock[:i]
	}
	us, isClock := parseSeconds(clock)
	at := time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC).Add(time.Duration(us) * time.Microsecond)
	return driver.TimeValue(at.Add(-time.Duration(offset) * time.Second)), ok && isClock && us <= 86400e6
}
