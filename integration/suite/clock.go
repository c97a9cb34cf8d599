package suite

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Promised is how soon after its deadline a call returns, however silent its server is.
const Promised = 100 * time.Millisecond

// Clock is how late the machine itself is.
type Clock struct {
	mu    sync.Mutex
	lates []lateness
}

type lateness struct {
	at time.Time
	by time.Duration
}

// WatchClock has a timer show how late the machine is, until the test ends.
func WatchClock(t testing.TB) *Clock {
	c := &Clock{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			due := time.Now().Add(time.Millisecond)
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if by := time.Since(due); by > time.Millisecond {
				c.mu.Lock()
				c.lates = append(c.lates, lateness{due, by})
				c.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return c
}

// Late returns how late it was at most between two times.
func (c *Clock) Late(from, to time.Time) (most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.lates) - 1; i >= 0 && c.lates[i].at.After(from); i-- {
		if c.lates[i].at.Before(to) {
			most = max(most, c.lates[i].by)
		}
	}
	return most
}

// TooLate reports whether what has just returned, so long after its deadline, was later than is promised, and how late the machine
// itself was meanwhile. The long form holds to the promise wherever that was no more than 10 ms; the short one, which runs beside other
// tests, only finds what waits for something.
func (c *Clock) TooLate(late time.Duration) (noise time.Duration, tooLate bool) {
	now := time.Now()
	noise = c.Late(now.Add(-late-500*time.Millisecond), now)
	return noise, late > time.Second+10*noise || InFull() && late > Promised && noise < 10*time.Millisecond
}

// Punctual fails the test if what has just returned was too late for its deadline.
func (c *Clock) Punctual(ctx context.Context, t testing.TB) {
	t.Helper()
	deadline, _ := ctx.Deadline()
	late := time.Since(deadline)
	if noise, tooLate := c.TooLate(late); tooLate {
		t.Errorf("it returned %v after its deadline; the machine was %v late", late, noise)
	}
}
