package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// thing is what the tests pool.
type thing struct {
	id     int
	dead   bool // the check fails
	reason Reason
}

// target is the far end: it is dialled, and counts.
type target struct {
	mu       sync.Mutex
	down     error         // what Dial returns
	dialTime time.Duration // how long Dial takes
	check    time.Duration // how long Check takes
	dials    []time.Time
	open     int
	mostOpen int // dials counted as open
	closed   []*thing
	checks   int
	checking int
	mostChk  int
	all      []*thing
}

var errDown = errors.New("connection refused")

func (t *target) Dial(ctx context.Context) (*thing, error) {
	t.mu.Lock()
	t.dials = append(t.dials, time.Now())
	t.open++
	t.mostOpen = max(t.mostOpen, t.open)
	took := t.dialTime
	t.mu.Unlock()
	var err error
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down != nil {
		err = t.down
	}
	if err != nil {
		t.open--
		return nil, err
	}
	c := &thing{id: len(t.all) + 1}
	t.all = append(t.all, c)
	return c, nil
}

func (t *target) Close(c *thing, why Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.reason != "" {
		panic(fmt.Sprintf("thing %d is closed twice: %s, %s", c.id, c.reason, why))
	}
	c.reason = why
	t.closed = append(t.closed, c)
	t.open--
}

func (t *target) Check(ctx context.Context, c *thing) error {
	t.mu.Lock()
	t.checks++
	t.checking++
	t.mostChk = max(t.mostChk, t.checking)
	took := t.check
	t.mu.Unlock()
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checking--
	if c.dead {
		return errors.New("dead")
	}
	return ctx.Err()
}

func (t *target) set(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// get reads one of the target's numbers: far.get(&far.checks).
func (t *target) get(n *int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *n
}

// dialCount is how many dials have started.
func (t *target) dialCount() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.dials)
}

// reasons returns the reasons of closing, in order.
func (t *target) reasons() []Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Reason
	for _, c := range t.closed {
		out = append(out, c.reason)
	}
	return out
}

// mostDialsPerSecond is the largest number of dials that started within any second.
func (t *target) mostDialsPerSecond() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	most := 0
	for i, from := range t.dials {
		n, _ := slices.BinarySearchFunc(t.dials[i:], from.Add(time.Second), time.Time.Compare)
		most = max(most, n)
	}
	return most
}

// newPool returns a pool of the target's with options, without a check; change may set more. The test closes it.
func newPool(t testing.TB, far *target, o Options, change ...func(*Config[*thing])) *Pool[*thing] {
	t.Helper()
	cfg := Config[*thing]{Options: o, Dial: far.Dial, Close: far.Close}
	for _, f := range change {
		f(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withCheck is a change for newPool.
func withCheck(far *target) func(*Config[*thing]) {
	return func(c *Config[*thing]) { c.Check = far.Check }
}

// acquire fails the test unless it gets a connection.
func acquire(t testing.TB, p *Pool[*thing]) *Conn[*thing] {
	t.Helper()
	c, err := p.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// acquireAll borrows n connections.
func acquireAll(t testing.TB, p *Pool[*thing], n int) []*Conn[*thing] {
	t.Helper()
	out := make([]*Conn[*thing], n)
	for i := range out {
		out[i] = acquire(t, p)
	}
	return out
}

func releaseAll(conns []*Conn[*thing]) {
	for _, c := range conns {
		c.Release()
	}
}

// drain closes the pool and checks that what was dialled was closed.
func drain(t testing.TB, p *Pool[*thing], far *target) {
	t.Helper()
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	far.mu.Lock()
	defer far.mu.Unlock()
	if len(far.all) != len(far.closed) || far.open != 0 {
		t.Errorf("%d dialled, %d closed, %d open", len(far.all), len(far.closed), far.open)
	}
	if s := p.Stats(); s.OpenConnections != 0 || s.InUse != 0 || s.Idle != 0 || s.Waiting != 0 {
		t.Errorf("statistics after Close: %+v", s)
	}
}

// record is a list that several goroutines write.
type record[E any] struct {
	mu   sync.Mutex
	list []E
}

func (r *record[E]) add(e E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
}

func (r *record[E]) all() []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// pass lets time go by in a bubble, until everything that is due has happened.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func equal[S ~[]E, E comparable](t testing.TB, what string, got, want S) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
