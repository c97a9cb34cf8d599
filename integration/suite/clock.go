package suite

import (
	"sync"
	"testing"
	"time"
)

// wallClock is how late the machine itself is.
type wallClock struct {
	mu    sync.Mutex
	lates []lateness
}

type lateness struct {
	at time.Time
	by time.Duration
}

// watchClock has a timer show how late the machine is, until the test ends.
func watchClock(t testing.TB) *wallClock {
	c := &wallClock{}
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

// late returns how late it was at most between two times.
func (c *wallClock) late(from, to time.Time) (most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.lates) - 1; i >= 0 && c.lates[i].at.After(from); i-- {
		if c.lates[i].at.Before(to) {
			most = max(most, c.lates[i].by)
		}
	}
	return most
}
