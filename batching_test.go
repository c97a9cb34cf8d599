package plinth_test

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/sqlite"
)

// batching is a backend without a database, whose sessions do with batches and calls what a test says.
type batching struct {
	driver.Backend // only to compile
	lanes, jobs    int
	most           int // lanes for writes, which is how many sessions there are
	batch          func(ctx context.Context, jobs []*driver.Job, encoded func())
	call           func(ctx context.Context, r *driver.Request) error
	state          driver.TxState // of its sessions

	mu       sync.Mutex
	batches  [][]string // the statements of each
	calls    []string
	released []driver.Fate
}

func (b *batching) Lanes(kind driver.JobKind) (sessions, jobs int) {
	if kind == driver.JobWrite {
		return max(b.lanes, b.most), b.jobs
	}
	return b.lanes, b.jobs
}

func (b *batching) Stats() []pool.Stats { return []pool.Stats{{}} }

func (b *batching) Acquire(context.Context, driver.Need) (driver.Session, error) {
	return &batchingSession{b: b}, nil
}

func (b *batching) ran() (batches [][]string, calls []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.batches, b.calls
}

type batchingSession struct {
	driver.Session
	b *batching
}

func (s *batchingSession) TxState() driver.TxState { return s.b.state }

func (s *batchingSession) Release(fate driver.Fate) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.released = append(s.b.released, fate)
}

func (s *batchingSession) RunBatch(ctx context.Context, jobs []*driver.Job, encoded func()) {
	var texts []string
	for _, j := range jobs {
		texts = append(texts, j.Stmt.Text)
	}
	s.b.mu.Lock()
	s.b.batches = append(s.b.batches, texts)
	s.b.mu.Unlock()
	if s.b.batch != nil {
		s.b.batch(ctx, jobs, encoded)
		return
	}
	for _, j := range jobs {
		j.Take()
		j.Outcome = driver.Done
	}
}

func (s *batchingSession) Execute(ctx context.Context, r *driver.Request) (driver.Result, error) {
	s.b.mu.Lock()
	s.b.calls = append(s.b.calls, r.Stmt.Text)
	s.b.mu.Unlock()
	if s.b.call != nil {
		return driver.Result{}, s.b.call(ctx, r)
	}
	return driver.Result{}, nil
}

func (s *batchingSession) Query(ctx context.Context, r *driver.Request) (driver.Rows, error) {
	_, err := s.Execute(ctx, r)
	if err != nil {
		return nil, err
	}
	return noRows{}, nil
}

// noRows is an empty result.
type noRows struct{}

func (noRows) Columns() []driver.Column                     { return nil }
func (noRows) Next(context.Context) ([]driver.Value, error) { return nil, context.Canceled }
func (noRows) Close(context.Context) (driver.Result, error) { return driver.Result{}, nil }

// onBatching opens an engine over a backend that runs batches.
func onBatching(t *testing.T, b *batching, o plinth.Options) *plinth.Engine {
	t.Helper()
	if b.lanes == 0 {
		b.lanes, b.jobs = 1, 100
	}
	o.Logger, o.QueryLog.Threshold = slog.New(slog.DiscardHandler), -1
	if o.Retry.Rand == nil {
		o.Retry.Rand = func() float64 { return 0 }
	}
	e, err := plinth.New(o, func(h driver.Host) (driver.Backend, error) {
		inner, err := sqlite.NewBackend(sqlite.Options{Path: t.TempDir() + "/none.db"}, h)
		b.Backend = inner
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// ending is how a submitted statement ended, and how often it was told.
type ending struct {
	err   error
	times atomic.Int32
	done  chan struct{}
}

// submit starts an insert.
func submit(ctx context.Context, e *plinth.Engine, args ...any) *ending {
	end := &ending{done: make(chan struct{})}
	e.Submit(ctx, hook.Execute, "insert into t values (?)", append(args, 1)[:1], func(_ *plinth.Rows, err error) {
		if end.err = err; end.times.Add(1) == 1 {
			close(end.done)
		}
	})
	return end
}

// want waits for the end and compares its kind; nil is success.
func (end *ending) want(t *testing.T, kind error) {
	t.Helper()
	select {
	case <-end.done:
	case <-time.After(10 * time.Second):
		t.Fatal("it doesn't end")
	}
	if kind == nil && end.err != nil || !errors.Is(end.err, kind) {
		t.Errorf("it ended with %v, want %v", end.err, kind)
	}
	if n := end.times.Load(); n != 1 {
		t.Errorf("it ended %d times", n)
	}
}

// leaving is an argument whose method doesn't return.
type leaving func()

func (l leaving) Value() (sqldriver.Value, error) { l(); return nil, nil }
