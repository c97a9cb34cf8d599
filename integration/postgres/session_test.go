package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

// TestARollbackNeedntReadWhatIsLeft leaves rows open whose rest would take many seconds, in all that rolls back.
func TestARollbackNeedntReadWhatIsLeft(t *testing.T) {
	e := open(t, poolOf(2))
	execute(t, e, "create table things (a int)", "insert into things values (1)", "create sequence s")
	const endless = "select repeat('x', 1000), generate_series(1, 100000000)"
	const endlessWrite = "select repeat('x', 1000), nextval('s'), generate_series(1, 100000000)"
	leave := func(tx *plinth.Tx, text string) {
		t.Helper()
		execute(t, tx, "update things set a = 2")
		rows, err := tx.Query(context.WithoutCancel(t.Context()), text)
		if err != nil || !rows.Next() {
			t.Fatalf("%s: %v", text, err)
		}
	}
	unlocked := func(what string, start time.Time) {
		t.Helper()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s took %v", what, took)
		}
		if v, err := plinth.One[int](t.Context(), e, "select a from things for update nowait"); v != 1 || err != nil {
			t.Errorf("after %s: %d, %v", what, v, err)
		}
	}
	for what, text := range map[string]string{"a query": endless, "a write": endlessWrite} {
		err := e.With(t.Context(), func(c *plinth.Conn) error {
			tx, err := c.Begin(t.Context())
			if err != nil {
				return err
			}
			leave(tx, text)
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := tx.Rollback(ctx); err != nil {
				t.Errorf("Rollback behind %s: %v", what, err)
			}
			unlocked("Rollback behind "+what, start)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		left := errors.New("left")
		start := time.Now()
		err = e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error { leave(tx, text); start = time.Now(); return left })
		if !errors.Is(err, left) {
			t.Errorf("InTx: %v", err)
		}
		idle(t, e)
		unlocked("InTx around "+what, start)
		err = e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			err := tx.InTx(ctx, func(ctx context.Context, inner *plinth.Tx) error { leave(inner, text); start = time.Now(); return left })
			if !errors.Is(err, left) {
				t.Errorf("the savepoint: %v", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("returning to a savepoint behind %s took %v", what, took)
			}
			if v := count(t, tx, "select a from things"); v != 1 {
				t.Errorf("behind the savepoint a is %d, want 1", v)
			}
			return nil
		})
		if err != nil {
			t.Errorf("the transaction around the savepoint: %v", err)
		}
	}
}

func TestNothingTemporaryIsLeftToTheNextBorrower(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table users (name text)", "insert into users values ('real')", "create table pg_temp.users (name text)")
	if v, err := plinth.One[string](t.Context(), e, "select name from users"); v != "real" || err != nil {
		t.Errorf("the next borrower reads %q, %v", v, err)
	}
	execute(t, e, "do $$ begin perform pg_advisory_lock(7); perform set_config('search_path', 'nowhere', false); end $$")
	if n := count(t, e, "select count(*) from pg_locks where locktype = 'advisory'"); n != 0 {
		t.Errorf("%d advisory locks are left", n)
	}
	if v, err := plinth.One[string](t.Context(), e, "select current_setting('search_path')"); v == "nowhere" || err != nil {
		t.Errorf("search_path is %q, %v", v, err)
	}
}

func TestIdleConnectionsKeepNoBigRows(t *testing.T) {
	e := open(t, poolOf(4))
	heap := func() int {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc >> 20)
	}
	before := heap()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			const big = "select repeat('x', 20000000) from pg_sleep(0.2)"
			if i%2 == 0 {
				if _, err := e.FetchOne(t.Context(), big); err != nil {
					t.Error(err)
				}
			} else if _, err := e.Execute(t.Context(), big); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	idle(t, e)
	if s, kept := e.Stats(), heap()-before; s.Idle != 4 || kept > 10 {
		t.Errorf("%d idle connections keep %d MB", s.Idle, kept)
	}
	if n := count(t, e, "select 1"); n != 1 {
		t.Error(n)
	}
}

// TestAPreparationThatIsGivenUpLeavesNothing stops the server before it answers. A session that took too long to go on is ended, and
// shows nothing; three have to live on.
func TestAPreparationThatIsGivenUpLeavesNothing(t *testing.T) {
	e := open(t, poolOf(1))
	lived := 0
	for i := 0; i < 20 && lived < 3; i++ {
		pid, text := count(t, e, "select pg_backend_pid()"), fmt.Sprint("select ", i)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		_, err := e.FetchOne(ctx, text)
		_ = syscall.Kill(pid, syscall.SIGCONT)
		cancel()
		if !errors.Is(err, plinth.ErrTimeout) {
			t.Errorf("%s on a server that doesn't answer: %v", text, err)
		}
		idle(t, e)
		if count(t, e, "select pg_backend_pid()") != pid {
			continue
		}
		lived++
		if n := count(t, e, "select count(*) from pg_prepared_statements where statement = '"+text+"'"); n != 0 {
			t.Errorf("%s is left prepared", text)
		}
	}
	if lived < 3 {
		t.Errorf("%d of 20 sessions lived on: that doesn't test much", lived)
	}
}

// TestWritesToADatabaseThatOnlyReadsCostNoConnections writes where no other connection could either.
func TestWritesToADatabaseThatOnlyReadsCostNoConnections(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	direct := openURL(t, url)
	execute(t, direct, "create table things (a int)")
	name, err := plinth.One[string](t.Context(), direct, "select current_database()")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, direct, "alter database "+name+" set default_transaction_read_only = on")
	e := openURL(t, url, poolOf(2))
	for range 10 {
		if _, err := e.Execute(t.Context(), "insert into things values (1)"); !errors.Is(err, plinth.ErrReadOnly) {
			t.Errorf("a write: %v, want ErrReadOnly", err)
		}
	}
	if s := e.Stats(); s.DialCount > 1 || s.Retries > 0 {
		t.Errorf("%d connections were dialled, and %d calls repeated", s.DialCount, s.Retries)
	}
}

func TestTheNativeConnectionIsInTheTransactionThatWasBegun(t *testing.T) {
	e := open(t, poolOf(2))
	execute(t, e, "create table things (a int)")
	err := e.With(t.Context(), func(c *plinth.Conn) error {
		tx, err := c.Begin(t.Context())
		if err != nil {
			return err
		}
		if _, err := c.Native().(*pgconn.PgConn).Exec(t.Context(), "insert into things values (1)").ReadAll(); err != nil {
			t.Error(err)
		}
		return tx.Rollback(t.Context())
	})
	if n := count(t, e, "select count(*) from things"); n != 0 || err != nil {
		t.Errorf("%d rows after Rollback, %v", n, err)
	}
	err = e.With(t.Context(), func(c *plinth.Conn) error {
		pid := count(t, c, "select pg_backend_pid()")
		execute(t, e, "select pg_terminate_backend("+strconv.Itoa(pid)+")")
		if _, err := c.Execute(t.Context(), "select 1"); !errors.Is(err, plinth.ErrUnavailable) {
			t.Errorf("on a session that was ended: %v", err)
		}
		if n := c.Native(); n != nil {
			t.Errorf("the native connection of a broken session is a %T, want nil", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestATransactionIsOpenWhileTheRowsOfItsFirstStatementAre(t *testing.T) {
	b, s, _ := suite.Seam(t, opener(options(t, servers.Postgres(t).Database(t))))
	st, err := b.Compile("select 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Execute(t.Context(), request(st, st.Text, nil)); err != nil { // prepares it
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), driver.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Query(t.Context(), request(st, st.Text, nil))
	if err != nil || s.TxState() != driver.TxOpen {
		t.Errorf("while the rows are open: state %v, %v; want %v", s.TxState(), err, driver.TxOpen)
	}
	if _, err := rows.Close(t.Context()); err != nil || s.TxState() != driver.TxOpen {
		t.Errorf("after them: state %v, %v", s.TxState(), err)
	}
}

func TestASessionIsGivenBackOnce(t *testing.T) {
	b, _, _ := suite.Seam(t, opener(options(t, servers.Postgres(t).Database(t))))
	s, err := b.Acquire(t.Context(), driver.Need{})
	if err != nil {
		t.Fatal(err)
	}
	s.Release(driver.Reset)
	s.Release(driver.Reset)
	eventually(t, "it's back", func() bool { return b.Stats()[0].InUse == 1 })
}

// TestTheServersSettingsMayChangeUnderAnIdleSession has the server speak to sessions that live on.
func TestTheServersSettingsMayChangeUnderAnIdleSession(t *testing.T) {
	server := servers.Postgres(t, servers.Private())
	e := openURL(t, server.URL(), poolOf(1), suite.Silent)
	execute(t, e, "create table entry (token bigint)")
	for _, zone := range []string{"Asia/Tokyo", "Europe/Berlin"} { // which sessions are told
		admin := openURL(t, server.URL(), poolOf(1), suite.Silent)
		execute(t, admin, "alter system set timezone = '"+zone+"'", "select pg_reload_conf()")
		eventually(t, "it is known", func() bool {
			got, err := plinth.One[string](t.Context(), admin, "show timezone")
			return err == nil && got == zone
		})
		execute(t, e, "insert into entry values (1)")
	}
	if d := e.Stats().DialCount; d != 1 {
		t.Errorf("%d connections were dialled, want 1", d)
	}
}
