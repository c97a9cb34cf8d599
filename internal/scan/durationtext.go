package scan

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/plinthdb/plinth/driver"
)

// setDuration reads an interval or a time of day as the databases write it, and a number as its nanoseconds.
func setDuration(dst unsafe.Pointer, v *driver.Value, t *target) *problem {
	if v.Kind() != driver.KindText {
		return setInt[int64](dst, v, t)
	}
	d, p := parseDuration(v)
	if p == nil {
		*(*time.Duration)(dst) = d
	}
	return p
}

// parseDuration reads the forms in which PostgreSQL (IntervalStyle postgres) and MariaDB write intervals and times of day:
//
//	[±n day[s]] [±]15:04:05[.999999999]
//
// with any number of hours. A day is 24 hours. What counts months or years has no length.
func parseDuration(v *driver.Value) (time.Duration, *problem) {
	wrong := &problem{what: "text that isn't a duration", hint: "write it as 3 days 04:05:06, or use string"}
	rest, total := v.Text(), time.Duration(0)
	if rest == "" {
		return 0, wrong
	}
	for rest != "" {
		var word, unit string
		word, rest, _ = strings.Cut(rest, " ")
		step := 24 * time.Hour
		n, err := strconv.ParseInt(word, 10, 64)
		if strings.Contains(word, ":") {
			var ok bool
			if n, step, ok = parseClock(word); !ok {
				return 0, wrong
			}
		} else {
			unit, rest, _ = strings.Cut(rest, " ")
			switch unit = strings.TrimSuffix(unit, "s"); {
			case err != nil, unit != "day" && unit != "mon" && unit != "year":
				return 0, wrong
			case unit != "day":
				return 0, &problem{
					what: "an interval with months, which differ in length",
					hint: "use string, or say in the statement what is meant, as in extract(epoch from x)",
				}
			}
		}
		d := time.Duration(n) * step
		sum := total + d
		if d/step != time.Duration(n) || (sum > total) != (d > 0) {
			return 0, outOfRange(v)
		}
		total = sum
	}
	return total, nil
}

// parseClock reads [±]hours:minutes:seconds into a number of steps: of nanoseconds, or of hours that are too many for that.
func parseClock(s string) (n int64, step time.Duration, ok bool) {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	whole, s, _ := strings.Cut(s, ":")
	hours, err := strconv.ParseUint(whole, 10, 63)
	p := timeText{rest: s}
	minute, second, nsec := p.number(2), p.sep(':').number(2), 0
	if p.skip('.') {
		nsec = p.fraction()
	}
	if err != nil || p.bad || p.rest != "" || minute > 59 || second > 59 {
		return 0, 0, false
	}
	n, step = int64(hours), time.Hour
	if hours < uint64(math.MaxInt64/time.Hour) {
		d := time.Duration(n)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
		n, step = int64(d)+int64(nsec), 1
	}
	if negative {
		n = -n
	}
	return n, step, true
}
