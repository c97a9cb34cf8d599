package mariadb

import (
	"context"
	"fmt"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// refused takes an error of the call. The first counts.
func (s *session) refused(ctx context.Context, e *wire.ServerError) {
	run := &s.running
	phase := run.phase
	if run.begins > 0 {
		phase = driver.Begin
	}
	f := s.back.to.serverFault(phase, e)
	switch {
	case s.Failed() != nil: // said by a server that has ended the session
		f.Evict, f.TxDead, s.broken = true, true, f
	case f.Evict && f.TxDead:
		s.broken = f
	}
	if phase == driver.Begin {
		run.stray, s.tx.failed, f.TxDead = true, true, true
		s.began()
	} else {
		run.preparing, run.inRows = false, false
		s.tx.unsure = s.tx.unsure || !s.harmless(e.Number)
	}
	if f.TxDead && s.tx.open {
		s.tx.failed = true
	}
	switch {
	case e.Number == interrupted && s.cancel != nil && s.watch.hasFired():
		native := f
		f = ended(ctx, run.phase, native.Err)
		f.Sent, f.Code = native.Sent, native.Code
	case f.Kind == driver.ReadOnly, e.Number == notReady:
		s.turned(f, int(e.Number))
	}
	if (f.Verdict == driver.Again || e.Number == interrupted) && run.stmt != nil && run.stmt.Verb == "CALL" &&
		phase >= driver.Run && s.mayHaveApplied() {
		f.Verdict = driver.IfSafe
		f.Hint = "a procedure may have committed some of what it did before it failed: look before you repeat it"
	}
	if e.Number == parseError && run.stmt != nil {
		f.Position = position(run.stmt.Text, e.Message)
	}
	s.failed(f)
}

// failed notes a fault of the call, unless there was one before.
func (s *session) failed(f *driver.Fault) {
	if s.running.failure == nil {
		s.running.failure, s.running.reached = f, s.running.results
	}
}

// turned is asked about what was refused because the session only reads, or because the node has left its cluster. If nobody
// has asked for that, the server isn't the one to speak to any more.
func (s *session) turned(f *driver.Fault, number int) {
	asked := s.back.to.ReadOnly || s.dirty || s.native != nil
	switch number {
	case readOnlyTx:
		asked = asked || s.tx.opts.ReadOnly
	case notReady:
		asked = false
	default:
		asked = s.back.to.Role == RoleReadOnly
	}
	if asked {
		f.Evict, f.Verdict, f.Hint = false, driver.Never, "the connection only reads, as asked for"
		return
	}
	s.back.invalidate()
}

// invalidTime is how often at most all connections are given up: where no server can be written to, those that take their
// place are no better.
const invalidTime = time.Second

// invalidate gives up all connections.
func (b *backend) invalidate() {
	last, now := b.invalidated.Load(), time.Now().UnixNano()
	if now-last >= int64(invalidTime) && b.invalidated.CompareAndSwap(last, now) {
		b.pool.Invalidate()
	}
}

// unanswered is the fault of a call that ended before the server answered it. The session is settled before it's used again.
func (s *session) unanswered(ctx context.Context) *driver.Fault {
	run := &s.running
	if run.failure != nil && run.failure.Code != "" { // what is missing are the answers to what came behind it
		if s.tx.open {
			run.failure.TxDead, s.tx.failed = true, true
		}
		return run.failure
	}
	f := ended(ctx, run.phase, nil)
	f.Sent = run.phase >= driver.Run && s.Written() > run.mark
	switch {
	case !f.Sent:
	case run.phase == driver.Commit:
		f.Verdict = driver.Ambiguous
	case s.mayHaveApplied():
		f.Verdict = driver.IfSafe
	}
	if s.tx.open { // to wait for more answers in it would take the time that the context hasn't got
		f.TxDead, s.tx.failed = true, true
	}
	return f
}

// mayHaveApplied reports whether what runs is a write that needs no COMMIT: outside a transaction, or a schema change.
func (s *session) mayHaveApplied() bool {
	run := &s.running
	if run.stmt == nil || run.stmt.Access != driver.Write {
		return false
	}
	return run.stmt.Class == driver.Schema || !s.tx.open && !s.inTransaction()
}

// inTransaction reports what the server said last; behind an error that may be old.
func (s *session) inTransaction() bool { return s.Status()&wire.StatusInTransaction != 0 }

// lost is the fault of a call during which the connection broke.
func (s *session) lost(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	if s.broken == nil {
		s.broken = err
	}
	run := &s.running
	if run.failure != nil && run.failure.Evict { // the server has said why
		return run.failure
	}
	sent := phase >= driver.Run && s.Written() > run.mark
	if s.watch.wasKilled() {
		f := &driver.Fault{Kind: driver.Closed, Phase: phase, Sent: sent, Evict: true,
			Err: fmt.Errorf("interrupted, because the engine was closed: %w", err)}
		switch {
		case sent && phase == driver.Commit:
			f.Verdict = driver.Ambiguous
		case sent && s.mayHaveApplied():
			f.Verdict = driver.IfSafe
		}
		return f
	}
	f := s.back.to.wireFault(ctx, phase, sent, err)
	f.Evict = true
	return f
}

// abandon ends a call whose answer can't be used, because of f. If the connection is good the rest is thrown away.
func (s *session) abandon(ctx context.Context, f *driver.Fault) *driver.Fault {
	if f.Evict {
		s.broken = f
		return f
	}
	for s.Awaited() > 0 {
		if _, worse := s.answer(ctx); worse != nil {
			return worse
		}
	}
	return f
}

// harmless reports whether an error of this number is known to have left the transaction open.
func (s *session) harmless(number uint16) bool {
	switch number {
	case duplicateEntry, 1451, 1452, 1048, 1054, 1064, 1146, 1364, 4025:
	default:
		return false
	}
	if run := &s.running; run.stmt != nil {
		switch run.stmt.Verb {
		case "INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT":
			return true
		}
	}
	return false
}
