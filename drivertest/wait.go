package drivertest

import (
	"sync/atomic"
	"testing"
	"time"
)

// within bounds what a case waits for. It is much longer than anything takes that works.
const within = 10 * time.Second

// prompt is how soon something has to happen that happens at once, on a machine that is busy with other cases.
const prompt = 2 * time.Second

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !cond(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", within, what)
		}
	}
}

// async runs f on a goroutine of its own. The function it returns waits for f and returns its error.
func async(t testing.TB, f func() error) (wait func() error) {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return func() error {
		t.Helper()
		select {
		case err := <-result:
			return err
		case <-time.After(within):
			t.Fatalf("a call hasn't returned after %v", within)
			return nil
		}
	}
}

// soon runs f, which has to return at once, and returns its error.
func soon(t testing.TB, f func() error) error {
	t.Helper()
	start := time.Now()
	err := async(t, f)()
	if took := time.Since(start); took > prompt {
		t.Errorf("took %v, want at most %v", took, prompt)
	}
	return err
}

// counter counts for several goroutines.
type counter struct{ v atomic.Int64 }

func (c *counter) add()     { c.v.Add(1) }
func (c *counter) n() int64 { return c.v.Load() }

// needSavepoints skips the case where there are none.
func (s *suite) needSavepoints(t testing.TB) {
	t.Helper()
	if s.Limits.NoSavepoints {
		t.Skip("the harness says Limits.NoSavepoints")
	}
}

// needSeenUnits skips the case where an ExecuteMany's unit is the driver's own matter.
func (s *suite) needSeenUnits(t testing.TB) {
	t.Helper()
	if s.Limits.OwnUnit {
		t.Skip("the harness says Limits.OwnUnit")
	}
}

// need skips the case if the database has no such statement.
func (s *suite) need(t testing.TB, what, statement string) {
	t.Helper()
	if statement == "" {
		t.Skipf("the harness has no Statements.%s", what)
	}
}
