package sqlite

import (
	"context"
	"time"

	zombiezen "zombiezen.com/go/sqlite"
)

// busyDelay is the delay after so many attempts at a lock. The delays are those of SQLite's own busy handler,
// sqliteDefaultBusyCallback in https://sqlite.org/src/file/src/main.c. They are waited for here and not there so that a
// context's end is noticed at once: SQLite's handler sleeps through an interrupt.
func busyDelay(tries int) time.Duration {
	delays := [...]time.Duration{1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100}
	return delays[min(tries, len(delays)-1)] * time.Millisecond
}

// busyWait is one call's waiting for a lock.
type busyWait struct {
	tries int
	until time.Time
}

// again decides what follows on err: if it says that a lock is taken, and waiting for it makes sense, again waits and
// reports true, and the call is to be tried once more.
func (w *busyWait) again(ctx context.Context, c *conn, err error) bool {
	if err == nil || !c.canWait(zombiezen.ErrCode(err)) {
		return false
	}
	now := time.Now()
	if w.tries == 0 {
		w.until = now.Add(c.busyTimeout)
	}
	delay := min(busyDelay(w.tries), w.until.Sub(now))
	if delay <= 0 {
		return false
	}
	w.tries++
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-c.watch.ch: // cut; renewed only between calls
	}
	return false
}

// canWait reports whether waiting can help against code. SQLITE_BUSY_SNAPSHOT stays until the transaction is rolled
// back. A transaction that has read and now wants to write holds the very lock that the other side may be waiting
// for, so SQLite doesn't call its busy handler then either (https://www.sqlite.org/c3ref/busy_handler.html).
func (c *conn) canWait(code zombiezen.ResultCode) bool {
	return code.ToPrimary() == zombiezen.ResultBusy && code != zombiezen.ResultBusySnapshot && !c.snapshot
}
