package pool

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o    Options
		want []string // in the message
	}{
		{Options{MaxOpenConns: -1}, []string{"MaxOpenConns is -1", "1 or more", "default of 10"}},
		{Options{MaxOpenConns: 5, MaxIdleConns: 6}, []string{"MaxIdleConns is 6", "at most MaxOpenConns, which is 5"}},
		{Options{MinConns: -2}, []string{"MinConns is -2", "0 or more"}},
		{Options{MinConns: 11}, []string{"MinConns is 11", "at most MaxOpenConns, which is 10"}},
		{Options{MinConns: 3, MaxIdleConns: 2}, []string{"MinConns is 3", "MaxIdleConns, which allows 2"}},
		{Options{MinConns: 1, MaxIdleConns: -1}, []string{"MinConns is 1", "MaxIdleConns, which allows 0"}},
		{Options{ConnMaxLifetime: 30}, []string{"ConnMaxLifetime is 30ns", "unit", "default of 30m0s"}},
		{Options{ConnMaxIdleTime: 1, KeepAlive: 2, AcquireTimeout: 3}, []string{"ConnMaxIdleTime is 1ns", "KeepAlive is 2ns", "AcquireTimeout is 3ns"}},
		{Options{LeakThreshold: -time.Second}, []string{"LeakThreshold is -1s", "0 to turn leak detection off"}},
	} {
		far := &target{}
		_, err := New(Config[*thing]{Name: "writer", Options: tt.o, Dial: far.Dial, Close: far.Close})
		if err == nil {
			t.Errorf("%+v is accepted", tt.o)
			continue
		}
		for _, want := range append(tt.want, "pool writer: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q isn't in %q", want, err)
			}
		}
	}
	if _, err := New(Config[*thing]{}); err == nil || !strings.Contains(err.Error(), "Dial is nil") || !strings.Contains(err.Error(), "Close is nil") {
		t.Errorf("got %v", err)
	}
}

func TestTheZeroOptionsAreTheDefaults(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	want := Options{
		MaxOpenConns: 10, ConnMaxLifetime: 30 * time.Minute, ConnMaxIdleTime: 10 * time.Minute,
		KeepAlive: 2 * time.Minute, CheckAfter: 500 * time.Millisecond, AcquireTimeout: 30 * time.Second,
		BreakerFailures: 5,
	}
	if got := p.Options(); got != want {
		t.Errorf("got %+v", got)
	}
	// What it returns can be changed and given back.
	want.MaxOpenConns = 5
	if err := p.Configure(want); err != nil || p.Options() != want {
		t.Errorf("got %v, options %+v", err, p.Options())
	}
	drain(t, p, far)
}

func TestShrinkingClosesIdleNowAndBorrowedOnReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 6})
		conns := acquireAll(t, p, 6)
		releaseAll(conns[:2])
		if err := p.Configure(Options{MaxOpenConns: 3}); err != nil {
			t.Fatal(err)
		}
		equal(t, "reasons", far.reasons(), []Reason{Resize, Resize})
		conns[2].Release()
		equal(t, "reasons", far.reasons(), []Reason{Resize, Resize, Resize})
		conns[3].Release()
		if s := p.Stats(); s.Idle != 1 || s.InUse != 2 || s.MaxOpenConnections != 3 {
			t.Errorf("statistics %+v", s)
		}
		releaseAll(conns[4:])
		drain(t, p, far)
	})
}

func TestADialThatEndsAfterShrinkingIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{MinConns: 4})
		go p.Warm(t.Context())
		synctest.Wait()
		if err := p.Configure(Options{MaxOpenConns: 1}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		equal(t, "reasons", far.reasons(), []Reason{Resize, Resize, Resize})
		drain(t, p, far)
	})
}

func TestGrowingServesThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1})
		held := acquire(t, p)
		got := make(chan *Conn[*thing])
		go func() { got <- acquire(t, p) }()
		pass(time.Second)
		if err := p.Configure(Options{MaxOpenConns: 2}); err != nil {
			t.Fatal(err)
		}
		(<-got).Release()
		held.Release()
		drain(t, p, far)
	})
}

func TestWaitersFollowANewAcquireTimeout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ from, to, want time.Duration }{
		{time.Minute, 10 * time.Second, 10 * time.Second},
		{-1, 10 * time.Second, 10 * time.Second},
		{time.Minute, time.Hour, time.Hour},
		{time.Minute, time.Second, 5 * time.Second}, // over already
	} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{}
			p := newPool(t, far, Options{MaxOpenConns: 1, AcquireTimeout: tt.from})
			held := acquire(t, p)
			time.AfterFunc(5*time.Second, func() {
				if err := p.Configure(Options{MaxOpenConns: 1, AcquireTimeout: tt.to}); err != nil {
					t.Error(err)
				}
			})
			_, err := p.Acquire(t.Context())
			if e, _ := errors.AsType[*TimeoutError](err); e == nil || e.Waited != tt.want {
				t.Errorf("from %v to %v: %v", tt.from, tt.to, err)
			}
			held.Release()
			drain(t, p, far)
		})
	}
}

func TestMinConnsAreRaisedInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{})
		acquire(t, p).Release()
		if err := p.Configure(Options{MinConns: 4}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Idle != 4 {
			t.Errorf("%d idle", s.Idle)
		}
		drain(t, p, far)
	})
}

func TestWrongOptionsChangeNothing(t *testing.T) {
	t.Parallel()
	far := &target{}
	p := newPool(t, far, Options{})
	before := p.Options()
	if err := p.Configure(Options{MaxOpenConns: -5}); err == nil || p.Options() != before {
		t.Errorf("got %v, options %+v", err, p.Options())
	}
	drain(t, p, far)
	if err := p.Configure(Options{}); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

func TestMaxIdleConnsBoundsWhatIsKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ maxIdle, want int }{{0, 4}, {2, 2}, {-1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{}
			p := newPool(t, far, Options{MaxOpenConns: 4, MaxIdleConns: tt.maxIdle})
			releaseAll(acquireAll(t, p, 4))
			if s := p.Stats(); s.Idle != tt.want || s.MaxIdleClosed != int64(4-tt.want) {
				t.Errorf("MaxIdleConns %d: %+v", tt.maxIdle, s)
			}
			drain(t, p, far)
		})
	}
}

func TestInvalidateClosesWhatIsOlder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, Options{MaxOpenConns: 3, MinConns: 1})
		conns := acquireAll(t, p, 2)
		go func() { acquire(t, p).Release() }() // dials, but
		synctest.Wait()
		conns[0].Release() // is served with this one, while its dial goes on
		synctest.Wait()
		if s := p.Stats(); s.Idle != 1 || s.InUse != 1 || s.Dialing != 1 {
			t.Fatalf("statistics %+v", s)
		}
		p.Invalidate()
		equal(t, "idle ones", far.reasons(), []Reason{Stale})
		pass(time.Second)
		equal(t, "and the dial", far.reasons(), []Reason{Stale, Stale})
		conns[1].Release()
		equal(t, "and the borrowed", far.reasons(), []Reason{Stale, Stale, Stale})
		pass(time.Second)
		c := acquire(t, p) // MinConns have been dialled anew
		c.Release()
		if s := p.Stats(); c.Value().id != 4 || s.Idle != 1 || s.Generation != 1 || s.BrokenClosed != 3 {
			t.Errorf("thing %d, %+v", c.Value().id, s)
		}
		drain(t, p, far)
	})
}
