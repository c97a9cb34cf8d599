package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// flush sends what is in out, to which n answers will come.
func (s *session) flush(ctx context.Context, n int) *driver.Fault {
	s.running.mark = s.sock.written.Load()
	s.owed += n
	_, err := s.conn.Write(s.out)
	if cap(s.out) > maxSpareOut {
		s.out = nil
	}
	s.out = s.out[:0]
	if err != nil {
		return s.lost(ctx, s.running.phase, err)
	}
	return nil
}

// maxSpareOut is how much memory is kept for what is sent next.
const maxSpareOut = 64 << 10

// answer reads up to the next row, which it returns, or to the end of all that was sent: then it returns neither a row nor
// a fault, or what went wrong.
func (s *session) answer(ctx context.Context) (*pgproto3.DataRow, *driver.Fault) {
	run := &s.running
	for {
		msg, err := s.Receive()
		if err != nil {
			if err = s.TimedOut(err); err == nil {
				continue
			}
			if err == netdriver.ErrNoAnswer {
				return nil, s.unanswered(ctx)
			}
			return nil, s.lost(ctx, run.phase, err)
		}
		switch m := msg.(type) {
		case *pgproto3.DataRow:
			s.row = m
			if run.failure == nil {
				return m, nil
			}
		case *pgproto3.CommandComplete:
			if run.begin {
				run.begin, s.tx.begun, run.limits = false, true, len(s.back.to.limits)
				continue
			}
			if run.limits > 0 {
				run.limits--
				continue
			}
			if run.guard != unguarded && run.guarded() {
				continue
			}
			run.completed++
			run.result.RowsAffected += rowsAffected(m.CommandTag)
			run.undone = string(m.CommandTag) == "ROLLBACK"
		case *pgproto3.ReadyForQuery:
			s.owed--
			s.status = m.TxStatus
			if run.guard == guardDone && s.status == 'I' {
				s.undo = false
			}
			if s.owed == 0 {
				if s.in.big {
					s.shed()
				}
				if run.alone && run.failure == nil {
					run.failure = s.unreplicated(ctx)
				}
				return nil, run.failure
			}
		case *pgproto3.ErrorResponse:
			s.refused(ctx, m)
		default:
			if f := s.aside(ctx, msg); f != nil {
				return nil, f
			}
		}
	}
}

// guarded takes the end of a command where there is a guard, and reports whether it's one of the guard's own.
func (r *running) guarded() bool {
	if r.guard == guardDone {
		return true
	}
	r.guard++
	return r.guard == guardOpen
}

// aside takes the messages that are no part of most answers.
func (s *session) aside(ctx context.Context, msg pgproto3.BackendMessage) *driver.Fault {
	run := &s.running
	if s.describing != nil {
		s.describing.take(msg)
	}
	switch m := msg.(type) {
	case *pgproto3.BindComplete:
		run.bound = !run.begin && run.limits == 0 && run.guard != guardSent
	case *pgproto3.RowDescription:
		if s.describing == nil && s.rows.Open {
			s.rows.redescribe(m)
		}
	case *pgproto3.ParameterStatus:
		s.params[m.Name] = m.Value
	case *pgproto3.NoticeResponse:
		run.alone = run.alone || m.Routine == "SyncRepWaitForLSN"
	case *pgproto3.EmptyQueryResponse:
		if run.stmt != nil {
			run.failure = driver.Faultf(driver.Syntax, "the statement is empty")
		}
	case *pgproto3.CopyInResponse: // the server has skipped the Sync that followed, so it gets another
		if run.copying { // what it wants is on its way
			break
		}
		s.copyRefused()
		s.out = appendSync(appendCopyFail(s.out))
		return s.flush(ctx, 0)
	case *pgproto3.CopyOutResponse, *pgproto3.CopyBothResponse:
		s.copyRefused()
	}
	return nil
}

func (s *session) copyRefused() {
	if s.running.failure == nil {
		s.running.failure = driver.Faultf(driver.Unsupported, "COPY to or from the client doesn't go through Execute or Query")
		s.running.failure.Hint = "use ExecuteMany, or the native connection"
	}
}

// rowsAffected reads the number at the end of a command's tag; what a SELECT returned isn't affected.
func rowsAffected(tag []byte) int64 {
	if len(tag) == 0 || tag[0] == 'S' || tag[0] == 'F' { // SELECT, FETCH; SET and the like have no number
		return 0
	}
	var n int64
	for i, c := range tag {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
		case c == ' ' && i+1 < len(tag):
			n = 0 // INSERT 0 5: the first is an OID of old
		default:
			n = 0
		}
	}
	return n
}
