package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestATimeoutTellsConnectingFromConnectionsInUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		held      int                                     // of two
		during    func(far *target, held []*Conn[*thing]) // half a second before the wait's end
		far       func(far *target)                       // from the wait's beginning
		want      bool
		wantNamed string
	}{
		"nobody has one, and a dial hangs":               {0, nil, hangs, true, "0 of 2 in use, 1 being opened, 0 other callers waiting; connecting takes longer than 1.5s"},
		"one is in use, and a dial hangs for its second": {1, nil, hangs, true, "connecting takes longer than 1.5s"},
		"one is in use, and dials fail":                  {1, nil, func(far *target) { far.down = errDown }, true, "connection refused"},
		"both are in use":                                {2, nil, hangs, false, "2 of 2 in use"},
		"both were in use for most of the wait": {2, func(_ *target, held []*Conn[*thing]) { held[0].Destroy() }, hangs, false,
			"1 of 2 in use, 1 being opened"},
	} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{}
			p := newPool(t, far, Options{MaxOpenConns: 2, AcquireTimeout: 1500 * time.Millisecond})
			held := acquireAll(t, p, c.held)
			far.set(func() { c.far(far) })
			if c.during != nil {
				time.AfterFunc(time.Second, func() { c.during(far, held) })
			}
			_, err := p.Acquire(t.Context())
			late, ok := errors.AsType[*TimeoutError](err)
			if !ok || late.Connecting() != c.want || !strings.Contains(err.Error(), c.wantNamed) {
				t.Errorf("%s: connecting is to blame: %v, want %v: %v", name, ok && late.Connecting(), c.want, err)
			}
			for _, h := range held {
				if h.state == stateBorrowed {
					h.Release()
				}
			}
			drain(t, p, far)
		})
	}
}

// hangs has dials take for ever from now on.
func hangs(far *target) { far.dialTime = 24 * time.Hour }

// What comes back at the very end of a wait wasn't there in time.
func TestATimeoutIsOfTheMomentWhenTheWaitEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := &target{}
		p := newPool(t, far, Options{MaxOpenConns: 1, AcquireTimeout: time.Second})
		held := acquire(t, p)
		w := &waiter[*thing]{ready: make(chan *Conn[*thing], 1)}
		p.mu.Lock()
		p.queue.push(w)
		p.endWaits(w.start + time.Hour)
		p.unlock()
		held.Release()
		<-w.ready
		if late, ok := w.err.(*TimeoutError); !ok || late.InUse != 1 || late.Waiting != 0 || late.Connecting() {
			t.Errorf("got %v", w.err)
		}
		drain(t, p, far)
	})
}

func TestADialThatHangsKeepsNobodyFromAnother(t *testing.T) {
	t.Parallel()
	for _, max := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			far := &target{dialTime: time.Minute}
			p := newPool(t, far, Options{MaxOpenConns: max, AcquireTimeout: time.Second})
			begin := time.Now()
			_, err := p.Acquire(t.Context()) // its dial hangs, and goes on without it
			far.set(func() { far.dialTime = 10 * time.Millisecond })
			var c *Conn[*thing]
			for err != nil && time.Since(begin) < 2*time.Minute { // one caller at a time, as a worker's or a probe's
				c, err = p.Acquire(t.Context())
			}
			want := dialPatience + 10*time.Millisecond
			if max == 1 { // there is no room
				want = time.Minute
			}
			if took := time.Since(begin); err != nil || took != want {
				t.Errorf("of %d: the first connection came after %v, want %v: %v", max, took, want, err)
			}
			if n := far.dialCount(); n != min(max, 2) {
				t.Errorf("%d dials", n)
			}
			c.Release()
			drain(t, p, far)
		})
	}
}

// trials is a target of which nobody knows how a dial will end, until it's back.
type trials struct {
	*target
	r    *rand.Rand
	back time.Time
	ends []time.Time // of the dials that hang

	served atomic.Bool // somebody was, since it's back
}

// trialLimit is what connecting may take, as a driver has it.
const trialLimit = 10 * time.Second

func (f *trials) Dial(ctx context.Context) (*thing, error) {
	f.mu.Lock()
	answers, fate, wait := !time.Now().Before(f.back), f.r.IntN(8), time.Duration(f.r.IntN(300))*time.Millisecond
	switch {
	case answers:
		wait %= 50 * time.Millisecond
	case fate < 3: // it hangs
		wait = trialLimit
		f.ends = append(f.ends, time.Now().Add(wait))
	}
	f.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if answers || fate == 7 { // a connection that breaks at once counts, too
		return f.target.Dial(ctx)
	}
	return nil, unreachable{}
}

// free is from when on a place for a dial is free, of so many.
func (f *trials) free(places int) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	hanging := f.ends[:0:0]
	for _, end := range f.ends {
		if end.After(f.back) {
			hanging = append(hanging, end)
		}
	}
	if len(hanging) < places {
		return f.back
	}
	return hanging[len(hanging)-places]
}

// However trials end, and whoever gives them up, the breaker closes as soon as the next trial can succeed.
func TestTheBreakerClosesWhateverBecameOfItsTrials(t *testing.T) {
	t.Parallel()
	opened := 0
	const runs = 80
	for seed := range uint64(runs) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			far := &trials{target: &target{}, r: rand.New(rand.NewPCG(seed, 2)), back: time.Now().Add(time.Duration(1+r.IntN(20)) * time.Second)}
			o := Options{
				MaxOpenConns: 1 + r.IntN(12), BreakerFailures: 1 + r.IntN(5),
				AcquireTimeout: time.Duration(20+r.IntN(3000)) * time.Millisecond,
			}
			if r.IntN(3) == 0 {
				o.MinConns = 1 + r.IntN(o.MaxOpenConns)
			}
			p := newPool(t, far.target, o, func(c *Config[*thing]) { c.Dial = far.Dial })
			ctx, cancel := context.WithCancel(t.Context())
			var users sync.WaitGroup
			for range 1 + r.IntN(1+r.IntN(20)) { // often only one
				mine := rand.New(rand.NewPCG(r.Uint64(), 3))
				users.Go(func() { use(ctx, p, mine, far) })
			}
			if r.IntN(2) == 0 {
				users.Go(func() {
					for ctx.Err() == nil {
						time.Sleep(time.Second)
						p.Invalidate()
					}
				})
			}
			time.Sleep(time.Until(far.back))
			opened += int(min(1, p.Stats().BreakerOpened))
			// Another dial is due once the one that a caller is let in to hangs, and may start a tenth of a second after the last; or
			// the last of ten within a second.
			due := far.free(o.MaxOpenConns).Add(dialPatience + dialWindow + 50*time.Millisecond + time.Second)
			time.Sleep(time.Until(due))
			if s := p.Stats(); s.Breaker != BreakerClosed || !far.served.Load() {
				t.Errorf("seed %d: %v after the target is back, somebody was served: %v; %+v", seed, time.Since(far.back), far.served.Load(), s)
			}
			cancel()
			users.Wait()
			drain(t, p, far.target)
		})
	}
	if opened < runs/2 {
		t.Errorf("the breaker opened in %d of %d runs", opened, runs)
	}
}

// use borrows connections with patience or without it, and destroys them as long as the target isn't back.
func use(ctx context.Context, p *Pool[*thing], r *rand.Rand, far *trials) {
	for ctx.Err() == nil {
		get := p.Acquire
		if r.IntN(5) == 0 {
			get = p.TryAcquire
		}
		mine, leave := context.WithTimeout(ctx, time.Duration(1+r.IntN(500))*time.Millisecond)
		c, err := get(mine)
		leave()
		time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		switch {
		case err != nil:
		case time.Now().Before(far.back):
			c.Destroy()
		default:
			far.served.Store(true)
			c.Release()
		}
	}
}
