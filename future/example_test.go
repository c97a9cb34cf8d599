package future_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plinthdb/plinth/future"
)

// Two pieces of work run at the same time.
func ExampleGo() {
	ctx := context.Background()
	square := func(n int) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return n * n, nil }
	}
	three, four := future.Go(ctx, square(3)), future.Go(ctx, square(4))
	a, _ := three.Await(ctx)
	b, _ := four.Await(ctx)
	fmt.Println(a + b)
	// Output: 25
}

// An Await that is given up loses nothing: the result can be fetched later.
func ExampleFuture_Await() {
	f, resolve := future.New[string]()

	impatient, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := f.Await(impatient)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	fmt.Println("first:", resolve("here", nil))
	fmt.Println("second:", resolve("too late", nil))
	fmt.Println(f.Await(context.Background()))
	// Output:
	// true
	// first: true
	// second: false
	// here <nil>
}
