package async

import (
	"context"
	"errors"
	"iter"

	"github.com/plinthdb/plinth/future"
)

// Gather waits for all futures and returns their values in order. If some failed, the error joins theirs, in order, and their
// values are zero; the others' are there. If ctx ends before, those that aren't done have its error.
func Gather[T any](ctx context.Context, futures ...*future.Future[T]) ([]T, error) {
	values := make([]T, len(futures))
	var errs []error
	for i, f := range futures {
		v, err := f.Await(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		values[i] = v
	}
	return values, errors.Join(errs...)
}

// Map starts work for each element of in and yields the results in the order of in, with at most limit of them under way or
// waiting to be taken. It ends with in, when the loop is left, or when ctx has ended, with an error as the last
// element. An error of one element is yielded in its place, and the rest goes on. What is under way when the loop is left
// goes on, too.
func Map[In, Out any](ctx context.Context, limit int, in iter.Seq[In], start func(context.Context, In) *future.Future[Out]) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		window := make([]*future.Future[Out], 0, max(limit, 1))
		take := func() bool {
			if ctx.Err() != nil {
				var none Out
				yield(none, context.Cause(ctx))
				return false
			}
			first := window[0]
			window = append(window[:0], window[1:]...)
			v, err := first.Await(ctx)
			select {
			case <-first.Done():
				return yield(v, err)
			default: // ctx has ended, and this is the last element
				yield(v, err)
				return false
			}
		}
		for element := range in {
			if len(window) == cap(window) && !take() {
				return
			}
			window = append(window, start(ctx, element))
		}
		for len(window) > 0 {
			if !take() {
				return
			}
		}
	}
}
