package pgvalue

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// span is an interval: PostgreSQL keeps its three parts apart, for months and days differ in length.
type span struct {
	us           int64
	days, months int32
}

// spanOf reads an interval's binary form, which has 16 bytes.
func spanOf(src []byte) span {
	return span{
		us:     int64(binary.BigEndian.Uint64(src)),
		days:   int32(binary.BigEndian.Uint32(src[8:])),
		months: int32(binary.BigEndian.Uint32(src[12:])),
	}
}

// append writes the interval in the style postgres, which is the server's default: 1 year 2 mons -3 days +04:05:06.7
// (EncodeInterval in src/backend/utils/adt/datetime.c).
func (s span) append(b []byte) []byte {
	switch s { // since PostgreSQL 17
	case span{math.MaxInt64, math.MaxInt32, math.MaxInt32}:
		return append(b, infinity...)
	case span{math.MinInt64, math.MinInt32, math.MinInt32}:
		return append(b, minusInfinity...)
	}
	start, negative := len(b), false
	for _, part := range [...]struct {
		n    int32
		unit string
	}{{s.months / 12, " year"}, {s.months % 12, " mon"}, {s.days, " day"}} {
		if part.n == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		if negative && part.n > 0 {
			b = append(b, '+')
		}
		negative = part.n < 0
		b = append(strconv.AppendInt(b, int64(part.n), 10), part.unit...)
		if part.n != 1 {
			b = append(b, 's')
		}
	}
	if s.us == 0 && len(b) > start {
		return b
	}
	if len(b) > start {
		b = append(b, ' ')
	}
	us := uint64(s.us)
	switch {
	case s.us < 0:
		b, us = append(b, '-'), -us
	case negative:
		b = append(b, '+')
	}
	return appendSeconds(b, us)
}

// appendSeconds writes microseconds as 15:04:05.999999; the hours may have more digits.
func appendSeconds(b []byte, us uint64) []byte {
	seconds := us / 1e6
	b = append(appendPadded(b, seconds/3600), ':')
	b = append(appendPadded(b, seconds/60%60), ':')
	b = appendPadded(b, seconds%60)
	if us %= 1e6; us > 0 {
		b = append(b, '.')
		for unit := uint64(1e5); us > 0; unit /= 10 {
			b = append(b, byte('0'+us/unit))
			us %= unit
		}
	}
	return b
}

func appendPadded(b []byte, n uint64) []byte {
	if n < 10 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, n, 10)
}

// appendClock writes a time of day; 24:00:00 is one, too.
func appendClock(b []byte, us int64) (out []byte, ok bool) {
	if us < 0 || us > 86400e6 {
		return b, false
	}
	return appendSeconds(b, uint64(us)), true
}

// appendZone writes seconds east of Greenwich as +02, +05:30 or -00:00:01.
func appendZone(b []byte, east int) []byte {
	sign := byte('+')
	if east < 0 {
		sign, east = '-', -east
	}
	b = appendPadded(append(b, sign), uint64(east/3600))
	if east%3600 != 0 {
		b = appendPadded(append(b, ':'), uint64(east/60%60))
	}
	if east%60 != 0 {
		b = appendPadded(append(b, ':'), uint64(east%60))
	}
	return b
}

// parseSpan reads an interval as text, in each of the server's four IntervalStyles.
func parseSpan(text string) (s span, ok bool) {
	switch text {
	case infinity:
		return span{math.MaxInt64, math.MaxInt32, math.MaxInt32}, true
	case minusInfinity:
		return span{math.MinInt64, math.MinInt32, math.MinInt32}, true
	}
	if iso, is := strings.CutPrefix(text, "P"); is {
		return parseISOSpan(iso)
	}
	text, ago := strings.CutSuffix(text, " ago")
	fields := strings.Fields(strings.TrimPrefix(text, "@"))
	carry := false // a sign in front of what sql_standard writes without units is that of all behind it
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		switch {
		case i+1 < len(fields) && fields[i+1][0] >= 'a': // postgres and postgres_verbose
			if !s.add(f, fields[i+1][:min(3, len(fields[i+1]))]) {
				return s, false
			}
			i++
			continue
		case carry && f[0] != '-' && f[0] != '+':
			f = "-" + f
		}
		carry = f[0] == '-'
		years, months, isMonths := strings.Cut(f[1:], "-")
		switch {
		case strings.Contains(f, ":"):
			us, fits := parseSeconds(f)
			ok, s.us = fits, s.us+us
		case isMonths:
			sign := f[:1]
			if sign != "-" && sign != "+" {
				years, sign = sign+years, "+"
			}
			ok = s.add(sign+years, "yea") && s.add(sign+months, "mon")
		case f == "0" && len(fields) == 1:
			ok = true
		default:
			ok = s.add(f, "day")
		}
		if !ok {
			return s, false
		}
	}
	if ago {
		s = span{-s.us, -s.days, -s.months}
	}
	return s, len(fields) > 0
}

// parseISOSpan reads what follows the P of the style iso_8601.
func parseISOSpan(text string) (s span, ok bool) {
	clock := false
	for text != "" {
		if text[0] == 'T' {
			clock, text = true, text[1:]
			continue
		}
		end := strings.IndexAny(text, "YMDHS")
		if end < 0 {
			return s, false
		}
		unit := map[byte]string{'Y': "yea", 'M': "mon", 'D': "day", 'H': "hou", 'S': "sec"}[text[end]]
		if clock && unit == "mon" {
			unit = "min"
		}
		if !s.add(text[:end], unit) {
			return s, false
		}
		text, ok = text[end+1:], true
	}
	return s, ok
}

// add adds a number of units, which go by their first three letters.
func (s *span) add(number, unit string) bool {
	if unit == "sec" {
		us, ok := parseSeconds(number)
		s.us += us
		return ok
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return false
	}
	switch unit {
	case "yea":
		s.months += int32(n * 12)
	case "mon":
		s.months += int32(n)
	case "day":
		s.days += int32(n)
	case "hou":
		s.us += n * 3600e6
	case "min":
		s.us += n * 60e6
	default:
		return false
	}
	return true
}

// parseSeconds reads [±][[hours:]minutes:]seconds[.fraction] into microseconds.
func parseSeconds(text string) (us int64, ok bool) {
	body := strings.TrimLeft(text, "+-")
	whole, fraction, _ := strings.Cut(body, ".")
	if whole == "" || len(text)-len(body) > 1 || len(fraction) > 6 || !isDigits(fraction) {
		return 0, false
	}
	for part := range strings.SplitSeq(whole, ":") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return 0, false
		}
		us = us*60 + int64(n)
	}
	for i := range 6 {
		us *= 10
		if i < len(fraction) {
			us += int64(fraction[i] - '0')
		}
	}
	if text[0] == '-' {
		us = -us
	}
	return us, true
}
