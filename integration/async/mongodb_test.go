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
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/pool"
)

// openMongo opens an engine on MongoDB's protocol, which FerretDB speaks here.
func openMongo(t *testing.T, url string) *plinth.Engine {
	t.Helper()
	o := plinth.Options{URL: url, Timeout: time.Minute, Pool: pool.Options{MaxOpenConns: 10, AcquireTimeout: time.Minute}}
	o.QueryLog.Threshold = -1
	e, err := mongodb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// documents is what the writers were told of the documents that they have inserted, by _id.
type documents struct {
	mu      sync.Mutex
	done    map[int64]bool
	maybe   map[int64]bool
	refused int
	failed  int
}

// write starts fifty statements: reads, inserts of two collections, one of a hundred refused, and updates, which run as calls of their
// own.
func (d *documents) write(t *testing.T, a *async.Engine, r *rand.Rand, first int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	inserts := make(map[int64]*future.Future[plinth.Result])
	updates := make(map[int64]*future.Future[plinth.Result])
	reads := make(map[int64]*future.Future[int])
	for id := first; id < first+50; id++ {
		call := ctx
		if id%2 == 0 {
			call = plinth.Idempotent(ctx)
		}
		switch n := r.IntN(100); {
		case n == 0:
			inserts[-id] = a.Execute(call, "db.items.insertOne({_id: ?, name: 'taken'})", 0)
		case n < 80:
			inserts[id] = a.Execute(call, []string{"db.items.insertOne({_id: ?, name: ?})", "db.things.insertOne({_id: ?, name: ?})"}[n%2], id, fmt.Sprint(id))
		case n < 90:
			updates[id] = a.Execute(call, "db.one.updateMany({_id: 0}, {$set: {name: 'taken'}})")
		default:
			reads[id] = async.One[int](ctx, a, "db.one.countDocuments({_id: ?})", -1)
		}
	}
	wait, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, f := range inserts {
		result, err := f.Await(wait)
		switch {
		case err == nil && (id < 0 || result.RowsAffected != 1):
			t.Errorf("the insert of %d returned %+v", id, result)
		case err == nil:
			d.done[id] = true
		case wait.Err() != nil:
			t.Errorf("the future of %d hasn't ended", id)
		case errors.Is(err, plinth.ErrOutcomeUnknown):
			d.maybe[id] = true
		case errors.Is(err, plinth.ErrUnique) && id < 0:
			d.refused++
		case errors.Is(err, plinth.ErrUnique): // a marked one that was applied before its repetition
			d.maybe[id] = true
			if id%2 != 0 {
				t.Errorf("%d was inserted twice: %v", id, err)
			}
		default:
			d.failed++
		}
	}
	for _, f := range updates {
		if result, err := f.Await(wait); err == nil && result.RowsAffected != 1 {
			t.Errorf("an update returned %+v", result)
		}
	}
	for _, f := range reads {
		if n, err := f.Await(wait); n != 0 || wait.Err() != nil {
			t.Errorf("a read returned %d, %v", n, err)
		}
	}
}

// storm has writers write through e, and looks over direct at what has come of it.
func (d *documents) storm(t *testing.T, e, direct *plinth.Engine, total int) {
	t.Helper()
	d.done, d.maybe = make(map[int64]bool), make(map[int64]bool)
	for _, insert := range []string{"db.items.insertOne({_id: 0, name: 'taken'})", "db.one.insertOne({_id: 0})"} {
		if _, err := direct.Execute(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
	}
	a := async.New(e, async.Options{})
	var writers sync.WaitGroup
	const callers = 16
	for w := range callers {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 8))
			for i := range total / callers / 50 {
				d.write(t, a, r, int64(1+w*total+i*50))
			}
		})
	}
	writers.Wait()
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	there := 0
	for _, find := range []string{"db.items.find({_id: {$gt: 0}}, {_id: 1})", "db.things.find({}, {_id: 1})"} {
		for id, err := range plinth.Each[int64](t.Context(), direct, find) {
			if err != nil {
				t.Fatal(err)
			}
			if there++; !d.done[id] && !d.maybe[id] {
				t.Errorf("document %d is there, and its future said that it failed", id)
			}
			delete(d.done, id)
		}
	}
	if len(d.done) > 0 {
		t.Errorf("%d documents aren't there whose futures said that they're done", len(d.done))
	}
	s := e.Stats().Pipeline
	t.Logf("%d documents, %d inserts refused, %d of unknown outcome, %d failed; %+v", there, d.refused, len(d.maybe), d.failed, s)
	if there == 0 || s.Largest < 2 {
		t.Errorf("%d documents in batches of up to %d don't test much", there, s.Largest)
	}
}

func TestSoakInsertsOfManyCallersTravelTogetherToMongoDB(t *testing.T) {
	t.Parallel()
	url := servers.FerretDB(t, servers.Durable()).Database(t)
	e := openMongo(t, url)
	var d documents
	d.storm(t, e, e, soak(4000, 200_000))
	if d.refused == 0 || d.failed > 0 || len(d.maybe) > 0 {
		t.Errorf("%d inserts were refused, %d failed, and %d are unknown", d.refused, d.failed, len(d.maybe))
	}
}

func TestSoakNoFutureLiesWhenMongoDBsConnectionsAreCutAtARandomByte(t *testing.T) {
	t.Parallel()
	server := servers.FerretDB(t, servers.Durable())
	url := server.Database(t)
	direct := openMongo(t, url)
	proxy := plinthtest.NewProxy(t, server.Addr())
	e := openMongo(t, proxy.URL(url))
	proxy.OnConnect(func(int) plinthtest.Plan {
		cut := &plinthtest.Cut{After: 1500 + rand.Int64N(8000), End: plinthtest.End(rand.IntN(2))}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: plinthtest.Path{Cut: cut}}
		}
		return plinthtest.Plan{ToClient: plinthtest.Path{Cut: cut}}
	})
	proxy.Cut(plinthtest.RST)
	var d documents
	d.storm(t, e, direct, soak(4000, 100_000))
	if cuts := proxy.Stats().Cuts; cuts < 5 {
		t.Errorf("%d connections were cut: that doesn't test much", cuts)
	}
}
