package drivertest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func seamSessionCases() []testCase {
	return []testCase{
		{name: "Info names engine and target", run: infoNames},
		{name: "Compile tells what a statement is, and talks to nobody", run: compileTells},
		{name: "Bind returns the arguments themselves when they fit", run: bindReturnsArgs},
		{name: "a fingerprint holds no literal", run: fingerprints},
		{name: "Connect opens connections, and the host is told", run: connectOpens},
		{name: "the host's OnConnect runs before the first use, and its error closes", run: hostOnConnect},
		{name: "errors are faults with phase and kind", run: faultsTell},
		{name: "a call with an ended context sends nothing", run: endedContextSendsNothing},
		{name: "a cancelled statement is a fault, and the session can be used or says that it can't", run: cancelledStatement},
		{name: "Acquire without waiting fails at once on a full pool", run: acquireNoWait},
		{name: "Acquire with an ended context, and after Close", run: acquireFails},
		{name: "a kept session comes back as it was, a destroyed one doesn't", run: fatesOfSessions},
		{name: "a session released within a transaction or with changed settings comes back clean", run: releasedDirty, tx: true},
		{name: "Ping makes a round trip and tells the version", run: pingTells},
	}
}

func infoNames(t *testing.T, s *suite) {
	b := s.backend(t)
	info := b.Info()
	if info.Engine == "" || info.Target == "" {
		t.Errorf("Info is %+v", info)
	}
	equal(t, "Info, asked again", b.Info(), info)
}

func compileTells(t *testing.T, s *suite) {
	b := s.backend(t)
	for _, c := range []struct {
		text   string
		access driver.Access
		class  driver.Class
	}{
		{b.List, driver.Read, driver.Ordinary},
		{b.Get, driver.Read, driver.Ordinary},
		{b.Count, driver.Read, driver.Ordinary},
		{b.Series, driver.Read, driver.Ordinary},
		{b.Slow, driver.Read, driver.Ordinary},
		{b.Insert, driver.Write, driver.Ordinary},
		{b.Returning, driver.Write, driver.Ordinary},
		{b.Add, driver.Write, driver.Ordinary},
		{b.Delete, driver.Write, driver.Ordinary},
		{b.SlowWrite, driver.Write, driver.Ordinary},
		{b.CreateOther, driver.Write, driver.Schema},
		{b.Set, driver.Write, driver.Setting},
	} {
		if c.text == "" {
			continue
		}
		st, err := b.Compile(c.text)
		ok(t, err)
		if st.Text != c.text || st.Verb == "" || st.Binder == nil || st.Access != c.access || st.Class != c.class {
			t.Errorf("Compile(%q) is %+v, want access %d, class %d", c.text, st, c.access, c.class)
		}
	}
	for _, text := range b.Transaction {
		st, err := b.Compile(text)
		ok(t, err)
		equal(t, "class of "+text, st.Class, driver.Transaction)
	}
	equal(t, "connections that were opened", b.opened+b.failed, 0)
}

func bindReturnsArgs(t *testing.T, s *suite) {
	b := s.backend(t)
	st, err := b.Compile(b.Insert)
	ok(t, err)
	args := []any{1, "one", 0, nil}
	native, flat, err := st.Binder.Bind(args)
	ok(t, err)
	if native == "" || len(flat) != 4 || &flat[0] != &args[0] {
		t.Errorf("Bind returned %q and %v, want the very arguments", native, flat)
	}
	_, _, err = st.Binder.Bind(args[:3])
	if f := fault(t, err, driver.Argument); f.Sent || f.Verdict != driver.Never {
		t.Errorf("the fault is %+v", f)
	}
}

func fingerprints(t *testing.T, s *suite) {
	s.need(t, "Literal", s.Statements.Literal)
	b := s.backend(t)
	st, err := b.Compile(b.Literal)
	ok(t, err)
	if fp := st.Binder.Fingerprint(); fp == "" || strings.Contains(fp, "secret") {
		t.Errorf("fingerprint %q", fp)
	}
}

func connectOpens(t *testing.T, s *suite) {
	b := s.backend(t)
	ok(t, b.Connect(t.Context()))
	var open int
	for _, p := range b.Stats() {
		open += p.OpenConnections
		equal(t, "in use", p.InUse, 0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if open == 0 || b.opened != open || b.failed != 0 {
		t.Errorf("%d connections are open; the host was told of %d, and of %d that failed", open, b.opened, b.failed)
	}
}

func hostOnConnect(t *testing.T, s *suite) {
	var connected counter
	var refuse atomic.Bool
	b, sess := s.ready(t, func(h *driver.Host) {
		h.OnConnect = func(ctx context.Context, sess driver.Session) error {
			connected.add()
			if refuse.Load() {
				return &driver.Fault{Kind: driver.Permission, Phase: driver.Dial, Err: errors.New("refused by the host")}
			}
			if sess.TxState() != driver.TxIdle {
				t.Errorf("a new session is in transaction state %d", sess.TxState())
			}
			_, err := sess.Ping(ctx)
			return err
		}
	})
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	b.mu.Lock()
	equal(t, "runs of OnConnect", connected.n(), int64(b.opened))
	b.mu.Unlock()
	refuse.Store(true)
	sess.Release(driver.Destroy)
	_, err := b.Acquire(t.Context(), driver.Need{})
	isFault(t, err, driver.Permission)
}

func faultsTell(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	b.execute(t, sess, b.Insert, 1, "item 1", 0, nil)
	ctx := t.Context()
	_, err := sess.Execute(ctx, b.request(t, b.Insert, 1, "again", 0, nil))
	f := fault(t, err, driver.Unique)
	if f.Phase != driver.Run || !f.Sent || f.Verdict != driver.Never || f.Evict || f.Code == "" || f.Err == nil {
		t.Errorf("the fault of a violated constraint is %+v", f)
	}
	_, err = sess.Query(ctx, b.request(t, b.Insert, 1, "again", 0, nil))
	isFault(t, err, driver.Unique)
	if b.Syntax != "" {
		if _, err = b.Compile(b.Syntax); err == nil { // a driver that reads its language itself refuses it there
			_, err = sess.Execute(ctx, b.request(t, b.Syntax))
		}
		f = fault(t, err, driver.Syntax)
		equal(t, "verdict on bad syntax", f.Verdict, driver.Never)
	}
	st, err := b.Compile(b.Insert)
	ok(t, err)
	native, flat, err := st.Binder.Bind([]any{2, make(chan int), 0, nil})
	if err == nil {
		_, err = sess.Execute(ctx, &driver.Request{Stmt: st, Native: native, Args: flat})
	}
	f = fault(t, err, driver.Argument)
	equal(t, "sent of a statement with an argument that can't be", f.Sent, false)
	b.execute(t, sess, b.Insert, 3, "item 3", 0, nil)
}

func endedContextSendsNothing(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(err error) {
		t.Helper()
		if f := fault(t, err, driver.Canceled); f.Sent {
			t.Errorf("the fault says that something was sent: %+v", f)
		}
	}
	_, err := sess.Execute(ctx, b.request(t, b.Insert, 1, "one", 0, nil))
	check(err)
	_, err = sess.Query(ctx, b.request(t, b.List))
	check(err)
	check(sess.Begin(ctx, driver.TxOptions{}))
	_, err = sess.Ping(ctx)
	check(err)
	equal(t, "state", sess.TxState(), driver.TxIdle)
	equal(t, "rows", len(b.all(t, b.query(t, sess, b.List))), 0)
}

func cancelledStatement(t *testing.T, s *suite) {
	s.need(t, "Slow", s.Statements.Slow)
	b, sess := s.ready(t)
	for name, run := range map[string]func(ctx context.Context) error{
		"Query":   func(ctx context.Context) error { _, err := sess.Query(ctx, b.request(t, b.Slow)); return err },
		"Execute": func(ctx context.Context) error { _, err := sess.Execute(ctx, b.request(t, b.Slow)); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		err := soon(t, func() error { return run(ctx) })
		cancel()
		f := fault(t, err, driver.Timeout)
		if !errors.Is(f, context.DeadlineExceeded) || f.Verdict != driver.Never {
			t.Errorf("%s: the fault is %+v", name, f)
		}
		if f.Evict {
			sess.Release(driver.Destroy)
			sess = b.acquire(t, driver.Need{})
		}
		b.execute(t, sess, b.Add, 1, 1)
	}
}

func acquireNoWait(t *testing.T, s *suite) {
	b, sess := s.ready(t, func(h *driver.Host) { h.Pool.MaxOpenConns = 1 })
	err := soon(t, func() error {
		_, err := b.Acquire(t.Context(), driver.Need{NoWait: true})
		return err
	})
	isFault(t, err, driver.PoolExhausted)
	sess.Release(driver.Keep)
	b.acquire(t, driver.Need{NoWait: true}).Release(driver.Keep)
}

func acquireFails(t *testing.T, s *suite) {
	b := s.backend(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Acquire(ctx, driver.Need{})
	if f := fault(t, err, driver.Canceled); f.Sent || f.Phase > driver.Dial {
		t.Errorf("the fault is %+v", f)
	}
	ok(t, b.Close(t.Context()))
	_, err = b.Acquire(t.Context(), driver.Need{})
	isFault(t, err, driver.Closed)
	if err := b.Connect(t.Context()); err != nil {
		isFault(t, err, driver.Closed)
	} else {
		t.Error("Connect after Close went through")
	}
}

func fatesOfSessions(t *testing.T, s *suite) {
	b, sess := s.ready(t, func(h *driver.Host) { h.Pool.MaxOpenConns = 1 })
	opened := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.opened
	}
	before := opened()
	sess.Release(driver.Keep)
	for range 3 {
		sess = b.acquire(t, driver.Need{})
		sess.Release(driver.Keep)
	}
	equal(t, "connections opened for sessions that were kept", opened()-before, 0)
	sess = b.acquire(t, driver.Need{})
	sess.Release(driver.Destroy)
	b.acquire(t, driver.Need{}).Release(driver.Keep)
	equal(t, "connections opened after one was destroyed", opened()-before, 1)
}

func releasedDirty(t *testing.T, s *suite) {
	b, sess := s.ready(t, func(h *driver.Host) { h.Pool.MaxOpenConns = 1 })
	ok(t, sess.Begin(t.Context(), driver.TxOptions{}))
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	sess.Release(driver.Reset)
	sess = b.acquire(t, driver.Need{})
	equal(t, "state", sess.TxState(), driver.TxIdle)
	equal(t, "rows", len(b.all(t, b.query(t, sess, b.List))), 0)
	if sess.Native() == nil {
		t.Error("Native is nil")
	}
	if b.Set == "" {
		return
	}
	before := b.all(t, b.query(t, sess, b.Setting))
	b.execute(t, sess, b.Set)
	sess.Release(driver.Reset)
	sess = b.acquire(t, driver.Need{})
	equal(t, "the setting", b.all(t, b.query(t, sess, b.Setting)), before)
}

func pingTells(t *testing.T, s *suite) {
	_, sess := s.ready(t)
	server, err := sess.Ping(t.Context())
	ok(t, err)
	if server.Version == "" || !server.Writable {
		t.Errorf("Ping told %+v", server)
	}
}
