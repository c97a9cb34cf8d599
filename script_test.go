package plinth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

func TestAScriptRunsStatementByStatementAndNamesTheLineThatFails(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := library(ctx, plinth.Options{})
	defer db.Close(context.WithoutCancel(ctx))
	const script = `
		create table log (id integer primary key, what text); -- a comment; not a statement
		create trigger t after insert on track begin
			insert into log (what) values ('new; ' || new.name);
		end;
		insert into track (name) values ('Gigue')`
	if err := db.ExecuteScript(ctx, strings.NewReader(script)); err != nil {
		t.Fatal(err)
	}
	if what, err := plinth.One[string](ctx, db, "select what from log"); what != "new; Gigue" || err != nil {
		t.Errorf("the trigger wrote %q, %v", what, err)
	}

	err := db.ExecuteScript(ctx, strings.NewReader("delete from log;\n\ninsert into nowhere values (1);\ndelete from track"))
	if !errors.Is(err, plinth.ErrUndefined) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("error %v, want ErrUndefined at line 3", err)
	}
	if n, _ := plinth.One[int](ctx, db, "select count(*) from track"); n != 4 {
		t.Errorf("%d tracks after a script that failed before the delete, want 4", n)
	}
	if err := db.ExecuteScript(ctx, strings.NewReader("select 'never ends")); !errors.Is(err, plinth.ErrSyntax) {
		t.Errorf("an unterminated string gave %v, want ErrSyntax", err)
	}
}

func TestAScriptInATransactionIsPartOfIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := library(ctx, plinth.Options{})
	defer db.Close(context.WithoutCancel(ctx))
	err := db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		return tx.ExecuteScript(ctx, strings.NewReader("delete from track; insert into nowhere values (1)"))
	})
	if !errors.Is(err, plinth.ErrUndefined) {
		t.Errorf("error %v, want ErrUndefined", err)
	}
	if n, _ := plinth.One[int](ctx, db, "select count(*) from track"); n != 3 {
		t.Errorf("%d tracks, want all 3 back", n)
	}
}

func TestGivenRowsCanFail(t *testing.T) {
	t.Parallel()
	rows := plinth.NewRows([]string{"id"}, []any{1}, []any{plinth.ErrUnavailable})
	if !rows.Next() || rows.Next() || !errors.Is(rows.Err(), plinth.ErrUnavailable) {
		t.Errorf("the second row gave %v, want ErrUnavailable", rows.Err())
	}
}
