package sqlite

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// prompt is how soon an interrupted call has to be back on a machine that is busy with other tests; alone it takes 1 to 2 ms.
const prompt = 5 * time.Second

func TestARunningStatementEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	for name, c := range map[string]struct {
		end  func() (context.Context, context.CancelFunc)
		kind driver.Kind
		is   error
	}{
		"a deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 20*time.Millisecond)
		}, driver.Timeout, context.DeadlineExceeded},
		"a cancel": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		}, driver.Canceled, context.Canceled},
	} {
		for verb, call := range map[string]func(context.Context) error{
			"execute": func(ctx context.Context) error { _, err := s.Execute(ctx, request(forever)); return err },
			"query":   func(ctx context.Context) error { _, err := s.Query(ctx, request(forever)); return err },
		} {
			ctx, cancel := c.end()
			began := time.Now()
			err := call(ctx)
			cancel()
			f := faultOf(t, err, c.kind)
			if !errors.Is(err, c.is) || f.Code != "9" || f.Verdict != driver.Never || !f.Sent {
				t.Errorf("%s, %s: %+v", name, verb, f)
			}
			if took := time.Since(began); took > prompt {
				t.Errorf("%s, %s: returned after %v", name, verb, took)
			}
			if got := one(t, s, "SELECT 1"); got != int64(1) {
				t.Errorf("%s, %s: the next statement returned %v", name, verb, got)
			}
		}
	}
}

func TestTheCauseOfACancelIsKept(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	why := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(5*time.Millisecond, func() { cancel(why) })
	if _, err := s.Execute(ctx, request(forever)); !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cause and context.Canceled", err)
	}
	_, err := s.Execute(ctx, request("SELECT 1"))
	if f := faultOf(t, err, driver.Canceled); f.Sent || f.Phase != driver.Prepare || !errors.Is(err, why) {
		t.Errorf("a call with a context that is done: %+v", f)
	}
}

func TestRowsEndWithTheContextOfEitherCall(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	slow := request(trickle)
	for name, c := range map[string]struct{ query, next bool }{
		"the query's": {query: true}, "the next's": {next: true}, "both": {true, true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		of := func(ends bool) context.Context {
			if ends {
				return ctx
			}
			return context.Background()
		}
		rows, err := s.Query(of(c.query), slow)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := rows.Next(of(c.next)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		began := time.Now()
		time.AfterFunc(10*time.Millisecond, cancel)
		_, err = rows.Next(of(c.next))
		if f := faultOf(t, err, driver.Canceled); f.Phase != driver.Fetch {
			t.Errorf("%s: a fault of phase %v", name, f.Phase)
		}
		if took := time.Since(began); took > prompt {
			t.Errorf("%s: returned after %v", name, took)
		}
		rows.Close(t.Context())
		run(t, s, "SELECT 1")
	}
}

func TestAnInterruptedWriteIsRolledBack(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(a)")
	endless := request("INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c")
	interrupted := func() *driver.Fault {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := s.Execute(ctx, endless)
		return faultOf(t, err, driver.Timeout)
	}
	if f := interrupted(); f.TxDead {
		t.Error("outside a transaction the fault says TxDead")
	}
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) {
		t.Errorf("%v rows of an interrupted write are there", got)
	}

	if err := s.Begin(t.Context(), driver.TxOptions{}); err != nil {
		t.Fatal(err)
	}
	run(t, s, "INSERT INTO t VALUES (1)")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Execute(ctx, request(forever)); faultOf(t, err, driver.Timeout).TxDead || s.TxState() != driver.TxOpen {
		t.Errorf("a query that was interrupted in a transaction: %v, state %v", err, s.TxState())
	}
	if f := interrupted(); !f.TxDead || s.TxState() != driver.TxDead {
		t.Errorf("in a transaction: TxDead %v, state %v", f.TxDead, s.TxState())
	}
	if f := failing(t, s, driver.TxDone, "INSERT INTO t VALUES (2)"); f.Sent {
		t.Error("a statement after the transaction's end was sent")
	}
	if _, ok := errors.AsType[*driver.Fault](s.End(t.Context(), true)); !ok {
		t.Error("the commit of a transaction that SQLite has rolled back succeeded")
	}
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) || s.TxState() != driver.TxIdle {
		t.Errorf("%v rows are there, state %v", got, s.TxState())
	}
}

func TestAnInterruptNeverHitsTheNextStatement(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	s.watch.grace = 1 // have each call watched
	const n = 10_000
	var helpers sync.WaitGroup
	cancels := make(chan context.CancelFunc, 64)
	helpers.Go(func() {
		for cancel := range cancels {
			cancel()
		}
	})
	quick := request("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 50) SELECT count(*) FROM c")
	interrupted := 0
	for i := range n {
		ctx := context.Background()
		mayFail := i%2 == 0
		if mayFail {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			cancels <- cancel
		} else if i%4 == 1 {
			ctx = t.Context()
		}
		_, err := s.Execute(ctx, quick)
		if err != nil {
			interrupted++
			if !mayFail {
				t.Fatalf("call %d, whose context lives, failed: %v", i, err)
			}
			faultOf(t, err, driver.Canceled)
		}
	}
	close(cancels)
	helpers.Wait()
	t.Logf("%d of %d calls were interrupted", interrupted, n)
	if interrupted == 0 {
		t.Error("no call was interrupted: the test shows nothing")
	}
}

func TestCloseCutsWhatStillRuns(t *testing.T) {
	t.Parallel()
	b, err := NewBackend(Options{Path: t.TempDir() + "/a.db"}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	started := make(chan struct{})
	s, err := b.Acquire(t.Context(), driver.Need{Access: driver.Read})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer s.Release(driver.Keep)
		rows, err := s.Query(context.Background(), request(trickle))
		close(started)
		for err == nil {
			_, err = rows.Next(context.Background())
		}
		rows.Close(context.Background())
		ended <- err
	}()
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- b.Close(ctx) }()
	if f := faultOf(t, <-ended, driver.Closed); !f.Evict {
		t.Error("the fault of a call that was cut doesn't say Evict")
	}
	faultOf(t, <-closed, driver.Timeout)
	_, err = b.Acquire(t.Context(), driver.Need{})
	faultOf(t, err, driver.Closed)
	if err := b.Close(t.Context()); err != nil {
		t.Error("Close, once all is back:", err)
	}
}

func TestACallIsNotInterruptedAfterItsEnd(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := s.Query(ctx, request("SELECT 1 UNION ALL SELECT 2"))
	if err != nil {
		t.Fatal(err)
	}
	s.watch.late() // it has run for long
	for err == nil {
		_, err = rows.Next(ctx)
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	cancel()
	rows.Close(ctx)
	if got := one(t, s, "SELECT 1"); got != int64(1) {
		t.Errorf("the next statement returned %v", got)
	}
}
