package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// TestASessionIsInStepAfterItsAnswerWasLate gives up calls whose answers, or questions, are held on their way, and lets them pass
// afterwards. What the session is asked next must get its own answer, and not that of what was given up.
func TestASessionIsInStepAfterItsAnswerWasLate(t *testing.T) {
	server := servers.Postgres(t)
	var texts atomic.Int64
	for name, v := range verbs() {
		if name == "Engine.Close" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.Database(t)
			direct := openURL(t, url, silent)
			book := newLedger(t, direct)
			proxy := plinthtest.NewProxy(t, server.Addr())
			e, db := openBoth(t, proxy.URL(plain(t, url)))
			for round := range max(6, times(60)) {
				dir := []plinthtest.Direction{plinthtest.ToClient, plinthtest.ToServer, plinthtest.Both}[round%3]
				d := &dark{Engine: e, ledger: book, db: db}
				var cancel context.CancelFunc
				d.ctx, cancel = context.WithTimeout(beside(), 80*time.Millisecond)
				d.hole = func() { d.holed = true }
				if name != "Rows.Next" && name != "stdsql's Query" && name != "Each" { // it takes as long as it's allowed to
					if err := v.call(d); err != nil && d.ctx.Err() == nil {
						t.Fatalf("round %d, in the light: %v", round, err)
					}
				}
				cancel()
				d.holed = false
				d.ctx, cancel = context.WithTimeout(beside(), 80*time.Millisecond)
				d.hole = func() {
					d.holed = true
					proxy.Blackhole(dir, plinthtest.Hold)
				}
				err := v.call(d)
				cancel()
				proxy.Release(plinthtest.Both)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("round %d: %v", round, err)
				}
				for range 3 {
					n := texts.Add(1) // a text that wasn't prepared before has two answers
					got, err := plinth.One[int64](beside(), e, fmt.Sprintf("select %d + ?::bigint", n), n)
					if err != nil || got != 2*n {
						t.Fatalf("round %d, after %v: %d, %v, want %d", round, dir, got, err, 2*n)
					}
				}
				token := book.next.Add(1)
				err = e.InTx(beside(), func(ctx context.Context, tx *plinth.Tx) error { return transfer(ctx, tx, token) })
				if book.tell(err, token); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			idle(t, e)
			quiet(t, direct)
			book.check(t, direct)
		})
	}
}
