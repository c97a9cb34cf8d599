package mariadb_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// TestTheSessionGoesOnWhenTheContextEndsBetweenRows ends it while the server is at work on the rows before.
func TestTheSessionGoesOnWhenTheContextEndsBetweenRows(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, bulkTables...)
	large := `{"a": "` + strings.Repeat("a", 60<<10) + `"}`
	interrupted := func(t *testing.T, q interface {
		ExecuteMany(context.Context, string, iter.Seq[[]any]) (plinth.Result, error)
	},
	) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const last = 12 // the server has nine of them
		_, err := q.ExecuteMany(ctx, insertThing, things(last, func(i int, row []any) {
			row[5] = large
			if i == last {
				cancel()
				time.Sleep(20 * time.Millisecond) // the watch on the context has seen it, or not: either has to do
			}
		}))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	err := db.With(t.Context(), func(c *plinth.Conn) error {
		interrupted(t, c)
		_, err := c.Execute(t.Context(), "insert into owner values (3)")
		return err
	})
	if err != nil {
		t.Errorf("on its connection: %v", err)
	}
	err = db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		interrupted(t, tx)
		_, err := tx.Execute(ctx, "insert into owner values (4)")
		return err
	})
	if err != nil {
		t.Errorf("in its transaction: %v", err)
	}
	for table, want := range map[string]int{"thing": 0, "owner": 4} {
		if n, err := plinth.One[int](t.Context(), db, "select count(*) from "+table); n != want || err != nil {
			t.Errorf("%d rows in %s, %v; want %d", n, table, err, want)
		}
	}
	if s := db.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections, want 1", s.DialCount)
	}
}

// TestARowOfAnotherTypeEndsInTimeFromABlackhole has rows of two types, each of which waits for those before.
func TestARowOfAnotherTypeEndsInTimeFromABlackhole(t *testing.T) {
	server := servers.MariaDB(t)
	url := server.Database(t)
	execute(t, openURL(t, url), bulkTables...)
	proxy := plinthtest.NewProxy(t, server.Addr())
	db := openURL(t, proxy.URL(url), poolOf(1))
	execute(t, db, "do 1")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := db.ExecuteMany(ctx, "insert into made (n) values (?)", func(yield func([]any) bool) {
			for i := range 6 {
				if i == 3 {
					proxy.Blackhole(plinthtest.Both, plinthtest.Hold)
				}
				row := []any{i}
				set(row, i%2 == 0, 0, "1")
				if !yield(row) {
					return
				}
			}
		})
		failed <- err
	}()
	select {
	case err := <-failed:
		if !errors.Is(err, plinth.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
	case <-time.After(within):
		t.Error("it hangs")
		proxy.Cut(plinthtest.RST)
		<-failed
	}
	proxy.Release(plinthtest.Both)
}

func TestLargeRowsAreSentApart(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, "create table large (id int primary key, v longblob)")
	limit, err := plinth.One[int](t.Context(), db, "select @@max_allowed_packet")
	if err != nil {
		t.Fatal(err)
	}
	small, big := strings.Repeat("s", 100<<10), strings.Repeat("b", limit-200<<10)
	rows := [][]any{{1, small}, {2, small}, {3, big}, {4, small}, {5, big}, {6, small}}
	if _, err := db.ExecuteMany(t.Context(), "insert into large values (?, ?)", slices.Values(rows)); err != nil {
		t.Error(err)
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from large"); n != len(rows) || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestManyLeavesNoStatementPrepared uses a connection that keeps none, and a text that is too long to be kept.
func TestManyLeavesNoStatementPrepared(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
	execute(t, openURL(t, url), bulkTables...)
	insert := "insert into made (n) values (?)"
	for name, q := range map[string]struct{ url, text string }{
		"no cache":    {url + "&statement_cache=0", insert},
		"a long text": {url, insert + strings.Repeat(" ", 20<<10)},
	} {
		db := openURL(t, q.url, poolOf(1))
		for range 5 {
			if _, err := db.ExecuteMany(t.Context(), q.text, slices.Values([][]any{{1}, {2}})); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		count := func(variable string) int {
			n, err := plinth.One[int](t.Context(), db, "select cast(VARIABLE_VALUE as int) from information_schema.SESSION_STATUS where VARIABLE_NAME = '"+variable+"'")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		prepared, closed := count("COM_STMT_PREPARE"), count("COM_STMT_CLOSE")
		if left := prepared - closed; left > 3 { // those that count, and one that is closed with the next
			t.Errorf("%s: %d of %d statements are left", name, left, prepared)
		}
	}
}

// TestAProcedureIsNotCalledAgain though it fails as a statement does that the server has forgotten: what it did before may stay.
func TestAProcedureIsNotCalledAgain(t *testing.T) {
	db := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, db, "create table done (n int)", "create procedure act(n int) begin insert into done values (n); execute maybe; end")
	err := db.With(t.Context(), func(c *plinth.Conn) error {
		execute(t, c, "prepare maybe from 'do 0'")
		for range 2 { // with Query, too
			if _, err := plinth.All[int](t.Context(), c, "call act(?)", 1); err != nil {
				return err
			}
		}
		execute(t, c, "deallocate prepare maybe")
		if _, err := c.Execute(t.Context(), "call act(?)", 2); !errors.Is(err, plinth.ErrUndefined) {
			t.Errorf("got %v, want ErrUndefined", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from done where n = 2"); n != 1 || err != nil {
		t.Errorf("it was called %d times, %v", n, err)
	}
}
