package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

// TestCancelsFromOutsideLeaveNoTokenWithoutItsWork: an administrator's may hit what opens the transaction, and COMMIT.
func TestCancelsFromOutsideLeaveNoTokenWithoutItsWork(t *testing.T) {
	everywhere(t, func(t *testing.T, d database) {
		if d.name == "pgbouncer" {
			t.Skip("it ends sessions of its own")
		}
		direct, url := d.ready(t)
		e := d.engine(t, url, func(o *plinth.Options) { o.Pool.MaxOpenConns = 4 })
		ctx, stop := context.WithCancel(t.Context())
		var cancels, calls sync.WaitGroup
		cancels.Go(func() {
			for ctx.Err() == nil {
				if d.name == "postgres" {
					_, _ = direct.Execute(ctx, "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
					continue
				}
				ids, _ := plinth.All[int64](ctx, direct, "select id from information_schema.processlist where db = database() and id <> connection_id()")
				for n := range 20 * len(ids) {
					_, _ = direct.Execute(ctx, fmt.Sprintf("kill query %d", ids[n%len(ids)]))
				}
			}
		})
		const callers, tokens = 4, 250
		for g := range callers {
			calls.Go(func() {
				for i := range tokens {
					apply(t, e, fmt.Sprintf("%d of caller %d", i, g))
				}
			})
		}
		calls.Wait()
		stop()
		cancels.Wait()
		if n := count(t, direct, "t"); n != callers*tokens {
			t.Errorf("%d rows of %d tokens", n, callers*tokens)
		}
	})
}

// apply calls with a token until there is no error. What a plain error said not to be applied mustn't be found later.
func apply(t *testing.T, e *plinth.Engine, token string) {
	for unknown := false; t.Context().Err() == nil; {
		runs := 0
		_, already, err := plinth.ExactlyOnce(t.Context(), e, token, func(ctx context.Context, tx *plinth.Tx) (struct{}, error) {
			runs++
			_, err := insert(ctx, tx)
			return struct{}{}, err
		})
		if already && runs == 0 && !unknown {
			t.Errorf("%s: applied by a call that had failed", token)
		}
		if err == nil {
			return
		}
		unknown = unknown || errors.Is(err, plinth.ErrOutcomeUnknown)
	}
}
