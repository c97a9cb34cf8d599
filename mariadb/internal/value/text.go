package value

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// DecodeText is DecodeBinary for a row of the text protocol. The same value gives the same Value, except for a FLOAT, of
// which the server writes only six digits. https://mariadb.com/kb/en/resultset-row/#text-resultset-row
func (c *Column) DecodeText(src []byte, a *arena.Arena) (driver.Value, error) {
	if src == nil {
		return driver.NullValue(), nil
	}
	s := unsafe.String(unsafe.SliceData(src), len(src)) // only looked at during the call
	switch c.class {
	case boolean, signed:
		if n, err := strconv.ParseInt(s, 10, 8*int(c.size)); err == nil {
			if c.class == boolean {
				return booleanValue(n), nil
			}
			return driver.IntValue(n), nil
		}
	case unsigned:
		if n, err := strconv.ParseUint(s, 10, 8*int(c.size)); err == nil {
			return driver.UintValue(n), nil
		}
	case float, double:
		if f, err := strconv.ParseFloat(s, 8*int(c.size)); err == nil {
			return driver.FloatValue(f), nil
		}
	case date, instant:
		if t, ok := parseTime(s); ok {
			return c.time(t)
		}
	case clock:
		if isClock(s) {
			if strings.Contains(s, ".") {
				s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
			}
			return driver.TextValue(a.Text(src[:len(s)])), nil
		}
	default:
		if v, ok := c.string(src, a); ok {
			return v, nil
		}
	}
	return driver.NullValue(), c.malformed()
}

// isClock tells whether s is [-]15:04:05[.999999], with any number of hours.
func isClock(s string) bool {
	s = strings.TrimPrefix(s, "-")
	hours, rest, _ := strings.Cut(s, ":")
	if len(hours) < 2 || !isDigits(hours) || len(rest) < 5 || rest[2] != ':' || !isDigits(rest[:2]) || !isDigits(rest[3:5]) {
		return false
	}
	rest = rest[5:]
	return rest == "" || len(rest) > 1 && len(rest) <= 7 && rest[0] == '.' && isDigits(rest[1:])
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
