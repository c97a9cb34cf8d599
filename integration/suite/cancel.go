package suite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
)

// aCancelledStatementLeavesItsConnectionToBeUsed shows that a cancel costs no new connection.
func (d *Database) aCancelledStatementLeavesItsConnectionToBeUsed(t *testing.T) {
	e := d.OpenNew(t, PoolOf(1))
	clock := WatchClock(t)
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := e.FetchAll(ctx, d.Slow)
		clock.Punctual(ctx, t)
		cancel()
		if !errors.Is(err, plinth.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v, want ErrTimeout", err)
		}
		if n, err := plinth.One[int](t.Context(), e, "select 1"); n != 1 || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// aBigResultIsNotReadToItsEndToBeClosed closes rows of which minutes' worth are left.
func (d *Database) aBigResultIsNotReadToItsEndToBeClosed(t *testing.T) {
	e := d.OpenNew(t, PoolOf(1))
	for _, text := range d.Big {
		r, err := e.Query(t.Context(), text)
		if err != nil || !r.Next() {
			t.Fatal(err)
		}
		began := time.Now()
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		if n, err := plinth.One[int](t.Context(), e, "select 1"); n != 1 || err != nil {
			t.Fatalf("the next statement: %d, %v", n, err)
		}
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// closeCutsWhatRuns closes the engine under a statement, which the server then stops, too.
func (d *Database) closeCutsWhatRuns(t *testing.T) {
	url := d.Server(t).Database(t)
	e, err := d.Engine(t.Context(), plinth.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	admin := d.OpenURL(t, url)
	result := make(chan error, 1)
	go func() {
		_, err := e.FetchAll(context.Background(), d.Slow)
		result <- err
	}()
	running := func() int {
		n, err := plinth.One[int](t.Context(), admin, d.Running)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	Eventually(t, "it runs", func() bool { return running() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Close(ctx); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("Close: %v, want ErrTimeout", err)
	}
	if err := <-result; !errors.Is(err, plinth.ErrClosed) && !errors.Is(err, plinth.ErrCanceled) {
		t.Errorf("the statement: %v, want ErrClosed", err)
	}
	Eventually(t, "the server has stopped it", func() bool { return running() == 0 })
}
