package drivertest

import (
	"context"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func seamTxCases() []testCase {
	return []testCase{
		{name: "TxState follows Begin and End", run: txStateFollows, tx: true},
		{name: "savepoints are set, returned to and released", run: seamSavepoints, tx: true},
		{name: "End rolls back whatever came before", run: endRollsBack, tx: true},
		{name: "a COMMIT with an ended context isn't carried out, or says what is known", run: commitEndedContext, tx: true},
		{name: "a COMMIT without a transaction is a fault", run: commitNothing},
		{name: "each isolation level is granted or refused", run: isolationLevels},
		{name: "a read-only transaction refuses writes, and the session writes afterwards", run: seamReadOnly, tx: true},
	}
}

func txStateFollows(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	ctx := t.Context()
	for i, commit := range []bool{true, false} {
		equal(t, "state before Begin", sess.TxState(), driver.TxIdle)
		ok(t, sess.Begin(ctx, driver.TxOptions{}))
		equal(t, "state after Begin", sess.TxState(), driver.TxOpen)
		b.execute(t, sess, b.Insert, i+1, name(i+1), 0, nil)
		equal(t, "state after a statement", sess.TxState(), driver.TxOpen)
		b.all(t, b.query(t, sess, b.List))
		equal(t, "state after a query", sess.TxState(), driver.TxOpen)
		ok(t, sess.End(ctx, commit))
		equal(t, "state after End", sess.TxState(), driver.TxIdle)
	}
	equal(t, "rows", len(b.all(t, b.query(t, sess, b.List))), 1)
}

func seamSavepoints(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	ctx := t.Context()
	ok(t, sess.Begin(ctx, driver.TxOptions{}))
	err := sess.Savepoint(ctx, driver.SavepointSet, "one")
	if s.Limits.NoSavepoints {
		isFault(t, err, driver.Unsupported)
		equal(t, "state", sess.TxState(), driver.TxOpen)
		ok(t, sess.End(ctx, false))
		return
	}
	ok(t, err)
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	ok(t, sess.Savepoint(ctx, driver.SavepointSet, "two"))
	b.execute(t, sess, b.Insert, 2, "two", 0, nil)
	_, err = sess.Execute(ctx, b.request(t, b.Insert, 2, "again", 0, nil))
	isFault(t, err, driver.Unique)
	ok(t, sess.Savepoint(ctx, driver.SavepointRollback, "two"))
	equal(t, "state after returning to a savepoint", sess.TxState(), driver.TxOpen)
	b.execute(t, sess, b.Insert, 3, "three", 0, nil) // it's still set
	ok(t, sess.Savepoint(ctx, driver.SavepointRollback, "two"))
	ok(t, sess.Savepoint(ctx, driver.SavepointRelease, "two"))
	b.execute(t, sess, b.Insert, 4, "four", 0, nil)
	ok(t, sess.Savepoint(ctx, driver.SavepointRelease, "one"))
	equal(t, "state", sess.TxState(), driver.TxOpen)
	ok(t, sess.End(ctx, true))
	var ids []any
	for _, row := range b.all(t, b.query(t, sess, b.List)) {
		ids = append(ids, row[0])
	}
	equal(t, "ids", ids, []any{int64(1), int64(4)})
}

func endRollsBack(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	ctx := t.Context()
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for what, spoil := range map[string]func(){
		"a violated constraint": func() {
			_, err := sess.Execute(ctx, b.request(t, b.Insert, 1, "again", 0, nil))
			isFault(t, err, driver.Unique)
		},
		"bad syntax": func() {
			if b.Syntax != "" {
				_, err := sess.Execute(ctx, b.request(t, b.Syntax))
				isFault(t, err, driver.Syntax)
			}
		},
		"an ended context": func() {
			_, err := sess.Execute(ended, b.request(t, b.Add, 1, 1))
			isFault(t, err, driver.Canceled)
		},
		"a cancelled statement": func() {
			if b.SlowWrite != "" {
				_, err := sess.Execute(shortly(t), b.request(t, b.SlowWrite))
				isFault(t, err, driver.Canceled)
			}
		},
	} {
		ok(t, sess.Begin(ctx, driver.TxOptions{}))
		b.execute(t, sess, b.Add, 1, 1)
		spoil()
		if state := sess.TxState(); state != driver.TxOpen && state != driver.TxDead {
			t.Errorf("after %s the state is %d, want open or dead", what, state)
		}
		if err := sess.End(ctx, false); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
		equal(t, "state after "+what+" and a rollback", sess.TxState(), driver.TxIdle)
	}
	rows := b.all(t, b.query(t, sess, b.Get, 1))
	equal(t, "n", rows[0][2], any(int64(0)))
}

func commitEndedContext(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	ok(t, sess.Begin(t.Context(), driver.TxOptions{}))
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	f := fault(t, sess.End(ended, true), driver.Canceled)
	if state := sess.TxState(); state == driver.TxOpen || state == driver.TxDead {
		ok(t, sess.End(t.Context(), false))
	} else if state == driver.TxUnknown {
		sess.Release(driver.Destroy)
		sess = b.acquire(t, driver.Need{})
	}
	equal(t, "state", sess.TxState(), driver.TxIdle)
	n := len(b.all(t, b.query(t, sess, b.List)))
	if n != 0 && f.Verdict != driver.Ambiguous && f.Verdict != driver.IfSafe {
		t.Errorf("the transaction was committed, but the fault says %q", f.Verdict)
	}
}

func commitNothing(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	if err := sess.End(t.Context(), true); err == nil {
		t.Error("a COMMIT without a transaction went through")
	} else {
		isFault(t, err, driver.TxDone)
	}
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
}

func isolationLevels(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	for _, level := range []driver.Isolation{driver.DefaultIsolation, driver.ReadCommitted, driver.RepeatableRead, driver.Serializable} {
		err := sess.Begin(t.Context(), driver.TxOptions{Isolation: level})
		if err != nil {
			isFault(t, err, driver.Unsupported)
			equal(t, "state", sess.TxState(), driver.TxIdle)
			continue
		}
		b.all(t, b.query(t, sess, b.List))
		ok(t, sess.End(t.Context(), true))
	}
}

func seamReadOnly(t *testing.T, s *suite) {
	b, sess := s.ready(t)
	ok(t, sess.Begin(t.Context(), driver.TxOptions{ReadOnly: true}))
	_, err := sess.Execute(t.Context(), b.request(t, b.Insert, 1, "one", 0, nil))
	isFault(t, err, driver.ReadOnly)
	ok(t, sess.End(t.Context(), false))
	b.execute(t, sess, b.Insert, 1, "one", 0, nil)
}
