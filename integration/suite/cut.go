package suite

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// writer writes while connections and servers die.
type writer struct {
	*book
	ledger.Writer
}

func newWriter(b *book, e *plinth.Engine) *writer {
	return &writer{b, ledger.Writer{Ledger: b.Ledger, Engine: e}}
}

// start has the writers write until what it returns is called.
func (w *writer) start(t testing.TB) (stop func()) {
	return w.Start(unexpected(t))
}

func unexpected(t testing.TB) func(error) {
	return func(err error) { t.Errorf("a write ended with %v", err) }
}

// further waits until so many more writes have succeeded.
func (w *writer) further(t testing.TB, what string, n int64) {
	t.Helper()
	at := w.Done.Load()
	Eventually(t, what, func() bool { return w.Done.Load() >= at+n || t.Failed() })
}

// summary logs what happened, and holds the ledger against it.
func (w *writer) summary(t testing.TB, databases ...*plinth.Engine) ledger.Tally {
	t.Helper()
	sum := w.check(t, databases...)
	s := w.Engine.Stats()
	t.Logf("%d calls, %d succeeded; %d of InTx, which ran %d times and succeeded after a replay %d times; tokens: %+v; %d connections dialled, "+
		"%d retries", w.Began.Load(), w.Done.Load(), w.Units.Load(), w.Runs.Load(), w.Replayed.Load(), sum, s.DialCount, s.Retries)
	return sum
}

// connectionsCutAtARandomByte cuts every connection at a byte that nobody knows, in either direction, under those that
// write.
func (d *Database) connectionsCutAtARandomByte(t *testing.T) {
	server := d.Server(t)
	url := server.Database(t)
	direct := d.OpenURL(t, url, Silent)
	proxy := plinthtest.NewProxy(t, server.Addr())
	w := newWriter(newBook(t, direct), d.OpenURL(t, proxy.URL(d.Plain(t, url)), PoolOf(ledger.Writers), Silent))
	proxy.OnConnect(func(int) plinthtest.Plan {
		cut := &plinthtest.Cut{After: rand.Int64N(5_000), End: plinthtest.End(rand.IntN(2))}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: plinthtest.Path{Cut: cut}}
		}
		return plinthtest.Plan{ToClient: plinthtest.Path{Cut: cut}}
	})
	n := int64(times(5_000))
	w.Calls(n, unexpected(t))
	Idle(t, w.Engine)
	d.quiet(t, direct)
	sum := w.summary(t, direct)
	if err := proxy.Heal(); err != nil {
		t.Error(err)
	}
	if err := w.Write(t.Context()); err != nil {
		t.Errorf("it didn't recover: %v", err)
	}
	if cuts := proxy.Stats().Cuts; cuts < int(n)/100 || w.Done.Load() < n/2 || InFull() && (w.Replayed.Load() == 0 || sum.Unknown == 0) {
		t.Errorf("%d cuts don't test much", cuts)
	}
}

// sessionsEndedByAnAdministrator has the server end sessions at random under those that write.
func (d *Database) sessionsEndedByAnAdministrator(t *testing.T) {
	server := d.Server(t)
	url := server.Database(t)
	admin := d.OpenURL(t, url, PoolOf(1), Silent)
	w := newWriter(newBook(t, admin), d.OpenURL(t, url, PoolOf(ledger.Writers), Silent))
	stop := w.start(t)
	ended := 0
	for range times(1_000) {
		n, err := d.End(t.Context(), admin, 1)
		if err != nil {
			t.Fatal(err)
		}
		ended += n
		w.further(t, "writes go on", 1)
		<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
	}
	w.further(t, "writes go on", 20)
	stop()
	Idle(t, w.Engine)
	d.quiet(t, admin)
	w.summary(t, admin)
	t.Logf("%d sessions were ended", ended)
	if w.Replayed.Load() == 0 || w.Done.Load() < int64(ended) {
		t.Error("that doesn't test much")
	}
}

// theServerIsKilledUnderLoad kills it as a power failure does, and starts it again. Nothing that was acknowledged may be
// missing, and the engine has to find back by itself.
func (d *Database) theServerIsKilledUnderLoad(t *testing.T) {
	server := d.Server(t, servers.Durable(), servers.Private())
	url := server.Database(t)
	direct := d.OpenURL(t, url, Silent)
	w := newWriter(newBook(t, direct), d.OpenURL(t, url, PoolOf(ledger.Writers), Silent))
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
	Idle(t, w.Engine)
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
		e := d.OpenURL(t, tls, PoolOf(ledger.Writers), Silent, func(o *plinth.Options) { o.Retry.Attempts, o.Pool.CheckAfter = 1, time.Hour })
		for range 5 {
			var together, work sync.WaitGroup
			together.Add(ledger.Writers)
			for range ledger.Writers {
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
			for range ledger.Writers {
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
