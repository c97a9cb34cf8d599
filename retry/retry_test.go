package retry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// passing is a failure that goes away: retryable by its method, and a time-out if asked.
type passing struct {
	n       int
	timeout bool
}

func (e *passing) Error() string   { return fmt.Sprintf("failure %d", e.n) }
func (e *passing) Retryable() bool { return true }
func (e *passing) Timeout() bool   { return e.timeout }

// failing returns a function that fails the first times with passing errors and returns what call it was after that.
func failing(times int, calls *int) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		*calls++
		if *calls <= times {
			return *calls, &passing{n: *calls}
		}
		return *calls, nil
	}
}

// full makes every pause as long as it can be.
func full() float64 { return 1 }

func TestDoRepeatsWithGrowingPausesUntilSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, calls := time.Now(), 0
		v, err := Do(t.Context(), Policy{Rand: full}, failing(3, &calls))
		if v != 4 || err != nil {
			t.Errorf("Do = %d, %v; want the fourth call's result", v, err)
		}
		if took, want := time.Since(began), 70*time.Millisecond; took != want { // 10 + 20 + 40
			t.Errorf("Do took %v, want %v", took, want)
		}
	})
}

func TestTheLastFailureCarriesEveryAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		v, err := Do(t.Context(), Policy{Rand: full, Attempts: 3}, func(context.Context) (int, error) {
			n++
			time.Sleep(time.Duration(n) * time.Second)
			return n, &passing{n: n}
		})
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("Do: %v, want an *Error", err)
		}
		if v != 3 {
			t.Errorf("Do returned %d, want what the last call returned beside its error", v)
		}
		ms := time.Millisecond
		want := []Attempt{
			{N: 1, Took: 1000 * ms, Delay: 10 * ms}, {N: 2, Took: 2000 * ms, Delay: 20 * ms}, {N: 3, Took: 3000 * ms},
		}
		if len(e.Attempts) != len(want) {
			t.Fatalf("%d attempts, want %d", len(e.Attempts), len(want))
		}
		for i, got := range e.Attempts {
			if p, ok := got.Err.(*passing); !ok || p.n != i+1 {
				t.Errorf("attempt %d failed with %v", i+1, got.Err)
			}
			if got.Err = nil; got != want[i] {
				t.Errorf("attempt %+v, want %+v", got, want[i])
			}
		}
		if last := e.Attempts[2].Err; !errors.Is(err, last) || errors.Unwrap(err) != last {
			t.Error("the error doesn't wrap the last attempt's")
		}
		if errors.Is(err, e.Attempts[0].Err) {
			t.Error("the error matches the first attempt's: only the last counts")
		}
		if errors.Is(err, context.Canceled) || e.Cause != nil {
			t.Error("the error blames the context, which hasn't ended")
		}
		text := "failure 3 (gave up after 3 attempts: every attempt allowed was used)"
		if err.Error() != text {
			t.Errorf("message %q, want %q", err, text)
		}
	})
}

func TestStartSaysHowLongTheFirstAttemptTook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := Policy{Attempts: 2, Start: time.Now()}
		time.Sleep(time.Second) // what the caller did before Do
		calls := 0
		_, err := Do(t.Context(), p, failing(9, &calls))
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Attempts[0].Took != time.Second || e.Attempts[1].Took != 0 {
			t.Errorf("attempts %+v; want the first to have taken 1s, the second nothing", e)
		}
	})
}

func TestOneUnrepeatableFailureComesBackAsItIs(t *testing.T) {
	t.Parallel()
	permanent := errors.New("permanent")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx context.Context
		p   Policy
		err error
	}{
		"says nothing":          {t.Context(), Policy{}, permanent},
		"the policy says no":    {t.Context(), Policy{Retryable: func(error) bool { return false }}, &passing{}},
		"one attempt":           {t.Context(), Policy{Attempts: 1}, &passing{}},
		"the context had ended": {ended, Policy{}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			_, err := Do(test.ctx, test.p, func(context.Context) (int, error) { calls++; return 0, test.err })
			if err != test.err || calls != 1 {
				t.Errorf("Do: %v after %d calls; want its one call's error itself", err, calls)
			}
		})
	}
}

func TestDoStopsAtAFailureThatIsNotWorthRepeating(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		permanent, calls := errors.New("permanent"), 0
		_, err := Do(t.Context(), Policy{}, func(context.Context) (int, error) {
			if calls++; calls == 2 {
				return 0, permanent
			}
			return 0, &passing{n: calls}
		})
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Stopped != NotRetryable || len(e.Attempts) != 2 || !errors.Is(err, permanent) {
			t.Errorf("Do: %#v; want two attempts, stopped by the second's error", err)
		}
	})
}

func TestDoDoesNotSleepIntoTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Millisecond)
		defer cancel()
		began, calls := time.Now(), 0
		budget := new(Budget)
		_, err := Do(ctx, Policy{Rand: full, Budget: budget}, failing(9, &calls))
		if took := time.Since(began); took != 10*time.Millisecond { // the second pause, 20 ms, has no room
			t.Errorf("Do came back after %v, want 10ms", took)
		}
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Stopped != DeadlineNear || len(e.Attempts) != 2 || e.Attempts[1].Delay != 0 {
			t.Fatalf("Do: %+v; want two attempts, stopped by the near deadline", err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("the error says the deadline was exceeded: it wasn't yet")
		}
		if got := budget.Stats().Retries; got != 1 {
			t.Errorf("the budget paid for %d retries, want 1", got)
		}
	})
}

func TestTheEndOfTheContextEndsThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("the user left")
		time.AfterFunc(time.Second, func() { cancel(cause) })
		began, calls, budget := time.Now(), 0, new(Budget)
		_, err := Do(ctx, Policy{Rand: full, Base: time.Minute, Cap: time.Minute, Budget: budget}, failing(9, &calls))
		if took := time.Since(began); took != time.Second || calls != 1 {
			t.Errorf("Do came back after %v and %d calls, want 1s and 1", took, calls)
		}
		e, _ := errors.AsType[*Error](err)
		if e == nil || e.Stopped != Canceled || e.Cause != cause {
			t.Fatalf("Do: %#v; want it stopped by the context, with its cause", err)
		}
		for _, want := range []error{e.Attempts[0].Err, context.Canceled, cause} {
			if !errors.Is(err, want) {
				t.Errorf("%q doesn't match %q", err, want)
			}
		}
		if want := "failure 1 (gave up after 1 attempt: the context ended: the user left)"; err.Error() != want {
			t.Errorf("message %q, want %q", err, want)
		}
		if left := budget.Stats().Tokens; left != BudgetTokens {
			t.Errorf("%d tokens left, want the price of the retry that wasn't made back", left)
		}
	})
}

func TestDoNeverCallsAgainAfterTheContextEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, err := Do(ctx, Policy{}, func(context.Context) (int, error) {
		calls++
		cancel()
		return 0, &passing{n: calls}
	})
	e, _ := errors.AsType[*Error](err)
	if calls != 1 || e == nil || e.Stopped != Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("Do: %v after %d calls; want it stopped by the context after one", err, calls)
	}
}

func TestNestedDoDoesNotMultiplyAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		_, err := Do(t.Context(), Policy{}, func(ctx context.Context) (int, error) {
			v, err := Do(ctx, Policy{}, failing(1000, &calls))
			if err != nil {
				err = fmt.Errorf("reading the user: %w", err)
			}
			return v, err
		})
		if calls != DefaultAttempts {
			t.Errorf("%d calls, want the inner loop's %d", calls, DefaultAttempts)
		}
		if e, _ := errors.AsType[*Error](err); e == nil || len(e.Attempts) != DefaultAttempts {
			t.Errorf("Do: %v; want the inner loop's attempts in it", err)
		}
	})
}

func TestUnlimitedAttemptsKeepTheFirstAndTheLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		calls := 0
		_, err := Do(ctx, Policy{Attempts: -1, Rand: full}, failing(1<<30, &calls))
		e, _ := errors.AsType[*Error](err)
		if e == nil || len(e.Attempts) != 100 || calls < 500 {
			t.Fatalf("%d calls, error %v; want hundreds, 100 of them kept", calls, err)
		}
		for i, want := range map[int]int{0: 1, 49: 50, 50: calls - 49, 99: calls} {
			if got := e.Attempts[i].N; got != want {
				t.Errorf("Attempts[%d] is attempt %d, want %d", i, got, want)
			}
		}
	})
}

func TestOnRetryIsToldBeforeEachPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, calls := time.Now(), 0
		var told []string
		p := Policy{Rand: full, Attempts: 3, OnRetry: func(_ context.Context, attempt int, delay time.Duration, err error) {
			told = append(told, fmt.Sprintf("at %v: %d failed with %q, next in %v", time.Since(began), attempt, err, delay))
		}}
		_, _ = Do(t.Context(), p, failing(9, &calls))
		want := []string{
			`at 0s: 1 failed with "failure 1", next in 10ms`,
			`at 10ms: 2 failed with "failure 2", next in 20ms`,
		}
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

func TestAPanicOfTheFunctionIsTheCallers(t *testing.T) {
	t.Parallel()
	defer func() {
		if v := recover(); v != "boom" {
			t.Errorf("recovered %v, want the panic itself", v)
		}
	}()
	_, _ = Do(t.Context(), Policy{}, func(context.Context) (int, error) { panic("boom") })
	t.Error("Do swallowed a panic")
}

func TestDoAsyncReturnsWhileTheWorkIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := DoAsync(t.Context(), Policy{Rand: full}, failing(2, &calls))
		select {
		case <-f.Done():
			t.Error("the result is there before the pauses are over")
		default:
		}
		began := time.Now()
		v, err := f.Await(t.Context())
		if took := time.Since(began); v != 3 || err != nil || took != 30*time.Millisecond {
			t.Errorf("Await = %d, %v after %v; want 3 after 30ms", v, err, took)
		}
	})
}

func TestASuccessAtOnceAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	budget := new(Budget)
	sum := 0
	for name, p := range map[string]Policy{
		"defaults": {},
		"engine's": {Budget: budget, Start: time.Now(), Retryable: func(error) bool { return true }},
	} {
		n := testing.AllocsPerRun(100, func() {
			v, err := Do(ctx, p, func(context.Context) (int, error) { sum++; return sum, nil })
			if err != nil {
				t.Error(err)
			}
			sum += v
		})
		if n != 0 {
			t.Errorf("%s: Do allocates %v times", name, n)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	ctx := b.Context()
	f := func(context.Context) (int, error) { return 1, nil }
	for name, p := range map[string]Policy{
		"zero policy":      {},
		"budget and start": {Budget: new(Budget), Start: time.Now()},
		"budget, no start": {Budget: new(Budget)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Do(ctx, p, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
