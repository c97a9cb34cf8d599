package suite

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
func (d *Database) ask(ctx context.Context, q plinth.Querier, nonce int64, rows, read int) (n int, err error) {
	r, err := q.Query(ctx, d.Nonces, fmt.Sprint("n", nonce), rows)
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

// noRowAndNoSettingReachesAnother asks for rows that carry the question's number, on few connections, and cancels while
// they are read. In between others set what is the session's own, and are cancelled, too: no question may meet it.
func (d *Database) noRowAndNoSettingReachesAnother(t *testing.T) {
	const most, callers = 4, 4
	n := int64(times(50_000))
	e := d.OpenNew(t, PoolOf(most), Silent)
	Execute(t, e, "create table shared (n int)", "insert into shared values (1)")
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
					err = d.settings(ctx, e, nonce)
				case 1:
					err = d.clean(ctx, e)
				default:
					rows := 1 + rand.IntN(3_000)
					stop := rand.IntN(2 * rows)
					err = d.reading(ctx, cancel, e, nonce, rows, stop)
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
	Idle(t, e)
	s := e.Stats()
	t.Logf("%d questions: %d answered, %d cut, %d of these as they waited for a connection; %d times settings of one's own; %d dials",
		n, answered.Load(), cut.Load(), s.TimeoutCount, set.Load(), s.DialCount)
	if answered.Load() < n/10 || cut.Load()-s.TimeoutCount < n/20 {
		t.Error("the cancels don't come in between")
	}
}

// reading asks, and sometimes cancels by itself after so many rows.
func (d *Database) reading(ctx context.Context, cancel context.CancelFunc, e *plinth.Engine, nonce int64, rows, stop int) error {
	if rand.IntN(3) > 0 {
		_, err := d.ask(ctx, e, nonce, rows, stop)
		return err
	}
	n := 0
	for r, err := range plinth.Each[plinth.Row](ctx, e, d.Nonces, fmt.Sprint("n", nonce), rows) {
		if err != nil {
			return err
		}
		if row, err := r.Text("nonce"); err != nil || row != fmt.Sprint("n", nonce) {
			return fmt.Errorf("a row of question n%d is %q: it's another's (%w)", nonce, row, err)
		}
		if n++; n == stop {
			cancel()
		}
	}
	return nil
}

// settings sets what lives in a session: a parameter, a temporary table, a lock, a prepared statement.
func (d *Database) settings(ctx context.Context, e *plinth.Engine, nonce int64) error {
	return e.With(ctx, func(c *plinth.Conn) error {
		mine := fmt.Sprint("n", nonce)
		for _, text := range d.Mine(mine) {
			if _, err := c.Execute(ctx, text); err != nil {
				return err
			}
		}
		got, err := plinth.One[string](ctx, c, d.Is)
		if err == nil && got != mine {
			return fmt.Errorf("the setting of n%d is %q: it's another's", nonce, got)
		}
		return err
	})
}

// clean fails where a session isn't as new.
func (d *Database) clean(ctx context.Context, e *plinth.Engine) error {
	state, err := plinth.One[string](ctx, e, d.Traces)
	if err == nil && state != d.Clean {
		return fmt.Errorf("a session isn't as new: %s", state)
	}
	return err
}
