package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plinthdb/plinth"
)

// ask asks for rows that carry a number, reads up to so many of them, and returns how many it read. An error is the engine's, or
// says that a row is another question's.
func ask(ctx context.Context, q plinth.Querier, nonce int64, rows, read int) (n int, err error) {
	const question = "select ?::text as nonce, g, repeat('x', g % 50) as pad from generate_series(1, ?) g"
	r, err := q.Query(ctx, question, fmt.Sprint("n", nonce), rows)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for n < read && r.Next() {
		var got, pad string
		var g int
		if err := r.Scan(&got, &g, &pad); err != nil {
			return n, err
		}
		if n++; got != fmt.Sprint("n", nonce) || g != n || len(pad) != g%50 || strings.Trim(pad, "x") != "" {
			return n, fmt.Errorf("row %d of question n%d is %q, %d, %q: it's another's", n, nonce, got, g, pad)
		}
	}
	if err := r.Close(); err != nil {
		return n, err
	}
	if want := min(rows, read); n != want {
		return n, fmt.Errorf("question n%d: %d rows, want %d", nonce, n, want)
	}
	return n, nil
}

// TestSoakNoRowAndNoSettingReachesAnother asks for rows that carry the question's number, on few connections, and cancels while
// they are read. In between others set what is the session's own, and are cancelled, too: no question may meet it.
func TestSoakNoRowAndNoSettingReachesAnother(t *testing.T) {
	const most, callers = 4, 4
	n := int64(times(50_000))
	e := open(t, poolOf(most), silent)
	execute(t, e, "create table shared (n int)", "insert into shared values (1)")
	var next, answered, cut, set atomic.Int64
	var work sync.WaitGroup
	for range callers {
		work.Go(func() {
			for nonce := next.Add(1); nonce <= n && !t.Failed(); nonce = next.Add(1) {
				ctx, cancel := endsAtRandom(t.Context())
				var err error
				switch rand.IntN(10) {
				case 0:
					set.Add(1)
					err = settings(ctx, e, nonce)
				case 1:
					err = clean(ctx, e)
				default:
					rows := 1 + rand.IntN(3_000)
					stop := rand.IntN(2 * rows)
					err = reading(ctx, cancel, e, nonce, rows, stop)
				}
				switch {
				case err == nil:
					answered.Add(1)
				case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
					cut.Add(1)
				default:
					t.Error(err)
				}
				cancel()
			}
		})
	}
	work.Wait()
	idle(t, e)
	s := e.Stats()
	t.Logf("%d questions: %d answered, %d cut, %d of these as they waited for a connection; %d times settings of one's own; %d dials",
		n, answered.Load(), cut.Load(), s.TimeoutCount, set.Load(), s.DialCount)
	if answered.Load() < n/10 || cut.Load()-s.TimeoutCount < n/20 {
		t.Error("the cancels don't come in between")
	}
}

// reading asks, and sometimes cancels by itself after so many rows.
func reading(ctx context.Context, cancel context.CancelFunc, e *plinth.Engine, nonce int64, rows, stop int) error {
	if rand.IntN(3) > 0 {
		_, err := ask(ctx, e, nonce, rows, stop)
		return err
	}
	n := 0
	for row, err := range plinth.Each[string](ctx, e, "select ?::text from generate_series(1, ?)", fmt.Sprint("n", nonce), rows) {
		if err != nil {
			return err
		}
		if row != fmt.Sprint("n", nonce) {
			return fmt.Errorf("a row of question n%d is %q: it's another's", nonce, row)
		}
		if n++; n == stop {
			cancel()
		}
	}
	return nil
}

// settings sets what lives in a session: a parameter, a temporary table, a lock, a prepared statement.
func settings(ctx context.Context, e *plinth.Engine, nonce int64) error {
	return e.With(ctx, func(c *plinth.Conn) error {
		mine := fmt.Sprint("n", nonce)
		for _, text := range []string{
			"set plinth.mine = '" + mine + "'", "create temporary table shared (n int)", "insert into shared values (2)",
			"select pg_advisory_lock_shared(1)", "prepare mine as select 1", "set search_path to nowhere, pg_temp", "listen mine",
		} {
			if _, err := c.Execute(ctx, text); err != nil {
				return err
			}
		}
		got, err := plinth.One[string](ctx, c, "select current_setting('plinth.mine')")
		if err == nil && got != mine {
			return fmt.Errorf("the setting of n%d is %q: it's another's", nonce, got)
		}
		return err
	})
}

// clean fails where a session isn't as new.
func clean(ctx context.Context, e *plinth.Engine) error {
	state, err := plinth.One[string](ctx, e, `select concat_ws(' ', coalesce(nullif(current_setting('plinth.mine', true), ''), 'unset'),
		(select n from shared), current_setting('search_path'),
		(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
		(select count(*) from pg_listening_channels()), (select count(*) from pg_prepared_statements where name = 'mine'))`)
	if err == nil && state != `unset 1 "$user", public 0 0 0` {
		return fmt.Errorf("a session isn't as new: %s", state)
	}
	return err
}
