package plinth_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/sqlite"
)

// configured opens an engine on a new file, closed at the end of the test.
func configured(t *testing.T, o plinth.Options, settings string) (*plinth.Engine, config.Config) {
	t.Helper()
	c, err := config.Parse("sqlite:" + filepath.Join(t.TempDir(), "app.db") + settings)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.OpenConfig(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return db, c
}

func TestReconfigureCountsAtOnce(t *testing.T) {
	t.Parallel()
	var slow atomic.Int64
	db, c := configured(t, plinth.Options{
		QueryLog:  querylog.Options{Logger: slog.New(slog.DiscardHandler)},
		Observers: []*hook.Observer{{CallStart: func(_ context.Context, e *hook.Event) { slow.Store(int64(e.Slow)) }}},
	}, "?max_open_conns=3&slow_threshold=1h")
	if n := db.Stats().MaxOpenConnections; n != 1+3 {
		t.Errorf("MaxOpenConnections = %d, want 3 beside the one that writes", n)
	}
	c.MaxOpenConns, c.SlowThreshold, c.Timeout = 5, time.Minute, 20*time.Millisecond
	if err := db.Reconfigure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if n := db.Stats().MaxOpenConnections; n != 1+5 {
		t.Errorf("MaxOpenConnections = %d afterwards, want 5 beside the one that writes", n)
	}
	if _, err := db.FetchAll(t.Context(), endless); !errors.Is(err, plinth.ErrTimeout) || time.Duration(slow.Load()) != time.Minute {
		t.Errorf("afterwards: %v, slow from %v", err, time.Duration(slow.Load()))
	}
}

func TestWhatOptionsSayStaysInForce(t *testing.T) {
	t.Parallel()
	db, c := configured(t, plinth.Options{Timeout: 20 * time.Millisecond}, "")
	c.Timeout = time.Hour
	if err := db.Reconfigure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := db.FetchAll(t.Context(), endless); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestReconfigureRefusesWhatItCanNotFollow(t *testing.T) {
	t.Parallel()
	db, c := configured(t, plinth.Options{}, "?max_open_conns=3")
	broken := func(change func(*config.Config)) config.Config {
		c := c
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		c    config.Config
		want error
	}{
		"another product":      {config.Config{Engine: config.PostgreSQL, Host: "localhost", User: "app", Database: "app"}, plinth.ErrArgument},
		"wrong pool sizes":     {broken(func(c *config.Config) { c.MinConns = 9 }), plinth.ErrArgument},
		"no target":            {config.Config{}, plinth.ErrArgument},
		"a folder that's gone": {broken(func(c *config.Config) { c.Database = "/nowhere/at/all.db" }), plinth.ErrUnavailable},
	} {
		if err := db.Reconfigure(t.Context(), test.c); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := db.Stats().MaxOpenConnections; n != 1+3 {
		t.Errorf("MaxOpenConnections = %d, so something was followed", n)
	}
	if _, err := db.FetchOne(t.Context(), "select 1"); err != nil {
		t.Errorf("the engine works no more: %v", err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Reconfigure(t.Context(), c); !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestANewTargetIsOpenedBesideTheOldWhichIsDrained(t *testing.T) {
	t.Parallel()
	db, c := configured(t, plinth.Options{}, "")
	execute(t, db, "create table t (a)")
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "insert into t values ('in the old one')")
	rows, err := db.Query(t.Context(), "select 1 union all select 2")
	if err != nil {
		t.Fatal(err)
	}
	before := db.Target()
	other := c
	other.Database = filepath.Join(t.TempDir(), "other.db")
	if err := db.Reconfigure(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if db.Target() == before || !strings.Contains(db.Target(), "other.db") {
		t.Errorf("the target is %s", db.Target())
	}
	execute(t, db, "create table t (a)") // there is none in the new one
	execute(t, tx, "insert into t values ('in the old one, too')")
	if s := db.Stats(); len(s.Pools) != 4 || s.InUse != 2 {
		t.Errorf("while the old one is drained there are %d pools with %d connections in use", len(s.Pools), s.InUse)
	}
	_, err = tx.Execute(t.Context(), "insert into nothing values (1)")
	if e, ok := errors.AsType[*plinth.Error](err); !ok || e.Target != before {
		t.Errorf("the error of a statement on the old one, %s, is %v", before, err)
	}
	read := 0
	for rows.Next() {
		read++
	}
	if err := rows.Close(); err != nil || read != 2 {
		t.Errorf("%d rows of the old one: %v", read, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Reconfigure(t.Context(), c); err != nil { // and back: its third life
		t.Fatal(err)
	}
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows of the transaction that was begun before", n)
	}
	for deadline := time.Now().Add(10 * time.Second); len(db.Stats().Pools) != 2; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("there are still %d pools, though nothing runs on those that were left", len(db.Stats().Pools))
		}
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCloseCutsWhatStillRunsOnATargetThatWasLeft(t *testing.T) {
	t.Parallel()
	db, c := configured(t, plinth.Options{}, "")
	if _, err := db.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Database = filepath.Join(t.TempDir(), "other.db")
	if err := db.Reconfigure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := db.Close(ctx); !errors.Is(err, plinth.ErrTimeout) && !errors.Is(err, plinth.ErrCanceled) {
		t.Errorf("Close = %v", err)
	}
}

func TestAHundredReloadsUnderLoadFailNoCall(t *testing.T) {
	t.Parallel()
	db, c := configured(t, plinth.Options{QueryLog: querylog.Options{Logger: slog.New(slog.DiscardHandler)}}, "")
	files := []string{c.Database, filepath.Join(t.TempDir(), "other.db")}
	for _, file := range files {
		c.Database = file
		if err := db.Reconfigure(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		execute(t, db, "create table t (a integer)")
	}
	var calls, writes atomic.Int64
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				ctx := t.Context()
				_, err := db.Execute(ctx, "insert into t values (?)", 1)
				if err == nil {
					_, err = plinth.One[int](ctx, db, "select count(*) from t")
				}
				if err == nil {
					err = db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
						_, err := tx.Execute(ctx, "insert into t values (?)", 2)
						return err
					})
				}
				if err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
				calls.Add(3)
				writes.Add(2)
			}
		})
	}
	for i := range 100 {
		c.MaxOpenConns, c.SlowThreshold = 2+i%5, time.Duration(i+1)*time.Second
		if i%5 == 0 {
			c.Database = files[i/5%2]
		}
		if err := db.Reconfigure(t.Context(), c); err != nil {
			t.Error(err)
		}
		for at := calls.Load(); calls.Load() < at+10 && !t.Failed(); { // some calls between two reloads
			if _, err := db.FetchOne(t.Context(), "select 1"); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	all.Wait()
	sum := int64(0)
	for _, file := range files {
		c.Database = file
		if err := db.Reconfigure(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		sum += int64(count(t, db))
	}
	if sum != writes.Load() {
		t.Errorf("%d writes were acknowledged, %d rows are there", writes.Load(), sum)
	}
}

func TestADatabaseInMemoryIsNotMoved(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.OpenConfig(t.Context(), c, plinth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	execute(t, db, "create table t (a)")
	c.Params = c.Params.Set("cache_size", "100")
	if err := db.Reconfigure(t.Context(), c); !errors.Is(err, plinth.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestACallStaysWithTheTargetItWasAdmittedTo(t *testing.T) {
	t.Parallel()
	var db *plinth.Engine
	var move func()
	db, c := configured(t, plinth.Options{Before: func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if move != nil && strings.HasPrefix(e.Statement, "insert") {
			move()
			move = nil
		}
		return ctx, nil
	}}, "")
	execute(t, db, "create table t (a)")
	other := c
	other.Database = filepath.Join(t.TempDir(), "other.db")
	to := func(c config.Config) func() {
		return func() {
			if err := db.Reconfigure(t.Context(), c); err != nil {
				t.Error(err)
			}
		}
	}
	mine := config.WithOverride(t.Context(), config.WithURL("sqlite:"+c.Database))
	move = to(other)
	if _, err := db.Execute(mine, "insert into t values ('mine')"); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("a call for the one target went to the other: %v", err)
	}
	move = nil
	to(c)()
	err := db.InTx(mine, func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, "insert into t values (1)"); err != nil {
			return err
		}
		to(other)()
		_, err := tx.Execute(ctx, "insert into t values (2)")
		return err
	})
	if err != nil {
		t.Errorf("a transaction was judged by the target that the engine went to: %v", err)
	}
	to(c)()
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows", n)
	}
}

func TestCloseDoesNotWaitForADial(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	c, err := config.Parse("sqlite:" + filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := plinth.OpenConfig(t.Context(), plinth.Options{}, c, func(c config.Config, h driver.Host) (driver.Backend, error) {
		b, err := sqlite.NewBackend(sqlite.Options{Path: c.Database}, h)
		if strings.Contains(c.Database, "far") {
			return far{b, hanging}, err
		}
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Database = filepath.Join(t.TempDir(), "far.db")
	reconfigured := make(chan error, 1)
	go func() { reconfigured <- db.Reconfigure(context.Background(), c) }()
	<-hanging
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-reconfigured; err == nil {
		t.Error("a closed engine was reconfigured")
	}
}

// far is a backend that is never reached.
type far struct {
	driver.Backend
	hanging chan struct{}
}

func (f far) Connect(ctx context.Context) error {
	close(f.hanging)
	<-ctx.Done()
	return &driver.Fault{Kind: driver.Canceled, Phase: driver.Dial, Err: ctx.Err()}
}
