package value

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// datetime is a date and a time as they came.
type datetime struct{ year, month, day, hour, minute, second, us int }

// splitTime reads the binary form of a DATE, DATETIME or TIMESTAMP, which leaves out what is zero at its end:
// https://mariadb.com/kb/en/resultset-row/#timestamp-binary-encoding.
func splitTime(src []byte) (t datetime, ok bool) {
	switch len(src) {
	case 11:
		t.us = int(binary.LittleEndian.Uint32(src[7:]))
		fallthrough
	case 7:
		t.hour, t.minute, t.second = int(src[4]), int(src[5]), int(src[6])
		fallthrough
	case 4:
		t.year, t.month, t.day = int(binary.LittleEndian.Uint16(src)), int(src[2]), int(src[3])
		fallthrough
	case 0:
		return t, t.year <= 9999 && t.us <= 999999 && t.fits()
	}
	return t, false
}

// fits tells whether nothing is too large. A month or a day may be zero.
func (t *datetime) fits() bool {
	return t.month <= 12 && t.day <= 31 && t.hour <= 23 && t.minute <= 59 && t.second <= 59
}

// parseTime reads 2006-01-02 and 2006-01-02 15:04:05[.999999].
func parseTime(s string) (t datetime, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return t, false
	}
	bad := false
	number := func(s string) (n int) {
		for i := range len(s) {
			digit := s[i] - '0'
			bad, n = bad || digit > 9, 10*n+int(digit)
		}
		return n
	}
	t.year, t.month, t.day = number(s[:4]), number(s[5:7]), number(s[8:10])
	if len(s) > 10 {
		if len(s) < 19 || len(s) == 20 || len(s) > 26 || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
			return t, false
		}
		t.hour, t.minute, t.second = number(s[11:13]), number(s[14:16]), number(s[17:19])
		if len(s) > 19 {
			t.us = number(s[20:])
			for range 26 - len(s) {
				t.us *= 10
			}
			bad = bad || s[19] != '.'
		}
	}
	return t, !bad && t.fits()
}

// time returns a date, or an instant: sessions are in UTC.
func (c *Column) time(t datetime) (driver.Value, error) {
	days, ok := daysOf(t.year, t.month, t.day)
	if !ok {
		return c.noDate()
	}
	if c.class == date {
		return driver.DaysValue(days), nil
	}
	return timeValue(days, t.hour*3600+t.minute*60+t.second, t.us), nil
}

func timeValue(days int64, seconds, us int) driver.Value {
	return driver.TimeValue(time.Unix(days*86400+int64(seconds), int64(us)*1000).UTC())
}

// zeroDay is 0001-01-01, the zero time.Time's, counted from 1970-01-01.
const zeroDay = -719162

// daysOf returns how many days a date is after 1970-01-01, and whether the calendar has it.
func daysOf(year, month, day int) (days int64, ok bool) {
	before := [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365} // days of the year before each month
	if month < 1 || month > 12 || day < 1 {
		return 0, false
	}
	leap := 0
	if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		leap = 1
	}
	last := before[month] - before[month-1]
	if month == 2 {
		last += leap
	}
	n := before[month-1] + day - 1
	if month > 2 {
		n += leap
	}
	y := year + 399 // whole years since -0399-01-01, which is 400 years, and so 146,097 days, before 0001-01-01
	return int64(365*y+y/4-y/100+y/400-146097+n) + zeroDay, day <= last
}

// span is a TIME as it came: it may be negative, and longer than a day.
type span struct {
	negative           bool
	hours              uint64
	minute, second, us int
}

// splitClock reads the binary form of a TIME: https://mariadb.com/kb/en/resultset-row/#time-binary-encoding.
func splitClock(src []byte) (t span, ok bool) {
	switch len(src) {
	case 12:
		t.us = int(binary.LittleEndian.Uint32(src[8:]))
		fallthrough
	case 8:
		t.negative = src[0] != 0
		t.hours = uint64(binary.LittleEndian.Uint32(src[1:]))*24 + uint64(src[5])
		t.minute, t.second = int(src[6]), int(src[7])
		ok = src[5] <= 23
	case 0:
		ok = true
	}
	return t, ok && t.minute <= 59 && t.second <= 59 && t.us <= 999999
}

// value returns the text of a TIME, [-]15:04:05[.999999] without zeros at the end, as PostgreSQL writes times and intervals.
func (t span) value(a *arena.Arena) driver.Value {
	var buf [32]byte
	b := buf[:0]
	if t.negative {
		b = append(b, '-')
	}
	if t.hours < 10 {
		b = append(b, '0')
	}
	b = strconv.AppendUint(b, t.hours, 10)
	b = append(b, ':', byte('0'+t.minute/10), byte('0'+t.minute%10), ':', byte('0'+t.second/10), byte('0'+t.second%10))
	if us := t.us; us > 0 {
		b = append(b, '.')
		for unit := 100000; us > 0; unit /= 10 {
			b, us = append(b, byte('0'+us/unit)), us%unit
		}
	}
	return driver.TextValue(a.Text(b))
}
