package suite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/plinthtest"
)

// aSessionIsInStepAfterItsAnswerWasLate gives up calls whose answers, or questions, are held on their way, and lets them pass
// afterwards. What the session is asked next must get its own answer, and not that of what was given up.
func (d *Database) aSessionIsInStepAfterItsAnswerWasLate(t *testing.T) {
	server := d.Server(t)
	var texts atomic.Int64
	for name, v := range d.verbs() {
		if name == "Engine.Close" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.Database(t)
			direct := d.OpenURL(t, url, Silent)
			book := newBook(t, direct)
			proxy := plinthtest.NewProxy(t, server.Addr())
			e, db := d.openBoth(t, proxy.URL(d.Plain(t, url)))
			for round := range max(6, times(60)) {
				dir := []plinthtest.Direction{plinthtest.ToClient, plinthtest.ToServer, plinthtest.Both}[round%3]
				g := &dark{Engine: e, book: book, db: db}
				var cancel context.CancelFunc
				g.ctx, cancel = context.WithTimeout(beside(), 80*time.Millisecond)
				g.hole = func() { g.holed = true }
				if name != "Rows.Next" && name != "stdsql's Query" && name != "Each" { // it takes as long as it's allowed to
					if err := v.call(g); err != nil && g.ctx.Err() == nil {
						t.Fatalf("round %d, in the light: %v", round, err)
					}
				}
				cancel()
				g.holed = false
				g.ctx, cancel = context.WithTimeout(beside(), 80*time.Millisecond)
				g.hole = func() {
					g.holed = true
					proxy.Blackhole(dir, plinthtest.Hold)
				}
				err := v.call(g)
				cancel()
				proxy.Release(plinthtest.Both)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("round %d: %v", round, err)
				}
				for range 3 {
					n := texts.Add(1) // a text that wasn't prepared before has two answers
					got, err := plinth.One[int64](beside(), e, fmt.Sprintf("select %d + %s", n, d.Number), n)
					if err != nil || got != 2*n {
						t.Fatalf("round %d, after %v: %d, %v, want %d", round, dir, got, err, 2*n)
					}
				}
				token := book.Next()
				err = e.InTx(beside(), func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
				if book.Tell(err, token); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			Idle(t, e)
			d.quiet(t, direct)
			book.check(t, direct)
		})
	}
}
