package mariadb

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// Heard implements netdriver.Protocol. From an idle session nothing is to be heard but that it ends.
func (s *session) Heard() bool { return s.ear.Heard(s.plain) }

// Skip implements netdriver.Protocol.
func (s *session) Skip(ctx context.Context) *driver.Fault {
	_, f := s.answer(ctx)
	return f
}

// Sync implements netdriver.Protocol.
func (s *session) Sync(ctx context.Context, phase driver.Phase) *driver.Fault {
	s.SendPing()
	s.running = running{phase: phase}
	return s.flush(ctx)
}

// Hit implements netdriver.Protocol.
func (s *session) Hit() bool {
	return s.running.failure != nil && s.running.failure.Code == queryInterrupted
}

// Cancellable implements netdriver.Protocol. START TRANSACTION isn't, for the statement behind it would then run outside of a
// transaction; nor is a COMMIT, of which nobody could say what had become of it, or a ROLLBACK.
func (s *session) Cancellable() bool {
	return s.running.begins == 0 && s.running.phase != driver.Commit && s.running.phase != driver.Rollback
}

// CancelRequest implements netdriver.Protocol. When the KILL is answered the session's thread is marked. The mark is gone when
// the command that meets it is over.
func (s *session) CancelRequest(ctx context.Context) (sent bool, err error) {
	return s.kill(ctx, "KILL QUERY ")
}

// Abort implements netdriver.Protocol.
func (s *session) Abort(ctx context.Context) { _, _ = s.kill(ctx, "KILL ") }

// Disconnect implements netdriver.Protocol.
func (s *session) Disconnect(polite bool) {
	if polite {
		s.SendQuit()
		_ = s.Flush()
	}
	_ = s.Conn.Close()
}

// goodbyeTime is how long the end of a side connection may take.
const goodbyeTime = 50 * time.Millisecond

// kill has the server run "KILL QUERY ", which ends the statement that the connection runs, or "KILL ", which ends the connection,
// on a connection that is made as the first one was. sent says that the server may have been asked: an error then leaves open whether the KILL may still come.
//
// The server marks the connection's thread before it answers (kill_one_thread in sql/sql_parse.cc), so once this has
// returned nil the mark is there: it ends the statement that runs, or the next one, with which it is gone.
func (l *link) kill(ctx context.Context, command string) (sent bool, err error) {
	conn, err := wire.Connect(ctx, &wire.Config{
		Network: l.network, Address: l.address, User: l.who.User, Password: l.who.Password,
		TLS: l.tls, TLSRequired: l.mustTLS(), Cleartext: l.to.Cleartext && l.verified, Dial: l.to.Dial,
		Attributes: map[string]string{"_client_name": "plinth"},
	})
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	stop := netdriver.Interruptible(ctx, conn.NetConn())
	defer stop()
	conn.SendQuery(command + strconv.FormatUint(uint64(l.ID()), 10))
	if err = conn.Flush(); err == nil {
		_, err = conn.ReadResult()
	}
	if said, ok := errors.AsType[*wire.ServerError](err); ok && conn.Failed() == nil {
		return false, said // it's known that nothing was marked
	}
	if err == nil {
		_ = conn.NetConn().SetDeadline(time.Now().Add(goodbyeTime))
		conn.SendQuit()
		_ = conn.Flush()
	}
	return true, err
}
