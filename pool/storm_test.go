package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// storm lets many goroutines do everything at once to a pool, and checks what must hold whatever they do.
type storm struct {
	t        *testing.T
	far      *target
	pool     *Pool[*thing]
	holders  sync.Map // *thing, to see that nobody shares one
	acquired atomic.Int64
	late     atomic.Int64
	up       bool                     // the target is never down
	pause    func(upTo time.Duration) // lets time go by, where there is time
}

const stormMax = 8 // the most that any of the storm's configurations allows

func (s *storm) options(r *rand.Rand) Options {
	o := Options{
		MaxOpenConns: 1 + r.IntN(stormMax), ConnMaxLifetime: time.Second, ConnMaxIdleTime: 200 * time.Millisecond,
		KeepAlive: 100 * time.Millisecond, CheckAfter: 20 * time.Millisecond, AcquireTimeout: 500 * time.Millisecond,
	}
	o.MinConns = r.IntN(o.MaxOpenConns + 1)
	o.MaxIdleConns = max(o.MinConns, r.IntN(o.MaxOpenConns+1))
	if r.IntN(2) == 0 {
		o.LeakThreshold = 30 * time.Millisecond
	}
	return o
}

func (s *storm) borrow(r *rand.Rand) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	get := s.pool.Acquire
	switch r.IntN(5) {
	case 0:
		get = s.pool.TryAcquire
	case 1:
		over := make(chan struct{})
		defer func() { <-over }()
		go func() {
			s.pause(10 * time.Millisecond)
			cancel()
			close(over)
		}()
	}
	c, err := get(ctx)
	if err != nil {
		late, isLate := errors.AsType[*TimeoutError](err)
		switch {
		case isLate:
			s.late.Add(1)
			if late.InUse > stormMax || late.InUse < 0 || late.Waiting < 0 || late.Dialing < 0 {
				s.t.Errorf("impossible numbers: %v", err)
			}
		case errors.Is(err, ErrWouldBlock), errors.Is(err, errDown), err == ErrClosed:
		default:
			s.t.Errorf("unexpected error %v", err)
		}
		return
	}
	s.acquired.Add(1)
	if _, shared := s.holders.LoadOrStore(c.Value(), true); shared {
		s.t.Errorf("thing %d is lent twice", c.Value().id)
	}
	s.pause(20 * time.Millisecond)
	s.holders.Delete(c.Value())
	if r.IntN(10) == 0 {
		c.Destroy()
	} else {
		c.Release()
	}
}

func (s *storm) disturb(r *rand.Rand) {
	switch r.IntN(6) {
	case 0:
		if err := s.pool.Configure(s.options(r)); err != nil && err != ErrClosed {
			s.t.Error(err)
		}
	case 1:
		s.pool.Invalidate()
	case 2:
		s.far.set(func() {
			s.far.down = errDown
			if s.up || r.IntN(2) == 0 {
				s.far.down = nil
			}
		})
	case 3:
		s.far.set(func() {
			if n := len(s.far.all); n > 0 {
				s.far.all[n-1].dead = true
			}
		})
	case 4:
		for range s.pool.Held() {
			s.pause(time.Millisecond)
		}
	case 5:
		st := s.pool.Stats()
		if st.OpenConnections != st.InUse+st.Idle+st.Dialing || st.OpenConnections > stormMax || st.InUse < 0 || st.Idle < 0 || st.Dialing < 0 {
			s.t.Errorf("impossible statistics %+v", st)
		}
		s.pool.Holders()
		s.inspect()
	}
	s.pause(30 * time.Millisecond)
}

// inspect looks at the pool under its lock: whatever was done last has to have left it in order, and nothing
// may wait for a dial that nobody starts.
func (s *storm) inspect() {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	states := make(map[connState]int)
	for i, c := range p.all {
		states[c.state]++
		if c.index != i {
			s.t.Errorf("connection %d thinks it is %d", i, c.index)
		}
	}
	if states[stateIdle] != len(p.idle) || states[stateChecked] != p.checking || states[stateBorrowed] != p.inUse() || states[stateGone] != 0 {
		s.t.Errorf("%v, but %d idle, %d being checked", states, len(p.idle), p.checking)
	}
	if len(p.doomed) != 0 {
		s.t.Errorf("%d condemned are left lying about", len(p.doomed))
	}
	if p.closed || !p.started {
		return
	}
	if p.unserved() > 0 && len(p.idle) > 0 {
		s.t.Errorf("%d wait though %d are idle", p.unserved(), len(p.idle))
	}
	asked := p.unserved() > 0
	if p.total() < p.lim.maxOpen && (asked || len(p.all)+len(p.dialing) < p.floor()) {
		if at := p.dials.next(asked); p.tickAt > max(at, p.now()) {
			s.t.Errorf("a dial is due at %v, but the next tick is at %v", at, p.tickAt)
		}
	}
	if p.queue.n > 0 && p.tickAt > max(p.waitEnd(p.queue.first), p.now()) {
		s.t.Error("the first waiter's time-out isn't scheduled")
	}
	if len(p.idle) > 0 && p.idle[len(p.idle)-1].idleSince == unset && !p.noticing {
		s.t.Error("nothing will notice that a connection is idle")
	}
}

// start lets borrowers loose and returns a function that waits for them.
func (s *storm) start(borrowers, rounds int) (wait func()) {
	var wg sync.WaitGroup
	for range borrowers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), 0))
			for range rounds {
				s.borrow(r)
				if r.IntN(10) == 0 {
					s.disturb(r)
				}
			}
		})
	}
	return wg.Wait
}

// run runs a storm to its end.
func (s *storm) run(borrowers, rounds int) {
	s.start(borrowers, rounds)()

	st := s.pool.Stats()
	if st.InUse != 0 || st.Waiting != 0 {
		s.t.Errorf("everybody has left, but %+v", st)
	}
	if st.AcquireCount != s.acquired.Load() || st.TimeoutCount != s.late.Load() || st.WaitHistogram.Count() != st.WaitCount {
		s.t.Errorf("%d acquired, %d too late, %+v", s.acquired.Load(), s.late.Load(), st)
	}
	// It still works.
	s.far.set(func() { s.far.down = nil })
	for {
		c, err := s.pool.Acquire(context.Background())
		if err == nil {
			c.Release()
			break
		}
		if !errors.Is(err, errDown) { // of a dial that was under way
			s.t.Fatal(err)
		}
	}
	drain(s.t, s.pool, s.far)
	if s.far.mostOpen > stormMax {
		s.t.Errorf("%d were open at once, %d are allowed", s.far.mostOpen, stormMax)
	}
}

func (s *storm) init(t *testing.T, far *target) {
	s.t, s.far = t, far
	s.pool = newPool(t, far, s.options(rand.New(rand.NewPCG(1, 2))), withCheck(far), func(c *Config[*thing]) {
		c.OnLeak = func(Holder, bool) {}
	})
}

// In a bubble time goes by: dials and checks take some, limits pass, leaks are found.
func TestNothingIsLostInAStorm(t *testing.T) {
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			s := &storm{pause: func(upTo time.Duration) { time.Sleep(rand.N(upTo)) }}
			s.init(t, &target{dialTime: 5 * time.Millisecond, check: time.Millisecond})
			s.run(40, 100)
		})
	}
}

// Outside of one they collide as hard as they can.
func TestNothingIsLostInAStormWithoutPauses(t *testing.T) {
	s := &storm{pause: func(time.Duration) {}, up: true}
	s.init(t, &target{})
	s.run(64, 300)
}

// Close comes in the middle of it all.
func TestCloseInAStorm(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			s := &storm{pause: func(upTo time.Duration) { time.Sleep(rand.N(upTo)) }}
			s.init(t, &target{dialTime: 5 * time.Millisecond, check: time.Millisecond})
			wait := s.start(40, 20)
			time.Sleep(rand.N(300 * time.Millisecond))
			drain(t, s.pool, s.far)
			wait()
			drain(t, s.pool, s.far)
		})
	}
}
