package plinth_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/sqlite"
)

// faulty is a backend between an engine and SQLite that does to calls what a test says.
type faulty struct {
	driver.Backend
	mu     sync.Mutex
	before func(op, text string) error // instead of the call, unless it's nil
	after  func(op, text string) error // instead of its answer

	identity func() (any, error) // of a session; nil: none
	fence    func(identity any) error
	commits  bool // DDL does
	guards   bool // reads, as Request.ReadOnly asks for
	conflict bool // a token that another call holds is a conflict, and not waited for
	calls    []string
	released []driver.Fate
	noTokens bool
}

func (b *faulty) Info() driver.Info {
	i := b.Backend.Info()
	i.TransactionalDDL, i.GuardsReads = !b.commits, b.guards
	return i
}

func (b *faulty) Tokens() driver.TokenStatements {
	st := b.Backend.(driver.Tokens).Tokens()
	st.Conflicts = b.conflict
	return st
}

// call makes a call, or what the test says.
func (b *faulty) call(op, text string, do func() error) error {
	b.mu.Lock()
	b.calls = append(b.calls, strings.TrimSpace(op+" "+text))
	before, after := b.before, b.after
	b.mu.Unlock()
	if before != nil {
		if err := before(op, text); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if after != nil {
		return after(op, text)
	}
	return nil
}

// on has f decide about the calls from now on; nil about none.
func (b *faulty) on(before, after func(op, text string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.after, b.calls, b.released = before, after, nil, nil
}

// count returns how many calls there were since on that begin with this.
func (b *faulty) count(prefix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (b *faulty) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	var s driver.Session
	err := b.call("acquire", "", func() (err error) {
		s, err = b.Backend.Acquire(ctx, need)
		return err
	})
	if err != nil {
		if s != nil {
			s.Release(driver.Keep)
		}
		return nil, err
	}
	f := &faultySession{Session: s, back: b}
	if b.identity != nil {
		return &fencer{f}, nil
	}
	return f, nil
}

type faultySession struct {
	driver.Session
	back *faulty
	lost bool
}

func (s *faultySession) noted(err error) error {
	if f, ok := errors.AsType[*driver.Fault](err); ok && f.Evict {
		s.lost = true
	}
	return err
}

func (s *faultySession) Begin(ctx context.Context, o driver.TxOptions) error {
	return s.noted(s.back.call("begin", "", func() error { return s.Session.Begin(ctx, o) }))
}

func (s *faultySession) End(ctx context.Context, commit bool) error {
	if !commit {
		return s.back.call("rollback", "", func() error { return s.Session.End(ctx, false) })
	}
	return s.noted(s.back.call("commit", "", func() error { return s.Session.End(ctx, true) }))
}

func (s *faultySession) Execute(ctx context.Context, r *driver.Request) (res driver.Result, err error) {
	err = s.noted(s.back.call("execute", r.Stmt.Text, func() (err error) {
		res, err = s.Session.Execute(ctx, r)
		return err
	}))
	return res, err
}

func (s *faultySession) Query(ctx context.Context, r *driver.Request) (rows driver.Rows, err error) {
	text := r.Stmt.Text
	if r.ReadOnly {
		text = "guarded " + text
	}
	err = s.noted(s.back.call("query", text, func() (err error) {
		rows, err = s.Session.Query(ctx, r)
		return err
	}))
	if err != nil {
		if rows != nil {
			_, _ = rows.Close(ctx)
		}
		return nil, err
	}
	return rows, nil
}

func (s *faultySession) Release(fate driver.Fate) {
	s.back.mu.Lock()
	s.back.released = append(s.back.released, fate)
	s.back.mu.Unlock()
	s.Session.Release(fate)
}

// fencer is a session that tells who it is.
type fencer struct{ *faultySession }

func (s *fencer) Identity(context.Context) (any, error) { return s.back.identity() }

func (s *fencer) Fence(_ context.Context, identity any) error { return s.back.fence(identity) }

// onFaulty opens an engine on a new file with the tokens and a table t(a, b) that is empty, and what stands in between.
func onFaulty(t *testing.T, set ...func(*plinth.Options, *faulty)) (*plinth.Engine, *faulty) {
	t.Helper()
	b := &faulty{}
	o := plinth.Options{Logger: slog.New(slog.DiscardHandler)}
	o.QueryLog.Threshold = -1
	o.Retry.Rand = func() float64 { return 0 } // no pauses
	for _, f := range set {
		f(&o, b)
	}
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := plinth.New(o, func(h driver.Host) (driver.Backend, error) {
		inner, err := sqlite.NewBackend(sqlite.Options{Path: path}, h)
		b.Backend = inner
		if b.noTokens {
			return struct{ driver.Backend }{b}, err
		}
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.on(nil, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := db.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	execute(t, db, "create table t (a integer, b integer)")
	if !b.noTokens {
		if err := plinth.CreateTokens(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	b.on(nil, nil)
	return db, b
}

// lost is the fault of a connection that broke when something had been sent.
func lost(phase driver.Phase) *driver.Fault {
	v := driver.IfSafe
	if phase == driver.Commit {
		v = driver.Ambiguous
	}
	return &driver.Fault{Kind: driver.Unavailable, Phase: phase, Verdict: v, Sent: true, Evict: true, TxDead: true,
		Err: errors.New("the connection broke")}
}

// times returns a decision for the first n calls of an operation whose text holds this: they fail with f.
func times(n int, op, text string, f *driver.Fault) func(op, text string) error {
	var mu sync.Mutex
	return func(o, s string) error {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 || o != op || !strings.Contains(s, text) {
			return nil
		}
		n--
		one := *f
		return &one
	}
}
