package async_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/plinthtest"
)

const insert = "insert into item values (?, ?)"

// sleep returns a query of 1 that takes so many seconds. It's another statement for each name.
func (d database) sleep(name string) string {
	if d.name == "mariadb" {
		return "select sleep(?) + 1 as " + name
	}
	return "select 1 as " + name + " from (select pg_sleep(?)) as s"
}

func TestWhatWasSentIsAbandonedAndItsNeighboursGoOn(t *testing.T) {
	onServers(t, func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server) {
		ctx := plinth.Idempotent(t.Context())
		e := d.over(t, start(t).Database(t), plinth.Options{})
		a := async.New(e, async.Options{})
		for round := range 5 { // in each the slow one is new, and not known to be slow
			mine, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			var neighbours []*future.Future[int]
			for i := range 20 {
				if i == 10 {
					slow := async.One[int](mine, a, d.sleep(fmt.Sprint("slow", round)), 0.4)
					defer func() {
						if _, err := slow.Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("round %d: the slow one ended with %v", round, err)
						}
					}()
				}
				neighbours = append(neighbours, async.One[int](ctx, a, d.sleep("quick"), 0))
			}
			values, err := async.Gather(ctx, neighbours...)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			for _, v := range values {
				if v != 1 {
					t.Errorf("%d in place of 1", v)
				}
			}
			<-mine.Done()
			cancel()
		}
		if err := a.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestAStatementBehindABlackholeEndsAtItsDeadline(t *testing.T) {
	onServers(t, func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server) {
		server := start(t)
		url := server.Database(t)
		proxy := plinthtest.NewProxy(t, server.Addr())
		e := d.over(t, proxy.URL(url), plinth.Options{})
		a := async.New(e, async.Options{})
		clock := suite.WatchClock(t)
		var lates, noises []time.Duration
		for round := range 5 { // in one of which at least the machine lets the promise be seen
			proxy.Blackhole(plinthtest.Both, plinthtest.Hold)
			late := inTheDark(t, a, 100*round)
			noise, tooLate := clock.TooLate(late)
			if tooLate {
				t.Errorf("they ended %v after their deadline; the machine was %v late", late, noise)
			}
			if err := proxy.Heal(); err != nil {
				t.Fatal(err)
			}
			suite.Eventually(t, "it works after the dark", func() bool { // a connection may be found dead first
				_, err := async.One[int](t.Context(), a, "select ? + 1", 1).Await(t.Context())
				return err == nil
			})
			if lates, noises = append(lates, late), append(noises, noise); late <= suite.Promised+noise {
				return
			}
		}
		t.Errorf("they ended %v after their deadlines, each time later than the promised %v; the machine was %v late", lates, suite.Promised, noises)
	})
}

// inTheDark starts 200 statements that nobody answers, and returns how long after their deadline the last of them ended.
func inTheDark(t *testing.T, a *async.Engine, first int) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var writes []*future.Future[plinth.Result]
	var reads []*future.Future[int]
	for i := first; i < first+100; i++ {
		writes = append(writes, a.Execute(ctx, insert, i, fmt.Sprint(i)))
		reads = append(reads, async.One[int](ctx, a, "select ? + 1", i))
	}
	for i := range writes {
		_, err := writes[i].Await(context.Background())
		_, rerr := reads[i].Await(context.Background())
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(rerr, plinth.ErrTimeout) {
			t.Fatalf("a write ended with %v, a read with %v", err, rerr)
		}
	}
	deadline, _ := ctx.Deadline()
	return time.Since(deadline)
}

func TestSchemaChangesBetweenBatchesAreNobodysError(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		ctx := plinth.Idempotent(t.Context())
		e := d.engine(t, plinth.Options{})
		a := async.New(e, async.Options{})
		execute := func(text string) {
			t.Helper()
			if _, err := e.Execute(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		id := 0
		for round := range 6 {
			var writes []*future.Future[plinth.Result]
			var reads []*future.Future[[]map[string]any]
			for range 100 {
				id++
				writes = append(writes, a.Execute(ctx, "insert into item (id, name) values (?, ?)", id, fmt.Sprint(id)))
				reads = append(reads, async.All[map[string]any](ctx, a, "select * from item where id = ?", id))
			}
			if _, err := async.Gather(ctx, writes...); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			all, err := async.Gather(ctx, reads...)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			for _, rows := range all {
				if len(rows) == 1 && len(rows[0]) != 2+round {
					t.Fatalf("round %d: %d columns", round, len(rows[0]))
				}
			}
			execute(fmt.Sprintf("alter table item add column c%d integer", round))
			if d.name == "postgres" {
				_ = e.With(ctx, func(c *plinth.Conn) error {
					_, err := c.Execute(ctx, "deallocate all")
					return err
				})
			}
		}
	})
}

func TestArgumentsAndResultsOfAnySizeTravelInBatches(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		ctx := plinth.Idempotent(t.Context())
		e := d.engine(t, plinth.Options{})
		kind := "text"
		if d.name == "mariadb" {
			kind = "longtext"
		}
		if _, err := e.Execute(ctx, "create table big (id integer primary key, body "+kind+")"); err != nil {
			t.Fatal(err)
		}
		a := async.New(e, async.Options{})
		sizes := []int{0, 1, 1000, 40 << 10, 100 << 10, 3 << 20}
		var writes []*future.Future[plinth.Result]
		for i := range 60 {
			writes = append(writes, a.Execute(ctx, "insert into big values (?, ?)", i, strings.Repeat("x", sizes[i%len(sizes)])))
		}
		if _, err := async.Gather(ctx, writes...); err != nil {
			t.Fatal(err)
		}
		var reads []*future.Future[string]
		for i := range 60 {
			reads = append(reads, async.One[string](ctx, a, "select body from big where id = ?", i))
		}
		bodies, err := async.Gather(ctx, reads...)
		if err != nil {
			t.Fatal(err)
		}
		for i, body := range bodies {
			if len(body) != sizes[i%len(sizes)] {
				t.Errorf("body %d has %d bytes", i, len(body))
			}
		}
		huge := a.Execute(ctx, "insert into big values (?, ?)", 1000, strings.Repeat("x", 20<<20)) // beyond MariaDB's max_allowed_packet
		_, err = huge.Await(ctx)
		if refused := d.name == "mariadb"; refused != errors.Is(err, plinth.ErrTooLarge) {
			t.Errorf("20 MiB: %v", err)
		}
		for i := range 20 { // whatever that has left behind
			if r, err := e.Execute(ctx, "update big set body = 'y' where id = ?", i); err != nil || r.RowsAffected != 1 {
				t.Errorf("%+v %v", r, err)
			}
		}
	})
}

func TestADeadlockInABatchIsRepeated(t *testing.T) {
	onServers(t, func(t *testing.T, d database, start func(testing.TB, ...servers.Option) *servers.Server) {
		ctx := plinth.Idempotent(t.Context())
		e := d.over(t, start(t).Database(t), plinth.Options{})
		for i := range 20 {
			if _, err := e.Execute(ctx, insert, i, fmt.Sprint("item ", i)); err != nil {
				t.Fatal(err)
			}
		}
		a := async.New(e, async.Options{})
		var writes []*future.Future[plinth.Result]
		for i := range 2000 { // two lanes, whose groups lock the same rows in opposite order
			id := i % 20
			if i/100%2 == 1 {
				id = 19 - id
			}
			writes = append(writes, a.Execute(ctx, "update item set name = ? where id = ?", fmt.Sprint("item ", id, " ", i), id))
		}
		for i, f := range writes {
			if r, err := f.Await(ctx); err != nil || r.RowsAffected != 1 {
				t.Errorf("update %d: %+v %v", i, r, err)
			}
		}
		t.Logf("%+v, %d retries", a.Stats(), e.Stats().Retries)
	})
}
