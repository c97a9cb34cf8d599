package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// writers is how many goroutines write at once while connections and servers die.
const writers = 8

// writer writes in all the ways that can be told from each other in a ledger.
type writer struct {
	*ledger
	e                 *plinth.Engine
	began, done, runs atomic.Int64 // calls, those that succeeded, and how often the functions of InTx ran
	replayed, units   atomic.Int64 // of the calls of InTx
}

// write writes once, and tells the ledger.
func (w *writer) write(ctx context.Context) error {
	w.began.Add(1)
	token := w.next.Add(1)
	tokens := []int64{token}
	var err error
	switch rand.IntN(6) {
	case 0:
		_, err = w.e.Execute(ctx, insertEntry, token)
	case 1:
		_, err = w.e.FetchOne(ctx, insertEntry+" returning token", token)
	case 2:
		tokens = append(tokens, w.next.Add(1), w.next.Add(1))
		_, err = w.e.ExecuteMany(ctx, insertEntry, func(yield func([]any) bool) {
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
			return transfer(ctx, tx, token)
		})
		w.units.Add(1)
		w.runs.Add(runs)
		if runs > 1 && err == nil {
			w.replayed.Add(1)
		}
	}
	w.tell(err, tokens...)
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
	eventually(t, what, func() bool { return w.done.Load() >= at+n || t.Failed() })
}

// summary logs what happened, and holds the ledger against it.
func (w *writer) summary(t testing.TB, databases ...*plinth.Engine) tally {
	t.Helper()
	sum := w.check(t, databases...)
	s := w.e.Stats()
	t.Logf("%d calls, %d succeeded; %d of InTx, which ran %d times and succeeded after a replay %d times; tokens: %+v; %d connections dialled, "+
		"%d retries", w.began.Load(), w.done.Load(), w.units.Load(), w.runs.Load(), w.replayed.Load(), sum, s.DialCount, s.Retries)
	return sum
}

// TestSoakConnectionsCutAtARandomByte cuts every connection at a byte that nobody knows, in either direction, under those that
// write.
func TestSoakConnectionsCutAtARandomByte(t *testing.T) {
	server := servers.Postgres(t)
	url := server.Database(t)
	direct := openURL(t, url, silent)
	proxy := plinthtest.NewProxy(t, server.Addr())
	w := &writer{ledger: newLedger(t, direct), e: openURL(t, proxy.URL(plain(t, url)), poolOf(writers), silent)}
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
	idle(t, w.e)
	quiet(t, direct)
	sum := w.summary(t, direct)
	if err := proxy.Heal(); err != nil {
		t.Error(err)
	}
	if err := w.write(t.Context()); err != nil {
		t.Errorf("it didn't recover: %v", err)
	}
	if cuts := proxy.Stats().Cuts; cuts < int(n)/100 || w.replayed.Load() == 0 || sum.unknown == 0 || w.done.Load() < n/2 {
		t.Errorf("%d cuts don't test much", cuts)
	}
}

// TestSoakSessionsEndedByAnAdministrator has the server end sessions at random under those that write.
func TestSoakSessionsEndedByAnAdministrator(t *testing.T) {
	server := servers.Postgres(t)
	url := server.Database(t)
	admin := openURL(t, url, poolOf(1), silent)
	w := &writer{ledger: newLedger(t, admin), e: openURL(t, url, poolOf(writers), silent)}
	stop := w.start(t)
	const end = "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity where datname = current_database() " +
		"and pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 1) s"
	ended := 0
	for range times(1_000) {
		n, err := plinth.One[int](t.Context(), admin, end)
		if err != nil {
			t.Fatal(err)
		}
		ended += n
		<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
	}
	w.further(t, "writes go on", 20)
	stop()
	idle(t, w.e)
	quiet(t, admin)
	w.summary(t, admin)
	t.Logf("%d sessions were ended", ended)
	if w.replayed.Load() == 0 || w.done.Load() < int64(ended) {
		t.Error("that doesn't test much")
	}
}

// TestSoakTheServerIsKilledUnderLoad kills it as a power failure does, and starts it again. Nothing that was acknowledged may be
// missing, and the engine has to find back by itself.
func TestSoakTheServerIsKilledUnderLoad(t *testing.T) {
	server := servers.Postgres(t, servers.Durable(), servers.Private())
	url := server.Database(t)
	direct := openURL(t, url, silent)
	w := &writer{ledger: newLedger(t, direct), e: openURL(t, url, poolOf(writers), silent)}
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
	idle(t, w.e)
	if _, err := direct.FetchOne(t.Context(), "select 1"); err != nil {
		t.Errorf("an engine that nobody used meanwhile: %v", err)
	}
	quiet(t, direct)
	w.summary(t, direct)
	t.Logf("killed %d times; the first write succeeded within %v of the start", times(30), slowest)
}

// TestASessionThatEndedWhileItWasIdleIsNotWrittenTo ends all of a pool's sessions when nobody uses them. Not one write may be
// lost to them, nor be left in doubt, nor use up its attempts.
func TestASessionThatEndedWhileItWasIdleIsNotWrittenTo(t *testing.T) {
	server := servers.Postgres(t)
	url := server.Database(t)
	admin := openURL(t, url, poolOf(1), silent)
	book := newLedger(t, admin)
	const others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
	for name, tls := range map[string]string{"TLS": url, "no TLS": plain(t, url)} {
		e := openURL(t, tls, poolOf(writers), silent, func(o *plinth.Options) { o.Retry.Attempts, o.Pool.CheckAfter = 1, time.Hour })
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
			idle(t, e)
			execute(t, admin, "select pg_terminate_backend(pid) "+others)
			eventually(t, "they are gone", func() bool {
				n, err := plinth.One[int](t.Context(), admin, "select count(*) "+others)
				return err == nil && n == 0
			})
			for range writers {
				token := book.next.Add(1)
				_, err := e.Execute(t.Context(), insertEntry, token)
				if book.tell(err, token); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	book.check(t, admin)
}

// TestTheServersSettingsMayChangeUnderAnIdleSession has the server speak to sessions that live on.
func TestTheServersSettingsMayChangeUnderAnIdleSession(t *testing.T) {
	server := servers.Postgres(t, servers.Private())
	e := openURL(t, server.URL(), poolOf(1), silent)
	execute(t, e, "create table entry (token bigint)")
	for _, zone := range []string{"Asia/Tokyo", "Europe/Berlin"} { // which sessions are told
		admin := openURL(t, server.URL(), poolOf(1), silent)
		execute(t, admin, "alter system set timezone = '"+zone+"'", "select pg_reload_conf()")
		eventually(t, "it is known", func() bool {
			got, err := plinth.One[string](t.Context(), admin, "show timezone")
			return err == nil && got == zone
		})
		execute(t, e, "insert into entry values (1)")
	}
	if d := e.Stats().DialCount; d != 1 {
		t.Errorf("%d connections were dialled, want 1", d)
	}
}
