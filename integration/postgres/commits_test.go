package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// count returns the number that a query answers with.
func count(t testing.TB, q plinth.Querier, text string) int {
	t.Helper()
	n, err := plinth.One[int](t.Context(), q, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

// TestWhatCommitsWhileItRunsIsNeverRepeated fails after the COMMIT within a procedure, a block and an index that is built
// beside its readers, by what elsewhere is worth another try.
func TestWhatCommitsWhileItRunsIsNeverRepeated(t *testing.T) {
	e := open(t, poolOf(3))
	const body = "begin insert into done values (1); commit; perform 1 from locked for update nowait; end"
	execute(t, e, "create table done (a int)", "create table locked (a int)", "insert into locked values (1)",
		"create procedure p() language plpgsql as $$ "+body+" $$")
	hold, err := e.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Rollback(context.Background()) }()
	execute(t, hold, "update locked set a = 1")
	for i, text := range []string{"call p()", "do $$ " + body + " $$"} {
		_, err := e.Execute(t.Context(), text)
		if n := count(t, e, "select count(*) from done"); n != i+1 || !errors.Is(err, plinth.ErrOutcomeUnknown) {
			t.Errorf("%s was applied, and there are %d rows, want %d: %v", text, n, i+1, err)
		}
	}
	err = endedAt(t, e, "PgSleep", func(ctx context.Context) error {
		_, err := e.Execute(ctx, "do $$ begin insert into done values (1); commit; perform pg_sleep(100); end $$")
		return err
	})
	if n := count(t, e, "select count(*) from done"); n != 3 || !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("a block that its context ended was applied, and there are %d rows, want 3: %v", n, err)
	}
	execute(t, e, "create table things (a int)", "insert into things values (1), (1)")
	err = e.With(t.Context(), func(c *plinth.Conn) error {
		execute(t, c, "set lock_timeout = '50ms'")
		_, err := c.Execute(t.Context(), "create index concurrently other on locked (a)")
		return err
	})
	if n := count(t, e, "select count(*) from pg_class where relname = 'other'"); n != 1 || !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("there are %d indexes, which aren't valid, want 1: %v", n, err)
	}
	_, err = e.Execute(t.Context(), "do $$ begin perform 1 / 0; end $$")
	if !errors.Is(err, plinth.ErrInvalid) {
		t.Errorf("what would come again: %v, want ErrInvalid", err)
	}
}

// TestARefusalIsKnownWhereTheConnectionEndsBehindIt cuts the connection between an error and the end of the answer.
func TestARefusalIsKnownWhereTheConnectionEndsBehindIt(t *testing.T) {
	server := servers.Postgres(t, servers.NoTLS())
	url := server.Database(t)
	direct := openURL(t, url)
	execute(t, direct, "create table things (id int primary key)", "insert into things values (1)")
	proxy := plinthtest.NewProxy(t, server.Addr())
	db := openURL(t, proxy.URL(url), poolOf(1))
	insert := func(ctx context.Context) error {
		_, err := db.Execute(ctx, "insert into things values (?)", 1)
		return err
	}
	if err := insert(t.Context()); !errors.Is(err, plinth.ErrUnique) { // prepares it
		t.Fatal(err)
	}
	before := proxy.Stats().ToClient
	if err := insert(t.Context()); !errors.Is(err, plinth.ErrUnique) {
		t.Fatal(err)
	}
	const ready = 6 // bytes of ReadyForQuery
	answer := proxy.Stats().ToClient - before
	proxy.CutAfter(plinthtest.ToClient, answer-ready, plinthtest.FIN)
	if err := insert(t.Context()); !errors.Is(err, plinth.ErrUnique) {
		t.Errorf("the error came, and then the end: %v, want ErrUnique", err)
	}
	if n := count(t, direct, "select count(*) from things"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// endedAt runs call, and ends its context once a session of the database waits for event. It returns what call has.
func endedAt(t *testing.T, e *plinth.Engine, event string, call func(ctx context.Context) error) error {
	t.Helper()
	waiting := func() bool {
		return count(t, e, "select count(*) from pg_stat_activity where datname = current_database() and wait_event = '"+event+"'") > 0
	}
	eventually(t, "the call before is over", func() bool { return !waiting() })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		default:
			if waiting() {
				cancel()
			}
		}
	}
}

// TestWhatIsOnlyCommittedHereIsOfUnknownOutcome ends the wait for a standby that never comes.
func TestWhatIsOnlyCommittedHereIsOfUnknownOutcome(t *testing.T) {
	server := servers.Postgres(t, servers.Durable())
	e := openURL(t, server.Database(t), poolOf(3))
	execute(t, e, "create table things (a int)", "alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()")
	defer execute(t, e, "alter system reset synchronous_standby_names", "select pg_reload_conf()")
	insert := func(a int) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := e.Execute(ctx, "insert into things values (?)", a)
			return err
		}
	}
	eventually(t, "the server waits for a standby", func() bool { // its checkpointer tells the sessions, some time after the reload
		return endedAt(t, e, "SyncRep", insert(0)) != nil
	})
	for i, write := range []struct {
		verb string
		run  func(ctx context.Context) error
	}{
		{"Execute", insert(1)},
		{"Query", func(ctx context.Context) error {
			_, err := e.FetchAll(ctx, "insert into things values (2) returning a")
			return err
		}},
		{"InTx", func(ctx context.Context) error {
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(ctx, "insert into things values (3)")
				return err
			})
		}},
	} {
		err := endedAt(t, e, "SyncRep", write.run)
		if !errors.Is(err, plinth.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s has written a row, and says %v", write.verb, err)
		}
		text := fmt.Sprintf("select count(*) from things where a = %d", i+1)
		eventually(t, "it's committed", func() bool { return count(t, e, text) == 1 })
	}
}
