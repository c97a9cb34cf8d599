package mariadb

import (
	"context"
	"io"

	"github.com/plinthdb/plinth/driver"
)

// Conn is what Native returns of a session: what MariaDB can do that the other databases can't. It's the session's, and may be
// used as long as that is borrowed, by one goroutine at a time.
type Conn struct{ s *session }

// Native implements driver.Session: it returns a *Conn.
func (s *session) Native() any {
	s.Dirty = true
	if s.native == nil {
		s.native = &Conn{s}
	}
	return s.native
}

// ID returns the connection's number, which SHOW PROCESSLIST shows and KILL takes.
func (c *Conn) ID() uint32 { return c.s.Conn.ID() }

// ServerVersion returns the server's version, such as "10.11.19-MariaDB".
func (c *Conn) ServerVersion() string { return c.s.Conn.ServerVersion() }

// LoadData runs a LOAD DATA LOCAL INFILE, and sends what data reads in the file's place, whatever its name
// (https://mariadb.com/docs/server/reference/sql-statements/data-manipulation/inserting-loading-data/load-data-into-tables-or-index/load-data-infile).
// No file is ever opened, and only what is asked for by this very statement is sent. If data fails the connection is closed, so
// that the server doesn't take a part for the whole. The end of ctx ends it as it ends a statement, but a Read of data isn't
// interrupted. An error is a *driver.Fault.
func (c *Conn) LoadData(ctx context.Context, statement string, data io.Reader) (driver.Result, error) {
	s := c.s
	st, err := s.back.Compile(statement)
	if err != nil {
		return driver.Result{}, err
	}
	if st.Verb != "LOAD" {
		return driver.Result{}, driver.Faultf(driver.Argument, "LoadData is for LOAD DATA LOCAL INFILE, not %s", st.Verb)
	}
	req := &driver.Request{Stmt: st, Native: statement}
	if f := s.enter(ctx, req); f != nil {
		return driver.Result{}, f
	}
	defer s.EndCall()
	s.open(req, driver.Run)
	s.SendQueryInfile(statement, data)
	f := s.flush(ctx)
	if f == nil {
		f = s.toEnd(ctx)
	}
	if f != nil {
		return driver.Result{}, f
	}
	return s.running.result, nil
}
