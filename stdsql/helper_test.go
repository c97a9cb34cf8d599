package stdsql_test

import (
	"context"
	"database/sql"
	"io"
	"iter"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/retry"
	"github.com/plinthdb/plinth/sqlite"
	"github.com/plinthdb/plinth/stdsql"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forever is a query that runs until it's interrupted, and trickle one that returns two rows before that.
const (
	forever = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
	trickle = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x < 3 OR x > 1e15"
)

// bench is a *sql.DB over an engine over a new SQLite file, with what happened on the way.
type bench struct {
	*sql.DB
	engine *plinth.Engine
	faults faults

	mu    sync.Mutex
	calls []hook.Event // that have ended
	tries []hook.Event // attempts that have ended, as the after hook sees them
}

// open returns a bench with the table item (id integer primary key, n integer). At the end of the test nothing may be in use.
func open(t testing.TB) *bench {
	t.Helper()
	b := &bench{}
	o := plinth.Options{
		Retry:     retry.Policy{Attempts: 3, Base: time.Millisecond},
		Observers: []*hook.Observer{{CallEnd: func(_ context.Context, e *hook.Event) { b.note(&b.calls, e) }}},
		After:     func(_ context.Context, e *hook.Event) { b.note(&b.tries, e) },
	}
	path := filepath.Join(t.TempDir(), "test.db")
	engine, err := plinth.New(o, func(h driver.Host) (driver.Backend, error) {
		inner, err := sqlite.NewBackend(sqlite.Options{Path: path}, h)
		return &backend{inner, &b.faults}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.engine, b.DB = engine, stdsql.OpenDB(engine)
	t.Cleanup(func() {
		if err := b.DB.Close(); err != nil {
			t.Error("closing the *sql.DB:", err)
		}
		// database/sql ends the transaction of a context that is done on a goroutine that nobody waits for; Close does.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := engine.Close(ctx); err != nil {
			t.Error("closing the engine:", err)
		}
	})
	b.exec(t, "CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER)")
	b.forget()
	return b
}

func (b *bench) note(to *[]hook.Event, e *hook.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*to = append(*to, *e)
}

func (b *bench) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls, b.tries = nil, nil
}

// seen returns how many calls and how many attempts there were.
func (b *bench) seen() (calls, tries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls), len(b.tries)
}

func (b *bench) exec(t testing.TB, query string, args ...any) sql.Result {
	t.Helper()
	res, err := b.Exec(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return res
}

// count returns how many rows item has.
func (b *bench) count(t testing.TB) int {
	t.Helper()
	return one[int](t, b.DB, "SELECT count(*) FROM item")
}

// one returns the only value of a query.
func one[T any](t testing.TB, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// faults are what the next calls of a session fail with.
type faults struct {
	mu    sync.Mutex
	fault *driver.Fault
	times int
	after bool // the call is made first
	made  int  // calls that reached the session

	fates []driver.Fate // of sessions that were given back
}

func (f *faults) fail(times int, after bool, fault driver.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.times, f.after, f.made = &fault, times, after, 0
}

func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made
}

// next returns what a call has to fail with, before it's made and after it.
func (f *faults) next() (before, after error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	if f.times == 0 {
		return nil, nil
	}
	f.times--
	fault := *f.fault
	if f.after {
		return nil, &fault
	}
	return &fault, nil
}

// backend is a driver.Backend whose sessions fail as planned.
type backend struct {
	driver.Backend
	faults *faults
}

func (b *backend) Split(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return b.Backend.(driver.Splitter).Split(script)
}

func (b *backend) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	s, err := b.Backend.Acquire(ctx, need)
	if err != nil {
		return nil, err
	}
	return &session{s, b.faults}, nil
}

type session struct {
	driver.Session
	faults *faults
}

func (s *session) Release(fate driver.Fate) {
	s.faults.mu.Lock()
	s.faults.fates = append(s.faults.fates, fate)
	s.faults.mu.Unlock()
	s.Session.Release(fate)
}

func (s *session) Execute(ctx context.Context, req *driver.Request) (driver.Result, error) {
	before, after := s.faults.next()
	if before != nil {
		return driver.Result{}, before
	}
	res, err := s.Session.Execute(ctx, req)
	if after != nil {
		return driver.Result{}, after
	}
	return res, err
}

func (s *session) Query(ctx context.Context, req *driver.Request) (driver.Rows, error) {
	before, after := s.faults.next()
	if before != nil {
		return nil, before
	}
	rows, err := s.Session.Query(ctx, req)
	if after != nil && err == nil {
		_, _ = rows.Close(ctx)
		return nil, after
	}
	return rows, err
}

func (s *session) End(ctx context.Context, commit bool) error {
	before, after := s.faults.next()
	if before != nil {
		return before
	}
	if err := s.Session.End(ctx, commit); err != nil {
		return err
	}
	return after
}
