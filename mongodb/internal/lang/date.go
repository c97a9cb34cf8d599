package lang

import "time"

// parseDate reads a date as mongosh's ISODate does (packages/shell-api, "ISODate"): 2026-01-31, with a time behind T
// or a space down to any part of it, with or without hyphens and colons, and with a zone. What has no zone is UTC;
// zoned is false where a time has none. Parts out of range are an error, which they aren't in mongosh.
func parseDate(s string) (t time.Time, zoned, ok bool) {
	d := dateText{rest: s, ok: true}
	year := d.digits(4)
	d.skip('-')
	month := d.digits(2)
	d.skip('-')
	day := d.digits(2)
	var hour, minute, second, nanos int
	var offset time.Duration
	zoned = true
	if d.skip('T') || d.skip(' ') {
		hour = d.digits(2)
		if d.part() {
			minute = d.digits(2)
			if d.part() {
				second = d.digits(2)
				if d.skip('.') {
					nanos = d.fraction()
				}
			}
		}
		offset, zoned = d.zone()
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	same := t.Year() == year && int(t.Month()) == month && t.Day() == day &&
		t.Hour() == hour && t.Minute() == minute && t.Second() == second
	return t.Add(-offset), zoned, d.ok && d.rest == "" && same // not the same: the 30th of February
}

// dateText is what is left of a date.
type dateText struct {
	rest string
	ok   bool
}

// digits takes exactly so many digits.
func (d *dateText) digits(n int) int {
	if len(d.rest) < n {
		d.ok = false
		return 0
	}
	v := 0
	for i := range n {
		c := d.rest[i]
		if c < '0' || c > '9' {
			d.ok = false
			return 0
		}
		v = v*10 + int(c-'0')
	}
	d.rest = d.rest[n:]
	return v
}

func (d *dateText) skip(c byte) bool {
	if d.rest == "" || d.rest[0] != c {
		return false
	}
	d.rest = d.rest[1:]
	return true
}

// part reports whether another part of the time follows, with a colon or without.
func (d *dateText) part() bool {
	return d.skip(':') || d.rest != "" && d.rest[0] >= '0' && d.rest[0] <= '9'
}

// fraction takes up to nine digits and returns nanoseconds.
func (d *dateText) fraction() int {
	v, n := 0, 0
	for ; n < 9; n++ {
		if d.rest == "" || d.rest[0] < '0' || d.rest[0] > '9' {
			break
		}
		v = v*10 + int(d.rest[0]-'0')
		d.rest = d.rest[1:]
	}
	d.ok = d.ok && n > 0
	for ; n < 9; n++ {
		v *= 10
	}
	return v
}

// zone takes Z, +02, +02:00 or +0200.
func (d *dateText) zone() (offset time.Duration, zoned bool) {
	if d.skip('Z') {
		return 0, true
	}
	sign := time.Duration(1)
	if d.skip('-') {
		sign = -1
	} else if !d.skip('+') {
		return 0, false
	}
	hours, minutes := d.digits(2), 0
	if d.part() {
		minutes = d.digits(2)
	}
	d.ok = d.ok && hours < 24 && minutes < 60
	return sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute), true
}
