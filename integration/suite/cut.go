package suite

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// writers is how many goroutines write at once while connections and servers die.
const writers = 8

// writer writes in all the ways that can be told from each other in a ledger.
type writer struct {
	*book
	e                 *plinth.Engine
	began, done, runs atomic.Int64 // calls, those that succeeded, and how often the functions of InTx ran
	replayed, units   atomic.Int64 // of the calls of InTx
}

// write writes once, and tells the ledger.
func (w *writer) write(ctx context.Context) error {
	w.began.Add(1)
	token := w.Next()
	tokens := []int64{token}
	var err error
	switch rand.IntN(6) {
	case 0:
		_, err = w.e.Execute(ctx, ledger.Insert, token)
	case 1:
		_, err = w.e.FetchOne(ctx, ledger.Insert+" returning token", token)
	case 2:
		tokens = append(tokens, w.Next(), w.Next())
		_, err = w.e.ExecuteMany(ctx, ledger.Insert, func(yield func([]any) bool) {
			for _, token := range tokens {
				if !yield([]any{token}) {
					return
				}
			}
		})
	default:
		runs := int64(0)
		err = w.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			runs++
			return ledger.Transfer(ctx, tx, token)
		})
		w.units.Add(1)
		w.runs.Add(runs)
		if runs > 1 && err == nil {
			w.replayed.Add(1)
		}
	}
	w.Tell(err, tokens...)
	if err == nil {
		w.done.Add(1)
	}
	return err
}

// start has the writers write until what it returns is called, which waits for them.
func (w *writer) start(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for range writers {
		work.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				if err := w.write(context.Background()); err != nil && !expected(err) {
					t.Errorf("a write ended with %v", err)
				}
			}
		})
	}
	return func() { cancel(); work.Wait() }
}

// expected reports whether an error is what is said when the server is gone.
func expected(err error) bool {
	return errors.Is(err, plinth.ErrUnavailable) || errors.Is(err, plinth.ErrOutcomeUnknown) || errors.Is(err, plinth.ErrPoolExhausted)
}

// further waits until so many more writes have succeeded.
func (w *writer) further(t testing.TB, what string, n int64) {
	t.Helper()
	at := w.done.Load()
	Eventually(t, what, func() bool { return w.done.Load() >= at+n || t.Failed() })
}

// summary logs what happened, and holds the ledger against it.
func (w *writer) summary(t testing.TB, databases ...*plinth.Engine) ledger.Tally {
	t.Helper()
	sum := w.check(t, databases...)
	s := w.e.Stats()
	t.Logf("%d calls, %d succeeded; %d of InTx, which ran %d times and succeeded after a replay %d times; tokens: %+v; %d connections dialled, "+
		"%d retries", w.began.Load(), w.done.Load(), w.units.Load(), w.runs.Load(), w.replayed.Load(), sum, s.DialCount, s.Retries)
	return sum
}

// connectionsCutAtARandomByte cuts every connection at a byte that nobody knows, in either direction, under those that
// write.
func (d *Database) connectionsCutAtARandomByte(t *testing.T) {
	server := d.Server(t)
	url := server.Database(t)
	direct := d.OpenURL(t, url, Silent)
	proxy := plinthtest.NewProxy(t, server.Addr())
	w := &writer{book: newBook(t, direct), e: d.OpenURL(t, proxy.URL(d.Plain(t, url)), PoolOf(writers), Silent)}
	proxy.OnConnect(func(int) plinthtest.Plan {
		cut := &plinthtest.Cut{After: rand.Int64N(5_000), End: plinthtest.End(rand.IntN(2))}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: plinthtest.Path{Cut: cut}}
		}
		return plinthtest.Plan{ToClient: plinthtest.Path{Cut: cut}}
	})
	n := int64(times(5_000))
	stop := w.start(t)
	for at := time.Now(); w.began.Load() < n && !t.Failed(); <-time.After(5 * time.Millisecond) {
		if time.Since(at) > 10*time.Minute {
			t.Error("it takes too long")
		}
	}
	stop()
	Idle(t, w.e)
	d.quiet(t, direct)
	sum := w.summary(t, direct)
	if err := proxy.Heal(); err != nil {
		t.Error(err)
	}
	if err := w.write(t.Context()); err != nil {
		t.Errorf("it didn't recover: %v", err)
	}
	if cuts := proxy.Stats().Cuts; cuts < int(n)/100 || w.replayed.Load() == 0 || sum.Unknown == 0 || w.done.Load() < n/2 {
		t.Errorf("%d cuts don't test much", cuts)
	}
}

// sessionsEndedByAnAdministrator has the server end sessions at random under those that write.
func (d *Database) sessionsEndedByAnAdministrator(t *testing.T) {
	server := d.Server(t)
	url := server.Database(t)
	admin := d.OpenURL(t, url, PoolOf(1), Silent)
	w := &writer{book: newBook(t, admin), e: d.OpenURL(t, url, PoolOf(writers), Silent)}
	stop := w.start(t)
	ended := 0
	for range times(1_000) {
		n, err := d.End(t.Context(), admin, 1)
		if err != nil {
			t.Fatal(err)
		}
		ended += n
		<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
	}
	w.further(t, "writes go on", 20)
	stop()
	Idle(t, w.e)
	d.quiet(t, admin)
	w.summary(t, admin)
	t.Logf("%d sessions were ended", ended)
	if w.replayed.Load() == 0 || w.done.Load() < int64(ended) {
		t.Error("that doesn't test much")
	}
}

// theServerIsKilledUnderLoad kills it as a power failure does, and starts it again. Nothing that was acknowledged may be
// missing, and the engine has to find back by itself.
func (d *Database) theServerIsKilledUnderLoad(t *testing.T) {
	server := d.Server(t, servers.Durable(), servers.Private())
	url := server.Database(t)
	direct := d.OpenURL(t, url, Silent)
	w := &writer{book: newBook(t, direct), e: d.OpenURL(t, url, PoolOf(writers), Silent)}
	stop := w.start(t)
	var slowest time.Duration
	for range times(30) {
		w.further(t, "writes go on", 20+rand.Int64N(100))
		<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		up := time.Now()
		w.further(t, "the engine finds back", 1)
		slowest = max(slowest, time.Since(up))
	}
	w.further(t, "writes go on", 20)
	stop()
	Idle(t, w.e)
	if _, err := direct.FetchOne(t.Context(), "select 1"); err != nil {
		t.Errorf("an engine that nobody used meanwhile: %v", err)
	}
	d.quiet(t, direct)
	w.summary(t, direct)
	t.Logf("killed %d times; the first write succeeded within %v of the start", times(30), slowest)
}

// aSessionThatEndedWhileItWasIdleIsNotWrittenTo ends all of a pool's sessions when nobody uses them. Not one write may be
// lost to them, nor be left in doubt, nor use up its attempts.
func (d *Database) aSessionThatEndedWhileItWasIdleIsNotWrittenTo(t *testing.T) {
	server := d.Server(t)
	url := server.Database(t)
	admin := d.OpenURL(t, url, PoolOf(1), Silent)
	book := newBook(t, admin)
	for name, tls := range map[string]string{"TLS": url, "no TLS": d.Plain(t, url)} {
		e := d.OpenURL(t, tls, PoolOf(writers), Silent, func(o *plinth.Options) { o.Retry.Attempts, o.Pool.CheckAfter = 1, time.Hour })
		for range 5 {
			var together, work sync.WaitGroup
			together.Add(writers)
			for range writers {
				work.Go(func() {
					if err := e.With(t.Context(), func(*plinth.Conn) error { together.Done(); together.Wait(); return nil }); err != nil {
						t.Error(err)
					}
				})
			}
			work.Wait()
			Idle(t, e)
			if _, err := d.End(t.Context(), admin, 0); err != nil {
				t.Fatal(err)
			}
			Eventually(t, "they are gone", func() bool {
				n, err := plinth.One[int](t.Context(), admin, d.Sessions)
				return err == nil && n == 0
			})
			for range writers {
				token := book.Next()
				_, err := e.Execute(t.Context(), ledger.Insert, token)
				if book.Tell(err, token); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	book.check(t, admin)
}
