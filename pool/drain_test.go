package pool

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCloseWaitsForTheBorrowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 2})
		conns := acquireAll(t, p, 2)
		waiter := make(chan error)
		go func() {
			_, err := p.Acquire(t.Context())
			waiter <- err
		}()
		synctest.Wait()
		time.AfterFunc(time.Minute, conns[0].Release)
		time.AfterFunc(2*time.Minute, conns[1].Destroy)
		begin := time.Now()
		closed := make(chan error)
		go func() { closed <- p.Close(t.Context()) }()
		if err := <-waiter; err != ErrClosed || time.Since(begin) != 0 {
			t.Errorf("the waiter got %v after %v", err, time.Since(begin))
		}
		for _, call := range []func() error{
			func() error { _, err := p.Acquire(t.Context()); return err },
			func() error { _, err := p.TryAcquire(t.Context()); return err },
			func() error { return p.Warm(t.Context()) },
		} {
			if err := call(); err != ErrClosed {
				t.Errorf("got %v", err)
			}
		}
		if err := <-closed; err != nil || time.Since(begin) != 2*time.Minute {
			t.Errorf("closed after %v: %v", time.Since(begin), err)
		}
		equal(t, "reasons", far.reasons(), []Reason{Drain, Broken})
		drain(t, p, far) // again
	})
}

func TestCloseCutsWhatIsLeftAndNamesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		cut := make(map[int]chan struct{})
		p := newPool(t, far, Options{LeakThreshold: time.Hour}, func(c *Config[*thing]) {
			c.Name = "writer"
			c.Cut = func(conn *thing) { close(cut[conn.id]) }
		})
		conns := acquireAll(t, p, 3)
		conns[1].Release()
		cut[1], cut[3] = make(chan struct{}), make(chan struct{})
		for _, c := range []*Conn[*thing]{conns[0], conns[2]} {
			go func() {
				<-cut[c.Value().id] // its call fails
				c.Destroy()
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := p.Close(ctx)
		var e *DrainError
		if !errors.As(err, &e) || e.Left != 2 || !e.Cut || len(e.Holders) != 2 || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %#v", err)
		}
		for _, want := range []string{"pool writer", "2 still borrowed, which were interrupted", "fake_test.go", "for 1m0s"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q isn't in %q", want, err)
			}
		}
		synctest.Wait()
		drain(t, p, far)
	})
}

func TestCloseCancelsDialsAndChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{}, withCheck(far))
		acquire(t, p).Release()
		far.set(func() { far.dialTime, far.check = time.Hour, time.Hour })
		pass(time.Second)
		errs := make(chan error, 2)
		for range 2 {
			go func() { // the first has the idle connection checked, the second dials
				_, err := p.Acquire(t.Context())
				errs <- err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		drain(t, p, far)
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		for range 2 {
			if err := <-errs; err != ErrClosed {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestCloseSaysWhenOnlyADialIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{}, func(c *Config[*thing]) {
			c.Dial = func(ctx context.Context) (*thing, error) {
				time.Sleep(time.Minute) // heeds no context
				return far.Dial(context.Background())
			}
		})
		go p.Warm(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Close(ctx)
		if e, _ := errors.AsType[*DrainError](err); e == nil || e.Left != 0 || !strings.Contains(err.Error(), "still being opened or closed") {
			t.Errorf("got %v", err)
		}
		drain(t, p, far)
		equal(t, "reasons", far.reasons(), []Reason{Drain})
	})
}

func TestHeldBeginsWithTheOldestHold(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	conns := acquireAll(t, p, 3)
	conns[0].Release()
	conns[0] = acquire(t, p) // the same connection, by now the youngest hold
	var seen []int
	for v := range p.Held() {
		seen = append(seen, v.id)
	}
	equal(t, "seen", seen, []int{2, 3, 1})
	releaseAll(conns)
	drain(t, p, far)
}

func TestAPoolThatIsDrainedIsClosedWhateverTheContext(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	acquire(t, p).Release()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // Go chooses by chance among what is ready
		if err := p.Close(ended); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutACutNobodyIsSaidToBeInterrupted(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	c := acquire(t, p)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := p.Close(ended)
	if e, _ := errors.AsType[*DrainError](err); e == nil || e.Left != 1 || e.Cut || strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
	c.Release()
	drain(t, p, far)
}

func TestAConnectionIsNotClosedWhileHeldLooksAtIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{})
		conns := acquireAll(t, p, 3)
		conns[1].Release()
		var seen []int
		for v := range p.Held() {
			seen = append(seen, v.id)
			if v.id == 1 {
				conns[0].Destroy()
				if v.reason != "" {
					t.Error("closed under the loop's hands")
				}
			}
		}
		equal(t, "seen", seen, []int{1, 3})
		equal(t, "reasons", far.reasons(), []Reason{Broken})
		for range p.Held() {
			break
		}
		conns[2].Release()
		if got := slices.Collect(p.Held()); len(got) != 0 {
			t.Errorf("held: %v", got)
		}
		drain(t, p, far)
	})
}
