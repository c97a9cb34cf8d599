package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
)

// sly are statements that write, though by their text they only read.
var sly = map[string]string{
	"a view":                          "select * from v",
	"an overload of a harmless name":  "select lower(1)",
	"an operator of the user's own":   "select 1 @@@ 2",
	"a function in attribute's shape": "select t.f from t",
	"TABLE":                           "table v",
}

// slyTables make them work; each of their runs adds a row to written.
var slyTables = []string{
	"create table written (x int)",
	"create function w() returns int language sql as 'insert into written values (1) returning x'",
	"create view v as select w() as x",
	"create function lower(int) returns text language sql as 'select w()::text'",
	"create function pair(int, int) returns int language sql as 'select w()'",
	"create operator @@@ (leftarg = int, rightarg = int, function = pair)",
	"create table t (a int)",
	"insert into t values (1)",
	"create function f(t) returns int language sql as 'select w()'",
}

func TestAReadThatWritesIsNeverAppliedTwice(t *testing.T) {
	server := servers.Postgres(t, servers.NoTLS())
	url := server.Database(t)
	direct := openURL(t, url)
	execute(t, direct, slyTables...)
	proxy := plinthtest.NewProxy(t, server.Addr())
	db := openURL(t, proxy.URL(url))
	written := func() int {
		n, err := plinth.One[int](t.Context(), direct, "select count(*) from written")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, text := range sly {
		t.Run(name, func(t *testing.T) {
			if _, err := db.FetchAll(t.Context(), text); err != nil { // prepares it
				t.Fatal(err)
			}
			before := written()
			proxy.DropReply(plinthtest.Drop{})
			_, err := db.FetchAll(t.Context(), text)
			if n := written() - before; n != 1 || !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("it was applied %d times: %v", n, err)
			}
		})
	}
	proxy.DropReply(plinthtest.Drop{})
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from t"); err != nil || n != 1 {
		t.Errorf("a true read isn't repeated: %d, %v", n, err)
	}
	if n, err := plinth.One[int](t.Context(), db, "select count(*) from t"); err != nil || n != 1 {
		t.Errorf("the connection is left in a state: %d, %v", n, err)
	}
}

func TestNothingWritesUnderAReadOnlyContext(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	direct := openURL(t, url)
	execute(t, direct, slyTables...)
	reading := openURL(t, url, func(o *plinth.Options) {
		o.Config = append(o.Config, config.With(func(c *config.Config) { c.ReadOnly = true }))
	})
	under := config.WithOverride(t.Context(), config.With(func(c *config.Config) { c.ReadOnly = true }))
	for name, with := range map[string]struct {
		db  *plinth.Engine
		ctx context.Context
	}{"a context": {direct, under}, "an engine": {reading, t.Context()}} {
		t.Run(name, func(t *testing.T) {
			refused := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, plinth.ErrReadOnly) {
					t.Errorf("%s: %v", what, err)
				}
			}
			for what, text := range sly {
				_, err := with.db.FetchAll(with.ctx, text)
				refused(what, err)
			}
			_, err := with.db.Execute(with.ctx, "insert into t values (1)")
			refused("an insert", err)
			_, err = with.db.Execute(with.ctx, "create table other (a int)")
			refused("a schema change", err)
			_, err = with.db.ExecuteMany(with.ctx, "insert into t (a) values (?)", func(yield func([]any) bool) { yield([]any{1}) })
			refused("many rows", err)
			refused("a transaction", with.db.InTx(with.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(with.ctx, "insert into t values (1)")
				return err
			}))
			refused("a transaction that is made to write", with.db.InTx(with.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(with.ctx, "set transaction read write")
				return err
			}))
			refused("a session that is made to write", with.db.With(with.ctx, func(conn *plinth.Conn) error {
				if _, err := conn.Execute(with.ctx, "set default_transaction_read_only = off"); err != nil {
					return err
				}
				if _, err := conn.FetchAll(with.ctx, "select * from v"); !errors.Is(err, plinth.ErrReadOnly) {
					t.Errorf("a view, in it: %v", err)
				}
				_, err := conn.Execute(with.ctx, "insert into t values (1)")
				return err
			}))
			if n, err := plinth.One[int](with.ctx, with.db, "select count(*) from t"); err != nil || n != 1 {
				t.Errorf("reading: %d, %v", n, err)
			}
			if _, err := plinth.One[int](with.ctx, with.db, "select pg_backend_pid()"); err != nil {
				t.Errorf("a function that isn't known to be harmless, and is: %v", err)
			}
			rows, err := with.db.Query(with.ctx, "select generate_series(1, 100000)")
			if err != nil || !rows.Next() || rows.Close() != nil {
				t.Errorf("rows that aren't read to their end: %v", err)
			}
			short, cancel := context.WithTimeout(with.ctx, 50*time.Millisecond)
			defer cancel()
			if _, err := with.db.FetchAll(short, "select pg_sleep(10)"); !errors.Is(err, plinth.ErrTimeout) {
				t.Errorf("a deadline: %v", err)
			}
			if n, err := plinth.One[int](with.ctx, with.db, "select count(*) from t"); err != nil || n != 1 {
				t.Errorf("reading afterwards: %d, %v", n, err)
			}
		})
	}
	if n, err := plinth.One[int](t.Context(), direct, "select count(*) from written"); err != nil || n != 0 {
		t.Errorf("%d rows were written, %v", n, err)
	}
}
