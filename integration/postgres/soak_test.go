package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"go.uber.org/goleak"
)

// reserve is how many sessions beyond the pool's maximum a server may see for a moment: those that were closed here and
// whose process hasn't ended there yet. Cancel requests aren't sessions.
const reserve = 2

// errUndo is what a function of InTx returns to have its work undone.
var errUndo = errors.New("undo this")

// TestSoakMixedCallsWithRandomCancels does everything at once that services do, under contexts that end before, in and after
// the calls, by cancel and by deadline, and holds the database against what was said in the end.
func TestSoakMixedCallsWithRandomCancels(t *testing.T) {
	const most, callers = 8, 8
	n := int64(times(100_000))
	url := servers.Postgres(t).Database(t)
	before := goleak.IgnoreCurrent()
	e, admin := openURL(t, url, poolOf(most), silent), openURL(t, url, poolOf(1), silent)
	m := &mix{e: e, ledger: newLedger(t, admin)}
	watched := sessions(t, admin)

	var began atomic.Int64
	var work sync.WaitGroup
	for range callers {
		work.Go(func() {
			for began.Add(1) <= n && !t.Failed() {
				if err := m.call(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	idle(t, e)
	quiet(t, admin)
	if seen := watched(); seen > most+reserve {
		t.Errorf("%d sessions on a pool of %d", seen, most)
	} else {
		t.Logf("at most %d sessions on a pool of %d", seen, most)
	}
	s := e.Stats()
	t.Logf("%d calls: %d succeeded, %d were ended by their context, %d of these as they waited for a connection, %d as they read rows",
		n, m.succeeded.Load(), m.ended.Load(), s.TimeoutCount, m.partly.Load())
	t.Logf("writes: %+v; %d connections dialled, %d retries", m.check(t, admin), s.DialCount, s.Retries)
	if m.succeeded.Load() < n/10 || m.ended.Load()-s.TimeoutCount < n/20 {
		t.Error("the cancels don't come in between")
	}
	if s.DialCount > n/50 {
		t.Errorf("%d connections were dialled for %d calls on a pool of %d", s.DialCount, n, most)
	}
	for _, e := range []*plinth.Engine{e, admin} {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// mix is a mixture of calls.
type mix struct {
	*ledger
	e                        *plinth.Engine
	succeeded, ended, partly atomic.Int64
}

// call makes one call at random under a context that ends at random, and returns what it may not fail with.
func (m *mix) call(parent context.Context) error {
	ctx, cancel := endsAtRandom(parent)
	defer cancel()
	kinds := []func(context.Context) error{
		m.insert, m.returning, m.read, m.all, m.many, m.commit, m.commit, m.rollback, m.nested, m.byHand, m.with, m.ping, m.sleep,
	}
	err := kinds[rand.IntN(len(kinds))](ctx)
	over := ctx.Err() != nil
	switch {
	case err == nil, errors.Is(err, errUndo):
		m.succeeded.Add(1)
		return nil
	case over && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		m.ended.Add(1)
		return nil
	}
	return fmt.Errorf("with a context that has ended (%t): %w", over, err)
}

// endsAtRandom returns a context that has ended already, ends soon, later, or not at all.
func endsAtRandom(parent context.Context) (context.Context, context.CancelFunc) {
	soon := time.Duration(float64(100*time.Microsecond) * math.Pow(300, rand.Float64())) // up to 30 ms
	switch rand.IntN(10) {
	case 0:
		ctx, cancel := context.WithCancel(parent)
		cancel()
		return ctx, cancel
	case 1, 2, 3:
		return context.WithTimeout(parent, soon)
	case 4, 5, 6:
		ctx, cancel := context.WithCancel(parent)
		timer := time.AfterFunc(soon, cancel)
		return ctx, func() { timer.Stop(); cancel() }
	case 7:
		ctx, cancel := context.WithCancel(parent)
		return ctx, func() { cancel() }
	}
	return context.WithTimeout(parent, time.Minute)
}

func (m *mix) insert(ctx context.Context) error {
	token := m.next.Add(1)
	_, err := m.e.Execute(ctx, insertEntry, token)
	m.tell(err, token)
	return err
}

func (m *mix) returning(ctx context.Context) error {
	token := m.next.Add(1)
	row, err := m.e.FetchOne(ctx, insertEntry+" returning token", token)
	m.tell(err, token)
	if err != nil {
		return err
	}
	got, err := row.Int64("token")
	if err == nil && got != token {
		return fmt.Errorf("token %d came back as %d", token, got)
	}
	return err
}

// read reads a part of an answer.
func (m *mix) read(ctx context.Context) error {
	nonce, rows := m.next.Add(1), 1+rand.IntN(3_000)
	read, err := ask(ctx, m.e, nonce, rows, rand.IntN(2*rows))
	if err != nil && read > 0 {
		m.partly.Add(1)
	}
	return err
}

func (m *mix) all(ctx context.Context) error {
	want := rand.IntN(1000)
	got, err := plinth.All[int](ctx, m.e, "select g from generate_series(1, ?) g", want)
	if err == nil && len(got) != want {
		return fmt.Errorf("%d rows, want %d", len(got), want)
	}
	return err
}

func (m *mix) many(ctx context.Context) error {
	tokens := make([]int64, 1+rand.IntN(50))
	for i := range tokens {
		tokens[i] = m.next.Add(1)
	}
	statement := insertEntry
	if rand.IntN(2) == 0 {
		statement = "insert into entry (token) values (? + 0)" // not by COPY
	}
	_, err := m.e.ExecuteMany(ctx, statement, func(yield func([]any) bool) {
		for _, token := range tokens {
			if !yield([]any{token}) {
				return
			}
		}
	})
	m.tell(err, tokens...)
	return err
}

func (m *mix) commit(ctx context.Context) error {
	token := m.next.Add(1)
	err := m.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return transfer(ctx, tx, token) })
	m.tell(err, token)
	return err
}

func (m *mix) rollback(ctx context.Context) error {
	token := m.next.Add(1)
	m.note(notApplied, token)
	return m.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if err := transfer(ctx, tx, token); err != nil {
			return err
		}
		return errUndo
	})
}

// nested keeps the work of one savepoint and undoes that of another, which an error of the server's may end.
func (m *mix) nested(ctx context.Context) error {
	outer, kept, undone := m.next.Add(1), m.next.Add(1), m.next.Add(1)
	m.note(notApplied, undone)
	err := m.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, insertEntry, outer); err != nil {
			return err
		}
		err := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := tx.Execute(ctx, insertEntry, undone); err != nil {
				return err
			}
			if rand.IntN(2) == 0 {
				_, err := tx.Execute(ctx, "select 1 / (? - 1)", 1)
				if errors.Is(err, plinth.ErrInvalid) {
					err = errUndo
				}
				return err
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, insertEntry, kept)
			return err
		})
	})
	m.tell(err, outer, kept)
	return err
}

func (m *mix) byHand(ctx context.Context) error {
	token := m.next.Add(1)
	tx, err := m.e.Begin(ctx)
	if err != nil {
		m.note(notApplied, token)
		return err
	}
	err = transfer(ctx, tx, token)
	if err == nil && rand.IntN(3) > 0 {
		err = tx.Commit(ctx)
		m.tell(err, token)
		return errors.Join(err, ignore(tx.Rollback(ctx), plinth.ErrTxDone))
	}
	m.note(notApplied, token)
	return errors.Join(err, tx.Rollback(ctx))
}

// ignore returns err unless it is of a kind.
func ignore(err error, kind plinth.Kind) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

// with sets what nobody else may see: see also TestSoakNoRowAndNoSettingReachesAnother.
func (m *mix) with(ctx context.Context) error {
	return m.e.With(ctx, func(c *plinth.Conn) error {
		if _, err := c.Execute(ctx, "set application_name = 'mine'"); err != nil {
			return err
		}
		name, err := plinth.One[string](ctx, c, "show application_name")
		if err == nil && name != "mine" {
			return fmt.Errorf("application_name is %q", name)
		}
		return err
	})
}

func (m *mix) ping(ctx context.Context) error { return m.e.TestConnection(ctx) }

func (m *mix) sleep(ctx context.Context) error {
	_, err := m.e.Execute(ctx, "select pg_sleep(0.004)")
	return err
}
