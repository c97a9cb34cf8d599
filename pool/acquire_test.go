package pool

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAcquireLendsTheConnectionUsedLast(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{MaxOpenConns: 3})
	conns := acquireAll(t, p, 3)
	conns[1].Release()
	conns[2].Release()
	conns[0].Release()
	for _, want := range []*Conn[*thing]{conns[0], conns[2], conns[1]} {
		if got := acquire(t, p); got != want {
			t.Errorf("got thing %d, want %d", got.Value().id, want.Value().id)
		}
	}
	releaseAll(conns)
	drain(t, p, far)
}

func TestWaitersAreServedInTheOrderTheyCame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		first := acquire(t, p)
		var order record[int]
		for i := range 20 {
			go func() {
				c := acquire(t, p)
				order.add(i)
				c.Release()
			}()
			synctest.Wait() // it stands in the queue
		}
		if s := p.Stats(); s.Waiting != 20 || s.InUse != 1 {
			t.Errorf("got %d waiting, %d in use", s.Waiting, s.InUse)
		}
		pass(3 * time.Second)
		first.Release()
		synctest.Wait()
		served := order.all()
		for i, got := range served {
			if got != i {
				t.Fatalf("served in the order %v", served)
			}
		}
		s := p.Stats()
		if len(served) != 20 || s.AcquireCount != 21 || s.WaitCount != 21 || s.WaitDuration != 60*time.Second {
			t.Errorf("%d served, statistics %+v", len(served), s)
		}
		if s.WaitHistogram[9] != 20 || s.WaitHistogram[0] != 1 { // 20 within 5 s; the first only waited for its dial
			t.Errorf("wait histogram %v", s.WaitHistogram)
		}
		drain(t, p, far)
	})
}

func TestNewcomersDontOvertakeTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		held := acquire(t, p)
		var order record[string]
		go func() {
			c := acquire(t, p)
			order.add("waiter")
			c.Release()
		}()
		synctest.Wait()
		held.Release() // hands over, though the waiter hasn't run yet
		if _, err := p.TryAcquire(t.Context()); !errors.Is(err, ErrWouldBlock) {
			t.Errorf("TryAcquire overtook the waiter: %v", err)
		}
		c := acquire(t, p)
		order.add("newcomer")
		c.Release()
		equal(t, "order", order.all(), []string{"waiter", "newcomer"})
		drain(t, p, far)
	})
}

func TestConfigureLetsNobodyOvertakeTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{check: time.Second}
		p := newPool(t, far, Options{MaxOpenConns: 2}, withCheck(far))
		releaseAll(acquireAll(t, p, 2))
		pass(time.Second)
		var order record[string]
		hold := func(who string) {
			c := acquire(t, p)
			order.add(who)
			time.Sleep(time.Second)
			c.Release()
		}
		go hold("first") // waits for a check
		synctest.Wait()
		if err := p.Configure(Options{MaxOpenConns: 2, CheckAfter: -1}); err != nil { // the other needs none now
			t.Fatal(err)
		}
		hold("second")
		equal(t, "order", order.all(), []string{"first", "second"})
		drain(t, p, far)
	})
}

func TestAcquireTimesOutNamingTheHolders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 2, AcquireTimeout: time.Second, LeakThreshold: time.Hour},
			func(c *Config[*thing]) { c.Name = "reader" })
		a := acquire(t, p)
		pass(5 * time.Second)
		b := acquire(t, p)
		begin := time.Now()
		_, err := p.Acquire(t.Context())
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		var e *TimeoutError
		if !errors.As(err, &e) || e.Pool != "reader" || e.Max != 2 || e.InUse != 2 || e.Waited != time.Second || e.Cause != nil || len(e.Holders) != 2 {
			t.Fatalf("got %#v", err)
		}
		if h := e.Holders[0]; h.Held != 6*time.Second || !strings.Contains(h.Site, "fake_test.go") ||
			!strings.Contains(h.Stack, "TestAcquireTimesOutNamingTheHolders") || time.Since(h.Since) != 6*time.Second {
			t.Errorf("the oldest holder is %+v", h)
		}
		for _, want := range []string{"pool reader", "after 1s", "2 of 2 in use", "fake_test.go", "for 6s", "raise MaxOpenConns"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q isn't in %q", want, err)
			}
		}
		if s := p.Stats(); s.TimeoutCount != 1 || s.AcquireCount != 2 || s.OldestHeldSince != e.Holders[0].Since {
			t.Errorf("statistics %+v", s)
		}
		a.Release()
		b.Release()
		if h := p.Holders(); len(h) != 0 {
			t.Errorf("holders after release: %v", h)
		}
		drain(t, p, far)
	})
}

func TestEachWaiterHasItsOwnTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1, AcquireTimeout: time.Minute})
		held := acquire(t, p)
		var waits record[time.Duration]
		for _, limit := range []time.Duration{2 * time.Minute, 0, time.Second, 3 * time.Second} {
			go func() {
				began := time.Now()
				if _, err := p.AcquireWithin(t.Context(), limit); err == nil {
					t.Error("got a connection that is in use")
				}
				waits.add(time.Since(began))
			}()
			synctest.Wait() // they queue in this order
		}
		free, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		began := time.Now()
		if _, err := p.AcquireWithin(free, -1); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Hour {
			t.Errorf("a wait without a time-out ended after %v: %v", time.Since(began), err)
		}
		equal(t, "waits", waits.all(), []time.Duration{time.Second, 3 * time.Second, time.Minute, 2 * time.Minute})
		held.Release()
		drain(t, p, far)
	})
}

func TestTimeoutErrorSaysWhatToTry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  TimeoutError
		want string
	}{
		{"leak detection is off", TimeoutError{Pool: "w", Waited: time.Second, Max: 1, InUse: 1, Waiting: 3},
			"pool w: no connection after 1s: 1 of 1 in use, 0 being opened, 3 other callers waiting; release them sooner (LeakThreshold tells who holds them)"},
		{"the target is down", TimeoutError{Waited: time.Second, Max: 5, LastDialError: errDown},
			"pool: no connection after 1s: 0 of 5 in use, 0 being opened, 0 other callers waiting; the last attempt to open one failed: connection refused"},
		{"the caller gave up", TimeoutError{Waited: time.Second, Max: 5, Dialing: 1, Cause: context.Canceled},
			"pool: no connection after 1s (context canceled): 0 of 5 in use, 1 being opened, 0 other callers waiting"},
		{"the caller had given up before", TimeoutError{Cause: context.Canceled},
			"pool: the context had ended before a connection was asked for: context canceled"},
		{"many hold", TimeoutError{Waited: time.Second, Max: 5, InUse: 5, Holders: []Holder{
			{Site: "a.go:1 (x.A)", Held: 3 * time.Second}, {}, {Site: "b.go:2 (x.B)", Held: 2 * time.Second},
			{Site: "c.go:3 (x.C)", Held: time.Second}, {Site: "d.go:4 (x.D)", Held: time.Second}}},
			"pool: no connection after 1s: 5 of 5 in use, 0 being opened, 0 other callers waiting; held by a.go:1 (x.A) for 3s, b.go:2 (x.B) for 2s, c.go:3 (x.C) for 1s and 2 more; release them sooner, or raise MaxOpenConns"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestAWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1, AcquireTimeout: -1})
		held := acquire(t, p)
		why := errors.New("the user left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(why) })
		_, err := p.Acquire(ctx)
		var e *TimeoutError
		if !errors.As(err, &e) || e.Waited != time.Hour || !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		if s := p.Stats(); s.Waiting != 0 || s.TimeoutCount != 1 {
			t.Errorf("statistics %+v", s)
		}
		held.Release()
		drain(t, p, far)
	})
}

func TestAStaleConnectionThatComesBackIsNotHandedToAWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		stale := acquire(t, p)
		got := make(chan *Conn[*thing])
		go func() { got <- acquire(t, p) }()
		synctest.Wait()
		p.Invalidate()
		stale.Release()
		c := <-got
		if c.Value().id != 2 {
			t.Errorf("the waiter got thing %d", c.Value().id)
		}
		equal(t, "reasons", far.reasons(), []Reason{Stale})
		c.Release()
		drain(t, p, far)
	})
}

func TestADeadContextGetsNothing(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range []func() error{
		func() error { _, err := p.Acquire(ctx); return err },
		func() error { _, err := p.TryAcquire(ctx); return err },
		func() error { return p.Warm(ctx) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if far.dialCount() != 0 {
		t.Error("it dialled for a caller who had gone")
	}
	drain(t, p, far)
}

func TestAConnectionHandedToACancelledWaiterIsGivenOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		succeeded := int64(0)
		for i := range 100 {
			held := acquire(t, p)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if c, err := p.Acquire(ctx); err == nil {
					succeeded++
					c.Release()
				}
			}()
			synctest.Wait()
			if i%2 == 0 {
				cancel() // the waiter wakes up, but is in the queue until it has run
			}
			held.Release()
			cancel()
			synctest.Wait()
			succeeded++ // held
			if s := p.Stats(); s.Idle != 1 || s.InUse != 0 {
				t.Fatalf("the connection is lost: %+v", s)
			}
		}
		if int64(p.lends) == succeeded {
			t.Error("no connection was given on: the test doesn't test")
		}
		if s := p.Stats(); s.AcquireCount != succeeded {
			t.Errorf("%d acquires counted, %d succeeded", s.AcquireCount, succeeded)
		}
		drain(t, p, far)
	})
}

func TestAWaiterThatIsRefusedAsItsContextEndsLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // which of the two the waiter sees is chance
			far := &target{}
			p := newPool(t, far, Options{MaxOpenConns: 1})
			held := acquire(t, p)
			ctx, cancel := context.WithCancel(t.Context())
			got := make(chan error)
			go func() {
				_, err := p.Acquire(ctx)
				got <- err
			}()
			synctest.Wait()
			closed := make(chan error)
			cancel()
			go func() { closed <- p.Close(t.Context()) }()
			if err := <-got; err != ErrClosed && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			held.Release()
			if err := <-closed; err != nil {
				t.Error(err)
			}
			drain(t, p, far)
		}
	})
}

func TestTryAcquireNeverQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		begin := time.Now()
		c, err := p.TryAcquire(t.Context()) // below the maximum: it dials
		if err != nil || time.Since(begin) != time.Second {
			t.Fatalf("got %v after %v", err, time.Since(begin))
		}
		if _, err := p.TryAcquire(t.Context()); err != ErrWouldBlock || time.Since(begin) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		c.Release()
		if c, err = p.TryAcquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Destroy()

		// With the target down it fails: first with the dial's error, then, as the next dial has to wait, at once.
		far.set(func() { far.down = errDown })
		if _, err := p.TryAcquire(t.Context()); err != errDown {
			t.Errorf("got %v", err)
		}
		far.set(func() { far.dialTime = 0 })
		if _, err := p.TryAcquire(t.Context()); err != errDown {
			t.Errorf("got %v", err)
		}
		if _, err := p.TryAcquire(t.Context()); !errors.Is(err, ErrWouldBlock) || !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
		drain(t, p, far)
	})
}

func TestTryAcquireTakesAnIdleConnectionThatHasToBeChecked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1}, withCheck(far))
		acquire(t, p).Release()
		pass(time.Minute)
		c, err := p.TryAcquire(t.Context())
		if err != nil || c.Value().id != 1 || far.get(&far.checks) != 1 {
			t.Fatalf("got %v after %d checks", err, far.get(&far.checks))
		}
		c.Release()
		drain(t, p, far)
	})
}

func TestTryAcquireGetsItsOwnDialsErrorWhileOthersHoldConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 2})
		held := acquire(t, p)
		far.set(func() { far.down = errDown })
		begin := time.Now()
		if _, err := p.TryAcquire(t.Context()); err != errDown || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		held.Release()
		drain(t, p, far)
	})
}

func TestLendingAllocatesNothing(t *testing.T) {
	far := &target{}
	p := newPool(t, far, Options{}, withCheck(far))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	acquire(t, p).Release()
	if n := testing.AllocsPerRun(1000, func() {
		c, err := p.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	drain(t, p, far)
}

func TestGivingBackTwicePanics(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	panics := func(what string, f func()) {
		t.Helper()
		defer func() {
			if r, _ := recover().(string); !strings.Contains(r, what) || !strings.Contains(r, "isn't borrowed") {
				t.Errorf("got %q", r)
			}
		}()
		f()
	}
	c := acquire(t, p)
	c.Release()
	panics("Release", c.Release)
	panics("Destroy", c.Destroy)
	c = acquire(t, p)
	c.Destroy()
	panics("Release", c.Release)
	panics("Destroy", c.Destroy)
	drain(t, p, far)
}
