package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestObserveCountsByUpperBound(t *testing.T) {
	t.Parallel()
	var h Histogram
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 100*time.Microsecond + 1, 5 * time.Second, 5*time.Second + 1, time.Hour} {
		h.Observe(d)
	}
	if want := (Histogram{0: 2, 1: 1, 9: 1, 10: 2}); h != want || h.Count() != 6 {
		t.Errorf("got %v", h)
	}
}

func TestOpenedIsWhenTheDialEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{})
		c := acquire(t, p)
		want := time.Now()
		pass(time.Minute)
		if !c.Opened().Equal(want) {
			t.Errorf("got %v, want %v", c.Opened(), want)
		}
		c.Release()
		drain(t, p, far)
	})
}
