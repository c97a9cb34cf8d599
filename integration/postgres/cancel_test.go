package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
	"go.uber.org/goleak"
)

// soak returns how often to do something: n times, and ten times as often in make soak.
func soak(n int) int {
	if os.Getenv("PLINTH_SOAK") != "" {
		return 10 * n
	}
	return n
}

// slow is a query that nobody waits for.
const slow = "with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i from s where i < 0"

// slack is how much later than its context a call may return: the time that the server is given to answer a cancel
// request, and some for a machine that is busy with other tests.
const slack = 100*time.Millisecond + 400*time.Millisecond

// TestSoakNoCancelReachesAnotherStatement asks for rows that carry the question's number, and cancels at random, before,
// while and after they are read.
func TestSoakNoCancelReachesAnotherStatement(t *testing.T) {
	e := open(t, poolOf(4))
	var next, answered atomic.Int64
	var work sync.WaitGroup
	n := int64(soak(5_000))
	for range 12 {
		work.Go(func() {
			for nonce := next.Add(1); nonce <= n; nonce = next.Add(1) {
				ctx, cancel := context.WithCancel(t.Context())
				want := 1 + rand.IntN(300)
				var timer *time.Timer
				if rand.IntN(3) > 0 {
					timer = time.AfterFunc(time.Duration(rand.IntN(3_000))*time.Microsecond, cancel)
				}
				err := echo(ctx, e, nonce, want, rand.IntN(2*want))
				switch {
				case err == nil:
					answered.Add(1)
				case timer == nil || !errors.Is(err, plinth.ErrCanceled):
					t.Errorf("question %d: %v", nonce, err)
				}
				if timer != nil {
					timer.Stop()
				}
				cancel()
			}
		})
	}
	work.Wait()
	if a := answered.Load(); a < n/10 || a > n*9/10 {
		t.Errorf("%d of %d questions were answered: the cancels don't come in between", a, n)
	}
	idle(t, e)
}

// echo reads up to a number of rows of an answer.
func echo(ctx context.Context, e *plinth.Engine, nonce int64, rows, read int) error {
	r, err := e.Query(ctx, "select ?::bigint, g, repeat('x', g % 50) from generate_series(1, ?) as g", nonce, rows)
	if err != nil {
		return err
	}
	defer r.Close()
	for g := 1; g <= read && r.Next(); g++ {
		var got, i int64
		var pad string
		if err := r.Scan(&got, &i, &pad); err != nil {
			return err
		}
		if got != nonce || i != int64(g) || len(pad) != g%50 {
			return fmt.Errorf("row %d has %d, row %d and %d characters: it's another statement's", g, got, i, len(pad))
		}
	}
	return r.Close()
}

// TestSoakRandomCancelsLeaveNothingBehind does what services do, with contexts that end at any moment, and holds each
// answer against what the table says afterwards.
func TestSoakRandomCancelsLeaveNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	url := servers.Postgres(t).Database(t)
	const max = 6
	e := openURL(t, url, poolOf(max))
	admin := openURL(t, url, poolOf(1))
	execute(t, admin, "create table writes (id bigint primary key)", "create table counters (id int primary key, n bigint not null)",
		"insert into counters values (1, 0), (2, 0)")
	watched := watchSessions(t, admin, max)

	var mu sync.Mutex
	applied, refused := []int64{}, []int64{}
	note := func(err error, ids ...int64) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			applied = append(applied, ids...)
		case !errors.Is(err, plinth.ErrOutcomeUnknown):
			refused = append(refused, ids...)
		}
	}
	var next, id atomic.Int64
	var work sync.WaitGroup
	n := int64(soak(10_000))
	for range 16 {
		work.Go(func() {
			for next.Add(1) <= n {
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, cancel)
				err := anything(ctx, e, &id, note)
				switch {
				case err == nil, errors.Is(err, plinth.ErrCanceled), errors.Is(err, context.Canceled), errors.Is(err, plinth.ErrDeadlock), errors.Is(err, errMine):
				default:
					t.Errorf("%v", err)
				}
				timer.Stop()
				cancel()
			}
		})
	}
	work.Wait()
	idle(t, e)
	watched()
	busy, err := plinth.One[int](t.Context(), admin, "select count(*) from pg_stat_activity where datname = current_database() "+
		"and pid <> pg_backend_pid() and state <> 'idle'")
	if err != nil || busy != 0 {
		t.Errorf("%d sessions have something open (%v)", busy, err)
	}
	there := map[int64]bool{}
	for got, err := range plinth.Each[int64](t.Context(), admin, "select id from writes") {
		if err != nil {
			t.Fatal(err)
		}
		there[got] = true
	}
	for _, id := range applied {
		if !there[id] {
			t.Errorf("write %d succeeded and isn't there", id)
		}
	}
	for _, id := range refused {
		if there[id] {
			t.Errorf("write %d failed and is there", id)
		}
	}
	t.Logf("%d writes applied, %d not, %d of unknown outcome; %d connections dialled", len(applied), len(refused),
		id.Load()-int64(len(applied)+len(refused)), e.Stats().DialCount)
	if s := e.Stats(); s.DialCount > n/50 {
		t.Errorf("%d connections were dialled for %d operations on a pool of %d", s.DialCount, n, max)
	}
	for _, e := range []*plinth.Engine{e, admin} {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

var errMine = errors.New("the function's own")

// anything does one thing at random, and notes what it has to say of its writes.
func anything(ctx context.Context, e *plinth.Engine, id *atomic.Int64, note func(error, ...int64)) error {
	const insert = "insert into writes values (?)"
	switch rand.IntN(10) {
	case 0:
		_, err := plinth.All[int64](ctx, e, "select g from generate_series(1, ?) g", rand.IntN(2_000))
		return err
	case 1:
		return echo(ctx, e, 1, 1_000, rand.IntN(10))
	case 2:
		_, err := e.Execute(ctx, "select pg_sleep(0.005)")
		return err
	case 3:
		i := id.Add(1)
		_, err := e.Execute(ctx, insert, i)
		note(err, i)
		return err
	case 4:
		i := id.Add(1)
		_, err := plinth.One[int64](ctx, e, insert+" returning id", i)
		note(err, i)
		return err
	case 5, 6:
		i, j := id.Add(1), id.Add(1)
		err := e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := tx.Execute(ctx, insert, i); err != nil {
				return err
			}
			for _, c := range rand.Perm(2) {
				if _, err := tx.Execute(ctx, "update counters set n = n + 1 where id = ?", c+1); err != nil {
					return err
				}
			}
			_, err := tx.Execute(ctx, insert, j)
			return err
		})
		note(err, i, j)
		return err
	case 7:
		i, j := id.Add(1), id.Add(1)
		err := e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			inner := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				if _, err := tx.Execute(ctx, insert, j); err != nil {
					return err
				}
				return errMine
			})
			if !errors.Is(inner, errMine) {
				return inner
			}
			_, err := tx.Execute(ctx, insert, i)
			return err
		})
		note(err, i)
		note(errMine, j)
		return err
	case 8:
		return e.With(ctx, func(c *plinth.Conn) error {
			if _, err := c.Execute(ctx, "set application_name = 'soak'"); err != nil {
				return err
			}
			_, err := plinth.One[string](ctx, c, "show application_name")
			return err
		})
	default:
		tx, err := e.Begin(ctx)
		if err != nil {
			return err
		}
		i := id.Add(1)
		if _, err = tx.Execute(ctx, insert, i); err == nil && rand.IntN(2) == 0 {
			err = tx.Commit(ctx)
			note(err, i)
			return err
		}
		note(errMine, i)
		return errors.Join(err, tx.Rollback(ctx))
	}
}

// watchSessions looks all the time how many sessions the others have on the database of e. What it returns ends that.
func watchSessions(t testing.TB, e *plinth.Engine, max int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			n, err := plinth.One[int](ctx, e, "select count(*) from pg_stat_activity where datname = current_database() "+
				"and pid <> pg_backend_pid() and backend_type = 'client backend'")
			if err == nil && n > max+1 { // one that was closed may take a moment to go
				t.Errorf("%d sessions on a pool of %d", n, max)
			}
			<-time.After(2 * time.Millisecond)
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// TestEveryVerbReturnsInTimeFromABlackhole lets nothing through any more, in either direction.
func TestEveryVerbReturnsInTimeFromABlackhole(t *testing.T) {
	server := servers.Postgres(t)
	const insert = "insert into things values (?)"
	inTx := func(f func(context.Context, *plinth.Tx) error) func(context.Context, *plinth.Engine, func()) error {
		return func(ctx context.Context, e *plinth.Engine, hole func()) error {
			tx, err := e.Begin(t.Context())
			if err != nil {
				return err
			}
			if _, err := tx.Execute(t.Context(), insert, 1); err != nil {
				return err
			}
			hole()
			err = f(ctx, tx)
			if took := rolledBack(tx); took > slack {
				t.Errorf("Rollback took %v", took)
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		call func(ctx context.Context, e *plinth.Engine, hole func()) error
		want error
	}{
		"Execute of a write": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			hole()
			_, err := e.Execute(ctx, insert, 1)
			return err
		}, plinth.ErrOutcomeUnknown},
		"Query": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			hole()
			_, err := e.Query(ctx, "select id from things")
			return err
		}, plinth.ErrCanceled},
		"a text that isn't prepared": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			hole()
			_, err := e.Execute(ctx, "insert into things values (1 + ?)", 1)
			return err
		}, plinth.ErrCanceled},
		"Next": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			r, err := e.Query(ctx, "select g from generate_series(1, 10000000) g")
			if err != nil {
				return err
			}
			defer r.Close()
			r.Next()
			hole()
			for r.Next() {
			}
			return r.Err()
		}, plinth.ErrCanceled},
		"Close of rows": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			r, err := e.Query(ctx, "select g from generate_series(1, 10000000) g")
			if err != nil {
				return err
			}
			r.Next()
			hole()
			return r.Close()
		}, plinth.ErrCanceled},
		"Ping": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			hole()
			return e.TestConnection(ctx)
		}, plinth.ErrCanceled},
		"a statement in a transaction": {inTx(func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, insert, 2)
			return err
		}), plinth.ErrCanceled},
		"a savepoint": {inTx(func(ctx context.Context, tx *plinth.Tx) error {
			return tx.InTx(ctx, func(context.Context, *plinth.Tx) error { return nil })
		}), plinth.ErrCanceled},
		"Commit":   {inTx(func(ctx context.Context, tx *plinth.Tx) error { return tx.Commit(ctx) }), plinth.ErrOutcomeUnknown},
		"Rollback": {inTx(func(ctx context.Context, tx *plinth.Tx) error { return tx.Rollback(ctx) }), plinth.ErrCanceled},
		"ExecuteMany": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			_, err := e.ExecuteMany(ctx, insert, func(yield func([]any) bool) {
				hole()
				_ = yield([]any{1}) && yield([]any{2})
			})
			return err
		}, plinth.ErrCanceled},
		"With": {func(ctx context.Context, e *plinth.Engine, hole func()) error {
			return e.With(ctx, func(c *plinth.Conn) error {
				hole()
				_, err := c.Execute(ctx, "select 1 + ?", 1)
				return err
			})
		}, plinth.ErrCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.Database(t)
			proxy := plinthtest.NewProxy(t, server.Addr())
			e := openURL(t, proxy.URL(url), poolOf(1))
			execute(t, e, "create table things (id int)")
			if _, err := e.Execute(t.Context(), insert, 0); err != nil { // it's prepared now
				t.Fatal(err)
			}
			var ended time.Time
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := c.call(ctx, e, func() {
				proxy.Blackhole(plinthtest.Both, plinthtest.Hold)
				time.AfterFunc(50*time.Millisecond, cancel)
				ended = time.Now().Add(50 * time.Millisecond)
			})
			late := time.Since(ended)
			if !errors.Is(err, c.want) || !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want one that is %v", err, c.want)
			}
			if late < 0 || late > slack {
				t.Errorf("it returned %v after its context had ended", late)
			}
			proxy.Release(plinthtest.Both)
			if n, err := plinth.One[int](t.Context(), e, "select count(*) from things where id > 2"); err != nil || n != 0 {
				t.Errorf("afterwards: %d, %v", n, err)
			}
		})
	}
}

// rolledBack rolls a transaction back and returns how long that took.
func rolledBack(tx *plinth.Tx) time.Duration {
	began := time.Now()
	_ = tx.Rollback(context.Background())
	return time.Since(began)
}

// TestACancelledStatementLeavesItsConnectionToBeUsed shows that a cancel costs no new connection.
func TestACancelledStatementLeavesItsConnectionToBeUsed(t *testing.T) {
	e := open(t, poolOf(1))
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		began := time.Now()
		_, err := e.FetchAll(ctx, slow)
		cancel()
		if !errors.Is(err, plinth.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v, want ErrTimeout", err)
		}
		if took := time.Since(began); took > 20*time.Millisecond+slack {
			t.Errorf("it took %v", took)
		}
		if n, err := plinth.One[int](t.Context(), e, "select 1"); n != 1 || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestABigResultIsNotReadToItsEndToBeClosed closes rows of which minutes' worth are left.
func TestABigResultIsNotReadToItsEndToBeClosed(t *testing.T) {
	e := open(t, poolOf(1))
	for _, text := range []string{
		"with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i, repeat('x', 1000) from s",
		"with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i, repeat('x', 10000) from s " +
			"where i <= 5 or i % 500000000 = 1", // the server sends what fills a buffer
	} {
		r, err := e.Query(t.Context(), text)
		if err != nil || !r.Next() {
			t.Fatal(err)
		}
		began := time.Now()
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		if n, err := plinth.One[int](t.Context(), e, "select 1"); n != 1 || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestCloseCutsWhatRuns closes the engine under a statement, which the server then stops, too.
func TestCloseCutsWhatRuns(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	e, err := postgres.Open(t.Context(), plinth.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	admin := openURL(t, url)
	result := make(chan error, 1)
	go func() {
		_, err := e.FetchAll(context.Background(), slow)
		result <- err
	}()
	running := func() int {
		n, err := plinth.One[int](t.Context(), admin, "select count(*) from pg_stat_activity where state = 'active' and query like 'with recursive%'"+
			" and datname = current_database()")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "it runs", func() bool { return running() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Close(ctx); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("Close: %v, want ErrTimeout", err)
	}
	if err := <-result; !errors.Is(err, plinth.ErrClosed) && !errors.Is(err, plinth.ErrCanceled) {
		t.Errorf("the statement: %v, want ErrClosed", err)
	}
	eventually(t, "the server has stopped it", func() bool { return running() == 0 })
}
