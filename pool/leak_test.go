package pool

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is what OnLeak was told.
type told struct {
	held     time.Duration
	returned bool
	site     bool
}

func withLeaks(list *record[told]) func(*Config[*thing]) {
	return func(c *Config[*thing]) {
		c.OnLeak = func(h Holder, returned bool) {
			list.add(told{h.Held, returned, strings.Contains(h.Site, "_test.go")})
		}
	}
}

func TestALeakIsReportedOnceAndOnceMoreWhenItComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		var leaks record[told]
		p := newPool(t, far, Options{LeakThreshold: 10 * time.Second}, withLeaks(&leaks))
		a := acquire(t, p)
		pass(4 * time.Second)
		b := acquire(t, p)
		acquire(t, p).Release()
		pass(7 * time.Second) // a is held for 11 s, b for 7
		equal(t, "told", leaks.all(), []told{{10 * time.Second, false, true}})
		b.Release()
		pass(time.Minute)
		a.Release()
		equal(t, "told", leaks.all(), []told{{10 * time.Second, false, true}, {71 * time.Second, true, true}})
		if s := p.Stats(); s.LeaksFound != 1 || !s.OldestHeldSince.IsZero() {
			t.Errorf("statistics %+v", s)
		}

		leaks.list = nil
		c := acquire(t, p) // the same connection, another hold
		pass(20 * time.Second)
		c.Destroy()
		equal(t, "told", leaks.all(), []told{{10 * time.Second, false, true}, {20 * time.Second, true, true}})
		drain(t, p, far)
	})
}

func TestALeakThatEndsWhileItIsReportedIsReportedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		var order record[bool]
		p := newPool(t, far, Options{LeakThreshold: time.Second}, func(c *Config[*thing]) {
			c.OnLeak = func(h Holder, returned bool) {
				if !returned {
					time.Sleep(time.Second) // the connection comes back meanwhile
				}
				order.add(returned)
			}
		})
		c := acquire(t, p)
		pass(1500 * time.Millisecond)
		c.Release()
		if len(order.all()) != 0 {
			t.Error("its return was reported before the leak")
		}
		pass(time.Minute)
		equal(t, "order", order.all(), []bool{false, true})
		drain(t, p, far)
	})
}

func TestALeakIsReportedOnceHoweverLongThatTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		var told record[bool]
		p := newPool(t, far, Options{LeakThreshold: time.Second}, func(c *Config[*thing]) {
			c.OnLeak = func(_ Holder, returned bool) {
				told.add(returned)
				time.Sleep(time.Minute)
			}
		})
		first := acquire(t, p)
		pass(1500 * time.Millisecond)
		second := acquire(t, p) // whose leak is found while the first's is reported
		pass(time.Hour)
		equal(t, "told", told.all(), []bool{false, false})
		first.Release()
		second.Release()
		equal(t, "told", told.all(), []bool{false, false, true, true})
		if n := p.Stats().LeaksFound; n != 2 {
			t.Errorf("%d leaks found", n)
		}
		drain(t, p, far)
	})
}

func TestAHandedConnectionIsTrackedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1, LeakThreshold: time.Minute})
		c := acquire(t, p)
		done := make(chan *Conn[*thing])
		go func() { done <- acquire(t, p) }()
		pass(time.Second)
		c.Release()
		c = <-done
		pass(time.Second)
		if h := p.Holders(); len(h) != 1 || h[0].Held != time.Second || !strings.Contains(h[0].Stack, "TestAHandedConnectionIsTrackedToo") {
			t.Errorf("holders %+v", h)
		}
		c.Release()
		drain(t, p, far)
	})
}

func TestWithoutLeakDetectionHoldersAreOnlyCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		var leaks record[told]
		p := newPool(t, far, Options{}, withLeaks(&leaks))
		c := acquire(t, p)
		pass(time.Hour)
		if err := p.Configure(Options{MaxOpenConns: 2}); err != nil {
			t.Fatal(err)
		}
		equal(t, "holders", p.Holders(), []Holder{{}})

		// Turned on, the hold is timed from then on; who it is stays unknown.
		if err := p.Configure(Options{LeakThreshold: time.Minute}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		equal(t, "told", leaks.all(), []told{{time.Minute, false, false}})
		c.Release()
		drain(t, p, far)
	})
}
