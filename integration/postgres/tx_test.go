package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
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
	_, session, run := suite.Seam(t, opener(options(t, servers.Postgres(t).Database(t))))
	ctx := t.Context()
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
