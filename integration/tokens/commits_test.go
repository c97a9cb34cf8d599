package tokens_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
)

// TestWhatCommitsByItselfIsNeverAPlainError: MariaDB has statements and procedures that end the transaction around them.
func TestWhatCommitsByItselfIsNeverAPlainError(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		if d.name != "mariadb" {
			t.Skip("nothing commits a transaction but COMMIT")
		}
		e, _ := d.ready(t)
		if _, err := e.Execute(t.Context(), "create procedure p() begin insert into t values (2); commit; end"); err != nil {
			t.Fatal(err)
		}
		own := errors.New("the function's own")
		for _, text := range []string{
			"call p()", "execute immediate 'commit'", "begin not atomic commit; end", "lock tables t write, plinth_tokens write",
			"set statement max_statement_time = 1 for commit",
		} {
			for _, returns := range []error{nil, own} {
				runs := 0
				work := func(ctx context.Context, tx *plinth.Tx) error {
					runs++
					if _, err := insert(ctx, tx); err != nil {
						return err
					}
					_, err := tx.Execute(ctx, text)
					is(t, err, plinth.ErrOutcomeUnknown)
					return returns
				}
				err := e.InTx(t.Context(), work)
				if is(t, err, plinth.ErrOutcomeUnknown); returns != nil {
					is(t, err, returns)
				}
				_, already, err := plinth.ExactlyOnce(t.Context(), e, text, func(ctx context.Context, tx *plinth.Tx) (struct{}, error) {
					return struct{}{}, work(ctx, tx)
				})
				if is(t, err, plinth.ErrOutcomeUnknown); already {
					t.Errorf("%s: applied already", text)
				}
				if runs != 2 {
					t.Errorf("%s: %d runs of two transactions", text, runs)
				}
				if _, err := e.Execute(t.Context(), "delete from plinth_tokens"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestATokenThatIsntThereIsntTakenForApplied where the table isn't as CreateTokens makes it.
func TestATokenThatIsntThereIsntTakenForApplied(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		e := d.engine(t, d.url(t))
		tables := []string{
			"create table plinth_tokens (token bytea primary key, result text)",
			"create function kept_out() returns trigger language plpgsql as 'begin return null; end'",
			"create trigger none before insert on plinth_tokens for each row execute function kept_out()",
		}
		if d.name == "mariadb" {
			tables = []string{
				"create table plinth_tokens (token varchar(4) collate utf8mb4_general_ci primary key, result text)",
				"insert into plinth_tokens (token) values ('orde')",
			}
		}
		for _, text := range append(tables, "create table t (a int)") {
			if _, err := e.Execute(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		_, already, err := plinth.ExactlyOnce(t.Context(), e, "order 2", func(ctx context.Context, tx *plinth.Tx) (struct{}, error) {
			_, err := insert(ctx, tx)
			return struct{}{}, err
		})
		if is(t, err, plinth.ErrOutcomeUnknown); already {
			t.Error("it's said to be applied")
		}
		_, already, err = plinth.ExactlyOnce(t.Context(), e, "order 3", insert)
		if is(t, err, plinth.ErrOutcomeUnknown); already {
			t.Error("it's said to be applied")
		}
	})
}
