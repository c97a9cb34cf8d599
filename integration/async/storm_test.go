package async_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/integration/suite"
)

// soak returns long where the long forms are asked for.
func soak(short, long int) int {
	if suite.InFull() {
		return long
	}
	return short
}

// tally is what became of the statements of a storm.
type tally struct {
	mu                          sync.Mutex
	ok, refused, ended, unknown int
	applied, maybe              map[int64]bool // ids of inserts
}

type item struct {
	ID   int64
	Name string
}

// TestSoakEachFutureEndsOnceWithItsOwnResult has many callers start reads and writes of all kinds, one of a hundred failing and
// some cancelled at random.
func TestSoakEachFutureEndsOnceWithItsOwnResult(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		ctx := t.Context()
		e := d.engine(t, plinth.Options{})
		if _, err := e.Execute(ctx, "insert into item values (0, 'taken')"); err != nil {
			t.Fatal(err)
		}
		a := async.New(e, async.Options{InFlight: 5000})
		total := soak(10_000, 1_000_000)
		sum := &tally{applied: make(map[int64]bool), maybe: make(map[int64]bool)}
		const callers = 32
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				r := rand.New(rand.NewPCG(uint64(c), 1))
				for i := range total / callers / 50 {
					sum.round(ctx, t, a, r, int64(c*total+i*50+1))
				}
			})
		}
		all.Wait()
		if err := a.Close(ctx); err != nil {
			t.Fatal(err)
		}
		there := make(map[int64]bool)
		for id, err := range plinth.Each[int64](ctx, e, "select id from item where id > 0") {
			if err != nil {
				t.Fatal(err)
			}
			there[id] = true
			if !sum.applied[id] && !sum.maybe[id] {
				t.Fatalf("row %d is there, but its insert failed", id)
			}
		}
		for id := range sum.applied {
			if !there[id] {
				t.Fatalf("row %d isn't there, but its insert succeeded", id)
			}
		}
		s := a.Stats()
		if s.InFlight != 0 || s.Queued != 0 || s.Running != 0 {
			t.Errorf("something is left: %+v", s)
		}
		t.Logf("%d succeeded, %d were refused, %d ended by their context, %d of unknown outcome; %+v", sum.ok, sum.refused, sum.ended, sum.unknown, s)
	})
}

// round starts fifty statements and waits for them.
func (s *tally) round(ctx context.Context, t *testing.T, a *async.Engine, r *rand.Rand, first int64) {
	if r.IntN(20) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(3000))*time.Microsecond)
		defer cancel()
	}
	reads, inserts := make(map[int64]*future.Future[item]), make(map[int64]*future.Future[plinth.Result])
	for id := first; id < first+50; id++ {
		switch n := r.IntN(100); {
		case n == 0:
			inserts[-id] = a.Execute(ctx, "insert into item values (?, 'taken')", id)
		case n < 30:
			inserts[id] = a.Execute(ctx, "insert into item values (?, ?)", id, fmt.Sprint("item ", id))
		case n < 60:
			inserts[id] = a.Execute(plinth.Idempotent(ctx), "insert into item values (?, ?)", id, fmt.Sprint("item ", id))
		default:
			reads[id] = async.One[item](ctx, a, "select ? + 0 as id, concat('item ', trim(cast(? as char(20)))) as name", id, id)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range reads {
		got, err := f.Await(context.Background())
		if s.count(t, id, err); err == nil && (got.ID != id || got.Name != fmt.Sprint("item ", id)) {
			t.Errorf("a read of %d returned %+v", id, got)
		}
	}
	for id, f := range inserts {
		result, err := f.Await(context.Background())
		s.count(t, id, err)
		switch {
		case err == nil && result.RowsAffected != 1:
			t.Errorf("the insert of %d returned %+v", id, result)
		case err == nil:
			s.applied[id] = true
		case errors.Is(err, plinth.ErrOutcomeUnknown):
			s.maybe[id] = true
		}
	}
}

// count takes note of how a statement ended; a negative id is one that has to be refused.
func (s *tally) count(t *testing.T, id int64, err error) {
	switch {
	case err == nil && id < 0:
		t.Errorf("the insert of %d was not refused", -id)
	case err == nil:
		s.ok++
	case errors.Is(err, plinth.ErrOutcomeUnknown):
		s.unknown++
	case errors.Is(err, plinth.ErrUnique) && id < 0:
		s.refused++
	case errors.Is(err, context.DeadlineExceeded):
		s.ended++
	default:
		t.Errorf("statement %d: %v", id, err)
	}
}
