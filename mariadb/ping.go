package mariadb

import (
	"context"
	"strings"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// Ping implements driver.Session. It asks whether the server takes writes, and in a Galera cluster whether the node is part of it.
func (s *session) Ping(ctx context.Context) (driver.Server, error) {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return driver.Server{}, f
	}
	s.StartCall(ctx)
	defer s.EndCall()
	row, f := s.ask(ctx, "SELECT @@global.read_only, @@session.tx_read_only, @@global.wsrep_on, IF(@@global.wsrep_on, "+
		"(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_ready'), 'OFF')")
	if f != nil && f.Kind == driver.Undefined { // MySQL, or a build without Galera
		row, f = s.ask(ctx, "SELECT @@global.read_only, @@session.transaction_read_only, 0, 'OFF'")
	}
	if f != nil {
		return driver.Server{}, f
	}
	server := driver.Server{Version: s.ServerVersion(), Role: "primary"}
	if len(row) != 4 {
		return driver.Server{}, driver.Faultf(driver.Unknown, "the server's answer about its role can't be read")
	}
	readOnly := row[0] != "0" && row[0] != "OFF"
	if readOnly {
		server.Role = "replica"
	}
	if row[2] == "1" && row[3] != "ON" {
		f := driver.Faultf(driver.Unavailable, "the node isn't part of a working cluster (wsrep_ready is %s)", strings.ToLower(row[3]))
		f.Phase, f.Verdict, f.Evict = driver.Run, driver.Again, true
		return server, f
	}
	server.Writable = !readOnly && row[1] == "0"
	return server, nil
}

// ask runs one of the driver's own queries as text, and returns its first row.
func (s *session) ask(ctx context.Context, text string) ([]string, *driver.Fault) {
	s.running = running{phase: driver.Run, begins: s.sendBegin()}
	s.SendQuery(text)
	if f := s.flush(ctx); f != nil {
		return nil, f
	}
	var first []string
	for {
		row, f := s.answer(ctx)
		if f != nil || row == nil {
			return first, f
		}
		if first != nil {
			continue
		}
		fields := make([][]byte, len(s.running.answer.Columns))
		if err := wire.SplitText(row, fields); err != nil {
			return nil, s.lost(ctx, driver.Fetch, err)
		}
		for _, field := range fields {
			first = append(first, string(field))
		}
	}
}

// Check implements netdriver.Protocol.
func (s *session) Check(ctx context.Context) error {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return f
	}
	s.StartCall(ctx)
	defer s.EndCall()
	s.running = running{phase: driver.Prepare}
	s.SendPing()
	if f := s.flush(ctx); f != nil {
		return f
	}
	if f := s.toEnd(ctx); f != nil {
		return f
	}
	return nil
}
