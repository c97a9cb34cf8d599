package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plinthdb/plinth/retry"
)

// busy is an error that says of itself that it goes away.
type busy struct{}

func (busy) Error() string   { return "database is locked" }
func (busy) Retryable() bool { return true }

func ExampleDo() {
	tries := 0
	n, err := retry.Do(context.Background(), retry.Policy{Base: time.Millisecond},
		func(context.Context) (int, error) {
			if tries++; tries < 3 {
				return 0, busy{}
			}
			return 42, nil
		})
	fmt.Println(n, err, "after", tries, "tries")
	// Output: 42 <nil> after 3 tries
}

// The last failure carries every attempt.
func ExampleError() {
	_, err := retry.Do(context.Background(), retry.Policy{Attempts: 3, Base: time.Millisecond},
		func(context.Context) (int, error) { return 0, busy{} })
	fmt.Println(err)

	var gaveUp *retry.Error
	if errors.As(err, &gaveUp) {
		for _, attempt := range gaveUp.Attempts {
			fmt.Println(attempt.N, attempt.Err)
		}
	}
	// Output:
	// database is locked (gave up after 3 attempts: every attempt allowed was used)
	// 1 database is locked
	// 2 database is locked
	// 3 database is locked
}

func ExampleDoAsync() {
	ctx := context.Background()
	tries := 0
	pending := retry.DoAsync(ctx, retry.Policy{Base: time.Millisecond},
		func(context.Context) (string, error) {
			if tries++; tries < 2 {
				return "", busy{}
			}
			return "done", nil
		})
	// … other work …
	fmt.Println(pending.Await(ctx))
	// Output: done <nil>
}

// One Budget is shared by all calls to the same server. When it is used up, calls fail at once.
func ExampleBudget() {
	policy := retry.Policy{Base: time.Millisecond, Budget: retry.NewBudget(10)}
	down := func(context.Context) (int, error) { return 0, busy{} }
	for range 2 {
		_, err := retry.Do(context.Background(), policy, down)
		fmt.Println(err)
	}
	// Output:
	// database is locked (gave up after 3 attempts: the retry budget is empty)
	// database is locked (gave up after 1 attempt: the retry budget is empty)
}
