package pool

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// unreachable is an error of a target that can't be reached.
type unreachable struct{}

func (unreachable) Error() string     { return "no route to host" }
func (unreachable) Unreachable() bool { return true }

func TestATargetThatIsDownFailsItsCallersAtOnceAndServesThemWhenItIsBack(t *testing.T) {
	t.Parallel()
	for _, dialTime := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{dialTime: dialTime}
			var told record[BreakerState]
			p := newPool(t, far, Options{MaxOpenConns: 10}, func(c *Config[*thing]) {
				c.OnBreaker = func(s BreakerState, err error) {
					if (s == BreakerOpen) != (err == unreachable{}) { //nolint:errorlint // itself
						t.Errorf("told %v, %v", s, err)
					}
					told.add(s)
				}
			})
			acquire(t, p).Release()
			far.set(func() { far.down, far.dials = unreachable{}, nil })
			for _, c := range acquireAll(t, p, 1) {
				c.Destroy()
			}
			fell := time.Now()
			back := fell.Add(3 * time.Second)

			var mu sync.Mutex
			var first, slowest time.Duration
			refused := 0
			var wg sync.WaitGroup
			for range 200 {
				wg.Go(func() {
					for {
						begin := time.Now()
						c, err := p.Acquire(t.Context())
						took := time.Since(begin)
						var down *DownError
						mu.Lock()
						switch {
						case err == nil && first == 0:
							first = time.Since(back)
						case errors.As(err, &down):
							refused++
							if !errors.Is(err, unreachable{}) || down.Next > time.Second {
								t.Errorf("refused with %v", err)
							}
							if begin.Sub(fell) > time.Second { // it's known by then
								slowest = max(slowest, took)
							}
						}
						mu.Unlock()
						if err == nil {
							c.Release()
							return
						}
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
			time.Sleep(2 * time.Second)
			if s := p.Stats(); s.Breaker == BreakerClosed || s.BreakerOpened != 1 || s.BreakerRefused == 0 || s.DownSince.Before(fell) || s.Waiting > 1 {
				t.Errorf("while it is down: %+v", s)
			}
			time.Sleep(time.Second)
			if n := far.mostDialsPerSecond(); n > 10 {
				t.Errorf("%d dials in one second", n)
			}
			far.set(func() { far.down = nil })
			wg.Wait()
			if first > 250*time.Millisecond || refused < 200 || slowest > 2*dialTime+150*time.Millisecond {
				t.Errorf("the first success came %v after it was back; %d were refused, after %v at most", first, refused, slowest)
			}
			if s := p.Stats(); s.Breaker != BreakerClosed || !s.DownSince.IsZero() {
				t.Errorf("after it is back: %+v", s)
			}
			equal(t, "told", told.all(), []BreakerState{BreakerOpen, BreakerClosed})
			drain(t, p, far)
		})
	}
}

func TestThoseWhoWaitAreToldWhenTheBreakerOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{down: unreachable{}}
		p := newPool(t, far, Options{MaxOpenConns: 1, BreakerFailures: 3})
		begin := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := p.Acquire(t.Context()); !errors.Is(err, unreachable{}) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begin); took > 300*time.Millisecond || far.dialCount() > 4 {
			t.Errorf("it took %v and %d dials", took, far.dialCount())
		}
		_, err := p.Acquire(t.Context())
		if text := err.Error(); !strings.Contains(text, "no route to host") || !strings.Contains(text, "next attempt to connect may be made in 100ms") {
			t.Error(text)
		}
		if _, err := p.TryAcquire(t.Context()); !errors.As(err, new(*DownError)) {
			t.Errorf("without waiting: %v", err)
		}
		drain(t, p, far)
	})
}

func TestOnlyAnUnreachableTargetOpensTheBreaker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures int
		err      error
	}{"off": {-1, unreachable{}}, "the login is refused": {2, errDown}} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{down: c.err}
			p := newPool(t, far, Options{BreakerFailures: c.failures, AcquireTimeout: time.Second}, func(o *Config[*thing]) {
				o.OnBreaker = func(BreakerState, error) { t.Errorf("%s: it opened", name) }
			})
			for range 20 {
				if _, err := p.Acquire(t.Context()); errors.As(err, new(*DownError)) || err == nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			drain(t, p, far)
		})
	}
	// Nor does one of which a connection is open: it may come back.
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 2, BreakerFailures: 2})
		held := acquire(t, p)
		far.set(func() { far.down = unreachable{} })
		served := make(chan error, 1)
		go func() {
			c, err := p.Acquire(t.Context())
			if err == nil {
				c.Release()
			}
			served <- err
		}()
		time.Sleep(2 * time.Second)
		held.Release()
		if err := <-served; err != nil {
			t.Error(err)
		}
		drain(t, p, far)
	})
}
