package plinth_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/sqlite"
)

// What waits behind a batch that is stuck may be given up by any number of callers, one after the other: nothing of it may stay.
func TestWhatIsGivenUpLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		b := &batching{
			batch: func(_ context.Context, jobs []*driver.Job, encoded func()) {
				for _, j := range jobs {
					j.Take()
				}
				encoded()
				<-stuck
				for _, j := range jobs {
					j.Outcome = driver.Done
				}
			},
			call: func(context.Context, *driver.Request) error { <-stuck; return nil },
		}
		e := onBatching(t, b, plinth.Options{Pipeline: true})
		const alone = "create table other (a integer)" // a change of the schema joins no batch
		var kept []*ending
		for range 70 { // more than run beside each other
			kept = append(kept, submitText(t.Context(), e, alone))
		}
		kept = append(kept, submit(t.Context(), e))
		synctest.Wait()
		running := e.Stats().Pipeline

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var given []*ending
		var blocking sync.WaitGroup
		for range 20 {
			given = append(given, submit(ctx, e), submitText(ctx, e, alone))
			blocking.Go(func() {
				if _, err := e.Execute(ctx, "insert into t values (1)"); !errors.Is(err, plinth.ErrTimeout) {
					t.Error(err)
				}
			})
		}
		kept = append(kept, submit(t.Context(), e))
		synctest.Wait()
		if s := e.Stats().Pipeline; s.Queued < running.Queued+40 {
			t.Errorf("%d are queued", s.Queued)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := e.Stats().Pipeline; s.Queued != running.Queued+1 || s.Running != running.Running {
			t.Errorf("after all but one were given up: %+v; before they came: %+v", s, running)
		}
		blocking.Wait()
		for _, end := range given {
			end.want(t, plinth.ErrTimeout)
		}
		close(stuck)
		for _, end := range kept {
			end.want(t, nil)
		}
	})
}

// submitText starts a statement.
func submitText(ctx context.Context, e *plinth.Engine, text string) *ending {
	end := &ending{done: make(chan struct{})}
	e.Submit(ctx, hook.Execute, text, nil, func(_ *plinth.Rows, err error) {
		if end.err = err; end.times.Add(1) == 1 {
			close(end.done)
		}
	})
	return end
}

// Whatever is queued when the engine goes to another target, or is closed, ends: it's applied and acknowledged, or neither.
func TestNoJobIsLostByAChangeOfTheTargetOrByClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []config.Config
	for _, name := range []string{"a.db", "b.db"} {
		c, err := config.Parse("sqlite:" + filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, c)
	}
	o := plinth.Options{Pipeline: true, QueryLog: querylog.Options{Logger: slog.New(slog.DiscardHandler)}}
	for _, c := range files {
		e, err := sqlite.OpenConfig(t.Context(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		execute(t, e, "create table t (a integer)")
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 {
		e, err := sqlite.OpenConfig(t.Context(), files[0], o)
		if err != nil {
			t.Fatal(err)
		}
		a := async.New(e, async.Options{InFlight: 200})
		const insert = "insert into t values (?)"
		var acknowledged, ended atomic.Int64
		applied := func(err error) bool {
			ended.Add(1)
			switch {
			case err == nil:
				acknowledged.Add(1)
			case !errors.Is(err, plinth.ErrClosed) || errors.Is(err, plinth.ErrOutcomeUnknown):
				t.Errorf("round %d: %v", round, err)
			}
			return err == nil
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { // blocking calls
				for n := 0; ; n++ {
					if _, err := e.Execute(t.Context(), insert, n); !applied(err) {
						return
					}
				}
			})
			all.Go(func() { // futures
				var window []*future.Future[plinth.Result]
				for n := 0; ; n++ {
					window = append(window, a.Execute(t.Context(), insert, n))
					if len(window) < 50 {
						continue
					}
					open := true
					for _, f := range window {
						_, err := f.Await(t.Context())
						open = applied(err) && open
					}
					if window = window[:0]; !open {
						return
					}
				}
			})
		}
		deadline := time.Now().Add(time.Minute)
		for i := range 10 {
			for at := ended.Load(); ended.Load() < at+100 && !t.Failed(); {
				if time.Sleep(time.Millisecond); time.Now().After(deadline) {
					t.Fatalf("round %d: %d calls have ended, and no more do", round, ended.Load())
				}
			}
			if err := e.Reconfigure(t.Context(), files[(i+1)%2]); err != nil {
				t.Error(err)
			}
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		all.Wait()
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s := e.Stats().Pipeline; s.Queued != 0 || s.Running != 0 || s.Largest < 2 {
			t.Errorf("after Close: %+v", s)
		}
		rows := int64(0)
		for _, c := range files {
			e, err := sqlite.OpenConfig(t.Context(), c, o)
			if err != nil {
				t.Fatal(err)
			}
			rows += int64(count(t, e))
			execute(t, e, "delete from t")
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if rows != acknowledged.Load() {
			t.Errorf("round %d: %d writes were acknowledged, %d rows are there", round, acknowledged.Load(), rows)
		}
	}
}
