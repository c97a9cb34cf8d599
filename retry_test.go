package plinth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/retry"
)

// deadlocked is what a server says to a transaction that it has rolled back.
func deadlocked() *driver.Fault {
	return &driver.Fault{Kind: driver.Deadlock, Phase: driver.Run, Verdict: driver.Again, Sent: true, TxDead: true, Code: "1213", Err: errors.New("deadlock")}
}

func TestTheReasonToReplayMayBeWrappedOrJoined(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	for name, wrap := range map[string]func(first, second error) error{
		"wrapped":                       func(first, _ error) error { return fmt.Errorf("adding: %w", first) },
		"joined":                        func(first, _ error) error { return errors.Join(mine, first) },
		"joined behind what came of it": func(first, second error) error { return errors.Join(second, first) },
		"only what came of it":          func(_, second error) error { return fmt.Errorf("%w, %w", mine, second) },
		"its kind is kept":              func(first, _ error) error { return first },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, b := onFaulty(t)
			b.on(times(1, "execute", "insert into t", deadlocked()), nil)
			runs := 0
			err := db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				runs++
				_, first := tx.Execute(ctx, "insert into t values (1, 1)")
				if first == nil {
					return nil
				}
				_, second := tx.Execute(ctx, "insert into t values (2, 2)")
				return wrap(first, second)
			})
			if err != nil || runs != 2 || count(t, db) != 1 {
				t.Errorf("%v after %d runs, %d rows", err, runs, count(t, db))
			}
		})
	}
}

func TestAnotherTransactionsReasonIsNoneToReplayThisOne(t *testing.T) {
	t.Parallel()
	db, _ := onFaulty(t)
	other, b := onFaulty(t, func(o *plinth.Options, _ *faulty) { o.Retry.Attempts = 1 })
	b.on(times(99, "execute", "insert into t", deadlocked()), nil)
	runs := 0
	err := db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		runs++
		_, mine := tx.Execute(ctx, "insert into missing values (1)")
		_, theirs := other.Execute(t.Context(), "insert into t values (1, 1)")
		return errors.Join(theirs, mine)
	})
	if !errors.Is(err, plinth.ErrDeadlock) || !errors.Is(err, plinth.ErrUndefined) || runs != 1 {
		t.Errorf("%v after %d runs", err, runs)
	}
}

func TestWhatIsWorthOneMoreTryGetsOne(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	short := &driver.Fault{Kind: driver.Full, Phase: driver.Run, Verdict: driver.Again, Once: true, Sent: true, Code: "53200", Err: errors.New("out of memory")}
	statement := func() error { _, err := db.Execute(t.Context(), "insert into t values (1, 1)"); return err }
	unit := func() error {
		return db.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, "insert into t values (1, 1)")
			return err
		})
	}
	for name, call := range map[string]func() error{"a statement": statement, "a transaction": unit} {
		b.on(times(1, "execute", "insert into t", short), nil)
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.on(times(99, "execute", "insert into t", short), nil)
		if err := call(); !errors.Is(err, plinth.ErrFull) || b.count("execute") != 2 {
			t.Errorf("%s: %v after %d attempts", name, err, b.count("execute"))
		}
	}
}

func TestAMarkedWriteIsRepeated(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	again := plinth.Idempotent(t.Context())
	const upsert = "insert into t values (1, 1) on conflict do nothing"
	b.on(nil, times(2, "execute", "", lost(driver.Run)))
	if _, err := db.Execute(again, upsert); err != nil || b.count("execute") != 3 {
		t.Errorf("%v after %d attempts", err, b.count("execute"))
	}
	b.on(nil, times(1, "query", "returning", lost(driver.Run)))
	if _, err := db.FetchOne(again, "delete from t where a = 1 returning a"); !errors.Is(err, plinth.ErrOutcomeUnknown) && !errors.Is(err, plinth.ErrNotFound) || b.count("query") != 2 {
		t.Errorf("%v after %d attempts", err, b.count("query"))
	}

	// Without the mark.
	b.on(nil, times(1, "execute", "", lost(driver.Run)))
	if _, err := db.Execute(t.Context(), upsert); !errors.Is(err, plinth.ErrOutcomeUnknown) || b.count("execute") != 1 {
		t.Errorf("%v after %d attempts", err, b.count("execute"))
	}
}

func TestAMarkedWriteWithoutAnAnswerIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	const upsert = "insert into t values (1, 1)"
	refused := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: errors.New("refused")}
	unique := &driver.Fault{Kind: driver.Unique, Phase: driver.Run, Sent: true, Code: "23505", Err: errors.New("duplicate key")}
	for name, then := range map[string]*driver.Fault{"lost again": lost(driver.Run), "refused": refused, "refused by the first run's own row": unique} {
		db, b := onFaulty(t)
		var n atomic.Int64
		fail := func(op, _ string) error {
			if op == "acquire" && then.Phase == driver.Dial && n.Load() > 0 {
				f := *then
				return &f
			}
			if op != "execute" {
				return nil
			}
			if n.Add(1) == 1 {
				return lost(driver.Run)
			}
			f := *then
			return &f
		}
		b.on(nil, nil)
		b.on(func(op, text string) error {
			if op == "acquire" {
				return fail(op, text)
			}
			return nil
		}, func(op, text string) error {
			if op == "execute" {
				return fail(op, text)
			}
			return nil
		})
		_, err := db.Execute(plinth.Idempotent(t.Context()), upsert)
		var e *plinth.Error
		if !errors.Is(err, plinth.ErrOutcomeUnknown) || !errors.Is(err, then.Kind) || !errors.As(err, &e) || e.Retryable() {
			t.Errorf("%s: %v", name, err)
		}
		b.on(nil, nil)
	}
	db, b := onFaulty(t, func(o *plinth.Options, _ *faulty) { o.Retry.Attempts = 1 })
	b.on(nil, times(1, "execute", "", lost(driver.Run)))
	if _, err := db.Execute(plinth.Idempotent(t.Context()), upsert); !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("retries switched off: %v", err)
	}
	if err := db.With(t.Context(), func(c *plinth.Conn) error {
		b.on(nil, times(1, "execute", "", lost(driver.Run)))
		_, err := c.Execute(plinth.Idempotent(t.Context()), upsert)
		return err
	}); !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("on a connection that is gone: %v", err)
	}
}

// TestAReadThatIsRepeatedMustNotWrite though its text is a read's: a function that it calls may write all the same.
func TestAReadThatIsRepeatedMustNotWrite(t *testing.T) {
	t.Parallel()
	refused := &driver.Fault{Kind: driver.ReadOnly, Phase: driver.Run, Sent: true, Code: "25006", Err: errors.New("read-only transaction")}
	for _, guards := range []bool{true, false} {
		db, b := onFaulty(t, func(_ *plinth.Options, b *faulty) { b.guards = guards })
		first := times(1, "query", "", lost(driver.Run))
		b.on(func(op, text string) error {
			if err := first(op, text); err != nil || op != "query" {
				return err
			}
			f := *refused
			return &f
		}, nil)
		_, err := db.FetchAll(t.Context(), "select a from t")
		want := map[bool]plinth.Kind{true: plinth.ErrOutcomeUnknown, false: plinth.ErrReadOnly}[guards]
		if !errors.Is(err, want) || b.count("query") != 2 || b.count("query guarded") != map[bool]int{true: 1}[guards] {
			t.Errorf("guards %v: %v after %d attempts, of which %d were guarded", guards, err, b.count("query"), b.count("query guarded"))
		}
	}
}

func TestTheMarkSaysNothingOfTransactions(t *testing.T) {
	t.Parallel()
	db, b := onFaulty(t)
	again := plinth.Idempotent(t.Context())
	tx, err := db.Begin(again)
	if err != nil {
		t.Fatal(err)
	}
	b.on(nil, times(1, "execute", "", lost(driver.Run)))
	if _, err := tx.Execute(again, "insert into t values (1, 1)"); !errors.Is(err, plinth.ErrUnavailable) || b.count("execute") != 1 {
		t.Errorf("%v after %d attempts", err, b.count("execute"))
	}
	_ = tx.Rollback(again)
	b.on(nil, times(1, "commit", "", lost(driver.Commit)))
	if err := db.InTx(again, func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(ctx, "insert into t values (1, 1)")
		return err
	}); !errors.Is(err, plinth.ErrOutcomeUnknown) || b.count("commit") != 1 {
		t.Errorf("InTx: %v", err)
	}
	b.on(nil, times(1, "commit", "", lost(driver.Commit)))
	rows := func(yield func([]any) bool) { yield([]any{1}) }
	if _, err := db.ExecuteMany(again, "insert into t values (?, 1)", rows); !errors.Is(err, plinth.ErrOutcomeUnknown) || b.count("commit") != 1 {
		t.Errorf("ExecuteMany: %v", err)
	}
}

// nowhere is a backend of a target that can't be reached.
type nowhere struct {
	driver.Backend
	asked atomic.Int64
}

func (n *nowhere) Info() driver.Info { return driver.Info{Engine: "nowhere", Target: "nowhere"} }

func (n *nowhere) Compile(text string) (*driver.Stmt, error) {
	return &driver.Stmt{Text: text, Verb: "INSERT", Binder: asItIs(text)}, nil
}

func (n *nowhere) Acquire(context.Context, driver.Need) (driver.Session, error) {
	n.asked.Add(1)
	return nil, &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: errors.New("refused")}
}

func (n *nowhere) Close(context.Context) error { return nil }

type asItIs string

func (a asItIs) Bind(args []any) (string, []any, error) { return string(a), args, nil }
func (a asItIs) Fingerprint() string                    { return string(a) }

func TestRetriesOfATotalFailureAreATenthOfTheCallsAndTheBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &nowhere{}
		o := plinth.Options{Logger: slog.New(slog.DiscardHandler)}
		o.QueryLog.Threshold = -1
		db, err := plinth.New(o, func(driver.Host) (driver.Backend, error) { return target, nil })
		if err != nil {
			t.Fatal(err)
		}
		const calls = 1000 * 10
		var all sync.WaitGroup
		for range calls { // 1,000 a second for 10 seconds
			all.Go(func() {
				if _, err := db.Execute(t.Context(), "insert into t values (1)"); !errors.Is(err, plinth.ErrUnavailable) {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		retries := target.asked.Load() - calls
		if limit := int64(calls/10 + retry.BudgetTokens/retry.RetryCost); retries > limit || retries == 0 {
			t.Errorf("%d retries of %d calls, want at most %d", retries, calls, limit)
		}
		if err := db.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
