package sqlite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/sqltext"
	"github.com/plinthdb/plinth/pool"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(child(role))
	}
	goleak.VerifyTestMain(m)
}

// forever is a query that runs until it's interrupted.
const forever = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"

// trickle is a query that returns two rows and then runs until it's interrupted.
const trickle = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x < 3 OR x > 1e15"

// quiet is a host that does nothing.
func quiet() driver.Host {
	return driver.Host{
		OnConnect: func(context.Context, driver.Session) error { return nil },
		Opened:    func(context.Context, string, time.Duration, error) {},
		Closed:    func(string, pool.Reason) {},
		Leaked:    func(pool.Holder, bool) {},
		Login:     func(context.Context) (string, string, error) { return "", "", nil },
	}
}

// newFile returns a backend on a new file, closed at the end of the test.
func newFile(t testing.TB, o Options) *backend {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "test.db")
	}
	return newBackend(t, o, quiet())
}

func newMemory(t testing.TB) *backend {
	t.Helper()
	return newBackend(t, Options{Path: ":memory:"}, quiet())
}

func newBackend(t testing.TB, o Options, h driver.Host) *backend {
	t.Helper()
	b, err := NewBackend(o, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // t.Context() is done by now
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error("Close:", err)
		}
	})
	return b.(*backend)
}

// write and read borrow a session until the end of the test.
func write(t testing.TB, b *backend) *session {
	t.Helper()
	return borrow(t, b, driver.Need{})
}

func reading(t testing.TB, b *backend) *session {
	t.Helper()
	return borrow(t, b, driver.Need{Access: driver.Read})
}

func borrow(t testing.TB, b *backend, need driver.Need) *session {
	t.Helper()
	sess, err := b.Acquire(context.Background(), need)
	if err != nil {
		t.Fatal(err)
	}
	s := sess.(*session)
	t.Cleanup(func() {
		if s.slot != nil {
			s.Release(driver.Keep)
		}
	})
	return s
}

// request makes a request. Text that only this driver is given, and sqltext refuses, is a Write.
func request(text string, args ...any) *driver.Request {
	st, err := sqltext.Compile(text, sqltext.SQLite())
	if err != nil {
		st = &driver.Stmt{Text: text}
	}
	return &driver.Request{Stmt: st, Native: text, Args: args}
}

func run(t testing.TB, s driver.Session, text string, args ...any) driver.Result {
	t.Helper()
	res, err := s.Execute(context.Background(), request(text, args...))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res
}

// all returns the rows of a query as Go values.
func all(t testing.TB, s driver.Session, text string, args ...any) [][]any {
	t.Helper()
	rows, err := s.Query(context.Background(), request(text, args...))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := drain(rows)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func drain(rows driver.Rows) (out [][]any, err error) {
	ctx := context.Background()
	for {
		vals, err := rows.Next(ctx)
		if err == io.EOF {
			_, err := rows.Close(ctx)
			return out, err
		}
		if err != nil {
			rows.Close(ctx)
			return out, err
		}
		row := make([]any, len(vals))
		for i := range vals {
			row[i] = vals[i].Any()
		}
		out = append(out, row)
	}
}

// one returns the only value of a query.
func one(t testing.TB, s driver.Session, text string, args ...any) any {
	t.Helper()
	rows := all(t, s, text, args...)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s: got %v, want one value", text, rows)
	}
	return rows[0][0]
}

// faultOf returns the fault that err is, and fails the test if it's none of that kind.
func faultOf(t testing.TB, err error, kind driver.Kind) *driver.Fault {
	t.Helper()
	f, ok := errors.AsType[*driver.Fault](err)
	if !ok {
		t.Fatalf("got %v (%T), want a fault of kind %v", err, err, kind)
	}
	if f.Kind != kind {
		t.Fatalf("got a fault of kind %v (%v, code %s), want %v", f.Kind, f, f.Code, kind)
	}
	return f
}

func failing(t testing.TB, s driver.Session, kind driver.Kind, text string, args ...any) *driver.Fault {
	t.Helper()
	_, err := s.Execute(context.Background(), request(text, args...))
	return faultOf(t, err, kind)
}
