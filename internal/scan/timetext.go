package scan

import "time"

// parseTime reads the forms in which SQLite, PostgreSQL and MariaDB write dates and times as text:
//
//	2006-01-02
//	2006-01-02 15:04[:05[.999999999]][Z|±hh[:mm[:ss]]]
//
// with a space or a T in the middle. Without a zone it is UTC. It is time.Parse for all of them at once, stricter in
// that each number has all its digits.
func parseTime(s string) (t time.Time, ok bool) {
	p := timeText{rest: s}
	year, month, day := p.number(4), p.sep('-').number(2), p.sep('-').number(2)
	var hour, minute, second, nsec int
	zone := time.UTC
	if p.rest != "" {
		if !p.skip(' ') && !p.skip('T') {
			return time.Time{}, false
		}
		hour, minute = p.number(2), p.sep(':').number(2)
		if p.skip(':') {
			second = p.number(2)
			if p.skip('.') {
				nsec = p.fraction()
			}
		}
		zone = p.zone()
	}
	if p.bad || p.rest != "" || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nsec, zone)
	// time.Date carries over what is too large: the date is right if it comes back as it went in.
	if y, m, d := t.Date(); y != year || int(m) != month || d != day {
		return time.Time{}, false
	}
	return t, true
}

// timeText is what is left of a text; bad once something didn't fit.
type timeText struct {
	rest string
	bad  bool
}

// number takes exactly n digits.
func (p *timeText) number(n int) int {
	if len(p.rest) < n {
		p.bad, p.rest = true, ""
		return 0
	}
	v := 0
	for i := range n {
		c := p.rest[i] - '0'
		if c > 9 {
			p.bad = true
		}
		v = v*10 + int(c)
	}
	p.rest = p.rest[n:]
	return v
}

// skip takes c if it is next.
func (p *timeText) skip(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// sep takes c, which must be next.
func (p *timeText) sep(c byte) *timeText {
	if !p.skip(c) {
		p.bad = true
	}
	return p
}

// fraction takes one to nine digits of a second and returns nanoseconds.
func (p *timeText) fraction() int {
	n := 0
	for n < len(p.rest) && p.rest[n]-'0' <= 9 {
		n++
	}
	if n == 0 || n > 9 {
		p.bad = true
		return 0
	}
	v := p.number(n)
	for range 9 - n {
		v *= 10
	}
	return v
}

// zone takes an offset if there is one.
func (p *timeText) zone() *time.Location {
	negative := p.skip('-')
	if !negative && !p.skip('+') {
		p.skip('Z')
		return time.UTC
	}
	hours, minutes, seconds := p.number(2), 0, 0
	if p.skip(':') {
		minutes = p.number(2)
		if p.skip(':') {
			seconds = p.number(2)
		}
	}
	if hours > 23 || minutes > 59 || seconds > 59 {
		p.bad = true
	}
	offset := hours*3600 + minutes*60 + seconds
	if negative {
		offset = -offset
	}
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("", offset)
}
