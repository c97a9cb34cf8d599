package drivertest

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest/internal/tap"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// db is an engine on a database of its own, and what watches it.
type db struct {
	*plinth.Engine
	Statements
	limits Limits
	opener driver.Opener // of the same database
	tap    *tap.Tap      // nil in the bare part, unless the case taps the seam
	rec    *recorder     // nil in the bare part
	left   bool          // the case leaves calls unfinished on purpose
}

// open returns an engine on a new database that has the tables and nothing in them.
func (s *suite) open(t testing.TB, set ...func(*plinth.Options)) *db {
	t.Helper()
	return s.engine(t, s.Opener(t), true, false, set...)
}

// tapped is open with a tap on the seam in either part of the suite.
func (s *suite) tapped(t testing.TB, set ...func(*plinth.Options)) *db {
	t.Helper()
	return s.engine(t, s.Opener(t), true, true, set...)
}

// reopen returns an engine on a database that is there already.
func (s *suite) reopen(t testing.TB, opener driver.Opener, set ...func(*plinth.Options)) *db {
	t.Helper()
	return s.engine(t, opener, false, false, set...)
}

// engine returns an engine by an opener; setup makes the tables.
func (s *suite) engine(t testing.TB, opener driver.Opener, setup, tapped bool, set ...func(*plinth.Options)) *db {
	t.Helper()
	d := &db{Statements: s.Statements, limits: s.Limits, opener: opener}
	var o plinth.Options
	if s.full {
		d.rec = newRecorder()
		o = fullOptions(d.rec)
	} else {
		o = bareOptions()
	}
	if s.pipelined {
		o.Pipeline, opener = true, alwaysInBatches(opener)
	}
	if s.full || tapped {
		d.tap = new(tap.Tap)
		opener = d.tap.Opener(opener)
	}
	for _, f := range set {
		f(&o)
	}
	e, err := plinth.New(o, opener)
	ok(t, err)
	d.Engine = e
	t.Cleanup(func() { d.finish(t) })
	if setup {
		for _, text := range d.Setup {
			if _, err := d.Execute(t.Context(), text); err != nil {
				t.Fatalf("setting up: %v", err)
			}
		}
	}
	d.forget()
	return d
}

// bareOptions switch off what can be switched off around a call.
func bareOptions() plinth.Options {
	return plinth.Options{
		Retry:    retry.Policy{Attempts: 1},
		QueryLog: querylog.Options{Threshold: -1},
		Logger:   slog.New(slog.DiscardHandler),
		Pool:     pool.Options{AcquireTimeout: within}, // so that a leak doesn't hang the rest
	}
}

// fullOptions switch on all there is. The times are such that they aren't reached by what works.
func fullOptions(r *recorder) plinth.Options {
	log := slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o := plinth.Options{
		Retry:     retry.Policy{Rand: noPause},
		Timeout:   3 * within,
		QueryLog:  querylog.Options{Logger: log, Errors: true, All: true, PerSecond: -1},
		Before:    r.before,
		After:     r.after,
		Observers: []*hook.Observer{r.observer(), {}, nil},
		Logger:    log,
	}
	o.Pool.AcquireTimeout, o.Pool.LeakThreshold = within, 3*within
	return o
}

// noPause is for a retry.Policy: it makes every pause zero.
func noPause() float64 { return 0 }

// finish closes the engine and checks that the case left nothing behind.
func (d *db) finish(t testing.TB) {
	if !d.left {
		d.idle(t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := d.Close(ctx); err != nil && !d.left {
		t.Errorf("Close: %v", err)
	}
	if n := d.Stats().OpenConnections; n != 0 {
		t.Errorf("%d connections are open after Close", n)
	}
	if d.rec != nil {
		d.rec.check(t, d.left)
	}
	if d.tap != nil {
		d.tap.Check(t)
	}
}

// idle waits until every connection is back in its pool.
func (d *db) idle(t testing.TB) {
	t.Helper()
	var s plinth.Stats
	for deadline := time.Now().Add(within); ; {
		if s = d.Stats(); s.InUse == 0 && s.Waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%d connections are still in use, %d callers still wait for one", s.InUse, s.Waiting)
			return
		}
		<-time.After(time.Millisecond)
	}
}

// forget has saw look only at what comes after it.
func (d *db) forget() {
	if d.rec != nil {
		d.rec.forget()
	}
	if d.tap != nil {
		d.tap.Forget()
	}
}

// items adds items with these ids, named "item 1" and so on, with n 0 and without a note.
func (d *db) items(t testing.TB, ids ...int) {
	t.Helper()
	for _, id := range ids {
		done(t)(d.Execute(t.Context(), d.Insert, id, name(id), 0, nil))
	}
	d.forget()
}

// count returns how many items a new call on the engine sees.
func (d *db) count(t testing.TB) int {
	t.Helper()
	return must[int](t)(plinth.One[int](context.Background(), d, d.Count))
}

// n returns the n of an item as a new call on the engine sees it.
func (d *db) n(t testing.TB, id int) int64 {
	t.Helper()
	return must[item](t)(plinth.One[item](context.Background(), d, d.Get, id)).N
}

// item is an item as a struct.
type item struct {
	ID   int64
	Name string
	N    int64
	Note *string
}

func name(id int) string { return "item " + strconv.Itoa(id) }

// verbs is what an Engine, a Conn and a Tx have in common.
type verbs interface {
	plinth.Querier
	ExecuteMany(ctx context.Context, statement string, rows iter.Seq[[]any]) (plinth.Result, error)
}

// everywhere returns a case that is run on an engine, a pinned connection, a transaction and a savepoint, each on a new
// database with the items 1, 2 and 3.
func everywhere(f func(t *testing.T, d *db, q verbs)) func(*testing.T, *suite) {
	return func(t *testing.T, s *suite) {
		open := func(t *testing.T) *db {
			d := s.open(t)
			d.items(t, 1, 2, 3)
			return d
		}
		t.Run("on an engine", func(t *testing.T) {
			d := open(t)
			f(t, d, d.Engine)
		})
		t.Run("on a connection", func(t *testing.T) {
			d := open(t)
			ok(t, d.With(t.Context(), func(c *plinth.Conn) error { f(t, d, c); return nil }))
		})
		t.Run("in a transaction", func(t *testing.T) {
			if s.Limits.NoTransactions {
				s.refusesTransactions(t)
				return
			}
			d := open(t)
			ok(t, d.InTx(t.Context(), func(_ context.Context, tx *plinth.Tx) error { f(t, d, tx); return nil }))
		})
		t.Run("in a savepoint", func(t *testing.T) {
			s.needSavepoints(t)
			d := open(t)
			ok(t, d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
				return tx.InTx(ctx, func(_ context.Context, tx *plinth.Tx) error { f(t, d, tx); return nil })
			}))
		})
	}
}

// ok ends the case if there is an error.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

// must returns a function that returns its value, or ends the case: must[int](t)(f()).
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

// done is must for the results of Execute.
func done(t testing.TB) func(plinth.Result, error) plinth.Result { return must[plinth.Result](t) }

// is fails the case if err isn't an *plinth.Error that matches the target.
func is(t testing.TB, err, target error) {
	t.Helper()
	_ = failure(t, err, target)
}

// failure is is, and returns the *plinth.Error.
func failure(t testing.TB, err, target error) *plinth.Error {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v; want one that is %q", err, target)
	}
	var e *plinth.Error
	if !errors.As(err, &e) {
		t.Errorf("error %v is a %T, which holds no *plinth.Error", err, err)
		e = &plinth.Error{}
	}
	return e
}

// equal fails the case if got isn't want.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %#v, want %#v", what, got, want)
	}
}

// goexit runs f on a goroutine of its own, which f may end, and waits for it.
func goexit(f func()) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		f()
	}()
	<-over
}

// panics runs f and returns what it panics with.
func panics(f func()) (with any) {
	defer func() { with = recover() }()
	f()
	return nil
}
