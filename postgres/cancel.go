package postgres

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// Heard implements netdriver.Protocol. From an idle session nothing is to be heard but that it ends, or that a setting of the
// server's has changed.
func (s *session) Heard() bool { return s.ear.Heard(s.sock.Conn) }

// Awaited implements netdriver.Protocol.
func (s *session) Awaited() int { return s.owed }

// Skip implements netdriver.Protocol.
func (s *session) Skip(ctx context.Context) *driver.Fault {
	_, f := s.answer(ctx)
	return f
}

// Sync implements netdriver.Protocol.
func (s *session) Sync(ctx context.Context, phase driver.Phase) *driver.Fault {
	s.out = appendSync(s.out)
	s.running = running{phase: phase}
	return s.flush(ctx, 1)
}

// Hit implements netdriver.Protocol.
func (s *session) Hit() bool {
	return s.running.failure != nil && s.running.failure.Code == queryCanceled
}

// Cancellable implements netdriver.Protocol: anything is, for what fails ends its transaction.
func (s *session) Cancellable() bool { return true }

// Abort implements netdriver.Protocol.
func (s *session) Abort(ctx context.Context) { _, _ = s.CancelRequest(ctx) }

// Disconnect implements netdriver.Protocol.
func (s *session) Disconnect(polite bool) {
	if polite {
		_, _ = s.conn.Write([]byte{'X', 0, 0, 0, 4}) // Terminate
	}
	_ = s.sock.Close()
}

// cancelRequestCode begins a cancel request:
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
const cancelRequestCode = 80877102

// CancelRequest implements netdriver.Protocol, on a connection that is encrypted as the first one is. When the server has closed
// that, the session's process was signalled. Whether it has noticed by then isn't told; but it has before it answers what is
// sent afterwards.
func (w *wire) CancelRequest(ctx context.Context) (sent bool, err error) {
	_, conn, err := w.to.connect(ctx, w.network, w.address, w.tls)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	stop := netdriver.Interruptible(ctx, conn)
	defer stop()
	request := binary.BigEndian.AppendUint32(make([]byte, 0, 12+len(w.secret)), uint32(12+len(w.secret)))
	request = binary.BigEndian.AppendUint32(request, cancelRequestCode)
	request = binary.BigEndian.AppendUint32(request, w.pid)
	if _, err = conn.Write(append(request, w.secret...)); err != nil {
		return true, err
	}
	if _, err = conn.Read(make([]byte, 1)); ctx.Err() != nil {
		return true, context.Cause(ctx)
	} else if err == nil {
		return true, errors.New("the server answered a cancel request, which has no answer")
	}
	return true, nil // the end, or a reset: it's closed
}
