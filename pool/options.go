package pool

import "time"

// Options are what a user configures. The zero value is the defaults.
type Options struct {
	MaxOpenConns    int           // at most so many open at once, dials included; default 10
	MaxIdleConns    int           // 0: as MaxOpenConns; negative: keep none idle
	MinConns        int           // opened by Warm and kept up from then on; at most MaxOpenConns
	ConnMaxLifetime time.Duration // default 30m, negative: no limit
	ConnMaxIdleTime time.Duration // default 10m, negative: no limit; never takes the pool below MinConns
	KeepAlive       time.Duration // default 2m, negative: off
	CheckAfter      time.Duration // default 500ms, negative: never
	AcquireTimeout  time.Duration // default 30s, negative: only the context bounds the wait
	LeakThreshold   time.Duration // 0: leak detection is off and costs nothing
}
