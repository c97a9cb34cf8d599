package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/stdsql"
)

// dark is an engine whose connection goes silent under a call.
type dark struct {
	*plinth.Engine
	*ledger
	db    *sql.DB         // over the engine
	ctx   context.Context // of the call; it has a deadline
	hole  func()          // has to be called where nothing may pass any more: at mu, or from a random moment soon after
	holed bool
}

// verb is something that can be asked of an engine. Its call begins when its function calls hole, and it returns what came of it.
type verb struct {
	first bool // it needs no connection before
	call  func(d *dark) error
}

// many writes some rows by ExecuteMany, and calls between after the first.
func (d *dark) many(between func()) error {
	tokens := []int64{d.next.Add(1), d.next.Add(1), d.next.Add(1)}
	_, err := d.ExecuteMany(d.ctx, insertEntry, func(yield func([]any) bool) {
		for i, token := range tokens {
			if !yield([]any{token}) {
				return
			}
			if i == 0 {
				between()
			}
		}
	})
	d.tell(err, tokens...)
	return err
}

// beside has all the time, for what a verb needs before its call. The test's own time-out ends it.
func beside() context.Context { return context.Background() }

func verbs() map[string]verb {
	const slow = "select generate_series(1, 10000000), repeat('x', 100)" // in FROM it would be made before its first row
	result := func(_ any, err error) error { return err }
	simple := func(call func(d *dark) error) verb {
		return verb{true, func(d *dark) error { d.hole(); return call(d) }}
	}
	write := func(call func(d *dark, token int64) error) verb {
		return verb{true, func(d *dark) error {
			token := d.next.Add(1)
			d.hole()
			err := call(d, token)
			d.tell(err, token)
			return err
		}}
	}
	inTx := func(call func(d *dark, tx *plinth.Tx, token int64) error) verb {
		return verb{false, func(d *dark) error {
			tx, err := d.Begin(beside())
			if err != nil {
				return err
			}
			token := d.next.Add(1)
			d.note(notApplied, token)
			if err := transfer(beside(), tx, token); err != nil {
				return errors.Join(err, tx.Rollback(beside()))
			}
			d.hole()
			err = call(d, tx, token)
			_ = tx.Rollback(d.ctx) // there is nothing more to learn from it, but it has to return as well
			return err
		}}
	}
	streaming := func(read func(d *dark, rows *plinth.Rows) error) verb {
		return verb{false, func(d *dark) error {
			rows, err := d.Query(d.ctx, slow)
			if err != nil {
				return err
			}
			rows.Next()
			d.hole()
			return read(d, rows)
		}}
	}
	return map[string]verb{
		"Execute": write(func(d *dark, token int64) error { return result(d.Execute(d.ctx, insertEntry, token)) }),
		"Execute without arguments": write(func(d *dark, token int64) error {
			return result(d.Execute(d.ctx, fmt.Sprintf("insert into entry (token) values (%d)", token)))
		}),
		"Query": simple(func(d *dark) error {
			rows, err := d.Query(d.ctx, "select token from entry")
			if err == nil {
				err = rows.Close()
			}
			return err
		}),
		"Rows.Next": streaming(func(_ *dark, rows *plinth.Rows) error {
			for rows.Next() {
			}
			return rows.Close()
		}),
		"Rows.Close": streaming(func(_ *dark, rows *plinth.Rows) error { return rows.Close() }),
		"FetchOne": write(func(d *dark, token int64) error {
			return result(d.FetchOne(d.ctx, insertEntry+" returning token", token))
		}),
		"FetchAll":       simple(func(d *dark) error { return result(d.FetchAll(d.ctx, "select token from entry")) }),
		"One":            simple(func(d *dark) error { return result(plinth.One[int](d.ctx, d, "select count(*) from entry")) }),
		"All":            simple(func(d *dark) error { return result(plinth.All[int](d.ctx, d, "select token from entry")) }),
		"Ping":           simple(func(d *dark) error { return result(d.Ping(d.ctx)) }),
		"TestConnection": simple(func(d *dark) error { return d.TestConnection(d.ctx) }),
		"Connect":        simple(func(d *dark) error { return d.Connect(d.ctx) }),
		"health.Check":   simple(func(d *dark) error { return health.Check(d.ctx, d).Err }),
		"stdsql's Ping":  simple(func(d *dark) error { return d.db.PingContext(d.ctx) }),
		"stdsql's BeginTx": simple(func(d *dark) error {
			tx, err := d.db.BeginTx(d.ctx, nil)
			if err == nil {
				_, err = tx.ExecContext(d.ctx, "select 1")
				err = errors.Join(err, tx.Rollback())
			}
			return err
		}),
		"stdsql's Exec": write(func(d *dark, token int64) error {
			return result(d.db.ExecContext(d.ctx, "insert into entry (token) values ($1)", token))
		}),
		"stdsql's Query": {false, func(d *dark) error {
			rows, err := d.db.QueryContext(d.ctx, slow)
			if err != nil {
				return err
			}
			defer rows.Close()
			d.hole()
			for rows.Next() {
			}
			return rows.Err()
		}},
		"Each": {false, func(d *dark) error {
			for _, err := range plinth.Each[plinth.Row](d.ctx, d, slow) {
				if err != nil {
					return err
				}
				if !d.holed {
					d.hole()
				}
			}
			return nil
		}},
		"ExecuteMany":        {true, func(d *dark) error { d.hole(); return d.many(func() {}) }},
		"ExecuteMany, later": {false, func(d *dark) error { return d.many(d.hole) }}, // its statement is prepared
		"Begin with a statement": simple(func(d *dark) error {
			tx, err := d.Begin(d.ctx)
			if err == nil {
				_, err = tx.Execute(d.ctx, insertEntry, 0)
				_ = tx.Rollback(d.ctx)
			}
			return err
		}),
		"a statement in a transaction": inTx(func(d *dark, tx *plinth.Tx, token int64) error {
			return result(tx.Execute(d.ctx, insertEntry, token))
		}),
		"Commit": inTx(func(d *dark, tx *plinth.Tx, token int64) error {
			err := tx.Commit(d.ctx)
			d.tell(err, token)
			return err
		}),
		"Rollback": inTx(func(d *dark, tx *plinth.Tx, _ int64) error { return tx.Rollback(d.ctx) }),
		"InTx in a transaction": inTx(func(d *dark, tx *plinth.Tx, token int64) error {
			return tx.InTx(d.ctx, func(ctx context.Context, tx *plinth.Tx) error { return result(tx.Execute(ctx, insertEntry, token)) })
		}),
		"InTx": write(func(d *dark, token int64) error {
			return d.InTx(d.ctx, func(ctx context.Context, tx *plinth.Tx) error { return transfer(ctx, tx, token) })
		}),
		"InTx, before COMMIT": {false, func(d *dark) error {
			token := d.next.Add(1)
			err := d.InTx(d.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				if err := transfer(ctx, tx, token); err != nil || d.holed {
					return err
				}
				d.hole()
				return nil
			})
			d.tell(err, token)
			return err
		}},
		"With": write(func(d *dark, token int64) error {
			return d.With(d.ctx, func(c *plinth.Conn) error { return result(c.Execute(d.ctx, insertEntry, token)) })
		}),
		"ExecuteScript": simple(func(d *dark) error {
			return d.ExecuteScript(d.ctx, strings.NewReader("set application_name = 'script'; select 1; select 2"))
		}),
		"Engine.Close": {false, func(d *dark) error {
			rows, err := d.Query(beside(), slow)
			if err != nil {
				return err
			}
			read := make(chan struct{})
			go func() {
				defer close(read)
				for rows.Next() {
				}
				rows.Close()
			}()
			d.hole()
			err = d.Close(d.ctx)
			<-read
			return err
		}},
	}
}

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

// TestSoakEveryCallReturnsInTimeFromABlackhole lets connections go silent under every verb, at once or at a random moment
// within it, in each direction, with bytes held and lost. All have to return soon after their deadline. The long form holds
// them to 100 ms, wherever the machine itself was no later than 10 ms at any of the few turns that takes; the short one,
// which runs beside other tests, only finds those that wait for something.
func TestSoakEveryCallReturnsInTimeFromABlackhole(t *testing.T) {
	type job struct {
		name string
		verb verb
		silence
	}
	var jobs []job
	for name, v := range verbs() {
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
	clock := watchClock(t)
	server := servers.Postgres(t)
	var mu sync.Mutex
	lates := make(map[string][]time.Duration)
	queue := make(chan job)
	var work sync.WaitGroup
	for range 4 {
		url := server.Database(t)
		admin := openURL(t, url, poolOf(1), silent)
		book := newLedger(t, admin)
		work.Go(func() {
			for j := range queue {
				late, met, err := goDark(t, server.Addr(), url, book, j.verb, j.silence)
				noise := clock.late(time.Now().Add(-late-500*time.Millisecond), time.Now())
				tooLate := late > time.Second+10*noise || inFull() && late > 100*time.Millisecond && noise < 10*time.Millisecond
				if met && tooLate {
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
	for name := range verbs() {
		if len(lates[name]) == 0 {
			t.Errorf("%s never met the dark", name)
		}
		all = append(all, lates[name]...)
		t.Logf("%-30s %s", name, spread(lates[name]))
	}
	t.Logf("%-30s %s; the machine itself %v at most", "all", spread(all), clock.late(time.Time{}, time.Now()))
}

// goDark makes one call of a new engine that finds its connection silent, and returns how much later than its deadline it
// returned, and whether it ran at all when that happened. Then the connection is cut, and the engine must work.
func goDark(t *testing.T, server, url string, book *ledger, v verb, s silence) (late time.Duration, met bool, err error) {
	const limit = 150 * time.Millisecond
	proxy, err := plinthtest.Listen(server)
	if err != nil {
		t.Error(err)
		return 0, false, err
	}
	defer proxy.Close()
	o := plinth.Options{URL: proxy.URL(plain(t, url)), Connect: s.gone != none}
	poolOf(2)(&o)
	silent(&o)
	e, err := postgres.Open(beside(), o)
	if err != nil {
		t.Error(err)
		return 0, false, err
	}
	if o.Connect && rand.IntN(2) == 0 { // else it is prepared in the dark
		token := book.next.Add(1)
		_, err := e.Execute(beside(), insertEntry, token)
		book.tell(err, token)
	}
	d := &dark{Engine: e, ledger: book, db: stdsql.OpenDB(e)}
	var cancel context.CancelFunc
	d.ctx, cancel = context.WithTimeout(beside(), limit)
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
	d.hole = func() {
		d.holed, inTime = true, d.ctx.Err() == nil
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
	err = v.call(d)
	deadline, _ := d.ctx.Deadline()
	late = time.Since(deadline)
	if err != nil && late < -20*time.Millisecond && s.gone == stay && !errors.Is(err, plinth.ErrTimeout) && d.holed {
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
	if err := d.db.Close(); err != nil {
		t.Error(err)
	}
	if _, alive := e.FetchOne(beside(), "select 1"); alive != nil && !errors.Is(alive, plinth.ErrClosed) {
		t.Errorf("afterwards it doesn't work any more: %v", alive)
	}
	ctx, cancel := context.WithTimeout(beside(), within)
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

// wallClock is how late the machine itself is.
type wallClock struct {
	mu    sync.Mutex
	lates []lateness
}

type lateness struct {
	at time.Time
	by time.Duration
}

// watchClock has a timer show how late the machine is, until the test ends.
func watchClock(t testing.TB) *wallClock {
	c := &wallClock{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			due := time.Now().Add(time.Millisecond)
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if by := time.Since(due); by > time.Millisecond {
				c.mu.Lock()
				c.lates = append(c.lates, lateness{due, by})
				c.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return c
}

// late returns how late it was at most between two times.
func (c *wallClock) late(from, to time.Time) (most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.lates) - 1; i >= 0 && c.lates[i].at.After(from); i-- {
		if c.lates[i].at.Before(to) {
			most = max(most, c.lates[i].by)
		}
	}
	return most
}
