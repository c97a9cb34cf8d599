package open

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// noDatabase is an environment that names none.
var noDatabase = config.WithEnviron(func(string) (string, bool) { return "", false }) //nolint:gochecknoglobals // a constant, as functions can be

// tenants returns a Set that knows no database of its own, closed with the test, and a context for each of n files.
func tenants(t testing.TB, n int) (*Set, []context.Context) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler) // on a busy machine a query may be slow
	s := &Set{Options: plinth.Options{Config: []config.Option{noDatabase}, Logger: quiet, QueryLog: querylog.Options{Logger: quiet}}}
	dir := t.TempDir()
	list := make([]context.Context, n)
	for i := range list {
		list[i] = to(t.Context(), filepath.Join(dir, fmt.Sprintf("tenant%d.db", i)))
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("closing the set: %v", err)
		}
	})
	return s, list
}

// to returns a context whose database is a file.
func to(ctx context.Context, file string) context.Context {
	return config.WithOverride(ctx, config.WithURL("sqlite:"+filepath.ToSlash(file)))
}

func run(db *plinth.Engine, ctx context.Context, statement string, args ...any) error { //nolint:revive // reads as db.Execute
	_, err := db.Execute(ctx, statement, args...)
	return err
}

// touch uses a target for a moment.
func touch(t *testing.T, s *Set, ctx context.Context) *plinth.Engine { //nolint:revive // t first
	t.Helper()
	var used *plinth.Engine
	err := s.Use(ctx, func(ctx context.Context, db *plinth.Engine) error {
		used = db
		_, err := plinth.One[int](ctx, db, "select 1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}

func TestAFailedDialIsToldToAllWhoWaitedAndForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 1)
		var dials int
		proceed := make(chan error)
		s.open = func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
			dials++
			if err := <-proceed; err != nil {
				return nil, err
			}
			return OpenConfig(ctx, c, o)
		}
		failed := &plinth.Error{Kind: plinth.ErrUnavailable}
		ask := func(n int) (errs []error) {
			errs = make([]error, n)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() { _, errs[i] = s.Engine(ctxs[0]) })
			}
			synctest.Wait()
			if n == 5 {
				proceed <- failed
			} else {
				proceed <- nil
			}
			all.Wait()
			return errs
		}
		for _, err := range ask(5) {
			if !errors.Is(err, plinth.ErrUnavailable) {
				t.Errorf("one who waited got %v", err)
			}
		}
		for _, err := range ask(3) {
			if err != nil {
				t.Errorf("the next dial gave %v", err)
			}
		}
		if st := s.Stats(); dials != 2 || st.Failed != 1 || st.Opened != 1 || st.Targets[0].Uses != 0 {
			t.Errorf("%d dials, %+v", dials, st)
		}
	})
}

func TestTheOneWhoAskedFirstMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 1)
		proceed := make(chan struct{})
		s.open = func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
			<-proceed
			return OpenConfig(ctx, c, o)
		}
		impatient, cancel := context.WithTimeout(ctxs[0], time.Second)
		defer cancel()
		var first, second error
		var all sync.WaitGroup
		all.Go(func() { _, first = s.Engine(impatient) })
		synctest.Wait()
		all.Go(func() { _, second = s.Engine(ctxs[0]) })
		time.Sleep(2 * time.Second)
		close(proceed)
		all.Wait()
		if !errors.Is(first, plinth.ErrTimeout) || !strings.Contains(first.Error(), "while the database was dialled") || second != nil {
			t.Errorf("the first got %v, the second %v", first, second)
		}
	})
}

func TestTheOneThatWasIdleForLongestMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 4)
		s.MaxTargets = 3
		var engines []*plinth.Engine
		for _, ctx := range ctxs[:3] {
			engines = append(engines, touch(t, s, ctx))
			time.Sleep(time.Second)
		}
		touch(t, s, ctxs[0]) // so that the second is idle for longest
		touch(t, s, ctxs[3])
		if err := engines[1].TestConnection(t.Context()); !errors.Is(err, plinth.ErrClosed) {
			t.Errorf("the second engine says %v", err)
		}
		if st := s.Stats(); len(st.Targets) != 3 || st.Evicted != 1 {
			t.Errorf("%+v", st)
		}
		if touch(t, s, ctxs[0]) != engines[0] || touch(t, s, ctxs[1]) == engines[1] {
			t.Error("the wrong engine was closed")
		}
	})
}

func TestWhereAllAreInUseANewTargetWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 3)
		s.MaxTargets = 2
		var all sync.WaitGroup
		for _, ctx := range ctxs[:2] {
			all.Go(func() {
				_ = s.Use(ctx, func(context.Context, *plinth.Engine) error {
					time.Sleep(20 * time.Second)
					return nil
				})
			})
		}
		synctest.Wait()
		start := time.Now()
		hurried := config.WithOverride(ctxs[2], config.With(func(c *config.Config) { c.AcquireTimeout = 5 * time.Second }))
		_, err := s.Engine(hurried)
		if !errors.Is(err, plinth.ErrPoolExhausted) || time.Since(start) != 5*time.Second || !strings.Contains(err.Error(), "all 2 targets of the set are in use, and have been for 5s") {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(ctxs[2], time.Second)
		defer cancel()
		if _, err = s.Engine(ctx); !errors.Is(err, plinth.ErrTimeout) || !strings.Contains(err.Error(), "all 2 targets") {
			t.Errorf("with a deadline: %v", err)
		}
		s.Options.Pool.AcquireTimeout = 3 * time.Second
		s.base.Store(nil)
		if _, err = s.Engine(ctxs[2]); !errors.Is(err, plinth.ErrPoolExhausted) || time.Since(start) != 9*time.Second {
			t.Errorf("with the options' time-out, after %v: %v", time.Since(start), err)
		}
		s.Options.Pool.AcquireTimeout = 0
		s.base.Store(nil)
		if _, err = s.Engine(ctxs[2]); err != nil || time.Since(start) != 20*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		all.Wait()
	})
}

func TestAnEngineWhoseRowsAreOpenIsNotClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 2)
		s.MaxTargets, s.IdleTimeout = 1, time.Minute
		db, err := s.Engine(ctxs[0])
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.Query(ctxs[0], "select 1")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if n := s.Stats().IdleClosed; n != 0 {
			t.Errorf("%d were closed", n)
		}
		go func() {
			time.Sleep(10 * time.Second)
			rows.Close()
		}()
		start := time.Now()
		if _, err := s.Engine(ctxs[1]); err != nil || time.Since(start) < 10*time.Second || time.Since(start) > 11*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestAnEngineThatWasHandedOutIsSafeForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 2)
		s.MaxTargets = 1
		db, err := s.Engine(ctxs[0])
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctxs[1], 59*time.Second)
		defer cancel()
		if _, err := s.Engine(short); !errors.Is(err, plinth.ErrTimeout) && !errors.Is(err, plinth.ErrPoolExhausted) {
			t.Errorf("another target got %v", err)
		}
		if err := db.TestConnection(ctxs[0]); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if _, err := s.Engine(ctxs[1]); err != nil {
			t.Error(err)
		}
	})
}

func TestIdleEnginesAreClosedAndUsedOnesAreNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 2)
		s.IdleTimeout = time.Hour
		idle, err := s.Engine(ctxs[0])
		if err != nil {
			t.Fatal(err)
		}
		kept, err := s.Engine(ctxs[1])
		if err != nil {
			t.Fatal(err)
		}
		for range 10 { // without the Set's knowing
			time.Sleep(30 * time.Minute)
			if err := kept.TestConnection(ctxs[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := idle.TestConnection(ctxs[0]); !errors.Is(err, plinth.ErrClosed) {
			t.Errorf("after five hours: %v", err)
		}
		if st := s.Stats(); st.IdleClosed != 1 || len(st.Targets) != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(3 * time.Hour)
		if st := s.Stats(); st.IdleClosed != 2 || len(st.Targets) != 0 || s.timer != nil {
			t.Errorf("%+v, timer %v", st, s.timer)
		}
		if touch(t, s, ctxs[0]) == idle {
			t.Error("a closed engine was handed out")
		}
	})
}

func TestCloseWaitsForUseAndThenNothingGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 2)
		var inside error
		go func() {
			_ = s.Use(ctxs[0], func(ctx context.Context, db *plinth.Engine) error {
				time.Sleep(3 * time.Second)
				_, inside = plinth.One[int](ctx, db, "select 1")
				return nil
			})
		}()
		synctest.Wait()
		start := time.Now()
		if err := s.Close(t.Context()); err != nil || time.Since(start) != 3*time.Second || inside != nil {
			t.Errorf("Close after %v: %v; within Use: %v", time.Since(start), err, inside)
		}
		for _, ctx := range ctxs {
			if _, err := s.Engine(ctx); !errors.Is(err, plinth.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestCloseGivesUpOnUseWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Set{Options: plinth.Options{Config: []config.Option{noDatabase}}}
		tenant := to(t.Context(), filepath.Join(t.TempDir(), "a.db"))
		var inside error
		go func() {
			_ = s.Use(tenant, func(ctx context.Context, db *plinth.Engine) error {
				time.Sleep(time.Minute)
				inside = db.TestConnection(ctx)
				return nil
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, plinth.ErrTimeout) || !strings.Contains(err.Error(), "1 calls of Use had not returned") {
			t.Errorf("Close: %v", err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !errors.Is(inside, plinth.ErrClosed) {
			t.Errorf("within Use: %v", inside)
		}
	})
}

func TestCloseHangsUpOnADial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctxs := tenants(t, 1)
		s.open = func(ctx context.Context, _ config.Config, _ plinth.Options) (*plinth.Engine, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var err error
		var all sync.WaitGroup
		all.Go(func() { _, err = s.Engine(ctxs[0]) })
		synctest.Wait()
		if cerr := s.Close(t.Context()); cerr != nil {
			t.Error(cerr)
		}
		if all.Wait(); err == nil {
			t.Error("the dial went on")
		}
	})
}

func TestWhatTheCallersCodeDoesInADialIsTheErrorOfThoseWhoWait(t *testing.T) {
	t.Parallel()
	for want, onRetry := range map[string]func(){
		"a function of the Options panicked: no":              func() { panic("no") },
		"a function of the Options has called runtime.Goexit": runtime.Goexit,
	} {
		s, _ := tenants(t, 0)
		s.Options.Retry = retry.Policy{Base: time.Nanosecond, OnRetry: func(context.Context, int, time.Duration, error) { onRetry() }}
		var opened *plinth.Engine
		s.open = func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
			var err error
			opened, err = OpenConfig(ctx, c, o)
			return opened, err
		}
		nobody := config.WithOverride(t.Context(), config.WithURL("postgres://u@127.0.0.1:1/d?sslmode=disable"))
		for range 2 {
			if _, err := s.Engine(nobody); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			if err := run(opened, t.Context(), "select 1"); !errors.Is(err, plinth.ErrClosed) {
				t.Errorf("the engine is still open: %v", err)
			}
		}
		if st := s.Stats(); st.Failed != 2 || len(st.Targets) != 0 {
			t.Errorf("%+v", st)
		}
	}
}

func TestAPanicInUseGivesTheTargetBack(t *testing.T) {
	t.Parallel()
	s, ctxs := tenants(t, 1)
	func() {
		defer func() { _ = recover() }()
		_ = s.Use(ctxs[0], func(context.Context, *plinth.Engine) error { panic("no") })
	}()
	if st := s.Stats(); st.Targets[0].Uses != 0 {
		t.Errorf("%+v", st)
	}
}
