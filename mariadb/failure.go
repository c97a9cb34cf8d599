package mariadb

import (
	"context"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
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
		f.Evict, f.TxDead, s.Broken = true, true, f
	case f.Evict && f.TxDead:
		s.Broken = f
	}
	if phase == driver.Begin {
		run.stray, s.tx.failed, f.TxDead = true, !run.guarded, true
		s.began()
	} else {
		run.preparing, run.inRows = false, false
		s.tx.unsure = s.tx.unsure || !s.harmless(e.Number)
	}
	if f.TxDead && s.tx.open {
		s.tx.failed = true
	}
	switch {
	case e.Number == interrupted && s.CancelSent() && s.CallOver():
		native := f
		f = netdriver.Ended(ctx, run.phase, native.Err)
		f.Sent, f.Code = native.Sent, native.Code
	case f.Kind == driver.ReadOnly, e.Number == notReady:
		s.turned(f, int(e.Number))
	}
	if (f.Verdict == driver.Again || e.Number == interrupted) && run.stmt != nil && run.stmt.Verb == "CALL" &&
		phase >= driver.Run && s.MayHaveApplied() {
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

// onlyReads is the hint of a write that was refused as asked for.
const onlyReads = "the context, the engine or the transaction asks for reading only"

// turned is asked about what was refused because the session only reads, or because the node has left its cluster. If nobody
// has asked for that, the server isn't the one to speak to any more.
func (s *session) turned(f *driver.Fault, number int) {
	asked := s.back.to.ReadOnly || s.Dirty
	switch number {
	case readOnlyTx:
		asked = asked || s.tx.opts.ReadOnly || s.running.guarded
	case notReady:
		asked = false
	default:
		asked = s.back.to.Role == RoleReadOnly
	}
	if asked {
		f.Evict, f.Verdict, f.Hint = false, driver.Never, onlyReads
		return
	}
	s.back.Invalidate()
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
	f := s.Unanswered(ctx, run.phase, s.sent(run.phase))
	if s.tx.open { // to wait for more answers in it would take the time that the context hasn't got
		f.TxDead, s.tx.failed = true, true
	}
	return f
}

// sent reports whether a byte of the statement itself, or of COMMIT, left this process.
func (s *session) sent(phase driver.Phase) bool {
	return phase >= driver.Run && s.Written() > s.running.mark
}

// MayHaveApplied implements netdriver.Protocol: a write needs no COMMIT outside a transaction, nor does a schema change.
func (s *session) MayHaveApplied() bool {
	run := &s.running
	if run.stmt == nil || run.stmt.Access != driver.Write || run.guarded {
		return false
	}
	return run.stmt.Class == driver.Schema || !s.tx.open && !s.inTransaction()
}

// inTransaction reports what the server said last; behind an error that may be old.
func (s *session) inTransaction() bool { return s.Status()&wire.StatusInTransaction != 0 }

// lost is the fault of a call during which the connection broke.
func (s *session) lost(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	f := s.Lost(ctx, phase, s.sent(phase), err,
		"the server or something in between closed it: look at the server's log, its wait_timeout and its max_allowed_packet")
	if said := s.running.failure; said != nil && said.Evict { // the server has said why
		return said
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
	return s.running.stmt != nil && plain(s.running.stmt.Verb)
}
