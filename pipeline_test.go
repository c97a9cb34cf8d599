package plinth_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/retry"
	"github.com/plinthdb/plinth/sqlite"
)

func TestADoneThatEndsItsGoroutineLeavesItsNeighboursAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
			time.Sleep(time.Second)
			for _, j := range jobs {
				j.Take()
				j.Outcome = driver.Done
			}
		}}
		e := onBatching(t, b, plinth.Options{})
		first := submit(t.Context(), e)
		synctest.Wait()
		var rest []*ending
		for i := range 9 {
			rest = append(rest, submit(t.Context(), e))
			if i%3 == 1 {
				e.Submit(t.Context(), hook.Execute, "insert into t values (1)", nil, func(*plinth.Rows, error) { runtime.Goexit() })
			}
		}
		for _, end := range append(rest, first) {
			end.want(t, nil)
		}
	})
}

func TestAHookThatEndsItsGoroutineEndsItsStatement(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"before", "after", "end"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			for _, alone := range []bool{false, true} {
				b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
					for _, j := range jobs {
						if j.Take(); alone {
							j.Outcome = driver.Alone
						} else {
							j.Outcome = driver.Done
						}
					}
				}}
				exit := func() { runtime.Goexit() }
				var o plinth.Options
				switch where {
				case "before":
					o.Before = func(ctx context.Context, _ *hook.Event) (context.Context, error) { exit(); return ctx, nil }
				case "after":
					o.After = func(context.Context, *hook.Event) { exit() }
				case "end":
					o.Observers = []*hook.Observer{{CallEnd: func(context.Context, *hook.Event) { exit() }}}
				}
				e := onBatching(t, b, o)
				end := &ending{done: make(chan struct{})}
				go func() { // which the before hook ends
					e.Submit(t.Context(), hook.Execute, "insert into t values (1)", nil, func(_ *plinth.Rows, err error) {
						end.err = err
						end.times.Add(1)
						close(end.done)
					})
				}()
				end.want(t, driver.Unknown)
			}
		})
	}
}

func TestAnArgumentThatPanicsHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){"panic": func() { panic("an argument's method") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := sqlite.Open(t.Context(), plinth.Options{URL: "sqlite:" + t.TempDir() + "/test.db", Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close(t.Context()) //nolint:errcheck // the test is over
			execute(t, e, "create table t (a integer)")
			const n = 200
			var ends []*ending
			for i := range n {
				if i%10 == 3 {
					ends = append(ends, submit(t.Context(), e, leaving(leave)))
				} else {
					ends = append(ends, submit(t.Context(), e, i))
				}
			}
			for i, end := range ends {
				if i%10 == 3 {
					end.want(t, driver.Unknown)
					p, is := errors.AsType[*future.PanicError](end.err)
					if is != (name == "panic") || is && p.Value != "an argument's method" || is == errors.Is(end.err, future.ErrExited) {
						t.Errorf("it ended with %v", end.err)
					}
				} else {
					end.want(t, nil)
				}
			}
			if rows, err := plinth.One[int](t.Context(), e, "select count(*) from t"); err != nil || rows != n-n/10 {
				t.Errorf("%d rows (%v)", rows, err)
			}
		})
	}
}

func TestAPauseBeforeARetryEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
			for _, j := range jobs {
				j.Take()
				j.Outcome, j.Err = driver.Failed, &driver.Fault{Kind: driver.Deadlock, Verdict: driver.Again, Phase: driver.Run, Err: errors.New("deadlock")}
			}
		}}
		e := onBatching(t, b, plinth.Options{Retry: retry.Policy{Base: time.Hour, Cap: time.Hour, Rand: func() float64 { return 0.99 }}})
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		end := submit(ctx, e)
		synctest.Wait()
		time.AfterFunc(time.Second, cancel)
		<-end.done
		if took := time.Since(start); took != time.Second {
			t.Errorf("it ended after %v, its context after a second", took)
		}
		end.want(t, context.Canceled)
	})
}

func TestAStatementThatFailedForNowIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failures := 2
		b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
			for _, j := range jobs {
				j.Take()
				if failures--; failures >= 0 {
					j.Outcome, j.Err = driver.Failed, &driver.Fault{Kind: driver.Deadlock, Verdict: driver.Again, Phase: driver.Run, Err: errors.New("deadlock")}
				} else {
					j.Outcome = driver.Done
				}
			}
		}}
		e := onBatching(t, b, plinth.Options{})
		submit(t.Context(), e).want(t, nil)
		if s := e.Stats(); s.Retries != 2 {
			t.Errorf("%d retries", s.Retries)
		}
	})
}

func TestAShorterContextOfTheBeforeHookEndsOnlyTheAttempt(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	b := &batching{batch: func(ctx context.Context, jobs []*driver.Job, encoded func()) {
		encoded()
		if attempts.Load() < 3 {
			<-ctx.Done()
			return
		}
		for _, j := range jobs {
			j.Take()
			j.Outcome = driver.Done
		}
	}}
	o := plinth.Options{Before: func(ctx context.Context, ev *hook.Event) (context.Context, error) {
		if attempts.Store(int32(ev.Attempt)); ev.Attempt < 3 {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, nil
		}
		return ctx, nil
	}}
	o.Retry.Retryable = func(error) bool { return true }
	e := onBatching(t, b, o)
	for range 100 {
		end := submit(t.Context(), e)
		<-end.done // whether it's repeated is the policy's; that nothing races is what this is for
		if n := end.times.Load(); n != 1 {
			t.Fatalf("it ended %d times", n)
		}
	}
}

func TestWhatWaitsToRunByItselfEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := &batching{
			batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
				for _, j := range jobs {
					j.Outcome = driver.Alone
				}
			},
			call: func(context.Context, *driver.Request) error { <-release; return nil },
		}
		e := onBatching(t, b, plinth.Options{})
		var held []*ending
		for range 64 {
			held = append(held, submit(t.Context(), e))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		late := submit(ctx, e)
		synctest.Wait()
		if s := e.Stats().Pipeline; s.Running != 64 || s.Queued != 1 {
			t.Errorf("statistics %+v", s)
		}
		late.want(t, context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it ended after %v", took)
		}
		close(release)
		for _, end := range held {
			end.want(t, nil)
		}
		if _, calls := b.ran(); len(calls) != 64 {
			t.Errorf("%d calls ran, the one that was given up, too", len(calls))
		}
	})
}

func TestWhatRunsByItselfAfterAllIsOneAttemptToTheHooks(t *testing.T) {
	t.Parallel()
	b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
		for _, j := range jobs {
			j.Outcome = driver.Alone
		}
	}}
	var before, after atomic.Int32
	e := onBatching(t, b, plinth.Options{
		Before: func(ctx context.Context, _ *hook.Event) (context.Context, error) { before.Add(1); return ctx, nil },
		After:  func(context.Context, *hook.Event) { after.Add(1) },
	})
	submit(t.Context(), e).want(t, nil)
	if before.Load() != 1 || after.Load() != 1 {
		t.Errorf("the before hook ran %d times, the after hook %d times", before.Load(), after.Load())
	}
}

func TestTheAfterHookSeesHowManyRowsABatchsStatementChanged(t *testing.T) {
	t.Parallel()
	b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
		for _, j := range jobs {
			j.Take()
			j.Outcome, j.Result.RowsAffected = driver.Done, 3
		}
	}}
	var rows atomic.Int64
	e := onBatching(t, b, plinth.Options{After: func(_ context.Context, ev *hook.Event) { rows.Store(ev.Rows) }})
	submit(t.Context(), e).want(t, nil)
	if rows.Load() != 3 {
		t.Errorf("it saw %d rows", rows.Load())
	}
}

func TestWhatIsGivenUpIsAnUnknownOutcomeOnceItWasSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read, release := make(chan struct{}), make(chan struct{})
		b := &batching{batch: func(_ context.Context, jobs []*driver.Job, encoded func()) {
			for _, j := range jobs {
				j.Take()
			}
			<-read
			encoded()
			<-release
			for _, j := range jobs {
				j.Outcome = driver.Done
			}
		}}
		var after atomic.Int32
		e := onBatching(t, b, plinth.Options{After: func(context.Context, *hook.Event) { after.Add(1) }})
		ctx, cancel := context.WithCancel(t.Context())
		sent, query := submit(ctx, e), &ending{done: make(chan struct{})}
		synctest.Wait()
		queued := submit(ctx, e)
		e.Submit(ctx, hook.Query, "select 1", nil, func(_ *plinth.Rows, err error) {
			query.err = err
			query.times.Add(1)
			close(query.done)
		})
		synctest.Wait()
		if s := e.Stats().Pipeline; s.Running != 2 || s.Queued != 1 {
			t.Errorf("statistics %+v", s)
		}
		cancel()
		queued.want(t, plinth.ErrCanceled)
		synctest.Wait()
		select {
		case <-sent.done:
			t.Error("it ended while a driver read its arguments")
		case <-query.done:
			t.Error("a query ended while a driver read its arguments")
		default:
		}
		close(read)
		sent.want(t, plinth.ErrOutcomeUnknown)
		sent.want(t, context.Canceled)
		query.want(t, plinth.ErrCanceled)
		if errors.Is(queued.err, plinth.ErrOutcomeUnknown) || errors.Is(query.err, plinth.ErrOutcomeUnknown) {
			t.Errorf("what wasn't sent, or only reads, ended with %v and %v", queued.err, query.err)
		}
		close(release)
		synctest.Wait()
		if after.Load() != 3 {
			t.Errorf("the after hook ran %d times for three statements: the batch's end is the end of none of them", after.Load())
		}
	})
}

func TestTheSessionOfABatchIsOnlyKeptAsItShouldBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state driver.TxState
		err   error
		want  driver.Fate
	}{
		"idle":               {driver.TxIdle, nil, driver.Keep},
		"a statement failed": {driver.TxIdle, deadlocked(), driver.Keep},
		"lost":               {driver.TxIdle, lost(driver.Run), driver.Destroy},
		"in a transaction":   {driver.TxOpen, nil, driver.Reset},
		"nobody knows":       {driver.TxUnknown, nil, driver.Destroy},
	} {
		b := &batching{state: c.state, batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
			for _, j := range jobs {
				if j.Take(); c.err == nil {
					j.Outcome = driver.Done
				} else {
					j.Outcome, j.Err = driver.Failed, c.err
				}
			}
		}}
		e := onBatching(t, b, plinth.Options{Retry: retry.Policy{Attempts: 1}})
		<-submit(t.Context(), e).done
		b.mu.Lock()
		if !slices.Equal(b.released, []driver.Fate{c.want}) {
			t.Errorf("%s: released as %v, want %v", name, b.released, c.want)
		}
		b.mu.Unlock()
	}
}

func TestABatchThatIsStuckDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := &batching{lanes: 1, jobs: 10, most: 3}
		b.batch = func(_ context.Context, jobs []*driver.Job, _ func()) {
			for _, j := range jobs {
				if j.Take(); j.Args[0] == int64(7) {
					<-release
				}
				j.Outcome = driver.Done
			}
		}
		e := onBatching(t, b, plinth.Options{})
		ctx := plinth.Idempotent(t.Context())
		stuck := submit(ctx, e, 7)
		synctest.Wait()
		for range 3 {
			submit(ctx, e, 1).want(t, nil)
		}
		close(release)
		stuck.want(t, nil)
	})
}

func TestALargeReadRunsByItselfAndIsLearned(t *testing.T) {
	t.Parallel()
	b := &batching{batch: func(_ context.Context, jobs []*driver.Job, _ func()) {
		for _, j := range jobs {
			j.Take()
			for range 100_000 {
				if !j.Keep([]driver.Value{driver.IntValue(1)}) {
					break
				}
			}
		}
	}}
	e := onBatching(t, b, plinth.Options{})
	for range 3 {
		done := make(chan error)
		e.Submit(t.Context(), hook.Query, "select 1", nil, func(_ *plinth.Rows, err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if batches, calls := b.ran(); len(batches) != 1 || len(calls) != 3 {
		t.Errorf("%d batches and %d calls ran, want one batch that found out and three calls", len(batches), len(calls))
	}
}
