package suite

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/retry"
)

// locking is what transactions do that wait for each other. Each writes its token, and then what the other has locked.
type locking struct {
	*book
	e      *plinth.Engine
	direct *plinth.Engine
}

func (d *Database) newLocking(t testing.TB, url string, set ...func(*plinth.Options)) *locking {
	t.Helper()
	enough := func(o *plinth.Options) { o.Retry.Budget = retry.NewBudget(1_000_000) } // here all fail at first
	l := &locking{direct: d.OpenURL(t, url, Silent), e: d.OpenURL(t, url, append(set, Silent, enough, PoolOf(3))...)}
	l.book = newBook(t, l.direct)
	Execute(t, l.direct, "create table counters (id int primary key, n bigint not null)", "insert into counters values (1, 0), (2, 0)")
	return l
}

// step adds one to a counter and holds its lock.
func step(ctx context.Context, q plinth.Querier, id int) error {
	_, err := q.Execute(ctx, "update counters set n = n + 1 where id = ?", id)
	return err
}

// byHand is a transaction that runs once, and after its failure goes on as if it hadn't seen it: nothing of that may be there.
func (l *locking) byHand(t *testing.T, work func(ctx context.Context, tx *plinth.Tx) error) error {
	token, later := l.Next(), l.Next()
	l.Note(ledger.NotApplied, token, later)
	tx, err := l.e.Begin(t.Context())
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // undoes what is left
	if _, err := tx.Execute(t.Context(), ledger.Insert, token); err != nil {
		return err
	}
	err = work(t.Context(), tx)
	if err == nil {
		err := tx.Commit(t.Context())
		l.Tell(err, token)
		return err
	}
	if _, next := tx.Execute(t.Context(), ledger.Insert, later); !errors.Is(next, plinth.ErrTxDone) {
		t.Errorf("the statement after %v: %v, want ErrTxDone", err, next)
	}
	if commit := tx.Commit(t.Context()); !errors.Is(commit, plinth.ErrTxDone) {
		t.Errorf("Commit after %v: %v, want ErrTxDone", err, commit)
	}
	return err
}

// again is a transaction of InTx, which may run more than once.
func (l *locking) again(t *testing.T, work func(ctx context.Context, tx *plinth.Tx, run int) error) (runs int, err error) {
	token := l.Next()
	err = l.e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		runs++
		if _, err := tx.Execute(ctx, ledger.Insert, token); err != nil {
			return err
		}
		return work(ctx, tx, runs)
	})
	l.Tell(err, token)
	return runs, err
}

// counted fails the test unless so many steps were kept.
func (l *locking) counted(t *testing.T, want int) {
	t.Helper()
	for id := range 2 {
		n, err := plinth.One[int](t.Context(), l.direct, "select n from counters where id = ?", 1+id)
		if n != want || err != nil {
			t.Errorf("counter %d is %d, want %d (%v)", 1+id, n, want, err)
		}
	}
}

// deadlocks has pairs of transactions lock the same two rows in opposite order: 1,000 times, of which the database ends one
// each. By hand that one fails with all that it did undone and what it does next refused; by InTx it runs again, and both are
// there once.
func (d *Database) deadlocks(t *testing.T) {
	rounds := 50
	if InFull() {
		rounds = 1_000
	}
	l := d.newLocking(t, d.Server(t, d.DeadlocksSoon...).Database(t))
	kept := 0
	for round := range rounds {
		bothHoldOne := meeting(2)
		cross := func(ctx context.Context, tx *plinth.Tx, first, second, run int) error {
			if err := step(ctx, tx, first); err != nil {
				return err
			}
			if run == 1 {
				bothHoldOne(t)
			}
			return step(ctx, tx, second)
		}
		swap := func(first, second int) (int, error) {
			if round%2 == 0 {
				err := l.byHand(t, func(ctx context.Context, tx *plinth.Tx) error { return cross(ctx, tx, first, second, 1) })
				return 1, err
			}
			return l.again(t, func(ctx context.Context, tx *plinth.Tx, run int) error { return cross(ctx, tx, first, second, run) })
		}
		type end struct {
			runs int
			err  error
		}
		ends := make(chan end, 2)
		for first := range 2 {
			go func() {
				runs, err := swap(1+first, 2-first)
				ends <- end{runs, err}
			}()
		}
		one, two := <-ends, <-ends
		if round%2 == 0 {
			if kept++; (one.err == nil) == (two.err == nil) || !errors.Is(errors.Join(one.err, two.err), plinth.ErrDeadlock) {
				t.Fatalf("round %d: %v and %v, want one ErrDeadlock", round, one.err, two.err)
			}
		} else if kept += 2; one.err != nil || two.err != nil || one.runs+two.runs != 3 {
			t.Fatalf("round %d: %v and %v after %d runs, want 3", round, one.err, two.err, one.runs+two.runs)
		}
	}
	l.counted(t, kept)
	sum := l.check(t, l.direct)
	t.Logf("%d deadlocks; tokens: %+v; %d retries, %d connections dialled", rounds, sum, l.e.Stats().Retries, l.e.Stats().DialCount)
	if sum.Applied != kept || sum.Unknown != 0 {
		t.Errorf("%d of the transactions were applied, want %d", sum.Applied, kept)
	}
}

// locksThatAreNotToBeHad does the same with waits for a lock that end in vain.
func (d *Database) locksThatAreNotToBeHad(t *testing.T) {
	rounds := 50
	if InFull() {
		rounds = 1_000
	}
	url := d.Server(t).Database(t)
	l := d.newLocking(t, url+"&"+d.ShortWaits, func(o *plinth.Options) { o.Retry.Attempts = 2 })
	kept := 0
	for round := range rounds {
		holder, err := l.direct.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(step(t.Context(), holder, 1), step(t.Context(), holder, 2)); err != nil {
			t.Fatal(err)
		}
		work := func(ctx context.Context, tx *plinth.Tx) error { return errors.Join(step(ctx, tx, 1), step(ctx, tx, 2)) }
		runs, want := 1, plinth.ErrLocked
		switch round % 3 {
		case 0:
			err = l.byHand(t, work)
		case 1: // it's there to be had the second time
			runs, err = l.again(t, func(ctx context.Context, tx *plinth.Tx, run int) error {
				if run == 2 {
					if err := holder.Rollback(ctx); err != nil {
						return err
					}
				}
				return work(ctx, tx)
			})
			if err != nil || runs != 2 {
				t.Fatalf("round %d: %v after %d runs, want 2", round, err, runs)
			}
			kept++
			continue
		default:
			runs, err = l.again(t, func(ctx context.Context, tx *plinth.Tx, _ int) error { return work(ctx, tx) })
		}
		if !errors.Is(err, want) || runs != 1+round%3/2 {
			t.Fatalf("round %d: %v after %d runs, want %v", round, err, runs, want)
		}
		if err := holder.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.counted(t, kept)
	sum := l.check(t, l.direct)
	t.Logf("%d waits in vain; tokens: %+v; %d retries, %d connections dialled", rounds, sum, l.e.Stats().Retries, l.e.Stats().DialCount)
	if sum.Applied != kept || sum.Unknown != 0 {
		t.Errorf("%d of the transactions were applied, want %d", sum.Applied, kept)
	}
}
