package suite

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/ledger"
	"go.uber.org/goleak"
)

// reloadsUnderLoadFailNoCall changes an engine's settings a hundred times under load, and every fifth time its database.
// No call may notice, and what was acknowledged has to be in one of the two.
func (d *Database) reloadsUnderLoadFailNoCall(t *testing.T) {
	server := d.Server(t)
	before := goleak.IgnoreCurrent()
	urls := []string{server.Database(t), server.Database(t)}
	direct := []*plinth.Engine{d.OpenURL(t, urls[0], Silent), d.OpenURL(t, urls[1], Silent)}
	book := newBook(t, direct[0])
	if err := ledger.Tables(t.Context(), direct[1]); err != nil {
		t.Fatal(err)
	}
	configs := make([]config.Config, len(urls))
	for i, url := range urls {
		var err error
		if configs[i], err = config.Parse(url); err != nil {
			t.Fatal(err)
		}
	}
	var o plinth.Options
	Silent(&o)
	e, err := d.FromConfig(t.Context(), configs[0], o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	var work sync.WaitGroup
	for range ledger.Writers {
		work.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				for _, call := range d.reloaded(e, book) {
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
		Eventually(t, "calls go on", func() bool { return calls.Load() >= so+2*ledger.Writers || t.Failed() })
		if s := e.Stats(); s.Pools[0].MaxOpenConnections != 1+i%8 {
			t.Errorf("the pool may have %d connections, want %d", s.Pools[0].MaxOpenConnections, 1+i%8)
		}
	}
	cancel()
	work.Wait()
	Idle(t, e)
	Eventually(t, "the old pools are gone", func() bool { return len(e.Stats().Pools) == 1 })
	for _, q := range direct {
		d.quiet(t, q)
	}
	sum := book.check(t, direct...)
	if sum.NotApplied+sum.Unknown > 0 {
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
func (d *Database) reloaded(e *plinth.Engine, book *book) []func(context.Context) error {
	writing := func(write func(ctx context.Context, token int64) error) func(context.Context) error {
		return func(ctx context.Context) error {
			token := book.Next()
			err := write(ctx, token)
			book.Tell(err, token)
			return err
		}
	}
	return []func(context.Context) error{
		writing(func(ctx context.Context, token int64) error {
			_, err := e.Execute(ctx, ledger.Insert, token)
			return err
		}),
		writing(func(ctx context.Context, token int64) error {
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
		}),
		writing(func(ctx context.Context, token int64) error {
			return e.With(ctx, func(c *plinth.Conn) error {
				if _, err := c.Execute(ctx, d.Name); err != nil {
					return err
				}
				return c.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
			})
		}),
		func(ctx context.Context) error {
			_, err := d.ask(ctx, e, book.Last(), 500, 1_000)
			return err
		},
	}
}
