package pool

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewOpensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MinConns: 5})
		pass(time.Hour)
		p.Invalidate()
		if err := p.Configure(Options{MinConns: 6}); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if far.dialCount() != 0 {
			t.Errorf("%d dials", far.dialCount())
		}
		drain(t, p, far)
	})
}

func TestWarmOpensMinConnsSideBySide(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ min, want int }{{0, 1}, {3, 3}, {40, 40}} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{dialTime: time.Second}
			p := newPool(t, far, Options{MaxOpenConns: 50, MinConns: tt.min})
			begin := time.Now()
			if err := p.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			// Ten at once until it is known that the target answers, and all the others then.
			want := time.Second
			if tt.min > dialBurst {
				want = 2 * time.Second
			}
			if took := time.Since(begin); took != want {
				t.Errorf("MinConns %d: took %v, want %v", tt.min, took, want)
			}
			if s := p.Stats(); s.Idle != tt.want || s.DialCount != int64(tt.want) {
				t.Errorf("MinConns %d: %+v", tt.min, s)
			}
			if err := p.Warm(t.Context()); err != nil || p.Stats().DialCount != int64(tt.want) {
				t.Errorf("warm already: %v", err)
			}
			drain(t, p, far)
		})
	}
}

func TestWarmReturnsTheFirstError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{down: errDown}
		p := newPool(t, far, Options{MinConns: 3})
		if err := p.Warm(t.Context()); err != errDown {
			t.Errorf("got %v", err)
		}
		// The rest is tried for in the background, once a second.
		pass(10 * time.Second)
		if n := far.dialCount(); n < 10 || n > 13 {
			t.Errorf("%d dials", n)
		}
		far.set(func() { far.down = nil })
		pass(time.Second)
		if s := p.Stats(); s.Idle != 3 {
			t.Errorf("%d idle", s.Idle)
		}
		drain(t, p, far)
	})
}

func TestWarmEndsWithItsContextAndSaysWhatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{down: errDown}
		p := newPool(t, far, Options{})
		if _, err := p.Acquire(t.Context()); err != errDown {
			t.Fatal(err)
		}
		far.set(func() { far.dialTime = time.Minute })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := p.Warm(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
		drain(t, p, far)
	})
}

func TestADialGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := p.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if s := p.Stats(); s.Dialing != 1 {
			t.Errorf("%d dials under way", s.Dialing)
		}
		begin := time.Now()
		acquire(t, p).Release() // takes over that dial
		if took := time.Since(begin); took != 700*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if far.dialCount() != 1 {
			t.Errorf("%d dials", far.dialCount())
		}
		drain(t, p, far)
	})
}

func TestADialThatHangsGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: 24 * time.Hour}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		if _, err := p.Acquire(t.Context()); err == nil {
			t.Error("got a connection")
		}
		if s := p.Stats(); s.Dialing != 1 {
			t.Errorf("statistics %+v", s)
		}
		pass(30 * time.Second) // a minute since it began
		if s := p.Stats(); s.Dialing != 0 || s.DialErrorCount != 1 {
			t.Errorf("statistics %+v", s)
		}
		drain(t, p, far)
	})
}

func TestADialsErrorGoesToTheOneItWasFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{down: errDown, dialTime: time.Second}
		p := newPool(t, far, Options{MaxOpenConns: 3})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				begin := time.Now()
				if _, err := p.Acquire(t.Context()); err != errDown || time.Since(begin) != time.Second {
					t.Errorf("got %v after %v", err, time.Since(begin))
				}
			})
		}
		wg.Wait()
		if s := p.Stats(); s.DialCount != 3 || s.DialErrorCount != 3 || s.AcquireCount != 0 || s.TimeoutCount != 0 {
			t.Errorf("statistics %+v", s)
		}
		drain(t, p, far)
	})
}

func TestAFailedDialLeavesTheWaiterToThoseWhoHoldConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 2})
		held := acquire(t, p)
		far.set(func() { far.down = errDown })
		time.AfterFunc(10*time.Second, held.Release)
		begin := time.Now()
		c := acquire(t, p)
		if c != held || time.Since(begin) != 10*time.Second {
			t.Errorf("got thing %d after %v", c.Value().id, time.Since(begin))
		}
		if n := far.dialCount(); n < 50 || far.mostDialsPerSecond() > 10 {
			t.Errorf("%d dials meanwhile, up to %d a second", n, far.mostDialsPerSecond())
		}
		// The last connection breaks: the waiter is left to the dials, and gets the error of the next one.
		done := make(chan error)
		go func() {
			_, err := p.Acquire(t.Context())
			done <- err
		}()
		synctest.Wait()
		c.Destroy()
		if err := <-done; err != errDown {
			t.Errorf("got %v", err)
		}
		drain(t, p, far)
	})
}

func TestADeadTargetIsDialledTenTimesASecond(t *testing.T) {
	t.Parallel()
	for _, dialTime := range []time.Duration{0, 5 * time.Millisecond, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{down: errDown, dialTime: dialTime}
			p := newPool(t, far, Options{MaxOpenConns: 50, AcquireTimeout: 2 * time.Second})
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			var mu sync.Mutex
			var refused, timedOut int
			for range 200 {
				wg.Go(func() {
					for ctx.Err() == nil {
						_, err := p.Acquire(ctx)
						var late *TimeoutError
						mu.Lock()
						switch {
						case ctx.Err() != nil:
						case errors.As(err, &late):
							timedOut++
							// A caller who waited in vain learns what the target said to the others.
							if dialTime < time.Second && !errors.Is(err, errDown) {
								t.Errorf("got %v", err)
							}
						case err == errDown:
							refused++
						default:
							t.Errorf("got %v", err)
						}
						mu.Unlock()
					}
				})
			}
			pass(10 * time.Second)
			cancel()
			wg.Wait()
			if n := far.mostDialsPerSecond(); n > 10 {
				t.Errorf("dials that take %v: %d in one second", dialTime, n)
			}
			if n := far.dialCount(); n < 90 {
				t.Errorf("dials that take %v: only %d in ten seconds", dialTime, n)
			}
			// Every failed dial told one caller, and nobody waited beyond the time-out.
			if s := p.Stats(); int64(refused) > s.DialErrorCount || dialTime < time.Second && refused < 80 || timedOut == 0 {
				t.Errorf("dials that take %v: %d refused, %d timed out, %+v", dialTime, refused, timedOut, s)
			}

			// The first success lifts the limit at once.
			far.set(func() { far.down, far.dialTime = nil, time.Millisecond })
			pass(3 * time.Second) // dials of the old kind end
			first := acquire(t, p)
			before, begin := far.dialCount(), time.Now()
			conns := make([]*Conn[*thing], 40)
			for i := range conns {
				wg.Go(func() { conns[i] = acquire(t, p) })
			}
			wg.Wait()
			if took := time.Since(begin); took > 5*time.Millisecond || dialTime < time.Second && far.dialCount()-before < 30 {
				t.Errorf("after it came back: %d dials in %v", far.dialCount()-before, took)
			}
			releaseAll(conns)
			first.Release()
			drain(t, p, far)
		})
	}
}

func TestMinConnsAreKeptUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{MinConns: 3})
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range acquireAll(t, p, 3) {
			c.Destroy()
		}
		if s := p.Stats(); s.Idle != 0 || s.Dialing != 3 || s.BrokenClosed != 3 {
			t.Errorf("statistics %+v", s)
		}
		pass(time.Second)
		if s := p.Stats(); s.Idle != 3 {
			t.Errorf("statistics %+v", s)
		}
		drain(t, p, far)
	})
}

func TestOnOpenIsToldOfEachDial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		var told record[error]
		p := newPool(t, far, Options{}, func(c *Config[*thing]) {
			c.OnOpen = func(took time.Duration, err error) {
				if took != time.Second {
					t.Errorf("took %v", took)
				}
				told.add(err)
			}
		})
		c := acquire(t, p)
		far.set(func() { far.down = errDown })
		c.Destroy()
		_, err := p.Acquire(t.Context())
		equal(t, "told", told.all(), []error{nil, errDown})
		if err != errDown {
			t.Errorf("got %v", err)
		}
		drain(t, p, far)
	})
}
