package async_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onFile returns an engine over a new file with a table item (id, name), and an asynchronous one over that.
func onFile(t testing.TB, o plinth.Options, ao async.Options) (*plinth.Engine, *async.Engine) {
	t.Helper()
	o.QueryLog.Threshold = -1
	o.URL = "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	e, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := e.Execute(t.Context(), "create table item (id integer primary key, name text not null unique)"); err != nil {
		t.Fatal(err)
	}
	a := async.New(e, ao)
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e, a
}

type item struct {
	ID   int64
	Name string
}

func TestFuturesResolveToWhatTheirStatementsReturn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, a := onFile(t, plinth.Options{}, async.Options{})
	var inserts []*future.Future[plinth.Result]
	for i := range 100 {
		inserts = append(inserts, a.Execute(ctx, "insert into item values (?, ?)", i, fmt.Sprint("item ", i)))
	}
	results, err := async.Gather(ctx, inserts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.RowsAffected != 1 || r.LastInsertID != int64(i) {
			t.Errorf("insert %d returned %+v", i, r)
		}
	}
	one, err := async.One[item](ctx, a, "select * from item where id = ?", 7).Await(ctx)
	if err != nil || one != (item{7, "item 7"}) {
		t.Errorf("One: %+v %v", one, err)
	}
	all, err := async.All[item](ctx, a, "select * from item where id < 3 order by id").Await(ctx)
	if err != nil || len(all) != 3 || all[2] != (item{2, "item 2"}) {
		t.Errorf("All: %+v %v", all, err)
	}
	back, err := async.One[item](ctx, a, "insert into item values (1000, 'thousand') returning *").Await(ctx)
	if err != nil || back != (item{1000, "thousand"}) {
		t.Errorf("RETURNING: %+v %v", back, err)
	}
	if _, err := async.One[item](ctx, a, "select * from item where id = -1").Await(ctx); !errors.Is(err, plinth.ErrNotFound) {
		t.Errorf("One of nothing: %v", err)
	}
	s := a.Stats()
	if s.InFlight != 0 || s.Statements != 101 || s.Batches == 0 || s.Batches > 100 {
		t.Errorf("stats %+v", s)
	}
}

func TestAFailureIsItsOwn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	if _, err := e.Execute(ctx, "insert into item values (0, 'taken')"); err != nil {
		t.Fatal(err)
	}
	var futures []*future.Future[plinth.Result]
	for i := 1; i <= 1000; i++ {
		name := fmt.Sprint("item ", i)
		if i%10 == 0 {
			name = "taken"
		}
		futures = append(futures, a.Execute(ctx, "insert into item values (?, ?)", i, name))
	}
	for i, f := range futures {
		_, err := f.Await(ctx)
		if bad := (i+1)%10 == 0; bad != errors.Is(err, plinth.ErrUnique) || !bad && err != nil {
			t.Errorf("insert %d: %v", i+1, err)
		}
	}
	if n, err := plinth.One[int](ctx, e, "select count(*) from item"); err != nil || n != 901 {
		t.Errorf("%d rows, want 901 (%v)", n, err)
	}
}

func TestBlockingCallsJoinBatchesWhereThePipelineIsOn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, _ := onFile(t, plinth.Options{Pipeline: true}, async.Options{})
	var all sync.WaitGroup
	for c := range 32 {
		all.Go(func() {
			for i := range 50 {
				id := c*50 + i
				if r, err := e.Execute(ctx, "insert into item values (?, ?)", id, fmt.Sprint(id)); err != nil || r.LastInsertID != int64(id) {
					t.Errorf("insert %d: %+v %v", id, r, err)
				}
				if got, err := plinth.One[item](ctx, e, "insert into item values (?, ?) returning *", 10_000+id, fmt.Sprint(10_000+id)); err != nil || got.ID != int64(10_000+id) {
					t.Errorf("insert %d: %+v %v", 10_000+id, got, err)
				}
			}
		})
	}
	all.Wait()
	if n, err := plinth.One[int](ctx, e, "select count(*) from item"); err != nil || n != 3200 {
		t.Errorf("%d rows (%v)", n, err)
	}
	if s := e.Stats().Pipeline; s.Largest < 2 {
		t.Errorf("no statements were run together: %+v", s)
	}
}

func TestADeferredConstraintFailsWhoViolatesIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	if _, err := e.Execute(ctx, "create table part (id integer primary key, item integer references item deferrable initially deferred)"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Execute(ctx, "insert into item values (1, 'one')"); err != nil {
		t.Fatal(err)
	}
	futures := make([]*future.Future[plinth.Result], 300)
	for i := range futures {
		item := 1
		if i == 250 {
			item = 99
		}
		futures[i] = a.Execute(ctx, "insert into part values (?, ?)", i, item)
	}
	for i, f := range futures {
		_, err := f.Await(ctx)
		if bad := i == 250; bad != errors.Is(err, plinth.ErrForeignKey) || !bad && err != nil {
			t.Errorf("insert %d: %v", i, err)
		}
	}
	if n, err := plinth.One[int](ctx, e, "select count(*) from part"); err != nil || n != 299 {
		t.Errorf("%d rows (%v)", n, err)
	}
}

func TestATriggerThatRollsBackUndoesNobodyElse(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, a := onFile(t, plinth.Options{}, async.Options{})
	if _, err := e.Execute(ctx, "create trigger no before insert on item when new.name = 'no' begin select raise(rollback, 'no'); end"); err != nil {
		t.Fatal(err)
	}
	futures := make([]*future.Future[plinth.Result], 300)
	for i := range futures {
		name := fmt.Sprint("item ", i)
		if i%50 == 20 {
			name = "no"
		}
		futures[i] = a.Execute(ctx, "insert into item values (?, ?)", i, name)
	}
	for i, f := range futures {
		if _, err := f.Await(ctx); (i%50 == 20) == (err == nil) {
			t.Errorf("insert %d: %v", i, err)
		}
	}
	if n, err := plinth.One[int](ctx, e, "select count(*) from item"); err != nil || n != 294 {
		t.Errorf("%d rows (%v)", n, err)
	}
}
