package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/retry"
)

// TestAnotherLoginUnderLoadFailsNoCall changes who logs in while fifty callers are at work. No call may notice, and of the clients
// before nothing may be left, neither on the server nor here.
func TestAnotherLoginUnderLoadFailsNoCall(t *testing.T) {
	before := goleak.IgnoreCurrent()
	const callers, swaps = 50, 6
	users := map[string]string{"first": "1st", "second": "2nd"}
	s, err := mongotest.Listen(mongotest.Users(users))
	if err != nil {
		t.Fatal(err)
	}
	configOf := func(user string, most int) config.Config {
		c, err := config.Parse(s.URL() + "&authSource=admin")
		if err != nil {
			t.Fatal(err)
		}
		c.User, c.Password, c.MaxOpenConns, c.AcquireTimeout = user, config.NewSecret(users[user]), most, time.Minute
		return c
	}
	e, err := mongodb.OpenConfig(t.Context(), configOf("first", 8), plinth.Options{QueryLog: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Execute(t.Context(), "db.things.insertOne({_id: 0, n: 0})"); err != nil {
		t.Fatal(err)
	}
	var calls, written atomic.Int64
	var work sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for caller := range callers {
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := anyCall(t.Context(), e, caller+i, &written); err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
				calls.Add(1)
			}
		})
	}
	user := "first"
	for i := range swaps {
		if user = "first"; i%2 == 0 {
			user = "second"
		}
		if err := e.Reconfigure(t.Context(), configOf(user, 8+i%3)); err != nil {
			t.Error(err)
			break
		}
		so, other := calls.Load(), map[string]string{"first": "second", "second": "first"}[user]
		s.Await(t, "calls go on, by the other login alone", func() bool {
			return t.Failed() || calls.Load() >= so+2*callers && s.LoggedIn(user) > 0 && s.LoggedIn(other) == 0
		})
	}
	stop()
	work.Wait()
	if n := len(s.Documents("written")); int64(n) != written.Load() {
		t.Errorf("%d documents of %d calls", n, written.Load())
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d calls, %d swaps", calls.Load(), swaps)
	s.Close()
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// anyCall makes one of several calls: some take one trip, others several.
func anyCall(ctx context.Context, e *plinth.Engine, which int, written *atomic.Int64) error {
	insert := func(q plinth.Querier) error {
		_, err := q.Execute(ctx, "db.written.insertOne({})")
		return err
	}
	var err error
	switch which % 4 {
	case 0:
		_, err = e.FetchOne(ctx, "db.things.find({_id: 0})")
		return err
	case 1:
		err = insert(e)
	case 2:
		err = e.InTx(ctx, func(_ context.Context, tx *plinth.Tx) error { return insert(tx) })
	default:
		err = e.With(ctx, func(c *plinth.Conn) error {
			if _, err := c.FetchAll(ctx, "db.things.find({})"); err != nil {
				return err
			}
			return insert(c)
		})
	}
	if err == nil {
		written.Add(1)
	}
	return err
}

// TestCallsFailAtOnceWhileTheServerIsKnownToBeDown and go through again when it's back.
func TestCallsFailAtOnceWhileTheServerIsKnownToBeDown(t *testing.T) {
	t.Parallel()
	st := scriptedStage(t, 1)
	proxy := plinthtest.NewProxy(t, st.scripted.Members()[0].Addr())
	e := openEngine(t, directly(proxy.URL(st.url))+"&serverSelectionTimeoutMS=200", func(o *plinth.Options) {
		o.Pool = pool.Options{AcquireTimeout: time.Hour, BreakerFailures: 2}
		o.Retry = retry.Policy{Attempts: 1}
	})
	const insert = "db.things.insertOne({a: 1})"
	if _, err := e.Execute(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Refuse(); err != nil {
		t.Fatal(err)
	}
	proxy.Cut(plinthtest.RST)
	late := time.Now().Add(time.Minute)
	var work sync.WaitGroup
	var refused atomic.Bool // one was, at once: while another dials, and waits for that
	for range 4 {
		work.Go(func() {
			for !refused.Load() {
				_, err := e.Execute(t.Context(), insert)
				down, is := errors.AsType[*pool.DownError](err)
				switch {
				case errors.Is(err, plinth.ErrOutcomeUnknown) && !is: // it was cut under way
				case !errors.Is(err, plinth.ErrUnavailable):
					t.Errorf("while it's down: %v", err)
					return
				case is && down.Cause == nil:
					t.Errorf("it doesn't say why: %v", err)
					return
				case is:
					refused.Store(true)
				}
				if !refused.Load() && time.Now().After(late) {
					t.Errorf("the breaker doesn't open: %v", err)
					return
				}
			}
		})
	}
	work.Wait()
	if s := e.Stats(); s.Breaker == pool.BreakerClosed || s.BreakerOpened != 1 || s.BreakerRefused == 0 {
		t.Errorf("statistics %+v", s.Stats)
	}
	if err := proxy.Heal(); err != nil {
		t.Fatal(err)
	}
	for err := fmt.Errorf("not tried"); err != nil; _, err = e.Execute(t.Context(), insert) {
		if time.Now().After(late) {
			t.Fatalf("the breaker doesn't close: %v", err)
		}
	}
	if s := e.Stats(); s.Breaker != pool.BreakerClosed {
		t.Errorf("statistics %+v", s.Stats)
	}
}
