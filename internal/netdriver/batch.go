package netdriver

import (
	"time"

	"github.com/plinthdb/plinth/driver"
)

// FailJobs ends those of jobs that wait for their answers with f.
func FailJobs(jobs []*driver.Job, f *driver.Fault) {
	for _, j := range jobs {
		if j.Outcome == driver.Waiting {
			j.Outcome, j.Err = driver.Failed, f
		}
	}
}

// Trip is about the shortest round trip that batches have seen of late. The zero value has seen none.
type Trip time.Duration

// Beyond returns how much longer than that the first job of a batch took, which has waited for the whole trip.
func (t *Trip) Beyond(took time.Duration) time.Duration {
	if *t == 0 || Trip(took) < *t {
		*t = Trip(took)
	} else {
		*t += (Trip(took) - *t) / 1024
	}
	return took - time.Duration(*t)
}
