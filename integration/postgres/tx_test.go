package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

func TestOptionsOfATransactionHold(t *testing.T) {
	e := open(t)
	for _, o := range []plinth.TxOptions{
		{}, {Isolation: plinth.ReadCommitted}, {Isolation: plinth.RepeatableRead, ReadOnly: true},
		{Isolation: plinth.Serializable, ReadOnly: true, Deferrable: true}, {Isolation: plinth.Serializable},
	} {
		err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			type settings struct {
				Isolation            string
				ReadOnly, Deferrable string
			}
			got, err := plinth.One[settings](ctx, tx, "select current_setting('transaction_isolation') as isolation, "+
				"current_setting('transaction_read_only') as read_only, current_setting('transaction_deferrable') as deferrable")
			want := settings{"read committed", "off", "off"}
			switch o.Isolation {
			case plinth.RepeatableRead:
				want.Isolation = "repeatable read"
			case plinth.Serializable:
				want.Isolation = "serializable"
			}
			if o.ReadOnly {
				want.ReadOnly = "on"
			}
			if o.Deferrable {
				want.Deferrable = "on"
			}
			if got != want {
				t.Errorf("%+v: got %+v, want %+v", o, got, want)
			}
			return err
		}, o)
		if err != nil {
			t.Error(err)
		}
	}
}

func TestADeferredConstraintIsReportedByCommitAsWhatItIs(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table parents (id int primary key)",
		"create table children (id int primary key, parent int constraint children_parent references parents deferrable initially deferred)")
	for name, run := range map[string]func() error{
		"Commit": func() error {
			tx, err := e.Begin(t.Context())
			if err != nil {
				return err
			}
			if _, err := tx.Execute(t.Context(), "insert into children values (1, 99)"); err != nil {
				t.Fatal(err)
			}
			return tx.Commit(t.Context())
		},
		"InTx": func() error {
			return e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(ctx, "insert into children values (1, 99)")
				return err
			})
		},
		"a statement by itself": func() error { _, err := e.Execute(t.Context(), "insert into children values (1, 99)"); return err },
		"one with rows": func() error {
			_, err := plinth.One[int](t.Context(), e, "insert into children values (1, 99) returning id")
			return err
		},
	} {
		err := run()
		var pe *plinth.Error
		if !errors.As(err, &pe) || pe.Kind != plinth.ErrForeignKey || pe.Constraint != "children_parent" || pe.Code != "23503" {
			t.Errorf("%s: %v, want ErrForeignKey of children_parent", name, err)
		}
		if n, err := plinth.One[int](t.Context(), e, "select count(*) from children"); n != 0 || err != nil {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
	}
}

func TestAnAbortedTransactionRefusesWhatFollows(t *testing.T) {
	e := open(t, poolOf(1))
	execute(t, e, "create table things (id int primary key)", "insert into things values (1)")
	tx, err := e.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Execute(t.Context(), "insert into things values (2)"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Execute(t.Context(), "insert into things values (1)"); !errors.Is(err, plinth.ErrUnique) {
		t.Errorf("error %v, want ErrUnique", err)
	}
	if _, err := tx.Execute(t.Context(), "insert into things values (3)"); !errors.Is(err, plinth.ErrTxDone) {
		t.Errorf("the next statement: %v, want ErrTxDone", err)
	}
	if err := tx.Commit(t.Context()); !errors.Is(err, plinth.ErrTxDone) || !errors.Is(err, plinth.ErrUnique) {
		t.Errorf("Commit: %v, want ErrTxDone because of ErrUnique", err)
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from things"); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestACommitThatTheServerTurnsIntoARollbackIsAnError has the transaction abort where the driver's caller swallows the
// error: only the answer to COMMIT tells.
func TestACommitThatTheServerTurnsIntoARollbackIsAnError(t *testing.T) {
	url := servers.Postgres(t).Database(t)
	backend, session := seam(t, url)
	ctx := t.Context()
	run := func(text string) error {
		st, err := backend.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		native, args, err := st.Binder.Bind(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = session.Execute(ctx, request(st, native, args))
		return err
	}
	if err := session.Begin(ctx, plinth.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := run("create table things (id int)"); err != nil {
		t.Fatal(err)
	}
	if err := run("select 1 / 0"); err == nil {
		t.Fatal("a division by zero went through")
	}
	if err := session.End(ctx, true); !errors.Is(err, plinth.ErrTxDone) {
		t.Errorf("COMMIT: %v, want ErrTxDone", err)
	}
	if err := run("select * from things"); !errors.Is(err, plinth.ErrUndefined) {
		t.Errorf("the table is there (%v)", err)
	}
}

func TestADeadlockRunsOneTransactionAgain(t *testing.T) {
	e := open(t)
	execute(t, e, "create table counters (id int primary key, n int not null)", "insert into counters values (1, 0), (2, 0)")
	both := make(chan struct{}, 2)
	swap := func(first, second int) func() error {
		return func() error {
			tries := 0
			return e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				if _, err := tx.Execute(ctx, "update counters set n = n + 1 where id = ?", first); err != nil {
					return err
				}
				if tries++; tries == 1 {
					both <- struct{}{}
					eventually(t, "both hold one", func() bool { return len(both) == 2 })
				}
				_, err := tx.Execute(ctx, "update counters set n = n + 1 where id = ?", second)
				return err
			})
		}
	}
	result := make(chan error)
	for _, f := range []func() error{swap(1, 2), swap(2, 1)} {
		go func() { result <- f() }()
	}
	for range 2 {
		if err := <-result; err != nil {
			t.Error(err)
		}
	}
	if n, err := plinth.One[int](t.Context(), e, "select sum(n) from counters"); n != 4 || err != nil {
		t.Errorf("the sum is %d, %v; want 4", n, err)
	}
	if r := e.Stats().Retries; r != 1 {
		t.Errorf("%d retries, want 1", r)
	}
}

func TestWithGivesTheConnectionBackAsNew(t *testing.T) {
	e := open(t, poolOf(1))
	err := e.With(t.Context(), func(c *plinth.Conn) error {
		execute(t, c, "set work_mem = '7MB'", "create temporary table mine (id int)", "listen news", "select pg_advisory_lock(7)")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"work_mem":         "select count(*) from pg_settings where name = 'work_mem' and setting = '7168'",
		"temporary tables": "select count(*) from pg_class where relname = 'mine'",
		"listening":        "select count(*) from pg_listening_channels()",
		"locks":            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
	} {
		if n, err := plinth.One[int](t.Context(), e, text); n != 0 || err != nil {
			t.Errorf("%s: %d left, %v", what, n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

func TestOnConnectsSettingsOutliveAReset(t *testing.T) {
	e := open(t, poolOf(1), func(o *plinth.Options) {
		o.OnConnect = func(ctx context.Context, c *plinth.Conn) error {
			_, err := c.Execute(ctx, "set work_mem = '7MB'")
			return err
		}
	})
	for range 2 {
		if err := e.With(t.Context(), func(c *plinth.Conn) error {
			if got, err := plinth.One[string](t.Context(), c, "show work_mem"); got != "7MB" || err != nil {
				t.Errorf("work_mem is %s, %v", got, err)
			}
			execute(t, c, "set work_mem = '8MB'")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got, err := plinth.One[string](t.Context(), e, "show work_mem"); got != "7MB" || err != nil {
			t.Errorf("work_mem is %s, %v", got, err)
		}
	}
}

func TestASettingInATransactionDoesNotReachTheNextBorrower(t *testing.T) {
	e := open(t, poolOf(1))
	for _, text := range []string{"set work_mem = '7MB'", "set local work_mem = '7MB'"} {
		err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := plinth.One[string](t.Context(), e, "show work_mem"); got == "7MB" || err != nil {
			t.Errorf("after %q work_mem is %s, %v", text, got, err)
		}
	}
}
