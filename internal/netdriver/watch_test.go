package netdriver

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dials is a connection that only knows its deadlines.
type dials struct {
	net.Conn
	mu          sync.Mutex
	read, write time.Time
}

func (d *dials) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = t
	return nil
}

func (d *dials) SetWriteDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write = t
	return nil
}

func (d *dials) SetDeadline(t time.Time) error {
	_ = d.SetReadDeadline(t)
	return d.SetWriteDeadline(t)
}

func (d *dials) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.read.IsZero() && d.read.Before(time.Now())
}

func (d *dials) none() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.read.IsZero() && d.write.IsZero()
}

func watched(t *testing.T, f func(w *watch, d *dials)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var w watch
		d := &dials{}
		w.init(d)
		defer w.release()
		f(&w, d)
	})
}

func TestTheEndOfAContextEndsReading(t *testing.T) {
	t.Parallel()
	watched(t, func(w *watch, d *dials) {
		ctx, cancel := context.WithCancel(context.Background())
		w.start(ctx)
		time.Sleep(time.Minute)
		if d.over() {
			t.Error("reading ended without a reason")
		}
		cancel()
		synctest.Wait()
		if !d.over() || !w.hasFired() {
			t.Error("reading goes on after the context has ended")
		}
		if !d.write.Equal(time.Now().Add(AnswerTime)) {
			t.Errorf("writing goes on until %v", d.write)
		}
		w.end()
		if !d.none() || w.hasFired() {
			t.Error("a deadline is left after the call")
		}
	})
}

func TestAContextThatEndsEarlyIsSeenALittleLater(t *testing.T) {
	t.Parallel()
	watched(t, func(w *watch, d *dials) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		w.start(ctx)
		time.Sleep(usualTime)
		synctest.Wait()
		if !d.over() {
			t.Errorf("reading goes on %v after the call began", usualTime)
		}
		w.end()
	})
}

func TestAContextOfAnEarlierCallDoesNothing(t *testing.T) {
	t.Parallel()
	watched(t, func(w *watch, d *dials) {
		for range 10 {
			first, cancelFirst := context.WithCancel(context.Background())
			w.start(first)
			call := w.call
			time.Sleep(usualTime / 2)
			w.end()
			w.fire(w.call)
			second, cancelSecond := context.WithCancel(context.Background())
			w.start(second)
			cancelFirst()
			w.fire(call) // which was on its way when the call ended
			time.Sleep(2 * usualTime)
			synctest.Wait()
			if !d.none() {
				t.Fatal("the end of the first call's context reached the second")
			}
			w.end()
			cancelSecond()
			synctest.Wait()
			if !d.none() {
				t.Fatal("the end of a context reached a session that does nothing")
			}
			third, cancelThird := context.WithCancel(context.Background())
			w.start(third)
			w.end()
			time.Sleep(2 * usualTime) // the timer finds no call
			cancelThird()
		}
	})
}

func TestAContextWithoutAnEndIsNotWatched(t *testing.T) { //nolint:paralleltest // it counts allocations
	watched(t, func(w *watch, _ *dials) {
		if n := testing.AllocsPerRun(100, func() { w.start(context.Background()); w.end() }); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}

func TestShortCallsAreWatchedWithoutAllocation(t *testing.T) { //nolint:paralleltest // it counts allocations
	watched(t, func(w *watch, _ *dials) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if n := testing.AllocsPerRun(100, func() { w.start(ctx); w.end() }); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}
