package open

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

func TestEachOfAThousandGoroutinesGetsItsTenantsDataAndEachTenantIsDialledOnce(t *testing.T) {
	t.Parallel()
	const files, goroutines = 50, 1000
	s, ctxs := tenants(t, files)
	var dialled [files]atomic.Int64
	s.open = func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(c.Database), "tenant%d.db", &n); err != nil {
			return nil, err
		}
		dialled[n].Add(1)
		return OpenConfig(ctx, c, o)
	}
	for i, ctx := range ctxs {
		err := s.Use(ctx, func(ctx context.Context, db *plinth.Engine) error {
			return errors.Join(run(db, ctx, "create table who (n int)"), run(db, ctx, "insert into who values (?)", i))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Each goroutine makes a context of its own, as a request does.
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for k := range 2 {
				want := (g + k*17) % files
				ctx := config.WithOverride(ctxs[want], config.With(func(c *config.Config) { c.Timeout = time.Minute + time.Duration(g) }))
				err := s.Use(ctx, func(ctx context.Context, db *plinth.Engine) error {
					got, err := plinth.One[int](ctx, db, "select n from who")
					if err == nil && got != want {
						err = fmt.Errorf("tenant %d got the data of %d", want, got)
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for i := range dialled {
		if n := dialled[i].Load(); n != 1 {
			t.Errorf("tenant %d was dialled %d times", i, n)
		}
	}
	if st := s.Stats(); len(st.Targets) != files || st.Opened != files || st.Evicted+st.IdleClosed+st.Failed != 0 {
		t.Errorf("%d open, %+v", len(st.Targets), st.Counts)
	}
}

func TestNoMoreThanMaxTargetsAreEverOpen(t *testing.T) {
	t.Parallel()
	const files, most, goroutines = 12, 4, 200
	s, ctxs := tenants(t, files)
	s.MaxTargets = most
	s.open = func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
		s.mu.Lock()
		n := len(s.targets) + s.closing
		s.mu.Unlock()
		if n > most {
			t.Errorf("%d are open", n)
		}
		if rand.IntN(4) == 0 {
			return nil, &plinth.Error{Kind: plinth.ErrUnavailable}
		}
		return OpenConfig(ctx, c, o)
	}
	for i, ctx := range ctxs {
		db, err := OpenConfig(ctx, must(config.Load(ctx, noDatabase)), s.Options)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(run(db, ctx, "create table who (n int)"), run(db, ctx, "insert into who values (?)", i), db.Close(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for k := range 4 {
				want := rand.IntN(files)
				ctx, cancel := context.WithCancel(ctxs[want])
				if rand.IntN(3) == 0 {
					time.AfterFunc(time.Duration(rand.IntN(5))*time.Millisecond, cancel)
				}
				use := func(ctx context.Context, db *plinth.Engine) error {
					got, err := plinth.One[int](ctx, db, "select n from who")
					if err == nil && got != want {
						t.Errorf("%d got the data of %d", want, got)
					}
					return err
				}
				err := s.Use(ctx, use)
				cancel()
				if err != nil && !errors.Is(err, plinth.ErrUnavailable) && !errors.Is(err, context.Canceled) {
					t.Errorf("goroutine %d, call %d: %v", g, k, err)
				}
			}
		})
	}
	all.Wait()
	st := s.Stats()
	for _, target := range st.Targets {
		if target.Uses != 0 || target.InUse != 0 {
			t.Errorf("%+v", target)
		}
	}
	if len(st.Targets) > most || st.Waiting != 0 || st.Evicted == 0 || st.Failed == 0 {
		t.Errorf("%d targets, %d waiting, %+v", len(st.Targets), st.Waiting, st.Counts)
	}
}

func must(c config.Config, err error) config.Config {
	if err != nil {
		panic(err)
	}
	return c
}

func BenchmarkUse(b *testing.B) {
	s, ctxs := tenants(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Use(ctxs[0], func(context.Context, *plinth.Engine) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUseUnderANewContext(b *testing.B) {
	s, ctxs := tenants(b, 1)
	c, err := config.Load(ctxs[0])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx := config.WithOverride(b.Context(), config.WithURL("sqlite:"+c.Database))
		if err := s.Use(ctx, func(context.Context, *plinth.Engine) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
