package pgvalue

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

// maxValue is what PostgreSQL takes for a value: 1 GB less a byte (MaxAllocSize in src/include/utils/memutils.h).
const maxValue = 1<<30 - 1

// fromString takes text: as it is where the type is text or bytes, in binary where it is known well enough, and else for
// the server to read.
func (t *Type) fromString(dst []byte, s string) (out []byte, format int16, err error) {
	if len(s) > maxValue {
		return t.tooLarge(len(s))
	}
	if t.class == bytea {
		return append(dst, s...), Binary, nil
	}
	if strings.IndexByte(s, 0) >= 0 {
		return t.refuse("text with a zero byte", "PostgreSQL's text can't hold U+0000: take it out, or keep such text in a bytea")
	}
	if !utf8.ValidString(s) {
		return t.refuse("text that isn't valid UTF-8", "keep bytes in a bytea, or see to it with strings.ToValidUTF8")
	}
	switch t.class {
	case plain, document, jsonb:
		return append(t.prefix(dst), s...), Binary, nil
	case numeric:
		if out, ok := appendNumeric(dst, s); ok {
			return out, Binary, nil
		}
	case integer2, integer4, integer8:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return t.fromInt(dst, n)
		}
	case boolean:
		if s == "true" || s == "false" {
			return t.fromBool(dst, s == "true")
		}
	case float4, float8:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return t.fromFloat(dst, f, 64)
		}
	case uuid:
		if out, ok := parseUUID(dst, s); ok {
			return out, Binary, nil
		}
	case char:
		if len(s) > 1 && s[0] != '\\' { // the server would cut it; \377 stands for a byte since PostgreSQL 16
			return t.refuse("text of more than one byte", `"char" holds one; char(1) is another type`)
		}
	}
	return append(dst, s...), Text, nil
}

func (t *Type) tooLarge(n int) (out []byte, format int16, err error) {
	f := driver.Faultf(driver.TooLarge, "a value of %d bytes, PostgreSQL takes %d", n, maxValue)
	f.Hint = "store it in parts, or as a large object"
	return nil, 0, f
}

// parseUUID reads the canonical form.
func parseUUID(dst []byte, s string) (out []byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return dst, false
	}
	var digits [32]byte
	copy(digits[:8], s)
	copy(digits[8:12], s[9:])
	copy(digits[12:16], s[14:])
	copy(digits[16:20], s[19:])
	copy(digits[20:], s[24:])
	out, err := hex.AppendDecode(dst, digits[:])
	if err != nil {
		return dst, false
	}
	return out, true
}

// fromBytes takes bytes as they are into a bytea, 16 of them into a uuid, and else as text.
func (t *Type) fromBytes(dst []byte, b []byte) (out []byte, format int16, err error) {
	switch {
	case b == nil:
		return nil, Binary, nil
	case len(b) > maxValue: // before it is copied
		return t.tooLarge(len(b))
	case t.class == uuid && len(b) == 16, t.class == bytea:
		return append(dst, b...), Binary, nil
	}
	return t.fromString(dst, string(b))
}

// The years that PostgreSQL's types have; Go's year 0 is 1 BC.
const (
	minYear          = -4713 // of which there are the last weeks; the server refuses the others
	maxDateYear      = 5874897
	maxTimestampYear = 294276
)

// fromTime takes the calendar date or the clock that t shows for a date or a time of day, else the instant, which a
// timestamp without a zone holds in UTC. What is finer than microseconds is cut off.
func (t *Type) fromTime(dst []byte, at time.Time) (out []byte, format int16, err error) {
	switch t.class {
	case date:
		y, m, d := at.Date()
		if y < minYear || y > maxDateYear {
			return t.refuse("a time out of its range", "dates go from 4713 BC to 5874897")
		}
		days := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400 - epochDays
		return binary.BigEndian.AppendUint32(dst, uint32(int32(days))), Binary, nil
	case clock, clockZone:
		h, m, s := at.Clock()
		us := int64(h*3600+m*60+s)*1e6 + int64(at.Nanosecond()/1000)
		dst = binary.BigEndian.AppendUint64(dst, uint64(us))
		if t.class == clockZone {
			_, east := at.Zone()
			dst = binary.BigEndian.AppendUint32(dst, uint32(int32(-east)))
		}
		return dst, Binary, nil
	case timestamp, timestamptz:
		at = at.UTC()
		if y := at.Year(); y < minYear || y > maxTimestampYear {
			return t.refuse("a time out of its range", "timestamps go from 4713 BC to 294276")
		}
		us := (at.Unix()-epochSeconds)*1e6 + int64(at.Nanosecond()/1000)
		return binary.BigEndian.AppendUint64(dst, uint64(us)), Binary, nil
	case plain:
		return at.AppendFormat(dst, time.RFC3339Nano), Binary, nil
	case document, jsonb:
		dst = at.AppendFormat(append(t.prefix(dst), '"'), time.RFC3339Nano)
		return append(dst, '"'), Binary, nil
	case other:
		return at.AppendFormat(dst, time.RFC3339Nano), Text, nil
	}
	return t.refuse("a time.Time", "")
}
