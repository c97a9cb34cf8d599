package async_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/plinthtest"
)

// tokens is what the writers were told of their tokens: each is a row, of a table that would take it twice.
type tokens struct {
	mu              sync.Mutex
	done, maybe     map[string]bool
	failed          int
	began, finished atomic.Int64
}

// write starts thirty statements, marked ones, unmarked ones and reads, and waits for them.
func (k *tokens) write(t *testing.T, a *async.Engine, writer int) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	written := make(map[string]*future.Future[plinth.Result])
	var reads []*future.Future[int]
	for range 10 {
		n := k.began.Add(2)
		for i, kind := range []string{"once", "again"} {
			token, call := fmt.Sprintf("%s %d %d", kind, writer, n+int64(i)), ctx
			if kind == "again" {
				call = plinth.Idempotent(ctx)
			}
			written[token] = a.Execute(call, "insert into token (name) values (?)", token)
		}
		reads = append(reads, async.One[int](ctx, a, "select count(*) from token where name = ?", "none"))
	}
	wait, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	for _, f := range reads {
		if n, err := f.Await(wait); n != 0 || wait.Err() != nil {
			t.Errorf("a read returned %d, %v", n, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for token, f := range written {
		_, err := f.Await(wait)
		switch {
		case err == nil:
			k.done[token] = true
			k.finished.Add(1)
		case wait.Err() != nil:
			t.Errorf("the future of %q hasn't ended", token)
		case errors.Is(err, plinth.ErrOutcomeUnknown):
			k.maybe[token] = true
		default:
			k.failed++
		}
	}
}

// check counts the tokens that are there, which writer wrote.
func (k *tokens) check(t *testing.T, e, writer *plinth.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	there := make(map[string]int)
	for name, err := range plinth.Each[string](ctx, e, "select name from token") {
		if err != nil {
			t.Fatal(err)
		}
		there[name]++
	}
	twice := 0
	for token, n := range there {
		switch {
		case !k.done[token] && !k.maybe[token]:
			t.Errorf("%q is there, and its future said that it failed", token)
		case n > 1 && strings.HasPrefix(token, "once"):
			t.Errorf("%q is there %d times", token, n)
		case n > 1:
			twice++
		}
	}
	for token := range k.done {
		if there[token] == 0 {
			t.Errorf("%q isn't there, and its future said that it's done", token)
		}
	}
	t.Logf("%d done, %d of unknown outcome, %d failed; %d marked ones are there more than once; %+v", len(k.done), len(k.maybe), k.failed, twice, writer.Stats().Pipeline)
}

// storm has writers write through e while harm does something to it, until so many statements were started.
func (k *tokens) storm(t *testing.T, e *plinth.Engine, n int, harm func(stop <-chan struct{})) {
	t.Helper()
	a := async.New(e, async.Options{})
	stop := make(chan struct{})
	var writers, harmer sync.WaitGroup
	harmer.Go(func() { harm(stop) })
	for w := range 8 {
		writers.Go(func() {
			for k.began.Load() < int64(n) && !t.Failed() {
				k.write(t, a, w)
			}
		})
	}
	writers.Wait()
	close(stop)
	harmer.Wait()
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func newTokens(t *testing.T, d database, direct *plinth.Engine) *tokens {
	t.Helper()
	if _, err := direct.Execute(t.Context(), "create table token (name "+d.text+" not null)"); err != nil {
		t.Fatal(err)
	}
	return &tokens{done: make(map[string]bool), maybe: make(map[string]bool)}
}

// onServers runs a test on the databases that have a server.
func onServers(t *testing.T, run func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server)) {
	for _, d := range databases()[1:] {
		start := servers.Postgres
		if d.name == "mariadb" {
			start = servers.MariaDB
		}
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			run(t, d, start)
		})
	}
}

func TestSoakNoFutureLiesWhenConnectionsAreCutAtARandomByte(t *testing.T) {
	onServers(t, func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server) {
		server := start(t)
		url := server.Database(t)
		direct := d.over(t, url, plinth.Options{})
		k := newTokens(t, d, direct)
		proxy := plinthtest.NewProxy(t, server.Addr())
		e := d.over(t, proxy.URL(url), plinth.Options{})
		proxy.OnConnect(func(int) plinthtest.Plan {
			cut := &plinthtest.Cut{After: 3000 + rand.Int64N(20_000), End: plinthtest.End(rand.IntN(2))}
			if rand.IntN(2) == 0 {
				return plinthtest.Plan{ToServer: plinthtest.Path{Cut: cut}}
			}
			return plinthtest.Plan{ToClient: plinthtest.Path{Cut: cut}}
		})
		proxy.Cut(plinthtest.RST)
		k.storm(t, e, soak(3000, 100_000), func(stop <-chan struct{}) { <-stop })
		cuts := proxy.Stats().Cuts
		if err := proxy.Heal(); err != nil {
			t.Error(err)
		}
		k.check(t, direct, e)
		if t.Logf("%d connections were cut", cuts); cuts < 5 || len(k.done) == 0 {
			t.Errorf("%d cuts and %d writes don't test much", cuts, len(k.done))
		}
	})
}

func TestSoakWhatAFutureSaidIsThereAfterTheServerWasKilled(t *testing.T) {
	onServers(t, func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server) {
		server := start(t, servers.Durable(), servers.Private())
		url := server.Database(t)
		direct := d.over(t, url, plinth.Options{})
		k := newTokens(t, d, direct)
		e := d.over(t, url, plinth.Options{})
		kills := soak(2, 20)
		k.storm(t, e, 1<<40, func(<-chan struct{}) {
			defer k.began.Store(1 << 40) // which ends it
			for range kills {
				at := k.finished.Load()
				err := suite.Until(t.Context(), "writes succeed again", func() bool { return k.finished.Load() >= at+200 })
				if err == nil {
					err = errors.Join(server.Kill(), server.Start())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		k.check(t, direct, e)
	})
}
