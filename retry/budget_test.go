package retry

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// In a total failure of 10 s at 1,000 calls a second, retries add no more than the first bucketful, however often a
// call may be repeated.
func TestATotalFailureIsNotMultiplied(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err     error
		retries int64
	}{
		"failures":  {&passing{}, BudgetTokens / RetryCost},
		"time-outs": {&passing{timeout: true}, BudgetTokens / TimeoutCost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const calls = 10_000
				p := Policy{Budget: new(Budget)}
				var attempts, emptied atomic.Int64
				var wg sync.WaitGroup
				for range calls {
					wg.Go(func() {
						_, err := Do(t.Context(), p, func(context.Context) (int, error) {
							attempts.Add(1)
							return 0, test.err
						})
						if e, ok := errors.AsType[*Error](err); ok && e.Stopped == BudgetEmpty {
							emptied.Add(1)
						}
					})
					time.Sleep(time.Millisecond)
				}
				wg.Wait()
				retries := attempts.Load() - calls
				if retries != test.retries {
					t.Errorf("%d retries of %d calls, want the %d that a full bucket pays for", retries, calls, test.retries)
				}
				if retries > calls/10 {
					t.Errorf("retries add %d to %d calls, more than a tenth", retries, calls)
				}
				s := p.Budget.Stats()
				if s.Tokens != 0 || s.Retries != uint64(retries) || s.Denied != uint64(emptied.Load()) {
					t.Errorf("%+v after %d retries and %d refusals", s, retries, emptied.Load())
				}
			})
		})
	}
}

func TestSuccessesFillTheBucketUpToItsSize(t *testing.T) {
	t.Parallel()
	b := NewBudget(10)
	for n, want := range []bool{true, true, false} {
		if got := b.take(RetryCost); got != want {
			t.Fatalf("retry %d of a bucket of 10: %v, want %v", n+1, got, want)
		}
	}
	if want := (BudgetStats{Tokens: 0, Capacity: 10, Retries: 2, Denied: 1}); b.Stats() != want {
		t.Fatalf("%+v, want %+v", b.Stats(), want)
	}
	succeed := func(times int) {
		for range times {
			_, _ = Do(t.Context(), Policy{Budget: b}, func(context.Context) (int, error) { return 0, nil })
		}
	}
	if succeed(4); b.take(RetryCost) {
		t.Error("four successes paid for a retry, want five to be needed")
	}
	if succeed(1); !b.take(RetryCost) {
		t.Error("five successes didn't pay for a retry")
	}
	if succeed(100); b.Stats().Tokens != 10 {
		t.Errorf("%d tokens after 100 successes, want no more than it holds", b.Stats().Tokens)
	}
}

func TestASuccessAfterARetryGivesBackToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, calls := new(Budget), 0
		if _, err := Do(t.Context(), Policy{Budget: b}, failing(1, &calls)); err != nil {
			t.Fatal(err)
		}
		if got, want := b.Stats().Tokens, int64(BudgetTokens-RetryCost+SuccessGain); got != want {
			t.Errorf("%d tokens left, want %d", got, want)
		}
	})
}

func TestATimeOutCostsTwice(t *testing.T) {
	t.Parallel()
	always := func(error) bool { return true }
	for name, test := range map[string]struct {
		err  error
		cost int64
	}{
		"plain":                 {errors.New("?"), RetryCost},
		"says it isn't":         {&passing{}, RetryCost},
		"says it is":            {&passing{timeout: true}, TimeoutCost},
		"a context's deadline":  {context.DeadlineExceeded, TimeoutCost},
		"a connection's":        {os.ErrDeadlineExceeded, TimeoutCost},
		"cancelled, no timeout": {context.Canceled, RetryCost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := new(Budget)
				_, err := Do(t.Context(), Policy{Attempts: 2, Budget: b, Retryable: always},
					func(context.Context) (int, error) { return 0, test.err })
				if !errors.Is(err, test.err) {
					t.Errorf("Do: %v", err)
				}
				if got := BudgetTokens - b.Stats().Tokens; got != test.cost {
					t.Errorf("the retry cost %d tokens, want %d", got, test.cost)
				}
			})
		})
	}
}

func TestBudgetsOfEverySize(t *testing.T) {
	t.Parallel()
	for tokens, want := range map[int]int64{-1: BudgetTokens, 0: BudgetTokens, 1: 1, 1000: 1000} {
		if got := NewBudget(tokens).Stats(); got.Capacity != want || got.Tokens != want {
			t.Errorf("NewBudget(%d) holds %+v, want %d", tokens, got, want)
		}
	}
	if got := (*Budget)(nil).Stats(); got != (BudgetStats{}) {
		t.Errorf("no budget has %+v", got)
	}
}

func TestABudgetNeverHoldsTooLittleOrTooMuch(t *testing.T) {
	t.Parallel()
	b := NewBudget(50)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				if i%3 == 0 {
					b.take(RetryCost)
				} else {
					b.succeeded()
				}
				if left := b.Stats().Tokens; left < 0 || left > 50 {
					t.Errorf("%d of 50 tokens left", left)
					return
				}
			}
		})
	}
	wg.Wait()
}
