package async_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/integration/servers"
)

func TestASessionWhoseWholeBatchWasGivenUpIsSettled(t *testing.T) {
	onServers(t, func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server) {
		e := d.over(t, start(t).Database(t), plinth.Options{})
		a := async.New(e, async.Options{})
		for range 5 {
			ctx, cancel := context.WithTimeout(plinth.Idempotent(t.Context()), 100*time.Millisecond)
			var all []*future.Future[int]
			for range 40 { // unanswered ones are behind the one that is cancelled
				all = append(all, async.One[int](ctx, a, d.sleep("slow"+string(rune('a'+len(all)))), 0.5))
			}
			for _, f := range all {
				if _, err := f.Await(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("it ended with %v", err)
				}
			}
			cancel()
		}
		idle, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := errors.Join(a.Close(idle), e.Close(idle)); err != nil {
			t.Errorf("the sessions aren't settled: %v", err)
		}
	})
}
