package drivertest

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// seam is a backend that is spoken to directly.
type seam struct {
	driver.Backend
	Statements

	mu     sync.Mutex
	opened int
	failed int
	closed int
}

// backend opens a backend on a new database that has the tables. set may change what the backend is offered.
func (s *suite) backend(t testing.TB, set ...func(*driver.Host)) *seam {
	t.Helper()
	b := &seam{Statements: s.Statements}
	h := driver.Host{
		OnConnect: func(context.Context, driver.Session) error { return nil },
		Opened: func(_ context.Context, _ string, _ time.Duration, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if err != nil {
				b.failed++
				return
			}
			b.opened++
		},
		Login: func(context.Context) (user, password string, err error) { return "", "", nil },
		Closed: func(string, pool.Reason) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.closed++
		},
		Leaked: func(pool.Holder, bool) {},
	}
	for _, f := range set {
		f(&h)
	}
	var err error
	b.Backend, err = s.Opener(t)(h)
	ok(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.opened != b.closed {
			t.Errorf("the host was told of %d connections opened and %d closed", b.opened, b.closed)
		}
	})
	return b
}

// ready opens a backend, makes the tables, and returns a session that can write.
func (s *suite) ready(t testing.TB, set ...func(*driver.Host)) (*seam, *lent) {
	t.Helper()
	b := s.backend(t, set...)
	sess := b.acquire(t, driver.Need{})
	for _, text := range b.Setup {
		b.execute(t, sess, text)
	}
	return b, sess
}

// acquire borrows a session. It's given back at the end of the case, if the case doesn't.
func (b *seam) acquire(t testing.TB, need driver.Need) *lent {
	t.Helper()
	inner, err := b.Acquire(t.Context(), need)
	ok(t, err)
	sess := &lent{Session: inner}
	t.Cleanup(func() {
		if !sess.released {
			sess.Session.Release(driver.Reset)
		}
	})
	return sess
}

// lent is a session that knows whether it was given back.
type lent struct {
	driver.Session
	released bool
}

func (l *lent) Release(fate driver.Fate) {
	l.released = true
	l.Session.Release(fate)
}

// request compiles a text and binds its arguments.
func (b *seam) request(t testing.TB, text string, args ...any) *driver.Request {
	t.Helper()
	st, err := b.Compile(text)
	ok(t, err)
	native, flat, err := st.Binder.Bind(args)
	ok(t, err)
	return &driver.Request{Stmt: st, Native: native, Args: flat}
}

func (b *seam) execute(t testing.TB, sess driver.Session, text string, args ...any) driver.Result {
	t.Helper()
	return must[driver.Result](t)(sess.Execute(t.Context(), b.request(t, text, args...)))
}

func (b *seam) query(t testing.TB, sess driver.Session, text string, args ...any) driver.Rows {
	t.Helper()
	return must[driver.Rows](t)(sess.Query(t.Context(), b.request(t, text, args...)))
}

// all reads rows to the end, as untyped values, and closes them.
func (b *seam) all(t testing.TB, r driver.Rows) (all [][]any) {
	t.Helper()
	for {
		vals, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		ok(t, err)
		row := make([]any, len(vals))
		for i := range vals {
			row[i] = vals[i].Any()
		}
		all = append(all, row)
	}
	_, err := r.Close(t.Context())
	ok(t, err)
	return all
}

// isFault fails the case if err isn't a *driver.Fault of the kind.
func isFault(t testing.TB, err error, kind driver.Kind) {
	t.Helper()
	_ = fault(t, err, kind)
}

// fault is isFault, and returns the fault.
func fault(t testing.TB, err error, kind driver.Kind) *driver.Fault {
	t.Helper()
	f, is := err.(*driver.Fault) //nolint:errorlint // nothing may be around it
	switch {
	case !is || f == nil:
		t.Errorf("error %v is a %T, want a *driver.Fault of kind %q", err, err, kind)
		return &driver.Fault{}
	case f.Kind != kind:
		t.Errorf("a fault of kind %q (%v), want %q", f.Kind, f, kind)
	}
	return f
}
