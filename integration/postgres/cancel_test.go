package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/postgres"
)

// slow is a query that nobody waits for.
const slow = "with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i from s where i < 0"

// slack is how much later than its context a call may return: the time that the server is given to answer a cancel
// request, and some for a machine that is busy with other tests.
const slack = 500 * time.Millisecond

// TestACancelledStatementLeavesItsConnectionToBeUsed shows that a cancel costs no new connection.
func TestACancelledStatementLeavesItsConnectionToBeUsed(t *testing.T) {
	e := open(t, poolOf(1))
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		began := time.Now()
		_, err := e.FetchAll(ctx, slow)
		cancel()
		if !errors.Is(err, plinth.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v, want ErrTimeout", err)
		}
		if took := time.Since(began); took > 20*time.Millisecond+slack {
			t.Errorf("it took %v", took)
		}
		if n, err := plinth.One[int](t.Context(), e, "select 1"); n != 1 || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestABigResultIsNotReadToItsEndToBeClosed closes rows of which minutes' worth are left.
func TestABigResultIsNotReadToItsEndToBeClosed(t *testing.T) {
	e := open(t, poolOf(1))
	for _, text := range []string{
		"with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i, repeat('x', 1000) from s",
		"with recursive s (i) as (select 1 union all select i + 1 from s where i < 1000000000) select i, repeat('x', 10000) from s " +
			"where i <= 5 or i % 500000000 = 1", // the server sends what fills a buffer
	} {
		r, err := e.Query(t.Context(), text)
		if err != nil || !r.Next() {
			t.Fatal(err)
		}
		began := time.Now()
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		if n, err := plinth.One[int](t.Context(), e, "select 1"); n != 1 || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// TestCloseCutsWhatRuns closes the engine under a statement, which the server then stops, too.
func TestCloseCutsWhatRuns(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	e, err := postgres.Open(t.Context(), plinth.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	admin := openURL(t, url)
	result := make(chan error, 1)
	go func() {
		_, err := e.FetchAll(context.Background(), slow)
		result <- err
	}()
	running := func() int {
		n, err := plinth.One[int](t.Context(), admin, "select count(*) from pg_stat_activity where state = 'active' and query like 'with recursive%'"+
			" and datname = current_database()")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "it runs", func() bool { return running() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Close(ctx); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("Close: %v, want ErrTimeout", err)
	}
	if err := <-result; !errors.Is(err, plinth.ErrClosed) && !errors.Is(err, plinth.ErrCanceled) {
		t.Errorf("the statement: %v, want ErrClosed", err)
	}
	eventually(t, "the server has stopped it", func() bool { return running() == 0 })
}
