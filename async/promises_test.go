package async_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/hook"
)

// holdWriter begins a transaction that has the only connection that writes, so that what is started waits. It returns what ends it.
func holdWriter(t *testing.T, e *plinth.Engine) (release func()) {
	t.Helper()
	tx, err := e.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

const insert = "insert into item values (?, 'item ' || ?)"

func TestAFullEngineRefusesWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{InFlight: 3, Refuse: true})
	release := holdWriter(t, e)
	var accepted []*future.Future[plinth.Result]
	for i := range 3 {
		accepted = append(accepted, a.Execute(ctx, insert, i, i))
	}
	_, err := a.Execute(ctx, insert, 3, 3).Await(ctx)
	if !errors.Is(err, async.ErrOverload) || !errors.Is(err, plinth.ErrPoolExhausted) {
		t.Errorf("the fourth of three: %v", err)
	}
	if s := a.Stats(); s.InFlight != 3 || s.Most != 3 || s.Refused != 1 || s.Waited != 0 {
		t.Errorf("stats %+v", s)
	}
	release()
	if _, err := async.Gather(ctx, accepted...); err != nil {
		t.Error(err)
	}
}

func TestAFullEngineHasItsCallersWait(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{InFlight: 1})
	release := holdWriter(t, e)
	first := a.Execute(ctx, insert, 1, 1)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := a.Execute(short, insert, 2, 2).Await(ctx); !errors.Is(err, plinth.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its context ended while it waited for its turn: %v", err)
	}
	second := make(chan *future.Future[plinth.Result])
	go func() { second <- a.Execute(ctx, insert, 3, 3) }()
	release()
	if _, err := async.Gather(ctx, first, <-second); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Waited < 1 || s.InFlight != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestWhatWasNotSentIsDroppedWithItsContext(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	release := holdWriter(t, e)
	mine, cancel := context.WithCancel(ctx)
	dropped, kept := a.Execute(mine, insert, 1, 1), a.Execute(ctx, insert, 2, 2)
	cancel()
	if _, err := dropped.Await(ctx); !errors.Is(err, plinth.ErrCanceled) || errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("it ended with %v", err)
	}
	release()
	if _, err := kept.Await(ctx); err != nil {
		t.Error(err)
	}
	if ids, err := plinth.All[int](ctx, e, "select id from item"); err != nil || !slices.Equal(ids, []int{2}) {
		t.Errorf("rows %v (%v)", ids, err)
	}
}

func TestCloseWaitsForWhatWasAcceptedAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{InFlight: 10})
	release := holdWriter(t, e)
	accepted := a.Execute(ctx, insert, 1, 1)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := a.Close(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close returned %v while a statement waited", err)
	}
	if _, err := a.Execute(ctx, insert, 2, 2).Await(ctx); !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	release()
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
	select {
	case <-accepted.Done():
	default:
		t.Error("Close returned before a statement that it had accepted has ended")
	}
	if _, err := accepted.Await(ctx); err != nil {
		t.Error(err)
	}
}

func TestWhatIsQueuedWhenTheEngineBelowClosesEnds(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	release := holdWriter(t, e)
	queued := a.Execute(ctx, insert, 1, 1)
	closed := make(chan error)
	go func() { closed <- e.Close(ctx) }()
	if _, err := queued.Await(ctx); !errors.Is(err, plinth.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestHooksAndObserversSeeEachStatementOnceWithItsQueueTime(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var before, after, ended, queued atomic.Int32
	_, a := onFile(t, plinth.Options{
		Before: func(ctx context.Context, _ *hook.Event) (context.Context, error) { before.Add(1); return ctx, nil },
		After:  func(context.Context, *hook.Event) { after.Add(1) },
		Observers: []*hook.Observer{{CallEnd: func(_ context.Context, ev *hook.Event) {
			if ended.Add(1); ev.Queue > 0 {
				queued.Add(1)
			}
			if ev.Total < ev.Queue+ev.Wait+ev.Execute {
				t.Errorf("total %v, queue %v, wait %v, execute %v", ev.Total, ev.Queue, ev.Wait, ev.Execute)
			}
		}}},
	}, async.Options{})
	before.Store(0)
	after.Store(0)
	ended.Store(0)
	var futures []*future.Future[plinth.Result]
	for i := range 50 {
		futures = append(futures, a.Execute(ctx, insert, i, i))
	}
	if _, err := async.Gather(ctx, futures...); err != nil {
		t.Fatal(err)
	}
	if before.Load() != 50 || after.Load() != 50 || ended.Load() != 50 || queued.Load() != 50 {
		t.Errorf("of 50: before %d, after %d, end %d, with a queue time %d", before.Load(), after.Load(), ended.Load(), queued.Load())
	}
}

func TestABeforeHookRefusesAStatement(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	no := errors.New("not now")
	e.SetBeforeExecuteHook(func(ctx context.Context, _ *hook.Event) (context.Context, error) { return ctx, no })
	if _, err := a.Execute(ctx, insert, 1, 1).Await(ctx); !errors.Is(err, plinth.ErrVetoed) || !errors.Is(err, no) {
		t.Errorf("it ended with %v", err)
	}
	e.SetBeforeExecuteHook(nil)
}

func TestExecuteManyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	good := a.ExecuteMany(ctx, insert, slices.Values([][]any{{1, 1}, {2, 2}}))
	if r, err := good.Await(ctx); err != nil || r.RowsAffected != 2 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := a.ExecuteMany(ctx, insert, slices.Values([][]any{{3, 3}, {2, 2}})).Await(ctx); !errors.Is(err, plinth.ErrUnique) {
		t.Errorf("it ended with %v", err)
	}
	_, err := a.ExecuteMany(ctx, insert, func(func([]any) bool) { panic("rows") }).Await(ctx)
	if _, ok := errors.AsType[*future.PanicError](err); !ok {
		t.Errorf("rows that panic: %v", err)
	}
	_, err = a.ExecuteMany(ctx, insert, func(func([]any) bool) { runtime.Goexit() }).Await(ctx)
	if !errors.Is(err, future.ErrExited) {
		t.Errorf("rows that end their goroutine: %v", err)
	}
	if n, err := plinth.One[int](ctx, e, "select count(*) from item"); err != nil || n != 2 {
		t.Errorf("%d rows (%v)", n, err)
	}
}

func TestExecuteManyThatWaitsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	release := holdWriter(t, e)
	var futures []*future.Future[plinth.Result]
	for i := range 4 { // which are all that run at once
		futures = append(futures, a.ExecuteMany(ctx, insert, slices.Values([][]any{{i, i}})))
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := a.ExecuteMany(short, insert, slices.Values([][]any{{9, 9}})).Await(ctx); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("it ended with %v", err)
	}
	release()
	if _, err := async.Gather(ctx, futures...); err != nil {
		t.Error(err)
	}
}

func TestMapKeepsOrderAndItsWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most, started int
		start := func(ctx context.Context, n int) *future.Future[int] {
			f, resolve := future.New[int]()
			started++
			running++
			most = max(most, running)
			time.AfterFunc(time.Duration(10-n%10)*time.Second, func() { resolve(n*n, nil) })
			return f
		}
		numbers := func(yield func(int) bool) {
			for n := 0; n < 100 && yield(n); n++ {
			}
		}
		var got []int
		for v, err := range async.Map(t.Context(), 7, numbers, start) {
			if running--; err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		for n, v := range got {
			if v != n*n {
				t.Fatalf("%d in place of %d", v, n*n)
			}
		}
		if len(got) != 100 || most != 7 {
			t.Errorf("%d results, at most %d at once", len(got), most)
		}
		started = 0
		for range async.Map(t.Context(), 7, numbers, start) {
			break
		}
		if started != 7 {
			t.Errorf("%d were started for a loop that was left after one", started)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		var last error
		n := 0
		for _, err := range async.Map(ctx, 1, numbers, start) {
			n, last = n+1, err
		}
		if n != 2 || !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("%d elements, the last with %v, for a context that ended in the second", n, last)
		}
		time.Sleep(time.Minute) // what is under way goes on
	})
}

func TestManyFuturesTakeLittleMemory(t *testing.T) {
	ctx := context.Background()
	_, a := onFile(t, plinth.Options{}, async.Options{InFlight: 100})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := 0
	for i := range 20_000 {
		a.Execute(ctx, "insert into item values (?, ?)", i, i)
		most = max(most, a.Stats().InFlight)
	}
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 || most > 100 {
		t.Errorf("the heap has grown by %d bytes, %d were in flight", grown, most)
	}
}
