package pool

import "time"

// Stats are a pool's statistics: the names of sql.DBStats, and what it lacks. Counters only grow.
type Stats struct {
	Name               string // which pool, where an engine has several: "writer", "reader"; else ""
	MaxOpenConnections int

	OpenConnections int // InUse + Idle + Dialing
	InUse           int
	Idle            int // those being checked included
	Dialing         int
	Waiting         int // callers in the queue now

	AcquireCount    int64         // successful acquires
	WaitCount       int64         // acquires that had to wait (for a connection to come back, a dial or a check), whatever came of it
	WaitDuration    time.Duration // their total
	TimeoutCount    int64         // acquires that ended at the acquire time-out or their context
	WaitHistogram   Histogram     // of all acquires that had to wait
	DialCount       int64
	DialErrorCount  int64
	MaxIdleClosed   int64
	IdleTimeClosed  int64
	LifetimeClosed  int64
	BrokenClosed    int64 // destroyed by their user, failed the check, or stale after a restart
	LeaksFound      int64 // held longer than the leak threshold
	Generation      uint64
	OldestHeldSince time.Time // when the longest held connection was taken; zero if none is or leak detection is off

	Breaker        BreakerState
	BreakerOpened  int64     // how often the target was found to be down
	BreakerRefused int64     // acquires that were refused at once because of that
	DownSince      time.Time // since when dials fail, while the breaker isn't closed
}

// HistogramBounds are the upper bounds of Histogram's buckets but the last, which has none: the buckets OpenTelemetry
// advises for db.client.connection.wait_time, with two finer ones in front.
func HistogramBounds() [10]time.Duration {
	return [10]time.Duration{
		100 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
	}
}

// Histogram counts durations by HistogramBounds.
type Histogram [11]int64

// Observe counts d.
func (h *Histogram) Observe(d time.Duration) {
	h[bucket(d)]++
}

// bucket is the index of d's bucket.
func bucket(d time.Duration) int {
	bounds := HistogramBounds()
	for i, b := range bounds {
		if d <= b {
			return i
		}
	}
	return len(bounds)
}

// Count returns how many durations were counted.
func (h *Histogram) Count() int64 {
	var n int64
	for _, c := range h {
		n += c
	}
	return n
}

// Add adds another pool's numbers, for the total of several pools.
func (s *Stats) Add(o Stats) {
	s.MaxOpenConnections += o.MaxOpenConnections
	s.OpenConnections += o.OpenConnections
	s.InUse += o.InUse
	s.Idle += o.Idle
	s.Dialing += o.Dialing
	s.Waiting += o.Waiting
	s.AcquireCount += o.AcquireCount
	s.WaitCount += o.WaitCount
	s.WaitDuration += o.WaitDuration
	s.TimeoutCount += o.TimeoutCount
	for i, n := range o.WaitHistogram {
		s.WaitHistogram[i] += n
	}
	s.DialCount += o.DialCount
	s.DialErrorCount += o.DialErrorCount
	s.MaxIdleClosed += o.MaxIdleClosed
	s.IdleTimeClosed += o.IdleTimeClosed
	s.LifetimeClosed += o.LifetimeClosed
	s.BrokenClosed += o.BrokenClosed
	s.LeaksFound += o.LeaksFound
	s.Generation = max(s.Generation, o.Generation)
	s.Breaker = max(s.Breaker, o.Breaker)
	s.BreakerOpened += o.BreakerOpened
	s.BreakerRefused += o.BreakerRefused
	if s.DownSince.IsZero() || !o.DownSince.IsZero() && o.DownSince.Before(s.DownSince) {
		s.DownSince = o.DownSince
	}
	if s.OldestHeldSince.IsZero() || !o.OldestHeldSince.IsZero() && o.OldestHeldSince.Before(s.OldestHeldSince) {
		s.OldestHeldSince = o.OldestHeldSince
	}
}
