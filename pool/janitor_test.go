package pool

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// off are options with every limit of time turned off, for tests that look at one of them.
func off(change func(*Options)) Options {
	o := Options{ConnMaxLifetime: -1, ConnMaxIdleTime: -1, KeepAlive: -1, CheckAfter: -1, AcquireTimeout: -1}
	change(&o)
	return o
}

// quiet reports whether nothing is scheduled.
func quiet(p *Pool[*thing]) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tickAt == never
}

func TestAPoolWithNothingToDoSetsNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, off(func(*Options) {}), withCheck(far))
		acquire(t, p).Release()
		acquire(t, p).Release()
		if !quiet(p) {
			t.Error("a tick is scheduled though every limit is off")
		}
		drain(t, p, far)

		p = newPool(t, far, Options{ConnMaxIdleTime: time.Minute}, withCheck(far))
		acquire(t, p).Release()
		pass(time.Hour) // the connection is closed, nothing is left to look after
		if !quiet(p) {
			t.Error("a tick is scheduled though the pool is empty")
		}
		drain(t, p, far)
	})
}

func TestIdleConnectionsAreClosedDownToMinConns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, off(func(o *Options) { o.ConnMaxIdleTime, o.MinConns = time.Minute, 2 }))
		conns := acquireAll(t, p, 5)
		for _, c := range conns {
			c.Release()
			pass(10 * time.Second)
		}
		// They went idle 50, 40, … 10 seconds ago. The one used again starts anew.
		acquire(t, p).Release()
		pass(10*time.Second - time.Millisecond)
		if s := p.Stats(); s.Idle != 5 {
			t.Errorf("%d idle after less than a minute", s.Idle)
		}
		pass(time.Second + time.Millisecond)
		if s := p.Stats(); s.Idle != 4 || s.IdleTimeClosed != 1 {
			t.Errorf("%d idle, %d closed, when the first was idle for a minute", s.Idle, s.IdleTimeClosed)
		}
		pass(time.Hour)
		if s := p.Stats(); s.Idle != 2 || s.IdleTimeClosed != 3 || s.DialCount != 5 {
			t.Errorf("statistics in the end %+v", s)
		}
		equal(t, "reasons", far.reasons(), []Reason{Idle, Idle, Idle})
		if far.closed[0] != conns[0].Value() || far.closed[1] != conns[1].Value() || far.closed[2] != conns[2].Value() {
			t.Error("those idle for longest weren't closed first")
		}
		drain(t, p, far)
	})
}

func TestALongerLifetimeSavesWhatWasToBeClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, off(func(o *Options) { o.ConnMaxLifetime = time.Minute }))
		c := acquire(t, p)
		pass(2 * time.Minute)
		if err := p.Configure(off(func(o *Options) { o.ConnMaxLifetime = time.Hour })); err != nil {
			t.Fatal(err)
		}
		c.Release()
		equal(t, "reasons", far.reasons(), nil)
		drain(t, p, far)
	})
}

func TestLifetimesEndApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		var ended record[time.Duration]
		begin := time.Now()
		p := newPool(t, far, off(func(o *Options) { o.MaxOpenConns, o.ConnMaxLifetime = 20, time.Hour }),
			func(c *Config[*thing]) {
				c.Close = func(conn *thing, why Reason) {
					ended.add(time.Since(begin))
					far.Close(conn, why)
				}
			})
		releaseAll(acquireAll(t, p, 20))
		pass(2 * time.Hour)
		if s := p.Stats(); s.LifetimeClosed != 20 || s.OpenConnections != 0 {
			t.Errorf("statistics %+v", s)
		}
		ends := ended.all()
		earliest, latest := time.Hour-time.Hour/40, time.Hour
		for _, at := range ends {
			if at < earliest || at > latest+time.Millisecond {
				t.Errorf("closed after %v", at)
			}
		}
		if together := len(ends) - len(slices.Compact(slices.Clone(ends))); together > 0 {
			t.Errorf("%d were closed at the same moment as another", together)
		}
		drain(t, p, far)
	})
}

func TestALifetimeThatEndsWhileBorrowedClosesOnRelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, off(func(o *Options) { o.ConnMaxLifetime = time.Minute }))
		c := acquire(t, p)
		pass(2 * time.Minute)
		if len(far.reasons()) != 0 {
			t.Error("closed under its borrower's hands")
		}
		c.Release()
		equal(t, "reasons", far.reasons(), []Reason{Lifetime})
		drain(t, p, far)
	})
}

// With room for one more, the replacement of a connection that MinConns need is dialled before the old one goes, so a caller
// who comes at any moment finds an idle one.
func TestMinConnsAreReplacedWithoutACallerWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: 3 * time.Second}
		p := newPool(t, far, off(func(o *Options) { o.MaxOpenConns, o.MinConns, o.ConnMaxLifetime = 3, 2, time.Minute }))
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 600 {
			pass(time.Second)
			begin := time.Now()
			a, b := acquire(t, p), acquire(t, p)
			if waited := time.Since(begin); waited != 0 {
				t.Fatalf("waited %v", waited)
			}
			a.Release()
			b.Release()
		}
		if s := p.Stats(); s.LifetimeClosed < 15 || s.WaitCount != 0 {
			t.Errorf("statistics %+v", s)
		}
		if far.get(&far.mostOpen) > 3 {
			t.Errorf("%d were open at once", far.get(&far.mostOpen))
		}

		// While the target is down the old ones stay: better an old connection than none.
		far.set(func() { far.down = errDown })
		pass(time.Hour)
		if s := p.Stats(); s.Idle != 2 {
			t.Errorf("%d idle while the target is down", s.Idle)
		}
		far.set(func() { far.down = nil })
		closed := len(far.reasons())
		pass(10 * time.Second)
		if n := len(far.reasons()) - closed; n != 2 {
			t.Errorf("%d replaced when it came back", n)
		}
		drain(t, p, far)
	})
}

func TestMinConnsWithoutRoomAreReplacedOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{dialTime: time.Second}
		p := newPool(t, far, off(func(o *Options) { o.MaxOpenConns, o.MinConns = 3, 3 }))
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if err := p.Configure(off(func(o *Options) { o.MaxOpenConns, o.MinConns, o.ConnMaxLifetime = 3, 3, time.Minute })); err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // all are overdue at once
			pass(500 * time.Millisecond)
			if s := p.Stats(); s.Idle != 2 || s.Dialing != 1 || s.LifetimeClosed != int64(i+1) {
				t.Errorf("statistics %+v", s)
			}
			pass(500 * time.Millisecond)
		}
		pass(time.Second)
		if s := p.Stats(); s.Idle != 3 || s.LifetimeClosed != 3 || far.get(&far.mostOpen) != 3 {
			t.Errorf("statistics %+v", s)
		}
		drain(t, p, far)
	})
}

func TestKeepAliveChecksIdleConnectionsOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{check: 4 * time.Second} // longer than they are due apart
		p := newPool(t, far, off(func(o *Options) { o.KeepAlive, o.MinConns = time.Minute, 4 }), withCheck(far))
		if err := p.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(50 * time.Second)
		if far.get(&far.checks) != 0 {
			t.Errorf("%d checks within the first 50 seconds", far.get(&far.checks))
		}
		pass(30 * time.Second)
		if n := far.get(&far.checks); n != 4 {
			t.Errorf("%d of 4 were checked", n)
		}
		pass(10*time.Minute - 80*time.Second)
		if far.get(&far.checks) < 4*8 || far.get(&far.checks) > 4*12 || far.get(&far.mostChk) != 1 {
			t.Errorf("%d checks of 4 connections in ten minutes, up to %d at once", far.get(&far.checks), far.get(&far.mostChk))
		}
		// One that has died is replaced before anybody asks for it.
		far.set(func() { far.all[2].dead = true })
		pass(2 * time.Minute)
		equal(t, "reasons", far.reasons(), []Reason{Broken})
		if s := p.Stats(); s.Idle != 4 || s.BrokenClosed != 1 || s.DialCount != 5 {
			t.Errorf("statistics %+v", s)
		}
		drain(t, p, far)
	})
}

func TestAKeepAliveCheckDoesntMakeAConnectionYoung(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, off(func(o *Options) { o.KeepAlive, o.ConnMaxIdleTime = time.Minute, 5*time.Minute }), withCheck(far))
		releaseAll(acquireAll(t, p, 3))
		pass(4*time.Minute + 59*time.Second)
		if s := p.Stats(); s.Idle != 3 || far.get(&far.checks) < 12 {
			t.Errorf("%d idle after %d checks", s.Idle, far.get(&far.checks))
		}
		pass(3 * time.Second)
		equal(t, "reasons", far.reasons(), []Reason{Idle, Idle, Idle})
		drain(t, p, far)
	})
}

func TestAKeepAliveCheckDoesntChangeWhoIsNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, off(func(o *Options) { o.KeepAlive = time.Minute }), withCheck(far))
		conns := acquireAll(t, p, 3)
		releaseAll(conns)
		for range 10 {
			pass(10 * time.Second)
			c := acquire(t, p)
			if c != conns[2] {
				t.Fatalf("got thing %d after %d checks", c.Value().id, far.get(&far.checks))
			}
			c.Release()
		}
		if n := far.get(&far.checks); n != 2 {
			t.Errorf("%d checks", n)
		}
		drain(t, p, far)
	})
}

func TestACallerWaitsNoLongerThanAKeepAliveCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{check: 200 * time.Millisecond}
		p := newPool(t, far, off(func(o *Options) { o.KeepAlive, o.MaxOpenConns = time.Minute, 1 }), withCheck(far))
		acquire(t, p).Release()
		for far.get(&far.checking) == 0 {
			pass(10 * time.Millisecond)
		}
		if s := p.Stats(); s.Idle != 1 || s.InUse != 0 {
			t.Errorf("statistics during a check %+v", s)
		}
		begin := time.Now()
		c := acquire(t, p)
		if waited := time.Since(begin); waited > 200*time.Millisecond || far.get(&far.mostOpen) != 1 {
			t.Errorf("waited %v, %d open", waited, far.get(&far.mostOpen))
		}
		c.Release()
		drain(t, p, far)
	})
}

func TestAcquireChecksWhatWasIdleForLong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		after time.Duration // CheckAfter
		idle  time.Duration
		want  int // checks
	}{
		{"used a moment ago", 0, 0, 0},
		{"used within three quarters of it", 0, 370 * time.Millisecond, 0},
		{"idle for longer", 0, 501 * time.Millisecond, 1},
		{"idle for long", 0, time.Minute, 1},
		{"a limit of its own, within", time.Minute, 44 * time.Second, 0},
		{"a limit of its own, beyond", time.Minute, 61 * time.Second, 1},
		{"turned off", -1, time.Hour, 0},
		{"always", time.Nanosecond, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{}
			p := newPool(t, far, off(func(o *Options) { o.CheckAfter = tt.after }), withCheck(far))
			c := acquire(t, p)
			c.Release()
			pass(tt.idle)
			if again := acquire(t, p); again != c || far.get(&far.checks) != tt.want {
				t.Errorf("%s: %d checks, want %d", tt.name, far.get(&far.checks), tt.want)
			}
			c.Release()
			drain(t, p, far)
		})
	}
}

func TestACallerNeverSeesADeadConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{check: 10 * time.Millisecond}
		p := newPool(t, far, Options{MaxOpenConns: 5}, withCheck(far))
		conns := acquireAll(t, p, 5)
		releaseAll(conns)
		pass(time.Second)
		for _, c := range conns[1:] {
			far.set(func() { c.Value().dead = true })
		}
		// The first try meets a dead one; then all are looked at, and the one that lives is found at once.
		begin := time.Now()
		c := acquire(t, p)
		if c != conns[0] || time.Since(begin) != 20*time.Millisecond {
			t.Errorf("got thing %d after %v", c.Value().id, time.Since(begin))
		}
		synctest.Wait() // the other checks end
		equal(t, "reasons", far.reasons(), []Reason{Broken, Broken, Broken, Broken})
		c.Release()

		// All dead: it dials.
		far.set(func() { c.Value().dead = true })
		pass(time.Second)
		if c = acquire(t, p); c.Value().id != 6 {
			t.Errorf("got thing %d", c.Value().id)
		}
		c.Release()
		far.set(func() { c.Value().dead = true })
		pass(time.Second)
		if c, err := p.TryAcquire(t.Context()); err != nil || c.Value().id != 7 {
			t.Errorf("TryAcquire after a restart: %v", err)
		} else {
			c.Release()
		}
		drain(t, p, far)
	})
}

func TestACheckThatHangsIsCutShort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ acquire, want time.Duration }{
		{0, 5 * time.Second},
		{-1, 5 * time.Second},
		{2 * time.Second, time.Second}, // so that there is time for a second attempt
	} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{check: time.Hour}
			p := newPool(t, far, Options{AcquireTimeout: tt.acquire}, withCheck(far))
			acquire(t, p).Release()
			pass(time.Second)
			begin := time.Now()
			c := acquire(t, p)
			if c.Value().id != 2 || time.Since(begin) != tt.want {
				t.Errorf("got thing %d after %v, want %v", c.Value().id, time.Since(begin), tt.want)
			}
			c.Release()
			drain(t, p, far)
		})
	}
}
