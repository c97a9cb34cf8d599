package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

func TestDelayDoublesUpToTheCap(t *testing.T) {
	t.Parallel()
	const most = time.Duration(math.MaxInt64)
	for _, test := range []struct {
		base, cap time.Duration
		attempt   int
		want      time.Duration
	}{
		{0, 0, 0, 10 * time.Millisecond},
		{0, 0, 1, 20 * time.Millisecond},
		{0, 0, 6, 640 * time.Millisecond},
		{0, 0, 7, time.Second},
		{0, 0, -1, 10 * time.Millisecond},
		{0, 0, 62, time.Second},
		{0, 0, 63, time.Second},
		{0, 0, 64, time.Second},
		{0, 0, math.MaxInt, time.Second},
		{-1, -1, 0, 10 * time.Millisecond},
		{time.Minute, time.Second, 0, time.Second},
		{time.Second, time.Hour, 10, 1024 * time.Second},
		{1, most, 61, 1 << 61},
		{1, most, 62, 1 << 62},
		{1, most, 63, most},
		{most, most, 1, most},
	} {
		// Half of the longest, since a float64 can't hold the largest int64.
		p := Policy{Base: test.base, Cap: test.cap, Rand: func() float64 { return 0.5 }}
		got, want := p.Delay(test.attempt), time.Duration(0.5*float64(test.want))
		if got != want {
			t.Errorf("base %v, cap %v: Delay(%d) = %v, want %v", test.base, test.cap, test.attempt, got, want)
		}
	}
}

func TestDelayHasFullJitter(t *testing.T) {
	t.Parallel()
	const n = 20_000
	var p Policy
	var tenths [10]int
	for range n {
		d := p.Delay(3) // up to 80 ms
		if d < 0 || d >= 80*time.Millisecond {
			t.Fatalf("Delay(3) = %v, want less than 80ms", d)
		}
		tenths[d/(8*time.Millisecond)]++
	}
	for i, got := range tenths {
		if got < n/10*8/10 || got > n/10*12/10 { // nine standard deviations away
			t.Errorf("%d of %d pauses in tenth %d of the range: not spread evenly", got, n, i)
		}
	}
}

// says answers Retryable, and may wrap.
type says struct {
	retryable bool
	err       error
}

func (e says) Error() string   { return fmt.Sprint("retryable: ", e.retryable) }
func (e says) Retryable() bool { return e.retryable }
func (e says) Unwrap() error   { return e.err }

func TestWhatIsRepeatedByDefault(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"says yes":                      {says{retryable: true}, true},
		"says no":                       {says{}, false},
		"says nothing":                  {errors.New("?"), false},
		"a wrapped yes":                 {fmt.Errorf("in a closure: %w", says{retryable: true}), true},
		"the outer no beats the yes":    {says{false, says{retryable: true}}, false},
		"the outer yes beats the no":    {says{true, says{}}, true},
		"repeated already":              {&Error{Attempts: []Attempt{{N: 1, Err: says{retryable: true}}}}, false},
		"repeated already, says yes":    {says{true, &Error{Attempts: []Attempt{{N: 1}}}}, false},
		"a deadline that says nothing":  {context.DeadlineExceeded, false},
		"a time-out that says nothing":  {os.ErrDeadlineExceeded, false},
		"the context's end, said twice": {errors.Join(context.Canceled, context.Canceled), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Retryable(test.err); got != test.want {
				t.Errorf("Retryable(%v) = %v", test.err, got)
			}
		})
	}
}

func TestEveryReasonToStopHasItsWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for s := AttemptsUsed; s <= Canceled; s++ {
		if text := s.String(); text == "" || text == "unlisted reason" || seen[text] {
			t.Errorf("reason %d is called %q", s, text)
		} else {
			seen[text] = true
		}
	}
	if got := (Canceled + 1).String(); got != "unlisted reason" {
		t.Errorf("a reason that doesn't exist is called %q", got)
	}
}

func TestAnErrorWithoutAttemptsIsHarmless(t *testing.T) {
	t.Parallel()
	e := &Error{Stopped: BudgetEmpty}
	if got, want := e.Error(), "retry: the retry budget is empty"; got != want || e.Unwrap() != nil {
		t.Errorf("%q, wrapping %v; want %q and nothing", got, e.Unwrap(), want)
	}
}
