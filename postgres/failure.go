package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

const (
	queryCanceled     = "57014"
	readOnlyTx        = "25006"
	unknownStatement  = "26000"
	notSupported      = "0A000"
	protocolViolation = "08P01"
)

// refused remembers an error of the server's as what becomes of the call. The first counts.
func (s *session) refused(ctx context.Context, m *pgproto3.ErrorResponse) {
	run := &s.running
	f := s.back.to.serverFault(run.phase, m)
	if f.Evict && f.TxDead { // the server has ended the session
		s.Broken = f
	}
	if run.failure != nil {
		return
	}
	if run.begin {
		f.Phase, f.TxDead, s.tx.failed = driver.Begin, true, true
	}
	switch f.Code {
	case queryCanceled:
		if s.CancelSent() && s.CallOver() {
			native := f
			f = netdriver.Ended(ctx, run.phase, native.Err)
			f.Sent, f.Code = native.Sent, native.Code
		}
	case readOnlyTx:
		s.readOnly(f)
	}
	if (f.Verdict == driver.Again || f.Code == queryCanceled) && run.bound && s.MayHaveApplied() && commitsMeanwhile(run.stmt) {
		f.Verdict, f.Hint = driver.IfSafe, "it commits while it runs, and may have done so before it failed: look before you repeat it"
	}
	if f.Position > 0 && run.stmt != nil && !samePrefix(run.stmt.Text, run.text, f.Position) {
		f.Position = 0
	}
	run.failure = f
}

// commitsMeanwhile reports whether a statement outside a transaction may have committed a part of what it does when it fails.
func commitsMeanwhile(stmt *driver.Stmt) bool {
	switch stmt.Verb {
	case "CALL", "DO":
		return true
	case "CREATE", "DROP", "ALTER", "REINDEX": // an index, a partition
		return strings.Contains(strings.ToUpper(stmt.Text), "CONCURRENTLY")
	}
	return false
}

// samePrefix reports whether two texts have the same first n-1 characters, so that a position means the same in both.
func samePrefix(a, b string, n int) bool {
	for i := range b {
		if n--; n == 0 {
			return strings.HasPrefix(a, b[:i])
		}
	}
	return n == 1 && strings.HasPrefix(a, b) && utf8.ValidString(b)
}

// readOnly is asked about a write that was refused because the session only reads. If nobody has asked for that, the server
// isn't the one to write to any more.
func (s *session) readOnly(f *driver.Fault) {
	if s.tx.opts.ReadOnly || s.running.guard != unguarded || s.Dirty || s.native != nil || s.back.to.readsOnly() {
		f.Evict, f.Verdict = false, driver.Never
		if s.tx.opts.ReadOnly || s.running.guard != unguarded {
			f.Hint = "the context, the engine or the transaction asks for reading only"
		}
		return
	}
	if s.params["in_hot_standby"] == "off" && !s.back.to.wantsPrimary() { // told by servers from version 14 on
		f.Evict, f.Verdict = false, driver.Never
		f.Hint = "the server isn't a standby: its default_transaction_read_only, the database's or the role's is on"
		return
	}
	f.Evict, f.Verdict = true, driver.Again
	if s.back.Invalidate() {
		s.back.types.Clear() // which the next server may number otherwise
	}
}

// wantsPrimary reports whether a server is looked for that can be written to.
func (t *target) wantsPrimary() bool {
	return len(t.Hosts) > 1 || t.Role == RoleReadWrite || t.Role == RolePrimary
}

// readsOnly reports whether sessions that can't write are what was asked for.
func (t *target) readsOnly() bool {
	if t.Role == RoleReadOnly || t.Role == RoleStandby || t.Role == RolePreferStandby {
		return true
	}
	for name, value := range t.RuntimeParams {
		if strings.EqualFold(name, "default_transaction_read_only") && !strings.EqualFold(value, "off") {
			return true
		}
	}
	return false
}

// unanswered is the fault of a call that ended before the server answered it. The session is settled before it's used again.
func (s *session) unanswered(ctx context.Context) *driver.Fault {
	run := &s.running
	if run.refusal() { // all that's missing is that the server is ready for the next
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
	return phase >= driver.Run && s.sock.written.Load() > s.running.mark
}

// MayHaveApplied implements netdriver.Protocol.
func (s *session) MayHaveApplied() bool {
	return s.running.stmt != nil && s.running.stmt.Access == driver.Write && s.running.guard == unguarded && !s.tx.open && s.status != 'T' && s.status != 'E'
}

// refusal reports whether the server has said that the call failed.
func (r *running) refusal() bool { return r.failure != nil && r.failure.Code != "" }

// unreplicated is the fault of what is committed, but whose wait for a synchronous standby somebody has cancelled: it isn't
// known whether it's there, too, and survives a failover.
func (s *session) unreplicated(ctx context.Context) *driver.Fault {
	f := &driver.Fault{Kind: driver.Unavailable, Phase: s.running.phase, Verdict: driver.IfSafe, Sent: true,
		Err:  errors.New("the wait for the synchronous standby was cancelled"),
		Hint: "it is committed on this server, but perhaps not on its standby"}
	if ctx.Err() != nil {
		f.Kind, f.Err = netdriver.ContextKind(ctx), fmt.Errorf("%w: %w", context.Cause(ctx), f.Err)
	}
	if f.Phase == driver.Commit {
		f.Verdict = driver.Ambiguous
	}
	return f
}

// lost is the fault of a call during which the connection broke.
func (s *session) lost(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	f := s.Lost(ctx, phase, s.sent(phase), err, "the server or something in between closed it: look at the server's log")
	if run := &s.running; run.refusal() { // the server has said why
		run.failure.Evict, run.failure.TxDead = true, true
		return run.failure
	}
	return f
}
