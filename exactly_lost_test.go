package plinth_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

func TestTheAnswerToCommitMayBeLost(t *testing.T) {
	t.Parallel()
	for applied, want := range map[bool]struct {
		already bool
		note    string
	}{true: {true, "run 1"}, false: {false, "run 2"}} {
		db, b := onFaulty(t)
		fn, runs := insert(1)
		if f := times(1, "commit", "", lost(driver.Commit)); applied {
			b.on(nil, f)
		} else {
			b.on(f, nil)
		}
		got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
		if err != nil || already != want.already || got.Note != want.note {
			t.Errorf("applied %v: %+v, %v, %v", applied, got, already, err)
		}
		if n := count(t, db); n != 1 {
			t.Errorf("applied %v: %d rows after %d runs", applied, n, runs.Load())
		}
		if db.Stats().Budget.Retries != 0 {
			t.Error("finding out what became of a COMMIT was charged to the retry budget")
		}
	}
}

func TestALostAnswerAtAnyStepAppliesTheWorkOnce(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"begin", "execute INSERT INTO plinth_tokens", "execute insert into t", "execute UPDATE plinth_tokens", "commit"} {
		for _, done := range []bool{true, false} {
			for _, n := range []int{1, 2, 3} {
				t.Run(fmt.Sprintf("%s done %v %d times", step, done, n), func(t *testing.T) {
					t.Parallel()
					db, b := onFaulty(t)
					op, text, _ := strings.Cut(step, " ")
					phase := map[string]driver.Phase{"begin": driver.Begin, "commit": driver.Commit, "execute": driver.Run}[op]
					if f := times(n, op, text, lost(phase)); done {
						b.on(nil, f)
					} else {
						b.on(f, nil)
					}
					fn, _ := insert(1)
					got, _, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
					if rows := count(t, db); err != nil || rows != 1 || got.ID != 1 {
						t.Errorf("%+v, %v: %d rows", got, err, rows)
					}
					idle(t, db)
				})
			}
		}
	}
}

func TestWhatCannotBeFoundOutIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	dead := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: errors.New("refused")}
	var down atomic.Bool
	b.on(func(op, _ string) error {
		if op == "acquire" && down.Load() {
			f := *dead
			return &f
		}
		return nil
	}, func(op, _ string) error {
		if op == "commit" && !down.Swap(true) {
			return lost(driver.Commit)
		}
		return nil
	})
	fn, _ := insert(1)
	got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
	var e *plinth.Error
	if !errors.Is(err, plinth.ErrOutcomeUnknown) || !errors.Is(err, plinth.ErrUnavailable) || already || got != (receipt{}) {
		t.Fatalf("%+v, %v, %v", got, already, err)
	}
	if errors.As(err, &e); !strings.Contains(e.Hint, "same token") || e.Retryable() || len(e.Attempts) < 2 {
		t.Errorf("hint %q, %d attempts", e.Hint, len(e.Attempts))
	}
	b.on(nil, nil)
	got, already, err = plinth.ExactlyOnce(t.Context(), db, "x", fn)
	if err != nil || !already || got.Note != "run 1" || count(t, db) != 1 {
		t.Errorf("the second call: %+v, %v, %v", got, already, err)
	}

	b.on(nil, times(1, "commit", "", lost(driver.Commit))) // a context that ends with the answer
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err = plinth.ExactlyOnce(ctx, db, "y", func(ctx context.Context, tx *plinth.Tx) (receipt, error) {
		defer cancel()
		return fn(ctx, tx)
	})
	if errors.Is(err, plinth.ErrOutcomeUnknown) == errors.Is(err, context.Canceled) { // SQLite looks at it before COMMIT
		t.Errorf("error %v", err)
	}
}

func TestRetriesSwitchedOffLeaveAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t, func(o *plinth.Options, _ *faulty) { o.Retry.Attempts = 1 })
	b.on(nil, times(1, "commit", "", lost(driver.Commit)))
	fn, runs := insert(1)
	if _, _, err := plinth.ExactlyOnce(t.Context(), db, "x", fn); !errors.Is(err, plinth.ErrOutcomeUnknown) || runs.Load() != 1 {
		t.Errorf("%v after %d runs", err, runs.Load())
	}
	if got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn); err != nil || !already || got.Note != "run 1" {
		t.Errorf("%+v, %v, %v", got, already, err)
	}
}

// locked is what the server says of a token that another transaction has inserted and not committed.
func locked() *driver.Fault {
	return &driver.Fault{Kind: driver.Locked, Phase: driver.Run, Verdict: driver.Again, Sent: true, TxDead: true, Code: "LOCKED", Err: errors.New("lock wait")}
}

func TestALostSessionThatHoldsTheTokenIsEnded(t *testing.T) {
	t.Parallel()
	next := 0
	var held atomic.Bool
	var fenced []any
	db, b := onFaulty(t, func(_ *plinth.Options, b *faulty) {
		b.identity = func() (any, error) { next++; return next, nil }
		b.fence = func(id any) error { fenced = append(fenced, id); held.Store(false); return nil }
	})
	// The COMMIT never arrives, and the server holds the transaction open.
	b.on(func(op, text string) error {
		switch {
		case op == "commit" && next == 1:
			held.Store(true)
			return lost(driver.Commit)
		case held.Load() && strings.HasPrefix(text, "INSERT INTO plinth_tokens"):
			return locked()
		}
		return nil
	}, nil)
	fn, runs := insert(1)
	got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
	if err != nil || already || got.Note != "run 2" || runs.Load() != 2 || count(t, db) != 1 {
		t.Errorf("%+v, %v, %v after %d runs", got, already, err, runs.Load())
	}
	if !reflect.DeepEqual(fenced, []any{1}) {
		t.Errorf("the sessions %v were ended, want only the lost one", fenced)
	}
	idle(t, db)
}

func TestALostSessionIsEndedByALaterCallToo(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	var fenced int
	refused := &driver.Fault{Kind: driver.Permission, Phase: driver.Run, Sent: true, Code: "42501", Err: errors.New("must be a superuser")}
	var refuse error = refused
	db, b := onFaulty(t, func(o *plinth.Options, b *faulty) {
		b.identity = func() (any, error) { return "me", nil }
		b.fence = func(any) error {
			fenced++
			if refuse == nil {
				held.Store(false)
			}
			return refuse
		}
	})
	b.on(func(op, text string) error {
		switch {
		case op == "commit" && !held.Load() && fenced == 0:
			held.Store(true)
			return lost(driver.Commit)
		case held.Load() && strings.HasPrefix(text, "INSERT INTO plinth_tokens"):
			return locked()
		}
		return nil
	}, nil)
	fn, _ := insert(1)
	_, _, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
	if !errors.Is(err, plinth.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "must be a superuser") || fenced == 0 {
		t.Errorf("not allowed to: %v", err)
	}
	refuse = nil
	got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
	if err != nil || already || got.ID != 1 || count(t, db) != 1 {
		t.Errorf("the second call: %+v, %v, %v", got, already, err)
	}
}

func TestAnotherProcessesRunningCallIsLeftAlone(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t, func(_ *plinth.Options, b *faulty) {
		b.identity = func() (any, error) { return "me", nil }
		b.fence = func(any) error { t.Error("a session was ended that nobody has lost"); return nil }
	})
	b.on(times(99, "execute", "INSERT INTO plinth_tokens", locked()), nil)
	fn, runs := insert(1)
	_, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
	if !errors.Is(err, plinth.ErrLocked) || errors.Is(err, plinth.ErrOutcomeUnknown) || already || runs.Load() != 0 || !strings.Contains(err.Error(), "same token") {
		t.Errorf("%v after %d runs", err, runs.Load())
	}
	b.on(nil, nil)
	if _, _, err := plinth.ExactlyOnce(t.Context(), db, "x", fn); err != nil || count(t, db) != 1 {
		t.Error(err)
	}
}

// TestAnAppliedResultThatCantBeReadIsNoPlainError for somebody who looks at errors only.
func TestAnAppliedResultThatCantBeReadIsNoPlainError(t *testing.T) {
	t.Parallel()
	var begun atomic.Int64
	for name, unread := range map[string]func(op, text string) error{
		"the query": times(9, "query", "SELECT result", lost(driver.Run)),
		"its transaction": func(op, _ string) error {
			if op == "begin" && begun.Add(1) > 2 {
				return lost(driver.Begin)
			}
			return nil
		},
	} {
		db, b := onFaulty(t, func(o *plinth.Options, _ *faulty) { o.Retry.Attempts = 2 })
		b.on(unread, times(1, "commit", "", lost(driver.Commit)))
		fn, _ := insert(1)
		got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn)
		if !errors.Is(err, plinth.ErrOutcomeUnknown) || !errors.Is(err, plinth.ErrUnavailable) || !already || got != (receipt{}) {
			t.Errorf("%s fails: %+v, %v, %v", name, got, already, err)
		}
		b.on(nil, nil)
		if got, already, err := plinth.ExactlyOnce(t.Context(), db, "x", fn); err != nil || !already || got.Note != "run 1" || count(t, db) != 1 {
			t.Errorf("%s failed before: %+v, %v, %v", name, got, already, err)
		}
	}
}

// TestLostSessionsAreRememberedByToken, those of several tokens, until each has come back.
func TestLostSessionsAreRememberedByToken(t *testing.T) {
	t.Parallel()
	var next int
	var held, allowed bool
	var ended []any
	db, b := onFaulty(t, func(o *plinth.Options, b *faulty) {
		o.Retry.Attempts = 2
		b.identity = func() (any, error) { next++; return next, nil }
		b.fence = func(id any) error {
			if !allowed {
				return errors.New("not now")
			}
			held, ended = false, append(ended, id)
			return nil
		}
	})
	b.on(func(op, text string) error {
		switch {
		case op == "commit" && !allowed:
			held = true
			return lost(driver.Commit)
		case held && strings.HasPrefix(text, "INSERT INTO plinth_tokens"):
			return locked()
		}
		return nil
	}, nil)
	fn, _ := insert(1)
	var first []any
	for _, token := range []string{"x", "y"} {
		first, held = append(first, next+1), false
		if _, _, err := plinth.ExactlyOnce(t.Context(), db, token, fn); !errors.Is(err, plinth.ErrOutcomeUnknown) {
			t.Fatalf("%s: %v", token, err)
		}
	}
	allowed = true
	for _, token := range []string{"x", "y"} {
		held = true
		if _, already, err := plinth.ExactlyOnce(t.Context(), db, token, fn); err != nil || already {
			t.Errorf("%s: %v, %v", token, already, err)
		}
	}
	if !reflect.DeepEqual(ended, first) || count(t, db) != 2 {
		t.Errorf("the sessions %v were ended, those that were lost are %v", ended, first)
	}
}
