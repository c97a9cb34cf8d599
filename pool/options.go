package pool

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Options are what a user configures. The zero value is the defaults.
type Options struct {
	// MaxOpenConns bounds the connections that exist at once, those being dialled and closed included. Default 10.
	MaxOpenConns int
	// MaxIdleConns bounds the idle ones; what is given back beyond is closed. 0: as MaxOpenConns. Negative: keep none.
	MaxIdleConns int
	// MinConns are opened by Warm (or with the first Acquire) and kept up from then on, in the background.
	MinConns int
	// ConnMaxLifetime is after what time a connection is replaced. Default 30m; negative: never. Each connection's own
	// lifetime is up to 2.5 % shorter, so that those opened together don't end together (HikariCP's rule and figure).
	ConnMaxLifetime time.Duration
	// ConnMaxIdleTime is after what time an idle connection is closed, unless MinConns need it. Default 10m; negative: never.
	ConnMaxIdleTime time.Duration
	// KeepAlive is after what time an idle connection is checked, one at a time, each up to 10 % earlier. Default 2m;
	// negative: never. Without Config.Check nothing is checked.
	KeepAlive time.Duration
	// CheckAfter is how long a connection may have been idle to be lent out without a check. Default 500ms (HikariCP's
	// aliveness bypass); negative: never check. The pool doesn't read the clock for each Release, so a check may come
	// up to a quarter early; it is never late. Below 10ms every Acquire checks.
	CheckAfter time.Duration
	// AcquireTimeout bounds an Acquire. Default 30s; negative: only its context does.
	AcquireTimeout time.Duration
	// LeakThreshold is for how long a connection may be held before OnLeak is told who holds it. 0: leak detection is
	// off and costs nothing; on, each Acquire remembers its caller's stack (about a microsecond).
	LeakThreshold time.Duration
	// BreakerFailures is after how many dials in a row that couldn't reach the target (their error has a method
	// Unreachable() bool that says so), while no connection is open, it counts as down. Then who asks for a connection, or
	// waits for one, fails at once with a *DownError instead of waiting for AcquireTimeout; one caller is let in whenever
	// another dial may start, ten times a second, and the first that succeeds lets all in. 0: 5. Negative: never.
	BreakerFailures int
}

const (
	defaultMaxOpen     = 10
	defaultLifetime    = 30 * time.Minute
	defaultIdleTime    = 10 * time.Minute
	defaultKeepAlive   = 2 * time.Minute
	defaultCheckAfter  = 500 * time.Millisecond
	defaultAcquireTime = 30 * time.Second
	defaultBreaker     = 5

	lifetimeJitter  = 0.025 // HikariCP: up to 2.5 % of maxLifetime
	keepAliveJitter = 0.1   // HikariCP: up to 10 % of keepaliveTime

	checkAlways = 10 * time.Millisecond // a CheckAfter below this means each time
	shortest    = time.Millisecond      // a shorter limit is a number that lost its unit

	// never is a time that doesn't come, with room to add to it.
	never = time.Duration(math.MaxInt64 / 2)
)

// withDefaults returns o with its defaults filled in. MaxIdleConns may stay 0, so that it follows MaxOpenConns when
// that is changed. The error names each field that is wrong and says what is allowed.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if o.MaxOpenConns < 0 {
		wrong("MaxOpenConns is %d: give 1 or more, or 0 for the default of %d", o.MaxOpenConns, defaultMaxOpen)
	}
	if o.MaxOpenConns == 0 {
		o.MaxOpenConns = defaultMaxOpen
	}
	if o.MaxIdleConns > o.MaxOpenConns && o.MaxOpenConns > 0 {
		wrong("MaxIdleConns is %d: give at most MaxOpenConns, which is %d, or 0 for as many", o.MaxIdleConns, o.MaxOpenConns)
	}
	idle := o.maxIdle()
	switch {
	case o.MinConns < 0:
		wrong("MinConns is %d: give 0 or more", o.MinConns)
	case o.MinConns > o.MaxOpenConns && o.MaxOpenConns > 0:
		wrong("MinConns is %d: give at most MaxOpenConns, which is %d", o.MinConns, o.MaxOpenConns)
	case o.MinConns > idle:
		wrong("MinConns is %d: give at most MaxIdleConns, which allows %d", o.MinConns, idle)
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		byDef time.Duration
	}{
		{"ConnMaxLifetime", &o.ConnMaxLifetime, defaultLifetime},
		{"ConnMaxIdleTime", &o.ConnMaxIdleTime, defaultIdleTime},
		{"KeepAlive", &o.KeepAlive, defaultKeepAlive},
		{"AcquireTimeout", &o.AcquireTimeout, defaultAcquireTime},
	} {
		switch {
		case *d.value == 0:
			*d.value = d.byDef
		case *d.value > 0 && *d.value < shortest:
			wrong("%s is %v: give %v or more (is the unit missing?), a negative value for no limit, or 0 for the default of %v",
				d.name, *d.value, shortest, d.byDef)
		}
	}
	if o.BreakerFailures == 0 {
		o.BreakerFailures = defaultBreaker
	}
	if o.CheckAfter == 0 {
		o.CheckAfter = defaultCheckAfter
	}
	if o.LeakThreshold < 0 || o.LeakThreshold > 0 && o.LeakThreshold < shortest {
		wrong("LeakThreshold is %v: give %v or more, or 0 to turn leak detection off", o.LeakThreshold, shortest)
	}
	return o, errors.Join(errs...)
}

// maxIdle is how many idle connections are kept.
func (o Options) maxIdle() int {
	if o.MaxIdleConns == 0 {
		return o.MaxOpenConns
	}
	return max(o.MaxIdleConns, 0)
}

// limits are the options in the form in which the pool looks at them: what is off is never.
type limits struct {
	maxOpen, maxIdle, minConns int
	breaker                    int // 0 or less: off

	lifetime, idleTime, keepAlive time.Duration
	acquire, leak                 time.Duration
	check                         time.Duration // for how long one check may run

	freshFor time.Duration // how long after it was last known to be alive a connection needs no check; -1: always check
	grain    time.Duration // how soon after a Release a tick has to notice that the connection is idle; 0: nobody needs to
}

// maxCheck bounds a check: HikariCP's validationTimeout.
const maxCheck = 5 * time.Second

// limitsOf takes options that withDefaults has seen. Without a check nothing is ever checked.
func limitsOf(o Options, hasCheck bool) limits {
	off := func(d time.Duration) time.Duration {
		if d <= 0 {
			return never
		}
		return min(d, never)
	}
	l := limits{
		maxOpen: o.MaxOpenConns, maxIdle: o.maxIdle(), minConns: o.MinConns, breaker: o.BreakerFailures,
		lifetime: off(o.ConnMaxLifetime), idleTime: off(o.ConnMaxIdleTime), keepAlive: never,
		acquire: off(o.AcquireTimeout), leak: off(o.LeakThreshold), freshFor: never,
	}
	// Half of it, so that a caller whose first connection turns out to be dead lives to see the next one.
	l.check = min(maxCheck, l.acquire/2)
	l.grain = min(time.Second, l.idleTime/8)
	if hasCheck {
		l.keepAlive = off(o.KeepAlive)
		l.grain = min(l.grain, l.keepAlive/8)
		switch {
		case o.CheckAfter < 0:
		case o.CheckAfter < checkAlways:
			l.freshFor = -1
		default:
			l.grain = min(l.grain, o.CheckAfter/4)
			l.freshFor = o.CheckAfter - o.CheckAfter/4
		}
	}
	if l.idleTime == never && l.keepAlive == never && (l.freshFor == never || l.freshFor < 0) {
		l.grain = 0
	}
	return l
}
