package postgres_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/postgres"
	"go.uber.org/goleak"
)

// TestSoakReloadsUnderLoadFailNoCall changes an engine's settings a hundred times under load, and every fifth time its database.
// No call may notice, and what was acknowledged has to be in one of the two.
func TestSoakReloadsUnderLoadFailNoCall(t *testing.T) {
	server := servers.Postgres(t)
	before := goleak.IgnoreCurrent()
	urls := []string{server.Database(t), server.Database(t)}
	direct := []*plinth.Engine{openURL(t, urls[0], silent), openURL(t, urls[1], silent)}
	book := newLedger(t, direct[0])
	ledgerTables(t, direct[1])
	configs := make([]config.Config, len(urls))
	for i, url := range urls {
		var err error
		if configs[i], err = config.Parse(url); err != nil {
			t.Fatal(err)
		}
	}
	var o plinth.Options
	silent(&o)
	e, err := postgres.OpenConfig(t.Context(), configs[0], o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	var work sync.WaitGroup
	for range writers {
		work.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				for _, call := range reloaded(e, book) {
					if err := call(t.Context()); err != nil {
						t.Errorf("a call failed: %v", err)
						return
					}
					calls.Add(1)
				}
			}
		})
	}
	reloads, at := max(times(100), 25), 0
	for i := range reloads {
		if i%5 == 4 {
			at = 1 - at
		}
		c := configs[at]
		c.MaxOpenConns, c.AcquireTimeout = 1+i%8, time.Minute+time.Duration(i)*time.Second
		c.MaxIdleConns, c.ConnMaxLifetime, c.Timeout = 1+i%2, time.Hour+time.Duration(i)*time.Minute, time.Minute
		if err := e.Reconfigure(t.Context(), c); err != nil {
			t.Error(err)
		}
		so := calls.Load()
		eventually(t, "calls go on", func() bool { return calls.Load() >= so+2*writers || t.Failed() })
		if s := e.Stats(); s.Pools[0].MaxOpenConnections != 1+i%8 {
			t.Errorf("the pool may have %d connections, want %d", s.Pools[0].MaxOpenConnections, 1+i%8)
		}
	}
	cancel()
	work.Wait()
	idle(t, e)
	eventually(t, "the old pools are gone", func() bool { return len(e.Stats().Pools) == 1 })
	for _, q := range direct {
		quiet(t, q)
	}
	sum := book.check(t, direct...)
	if sum.notApplied+sum.unknown > 0 {
		t.Errorf("calls failed: %+v", sum)
	}
	t.Logf("%d reloads, %d calls, 0 failed; tokens: %+v", reloads, calls.Load(), sum)
	for _, e := range append(direct, e) {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// reloaded are calls that take one trip, several, and a while.
func reloaded(e *plinth.Engine, book *ledger) []func(context.Context) error {
	writing := func(write func(ctx context.Context, token int64) error) func(context.Context) error {
		return func(ctx context.Context) error {
			token := book.next.Add(1)
			err := write(ctx, token)
			book.tell(err, token)
			return err
		}
	}
	return []func(context.Context) error{
		writing(func(ctx context.Context, token int64) error {
			_, err := e.Execute(ctx, insertEntry, token)
			return err
		}),
		writing(func(ctx context.Context, token int64) error {
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return transfer(ctx, tx, token) })
		}),
		writing(func(ctx context.Context, token int64) error {
			return e.With(ctx, func(c *plinth.Conn) error {
				if _, err := c.Execute(ctx, "set application_name = 'reloaded'"); err != nil {
					return err
				}
				return c.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return transfer(ctx, tx, token) })
			})
		}),
		func(ctx context.Context) error {
			_, err := ask(ctx, e, book.next.Load(), 500, 1_000)
			return err
		},
	}
}
