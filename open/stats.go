package open

import (
	"cmp"
	"slices"
	"time"

	"github.com/plinthdb/plinth"
)

// Counts are how often something happened in a Set. They only grow.
type Counts struct {
	Opened     int64 // targets that were dialled
	Failed     int64 // dials that failed
	Evicted    int64 // closed to make room for others
	IdleClosed int64 // closed after IdleTimeout
}

// SetStats are a Set's statistics.
type SetStats struct {
	Counts
	Waiting int           // callers who wait because MaxTargets others are in use
	Targets []TargetStats // that are open, by Target
}

// TargetStats are those of one target.
type TargetStats struct {
	Target       string // its address, without the password and the parameters
	Uses         int    // calls of Use that run
	LastUsed     time.Time
	plinth.Stats // of its engine
}

// Stats returns the statistics as they are now.
func (s *Set) Stats() SetStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	all := SetStats{Counts: s.counts, Waiting: s.waiting}
	for _, t := range s.targets {
		if t.isOpen() {
			t.look(now)
			all.Targets = append(all.Targets, TargetStats{
				Target: t.config.Redacted(), Uses: t.leases, LastUsed: t.used, Stats: t.engine.Stats(),
			})
		}
	}
	slices.SortFunc(all.Targets, func(a, b TargetStats) int { return cmp.Compare(a.Target, b.Target) })
	return all
}
