package mariadb_test

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
	"a view":             "select * from v",
	"a view in a query":  "select t.a from t where t.a in (select x from v) or t.a = 1",
	"a view in a CTE":    "with w as (select x from v) select * from w",
	"a view in a union":  "select 7 union all select x from v",
	"a view with values": "select * from v where x = ?",
}

// arguments are those of one of them.
func arguments(text string) []any {
	if text[len(text)-1] == '?' {
		return []any{1}
	}
	return nil
}

// slyTables make them work; each of their runs adds a row to written.
var slyTables = []string{
	"create table written (x int) engine = innodb",
	"create function w() returns int begin insert into written values (1); return 1; end",
	"create view v as select w() as x",
	"create table t (a int) engine = innodb",
	"insert into t values (1)",
	"create procedure commits() begin commit; insert into written values (2); end",
	"create sequence s",
}

func TestAReadThatWritesIsNeverAppliedTwice(t *testing.T) {
	server := servers.MariaDB(t, servers.NoTLS())
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
			if _, err := db.FetchAll(t.Context(), text, arguments(text)...); err != nil { // prepares it
				t.Fatal(err)
			}
			before := written()
			proxy.DropReply(plinthtest.Drop{})
			_, err := db.FetchAll(t.Context(), text, arguments(text)...)
			if n := written() - before; n < 1 || !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("it was applied %d times: %v", n, err)
			}
			after := written()
			if _, err := db.FetchAll(t.Context(), text, arguments(text)...); err != nil || written() == after {
				t.Errorf("it isn't carried out any more: %v", err)
			}
		})
	}
	proxy.DropReply(plinthtest.Drop{})
	for range 2 {
		if n, err := plinth.One[int](t.Context(), db, "select count(*) from t"); err != nil || n != 1 {
			t.Errorf("a true read isn't repeated, or leaves its connection in a state: %d, %v", n, err)
		}
	}
}

func TestNothingWritesUnderAReadOnlyContext(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
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
				_, err := with.db.FetchAll(with.ctx, text, arguments(text)...)
				refused(what, err)
			}
			for what, text := range map[string]string{
				"an insert": "insert into t values (1)", "a schema change": "create table other (a int)",
				"a change of a table": "alter table t add column b int", "a table emptied": "truncate table t",
				"a table analyzed": "analyze table t", "a grant": "grant select on t to current_user",
				"a procedure": "call commits()", "a block": "begin not atomic commit; insert into written values (3); end",
				"a text that is run": "execute immediate 'insert into written values (4)'", "a sequence": "select nextval(s)",
				"a global setting": "set @a = 1, global max_connect_errors = 77", "another": "set @@global.max_connect_errors = 77",
				"a password": "set password = ''", "a role": "set default role none",
				"a setting for a schema change": "set statement max_statement_time = 10 for create table other (a int)",
				"a function":                    "select w()", "a DO": "do w()", "a SET": "set @a = (select w())", "a delete": "delete from t",
			} {
				_, err := with.db.Execute(with.ctx, text)
				refused(what, err)
			}
			_, err := with.db.ExecuteMany(with.ctx, "insert into t (a) values (?)", func(yield func([]any) bool) { yield([]any{1}) })
			refused("many rows", err)
			refused("a transaction", with.db.InTx(with.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(with.ctx, "insert into t values (1)")
				return err
			}))
			refused("a schema change in a transaction", with.db.InTx(with.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(with.ctx, "create table other (a int)")
				return err
			}))
			refused("a procedure that commits, in a transaction", with.db.InTx(with.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(with.ctx, "call commits()")
				return err
			}))
			refused("a transaction that is made to write", with.db.InTx(with.ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(with.ctx, "set transaction read write")
				return err
			}))
			refused("a session that is made to write", with.db.With(with.ctx, func(conn *plinth.Conn) error {
				if _, err := conn.Execute(with.ctx, "set session transaction read write"); err != nil {
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
			if _, err := plinth.One[int](with.ctx, with.db, "select connection_id()"); err != nil {
				t.Errorf("a function that isn't known to be harmless, and is: %v", err)
			}
			rows, err := with.db.Query(with.ctx, "select seq from seq_1_to_100000")
			if err != nil || !rows.Next() || rows.Close() != nil {
				t.Errorf("rows that aren't read to their end: %v", err)
			}
			short, cancel := context.WithTimeout(with.ctx, 50*time.Millisecond)
			defer cancel()
			if _, err := with.db.FetchAll(short, "select sleep(10)"); !errors.Is(err, plinth.ErrTimeout) {
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
	if _, err := direct.Execute(t.Context(), "insert into t values (2)"); err != nil {
		t.Errorf("the connections are left in a state: %v", err)
	}
}
