package postgres

import (
	"context"

	"github.com/plinthdb/plinth/driver"
)

// Ping implements driver.Session. It asks whether a transaction could write now, which on a standby none can.
func (s *session) Ping(ctx context.Context) (driver.Server, error) {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return driver.Server{}, f
	}
	s.StartCall(ctx)
	rows, f := s.ask(ctx, driver.Run, "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')")
	s.EndCall()
	if f != nil {
		return driver.Server{}, f
	}
	server := driver.Server{Version: s.params["server_version"], Role: "primary"}
	if len(rows) != 1 || len(rows[0]) != 2 {
		return driver.Server{}, driver.Faultf(driver.Unknown, "the server's answer about its role can't be read")
	}
	if rows[0][0] == "t" {
		server.Role = "replica"
	}
	server.Writable = rows[0][1] == "off"
	return server, nil
}

// Check implements netdriver.Protocol.
func (s *session) Check(ctx context.Context) error {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return f
	}
	s.StartCall(ctx)
	defer s.EndCall()
	s.out = appendSync(s.out[:0])
	s.running = running{phase: driver.Prepare}
	if f := s.flush(ctx, 1); f != nil {
		return f
	}
	if _, f := s.answer(ctx); f != nil {
		return f
	}
	return nil
}
