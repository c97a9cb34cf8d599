package suite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/stdsql"
)

// silence is a way in which nothing comes through any more.
type silence struct {
	dir  plinthtest.Direction
	hole plinthtest.Hole
	gone gone
}

// gone is what becomes of the connections that were there. New ones are never answered.
type gone uint8

const (
	stay gone = iota
	cut
	none // there weren't any
)

// everyCallReturnsInTimeFromABlackhole lets connections go Silent under every verb, at once or at a random moment
// within it, in each direction, with bytes held and lost. All have to return soon after their deadline: see Clock.TooLate.
func (d *Database) everyCallReturnsInTimeFromABlackhole(t *testing.T) {
	type job struct {
		name string
		verb verb
		silence
	}
	var jobs []job
	for name, v := range d.verbs() {
		for range times(100) / 10 {
			for _, s := range []silence{
				{plinthtest.Both, plinthtest.Hold, stay}, {plinthtest.Both, plinthtest.Swallow, stay},
				{plinthtest.ToServer, plinthtest.Hold, stay}, {plinthtest.ToServer, plinthtest.Swallow, stay},
				{plinthtest.ToClient, plinthtest.Hold, stay},
				{plinthtest.Both, plinthtest.Hold, cut}, {plinthtest.ToClient, plinthtest.Hold, none},
			} {
				if v.first || s.gone == stay {
					jobs = append(jobs, job{name, v, s})
				}
			}
		}
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	clock := WatchClock(t)
	server := d.Server(t)
	var mu sync.Mutex
	lates := make(map[string][]time.Duration)
	queue := make(chan job)
	var work sync.WaitGroup
	for range 4 {
		url := server.Database(t)
		admin := d.OpenURL(t, url, PoolOf(1), Silent)
		book := newBook(t, admin)
		work.Go(func() {
			for j := range queue {
				late, met, err := d.goDark(t, server.Addr(), url, book, j.verb, j.silence)
				if noise, tooLate := clock.TooLate(late); met && tooLate {
					t.Errorf("%s (%v, hole %d, gone %d) returned %v after its deadline: %v; the machine was %v late",
						j.name, j.dir, j.silence.hole, j.gone, late, err, noise)
				}
				if err != nil && met {
					mu.Lock()
					lates[j.name] = append(lates[j.name], late)
					mu.Unlock()
				}
			}
			book.check(t, admin)
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	work.Wait()
	var all []time.Duration
	for name := range d.verbs() {
		if len(lates[name]) == 0 && InFull() { // a machine that is busy with other tests may be late each of the few times
			t.Errorf("%s never met the dark", name)
		}
		all = append(all, lates[name]...)
		t.Logf("%-30s %s", name, spread(lates[name]))
	}
	t.Logf("%-30s %s; the machine itself %v at most", "all", spread(all), clock.Late(time.Time{}, time.Now()))
}

// goDark makes one call of a new engine that finds its connection Silent, and returns how much later than its deadline it
// returned, and whether it ran at all when that happened. Then the connection is cut, and the engine must work.
func (d *Database) goDark(t *testing.T, server, url string, book *book, v verb, s silence) (late time.Duration, met bool, err error) {
	const limit = 150 * time.Millisecond
	proxy, err := plinthtest.Listen(server)
	if err != nil {
		t.Error(err)
		return 0, false, err
	}
	defer proxy.Close() //nolint:errcheck // ends with the call
	o := plinth.Options{URL: proxy.URL(d.Plain(t, url)), Connect: s.gone != none}
	PoolOf(2)(&o)
	Silent(&o)
	e, err := d.Engine(beside(), o)
	if err != nil {
		t.Error(err)
		return 0, false, err
	}
	if o.Connect && rand.IntN(2) == 0 { // else it is prepared in the dark
		token := book.Next()
		_, err := e.Execute(beside(), ledger.Insert, token)
		book.Tell(err, token)
	}
	g := &dark{Engine: e, book: book, db: stdsql.OpenDB(e)}
	var cancel context.CancelFunc
	g.ctx, cancel = context.WithTimeout(beside(), limit)
	defer cancel()
	var mu sync.Mutex
	over, inTime := false, false
	soon := time.AfterFunc(time.Hour, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			proxy.Blackhole(s.dir, s.hole)
		}
	})
	g.hole = func() {
		g.holed, inTime = true, g.ctx.Err() == nil
		switch {
		case s.gone != stay:
			proxy.Blackhole(s.dir, s.hole)
			proxy.Cut(plinthtest.RST)
		case rand.IntN(2) == 0:
			proxy.Blackhole(s.dir, s.hole)
		default:
			soon.Reset(time.Duration(rand.IntN(3_000)) * time.Microsecond)
		}
	}
	err = v.call(g)
	deadline, _ := g.ctx.Deadline()
	late = time.Since(deadline)
	if err != nil && late < -20*time.Millisecond && s.gone == stay && !errors.Is(err, plinth.ErrTimeout) && g.holed {
		t.Errorf("it gave up %v before its deadline: %v", -late, err)
	}
	soon.Stop()
	mu.Lock()
	over = true
	mu.Unlock()
	if heal := proxy.Heal(); heal != nil {
		t.Error(heal)
	}
	proxy.Cut(plinthtest.RST)
	if err := g.db.Close(); err != nil {
		t.Error(err)
	}
	if _, alive := e.FetchOne(beside(), "select 1"); alive != nil && !errors.Is(alive, plinth.ErrClosed) {
		t.Errorf("afterwards it doesn't work any more: %v", alive)
	}
	ctx, cancel := context.WithTimeout(beside(), Within)
	defer cancel()
	if closed := e.Close(ctx); closed != nil && !errors.Is(closed, plinth.ErrTimeout) {
		t.Error(closed)
	}
	return late, inTime && late > -limit/2, err
}

// spread tells a distribution.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "never"
	}
	slices.Sort(d)
	at := func(p float64) time.Duration { return d[int(p*float64(len(d)-1))].Round(100 * time.Microsecond) }
	return fmt.Sprintf("%4d calls, after their deadline by: half %v, p99 %v, at most %v", len(d), at(0.5), at(0.99), at(1))
}
