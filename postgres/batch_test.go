package postgres

import "testing"

func TestTransactionsAreSharedByFewerTheMoreOftenTheyFail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		jobs, failed, least, most int
	}{
		"no failure":             {256, 0, sharedJobs, sharedJobs},
		"one statement of many":  {256, 1, sharedJobs, sharedJobs},
		"one in a hundred":       {5000, 50, 50, 100},
		"a clash of large ones":  {256, 256, 1, 4}, // which would clash again
		"nothing but what fails": {5000, 5000, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r failureRate
			if r.saw(test.jobs, test.failed); r.share() < test.least || r.share() > test.most {
				t.Errorf("%d share one", r.share())
			}
			for range 10 {
				r.saw(2000, 0)
			}
			if r.share() != sharedJobs {
				t.Errorf("%d share one after many that were fine", r.share())
			}
		})
	}
}
