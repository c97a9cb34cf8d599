package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

// bounced returns an engine on a new database behind a PgBouncer that gives each transaction to any of its connections.
func bounced(t testing.TB, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	server := servers.Postgres(t)
	bouncer := servers.PgBouncer(t, server)
	direct := options(t, server.Database(t))
	o := options(t, bouncer.URLAs(direct.User, direct.Database))
	o.PgBouncer = true
	return openOptions(t, o, set...)
}

func TestPgBouncerIsLeftNothingInItsConnections(t *testing.T) {
	e := bounced(t, poolOf(16))
	execute(t, e, "create type mood as enum ('sad', 'happy')", "create table people (id int primary key, m mood, n int not null default 0)")
	var work sync.WaitGroup
	for w := range 16 {
		work.Go(func() {
			for i := range 30 {
				id := w*1000 + i
				if err := bounce(t.Context(), e, id); err != nil {
					t.Errorf("%d: %v", id, err)
				}
			}
		})
	}
	work.Wait()
	if n, err := plinth.One[int](t.Context(), e, "select sum(n) from people"); n != 2*16*30 || err != nil {
		t.Errorf("the sum is %d (%v), want %d", n, err, 2*16*30)
	}
	if n := prepared(t, e); n != 0 {
		t.Errorf("%d statements are left prepared", n)
	}
}

// bounce uses a row in several ways.
func bounce(ctx context.Context, e *plinth.Engine, id int) error {
	if _, err := e.Execute(ctx, "insert into people (id, m) values (?, ?)", id, "happy"); err != nil {
		return err
	}
	type person struct {
		ID int
		M  string
		N  int
	}
	p, err := plinth.One[person](ctx, e, "select id, m, n from people where id = ?", id)
	if err != nil {
		return err
	}
	if p != (person{id, "happy", 0}) {
		return fmt.Errorf("read %+v", p)
	}
	if _, err := plinth.One[int](ctx, e, fmt.Sprintf("select %d", rand.IntN(1000))); err != nil {
		return err
	}
	if _, err := e.Execute(ctx, "insert into people (id) values (?)", id); !errors.Is(err, plinth.ErrUnique) {
		return fmt.Errorf("a second one of the id: %w", err)
	}
	return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		for range 2 {
			if _, err := tx.Execute(ctx, "update people set n = n + 1 where id = ?", id); err != nil {
				return err
			}
		}
		err := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, "insert into people (id) values (?)", id)
			return err
		})
		if !errors.Is(err, plinth.ErrUnique) {
			return fmt.Errorf("in a savepoint: %w", err)
		}
		return nil
	})
}

func TestCancelsGoThroughPgBouncer(t *testing.T) {
	e := bounced(t, poolOf(2))
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		_, err := e.FetchAll(ctx, database.Slow)
		cancel()
		if !errors.Is(err, plinth.ErrTimeout) {
			t.Fatalf("error %v, want ErrTimeout", err)
		}
		if n, err := plinth.One[int](t.Context(), e, "select ?::int", i); n != i || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	idle(t, e)
}

func TestAStatementFollowsTheSchemaBehindPgBouncer(t *testing.T) {
	e := bounced(t, poolOf(1))
	execute(t, e, "create table things (a int, b int)", "insert into things values (1, 2)")
	for _, change := range []string{"alter table things alter b type text", "alter table things add c int default 3", "alter table things drop a",
		"alter table things rename c to d", "alter table things alter b type date using '2024-02-29'"} {
		for range 2 {
			r, err := e.FetchAll(t.Context(), "select * from things where b::text <> ?", "x")
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := e.FetchAll(t.Context(), "select * from things where b::text <> ? -- "+change, "x")
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(r[0].Columns(), r[0].Values()) != fmt.Sprint(fresh[0].Columns(), fresh[0].Values()) {
				t.Errorf("before %q: %v, want %v", change, r[0].Values(), fresh[0].Values())
			}
		}
		execute(t, e, change)
	}
	for _, c := range []struct {
		typ string
		arg any
	}{{"text", "a text"}, {"int using 1", 7}, {"date using '2024-02-29'", "2024-03-01"}, {"text", "a text"}} {
		execute(t, e, "alter table things alter b type "+c.typ)
		if _, err := e.Execute(t.Context(), "update things set b = ?", c.arg); err != nil {
			t.Errorf("%v into %s: %v", c.arg, c.typ, err)
		}
	}
}

func TestLimitsHoldInEachTransactionBehindPgBouncer(t *testing.T) {
	server := servers.Postgres(t)
	direct := options(t, server.Database(t))
	o := options(t, servers.PgBouncer(t, server).URLAs(direct.User, direct.Database))
	o.PgBouncer, o.StatementTimeout, o.LockTimeout = true, 50*time.Millisecond, time.Minute
	e, err := plinth.New(plinth.Options{}, opener(o))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	execute(t, e, "create table t (a int)")
	for range 3 {
		err = e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := tx.Execute(ctx, "insert into t values (1)"); err != nil {
				return err
			}
			if got, err := plinth.One[string](ctx, tx, "select current_setting('lock_timeout')"); err != nil || got != "1min" {
				t.Errorf("lock_timeout is %q, %v", got, err)
			}
			_, err := tx.Execute(ctx, "select pg_sleep(10)")
			return err
		})
		if !errors.Is(err, plinth.ErrTimeout) {
			t.Errorf("in a transaction: %v", err)
		}
		if got, err := plinth.One[string](t.Context(), e, "select current_setting('statement_timeout')"); err != nil || got != "0" {
			t.Errorf("outside of one statement_timeout is %q, %v", got, err)
		}
	}
	err = e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		return tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { // a savepoint, before any statement
			_, err := tx.ExecuteMany(ctx, "insert into t (a) values (?)", func(yield func([]any) bool) { _ = yield([]any{1}) && yield([]any{2}) })
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from t"); err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
}
