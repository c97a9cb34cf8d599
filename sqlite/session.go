package sqlite

import (
	"context"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
	zombiezen "zombiezen.com/go/sqlite"
)

// session is a connection as the seam knows it. It lives as long as the connection, and nothing is allocated for a call.
type session struct {
	*conn
	back  *backend
	slot  *pool.Conn[*session] // while it's borrowed
	rows  rows
	tx    transaction
	dirty bool // settings may have been changed
}

func newSession(c *conn, back *backend) *session {
	s := &session{conn: c, back: back}
	s.rows.s = s
	return s
}

// Execute implements driver.Session.
func (s *session) Execute(ctx context.Context, req *driver.Request) (driver.Result, error) {
	st, large, err := s.enter(ctx, req)
	if err != nil {
		return driver.Result{}, err
	}
	before := s.lastID(st)
	var w busyWait
	for {
		for more := true; more && err == nil; {
			more, err = st.Step()
		}
		if !w.again(ctx, s.conn, err) {
			break
		}
		err = nil
	}
	if err != nil {
		f := s.fault(ctx, driver.Run, err, req)
		s.leave(st, large)
		return driver.Result{}, f
	}
	st.Reset()
	s.snapshot = s.tx.deferred
	result := s.result(st, req.Stmt.Verb, before)
	s.leave(st, large)
	return result, nil
}

// Query implements driver.Session.
func (s *session) Query(ctx context.Context, req *driver.Request) (driver.Rows, error) {
	st, large, err := s.enter(ctx, req)
	if err != nil {
		return nil, err
	}
	r := &s.rows
	before := s.lastID(st)
	var w busyWait
	var more, kept bool
	for {
		r.kept = r.kept[:0]
		more, err = st.Step()
		if err == nil && more {
			r.columns = s.describe(st, true)
		}
		if err == nil && more && req.Stmt.Access == driver.Write && req.Stmt.Verb != "SELECT" {
			kept = true
			more, err = false, r.keep(st)
		}
		if !w.again(ctx, s.conn, err) {
			break
		}
	}
	if err != nil {
		f := s.fault(ctx, driver.Run, err, req)
		s.leave(st, large)
		return nil, f
	}
	s.snapshot = s.tx.deferred
	r.open, r.next, r.result, r.done = true, 0, driver.Result{}, ctx.Done()
	r.st, r.large, r.ready = st, large, more
	if !more {
		st.Reset()
		r.result = s.result(st, req.Stmt.Verb, before)
		if !kept {
			r.columns = s.describe(st, false)
		}
		r.end()
	}
	if n := len(r.columns); cap(r.vals) < n {
		r.vals = make([]driver.Value, n)
	} else {
		r.vals = r.vals[:n]
	}
	return r, nil
}

// enter begins a call: the statement is prepared, its arguments are bound, and the context is watched. Unless there
// is an error, leave has to follow.
func (s *session) enter(ctx context.Context, req *driver.Request) (st *stmt, large bool, err error) {
	if err := s.usable(ctx, driver.Prepare); err != nil {
		return nil, false, err
	}
	if req.Stmt.Class == driver.Setting {
		s.dirty, s.foreign = true, true
	}
	s.watch.start(ctx)
	var w busyWait
	for {
		st, err = s.prepare(req.Native)
		if !w.again(ctx, s.conn, err) {
			break
		}
	}
	if err == nil {
		large, err = s.bind(st, req.Args)
	}
	if err != nil {
		f := s.fault(ctx, driver.Prepare, err, req)
		s.leave(st, large)
		return nil, false, f
	}
	return st, large, nil
}

// usable says why no call can begin, or nil.
func (s *session) usable(ctx context.Context, phase driver.Phase) error {
	switch {
	case ctx.Err() != nil:
		f := contextFault(ctx, phase, nil)
		f.Sent = false
		return f
	case s.rows.open:
		return driver.Faultf(driver.Busy, "the rows of the query before are still open")
	case s.tx.open && s.db.AutocommitEnabled():
		f := driver.Faultf(driver.TxDone, "SQLite has rolled the transaction back because of an earlier error")
		f.TxDead = true
		return f
	}
	return nil
}

// leave ends a call whose statement was reset; st may be nil.
func (s *session) leave(st *stmt, large bool) {
	s.watch.end()
	if st == nil {
		return
	}
	if large {
		st.ClearBindings()
	}
	if len(st.text) > maxKeptText && s.cache.Remove(st.text, st) {
		st.Finalize()
	}
}

// maxKeptText is how long a statement's text may be to be kept: a long list in it costs megabytes once it is prepared.
const maxKeptText = 16 << 10

// lastID returns the last inserted row's id from before a statement that may leave it as it is.
func (s *session) lastID(st *stmt) int64 {
	if !st.upsert {
		return 0
	}
	return s.db.LastInsertRowID()
}

// result tells what a statement did that has run to its end. SQLite keeps its counters from statement to statement,
// so they are asked for only after those that set them. An upsert that updated leaves the id of an earlier insert.
func (s *session) result(st *stmt, verb string, before int64) (r driver.Result) {
	switch verb {
	case "INSERT", "REPLACE":
		r.RowsAffected = int64(s.db.Changes())
		if r.RowsAffected > 0 {
			r.LastInsertID = s.db.LastInsertRowID()
		}
		if st.upsert && r.LastInsertID == before {
			r.LastInsertID = 0
		}
	case "UPDATE", "DELETE":
		r.RowsAffected = int64(s.db.Changes())
	}
	return r
}

// Ping implements driver.Session. It reads the file, and looks whether the file that is open still is the one at the
// database's path: SQLite would go on with a file that was deleted or replaced.
func (s *session) Ping(ctx context.Context) (driver.Server, error) {
	if err := s.usable(ctx, driver.Prepare); err != nil {
		return driver.Server{}, err
	}
	if s.moved() {
		s.back.invalidate()
		return driver.Server{}, s.replaced()
	}
	if err := s.control(ctx, driver.Run, "PRAGMA schema_version"); err != nil {
		return driver.Server{}, err
	}
	return driver.Server{Version: zombiezen.Version, Role: "primary", Writable: s.back.writable()}, nil
}

// control runs one of the driver's own statements as a call.
func (s *session) control(ctx context.Context, phase driver.Phase, text string) error {
	s.watch.start(ctx)
	if err := s.exec(ctx, text); err != nil {
		f := s.fault(ctx, phase, err, nil)
		s.watch.end()
		return f
	}
	s.watch.end()
	return nil
}

// Native implements driver.Session: it returns the *sqlite.Conn of zombiezen.com/go/sqlite. It must not be closed; its
// interrupt is the driver's, and calls aren't cancelled once it was replaced.
func (s *session) Native() any {
	s.dirty, s.foreign = true, true
	return s.db
}

// Release implements driver.Session. A database that lives in its connection is never closed: its settings are made again.
func (s *session) Release(fate driver.Fate) {
	ctx := context.Background()
	s.watch.end() // a call that panicked hasn't
	if s.rows.open {
		_, _ = s.rows.Close(ctx)
	}
	broken := s.endTx(ctx) != nil || fate == driver.Destroy
	if fate != driver.Keep && s.dirty && !broken {
		broken = !s.to.memory || s.restore(ctx) != nil
	}
	slot := s.slot
	s.slot = nil
	if broken && (!s.to.memory || s.watch.killed()) {
		slot.Destroy()
		return
	}
	slot.Release()
}

// restore makes a connection as good as new that can't be replaced by a new one.
func (s *session) restore(ctx context.Context) error {
	s.watch.renew()
	var err error
	for _, leftover := range []string{
		`SELECT 'DROP ' || type || ' temp."' || replace(name, '"', '""') || '"' FROM sqlite_temp_schema
		 WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'`,
		`SELECT 'DETACH "' || replace(name, '"', '""') || '"' FROM pragma_database_list WHERE name NOT IN ('main', 'temp')`,
	} {
		for err == nil {
			var remove string
			if remove, err = s.text(ctx, leftover); remove == "" {
				break
			}
			err = firstError(err, s.exec(ctx, remove))
		}
	}
	for _, p := range s.to.Pragmas {
		err = firstError(err, s.pragma(ctx, p.Name, p.Value))
	}
	err = firstError(err, s.settings(ctx))
	s.dirty, s.foreign = err != nil, false
	return err
}
