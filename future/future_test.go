package future

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errWork = errors.New("the work failed")

func TestAwaitReturnsWhatResolvedTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, resolve := New[string]()
		go func() {
			time.Sleep(time.Second)
			resolve("done", errWork)
		}()
		began := time.Now()
		for range 2 {
			if v, err := f.Await(t.Context()); v != "done" || err != errWork {
				t.Errorf("Await = %q, %v; want done and the work's own error", v, err)
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("two Awaits took %v, want the second's to be free", took)
		}
	})
}

func TestTheFirstResolutionWins(t *testing.T) {
	t.Parallel()
	f, resolve := New[int]()
	const racers = 50
	wins := make(chan int, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			if resolve(i, nil) {
				wins <- i
			}
		})
	}
	wg.Wait()
	close(wins)
	winner := <-wins
	if _, second := <-wins; second {
		t.Error("two resolutions reported that they had won")
	}
	if v, err := f.Await(t.Context()); v != winner || err != nil {
		t.Errorf("Await = %d, %v; want the winner's %d", v, err, winner)
	}
}

func TestDoneIsClosedByTheResultAndNotBefore(t *testing.T) {
	t.Parallel()
	f, resolve := New[int]()
	select {
	case <-f.Done():
		t.Fatal("a pending future says it is done")
	default:
	}
	resolve(1, nil)
	select {
	case <-f.Done():
	default:
		t.Fatal("a resolved future says it is pending")
	}
}

func TestACancelledAwaitFreesTheCallerAndKeepsTheResult(t *testing.T) {
	t.Parallel()
	cause := errors.New("the user left")
	for name, test := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want []error
	}{
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, []error{context.DeadlineExceeded}},
		"deadline with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, time.Second, cause)
		}, []error{context.DeadlineExceeded, cause}},
		"cancelled with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(cause) })
			return ctx, func() { cancel(nil) }
		}, []error{context.Canceled, cause}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				work := Go(t.Context(), func(ctx context.Context) (int, error) {
					time.Sleep(time.Minute)
					return 7, ctx.Err()
				})
				ctx, cancel := test.ctx(t.Context())
				defer cancel()
				began := time.Now()
				_, err := work.Await(ctx)
				if took := time.Since(began); took != time.Second {
					t.Errorf("Await came back after %v, want 1s", took)
				}
				for _, want := range test.want {
					if !errors.Is(err, want) {
						t.Errorf("Await's error %q doesn't match %q", err, want)
					}
				}
				if v, err := work.Await(t.Context()); v != 7 || err != nil {
					t.Errorf("the next Await = %d, %v; want 7, and the work undisturbed", v, err)
				}
			})
		})
	}
}

func TestAResultThatIsThereBeatsAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := Resolved("there", nil)
	for range 100 { // a select with two ready cases would choose either
		if v, err := f.Await(ctx); v != "there" || err != nil {
			t.Fatalf("Await = %q, %v; want the result", v, err)
		}
	}
}

func TestResolvedCannotBeResolvedAgain(t *testing.T) {
	t.Parallel()
	f := Resolved(1, errWork)
	if f.resolve(2, nil) {
		t.Error("a resolved future took a second result")
	}
	if v, err := f.Await(t.Context()); v != 1 || err != errWork {
		t.Errorf("Await = %d, %v; want 1 and the error", v, err)
	}
}

func TestGoHandsTheContextToTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := Go(ctx, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		cancel()
		if _, err := f.Await(t.Context()); err != context.Canceled {
			t.Errorf("Await: %v, want the work's own context.Canceled", err)
		}
	})
}

func TestAPanicBecomesAnErrorWithItsStack(t *testing.T) {
	t.Parallel()
	f := Go(t.Context(), func(context.Context) (int, error) { return explode() })
	_, err := f.Await(t.Context())
	p, ok := errors.AsType[*PanicError](err)
	if !ok {
		t.Fatalf("Await: %v, want a *PanicError", err)
	}
	if !strings.Contains(string(p.Stack), "explode") {
		t.Errorf("the stack doesn't name the function that panicked:\n%s", p.Stack)
	}
	if !errors.Is(err, errWork) {
		t.Errorf("%q doesn't match the error it panicked with", err)
	}
	if got, want := err.Error(), "future: the work panicked: the work failed"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if err := (&PanicError{Value: "no error"}).Unwrap(); err != nil {
		t.Errorf("a panic with a string unwraps to %v", err)
	}
}

func explode() (int, error) { panic(errWork) }

func TestWorkThatExitsItsGoroutineResolvesTheFuture(t *testing.T) {
	t.Parallel()
	f := Go(t.Context(), func(context.Context) (int, error) {
		runtime.Goexit()
		return 1, nil
	})
	if _, err := f.Await(t.Context()); err != ErrExited {
		t.Errorf("Await: %v, want ErrExited", err)
	}
}

func TestAPendingFutureHasNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	pending := make([]*Future[int], 1000)
	for i := range pending {
		pending[i], _ = New[int]()
	}
	if n := runtime.NumGoroutine() - before; n > 0 {
		t.Errorf("%d pending futures brought %d goroutines", len(pending), n)
	}
}

func TestAwaitOfAResultAllocatesNothing(t *testing.T) {
	f, ctx := Resolved(1, nil), t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = f.Await(ctx) }); n != 0 {
		t.Errorf("Await allocates %v times", n)
	}
}

func BenchmarkNewResolveAwait(b *testing.B) {
	b.ReportAllocs()
	ctx := b.Context()
	for b.Loop() {
		f, resolve := New[int]()
		resolve(1, nil)
		if _, err := f.Await(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
