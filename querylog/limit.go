package querylog

import (
	"sync"
	"time"
)

// limiter lets perSecond records through in a second and counts the others, so that a database in trouble doesn't
// drown its own log.
type limiter struct {
	perSecond int // negative: no limit

	mu         sync.Mutex // guards the rest
	began      time.Time  // of the running second
	used       int        // in it
	suppressed int64      // since a record was let through
}

// take reports whether a record may be logged, and how many weren't since the last.
func (l *limiter) take(now time.Time) (suppressed int64, ok bool) {
	if l.perSecond < 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= time.Second {
		l.began, l.used = now, 0
	}
	if l.used == l.perSecond {
		l.suppressed++
		return 0, false
	}
	l.used++
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed, true
}
