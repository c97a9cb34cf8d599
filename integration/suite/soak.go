package suite

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
	"github.com/plinthdb/plinth/integration/ledger"
	"go.uber.org/goleak"
)

// errUndo is what a function of InTx returns to have its work undone.
var errUndo = errors.New("undo this")

// mixedCallsWithRandomCancels does everything at once that services do, under contexts that end before, in and after
// the calls, by cancel and by deadline, and holds the database against what was said in the end.
func (d *Database) mixedCallsWithRandomCancels(t *testing.T) {
	const most, callers = 8, 8
	n := int64(times(100_000))
	url := d.Server(t).Database(t)
	before := goleak.IgnoreCurrent()
	e, admin := d.OpenURL(t, url, PoolOf(most), Silent), d.OpenURL(t, url, PoolOf(1), Silent)
	m := &mix{Database: d, e: e, book: newBook(t, admin)}
	watched := d.sessions(t, admin)

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
	Idle(t, e)
	d.quiet(t, admin)
	if seen := watched(); seen > most+d.Reserve {
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
	*Database
	*book
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
	token := m.Next()
	_, err := m.e.Execute(ctx, ledger.Insert, token)
	m.Tell(err, token)
	return err
}

func (m *mix) returning(ctx context.Context) error {
	token := m.Next()
	row, err := m.e.FetchOne(ctx, ledger.Insert+" returning token", token)
	m.Tell(err, token)
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
	nonce, rows := m.Next(), 1+rand.IntN(3_000)
	read, err := m.ask(ctx, m.e, nonce, rows, rand.IntN(2*rows))
	if err != nil && read > 0 {
		m.partly.Add(1)
	}
	return err
}

func (m *mix) all(ctx context.Context) error {
	want := rand.IntN(1000)
	got, err := plinth.All[int](ctx, m.e, m.Numbers, want)
	if err == nil && len(got) != want {
		return fmt.Errorf("%d rows, want %d", len(got), want)
	}
	return err
}

func (m *mix) many(ctx context.Context) error {
	tokens := make([]int64, 1+rand.IntN(50))
	for i := range tokens {
		tokens[i] = m.Next()
	}
	statement := ledger.Insert
	if rand.IntN(2) == 0 {
		statement = m.Batched
	}
	_, err := m.e.ExecuteMany(ctx, statement, func(yield func([]any) bool) {
		for _, token := range tokens {
			if !yield([]any{token}) {
				return
			}
		}
	})
	m.Tell(err, tokens...)
	return err
}

func (m *mix) commit(ctx context.Context) error {
	token := m.Next()
	err := m.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
	m.Tell(err, token)
	return err
}

func (m *mix) rollback(ctx context.Context) error {
	token := m.Next()
	m.Note(ledger.NotApplied, token)
	return m.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if err := ledger.Transfer(ctx, tx, token); err != nil {
			return err
		}
		return errUndo
	})
}

// nested keeps the work of one savepoint and undoes that of another, which an error of the server's may end.
func (m *mix) nested(ctx context.Context) error {
	outer, kept, undone := m.Next(), m.Next(), m.Next()
	m.Note(ledger.NotApplied, undone)
	err := m.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
		if _, err := tx.Execute(ctx, ledger.Insert, outer); err != nil {
			return err
		}
		err := tx.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			if _, err := tx.Execute(ctx, ledger.Insert, undone); err != nil {
				return err
			}
			if rand.IntN(2) == 0 {
				_, err := tx.Execute(ctx, m.Fails, 1)
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
			_, err := tx.Execute(ctx, ledger.Insert, kept)
			return err
		})
	})
	m.Tell(err, outer, kept)
	return err
}

func (m *mix) byHand(ctx context.Context) error {
	token := m.Next()
	tx, err := m.e.Begin(ctx)
	if err != nil {
		m.Note(ledger.NotApplied, token)
		return err
	}
	err = ledger.Transfer(ctx, tx, token)
	if err == nil && rand.IntN(3) > 0 {
		err = tx.Commit(ctx)
		m.Tell(err, token)
		return errors.Join(err, ignore(tx.Rollback(ctx), plinth.ErrTxDone))
	}
	m.Note(ledger.NotApplied, token)
	return errors.Join(err, tx.Rollback(ctx))
}

// ignore returns err unless it is of a kind.
func ignore(err error, kind plinth.Kind) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}

// with sets what nobody else may see: see also noRowAndNoSettingReachesAnother.
func (m *mix) with(ctx context.Context) error {
	return m.e.With(ctx, func(c *plinth.Conn) error {
		if _, err := c.Execute(ctx, m.Name); err != nil {
			return err
		}
		name, err := plinth.One[string](ctx, c, m.Named)
		if err == nil && name != "mine" {
			return fmt.Errorf("the name is %q", name)
		}
		return err
	})
}

func (m *mix) ping(ctx context.Context) error { return m.e.TestConnection(ctx) }

func (m *mix) sleep(ctx context.Context) error {
	_, err := m.e.Execute(ctx, m.Doze)
	return err
}
