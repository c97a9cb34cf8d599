package mariadb

import (
	"context"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/lru"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// prepared is a statement that the server has parsed in this session.
type prepared struct {
	text string
	stmt *wire.Stmt
	once bool // it isn't kept

	cached bool // it was prepared before the call that uses it

	plan plan // how its rows are read
}

// cache keeps the statements that were used last, by their text.
type cache struct {
	kept   lru.Cache[*prepared]
	limit  int      // 0: none is kept
	closed []uint32 // ids that the server can forget; it's told with the next statement

	unpreparable map[string]bool // texts that the server only takes as text
	parsed       *wire.Stmt      // the last answer to a prepare, until it's taken
}

func (c *cache) init(limit int) {
	c.kept.Init(limit)
	c.limit = limit
	c.unpreparable = make(map[string]bool)
}

// get returns the statement of a text, or nil.
func (c *cache) get(text string) *prepared {
	st := c.kept.Get(text)
	if st != nil {
		st.cached = true
	}
	return st
}

// put adds a statement, and drops the one used longest ago if there are too many.
func (c *cache) put(st *prepared) {
	if oldest := c.kept.Put(st.text, st); oldest != nil {
		c.closed = append(c.closed, oldest.stmt.ID)
	}
}

// drop forgets a statement, unless that was done before.
func (c *cache) drop(st *prepared) {
	if !c.kept.Remove(st.text, st) && !st.once {
		return
	}
	c.closed = append(c.closed, st.stmt.ID)
	st.once = false
}

// forget drops all statements, of which the server knows none any more.
func (c *cache) forget() {
	c.kept.Clear()
	c.closed, c.parsed = nil, nil
}

// sendClosed tells the server which statements it can forget. It doesn't answer.
func (c *cache) sendClosed(conn *wire.Conn) {
	for _, id := range c.closed {
		conn.SendCloseStmt(id)
	}
	c.closed = c.closed[:0]
}

// described takes the answer to a prepare. One that nobody has taken is of a call that has ended early.
func (c *cache) described(st *wire.Stmt) {
	if c.parsed != nil {
		c.closed = append(c.closed, c.parsed.ID)
	}
	c.parsed = st
}

const (
	// maxKeptText is how long a statement's text may be to be kept: longer ones are generated, and each would be another.
	maxKeptText = 16 << 10

	// maxUnpreparable bounds what is remembered of texts that can't be prepared.
	maxUnpreparable = 256
)

// asText reports whether a statement without arguments is better sent as text: its text won't come again, it returns nothing,
// or the server doesn't prepare such.
func (s *session) asText(req *driver.Request) bool {
	if len(req.Args) > 0 {
		return false
	}
	return req.Stmt.Class != driver.Ordinary || req.Stmt.Verb == "LOAD" || len(req.Native) > maxKeptText || s.cache.unpreparable[req.Native]
}

// prepared returns the statement that the server has parsed, or now does; nil if it is to be sent as text. Nothing of it is
// run, but a START TRANSACTION that is due is.
func (s *session) prepared(ctx context.Context, req *driver.Request) (*prepared, *driver.Fault) {
	if s.asText(req) {
		return nil, nil
	}
	if st := s.cache.get(req.Native); st != nil {
		return st, nil
	}
	st, f := s.prepare(ctx, req)
	if f == nil {
		return st, nil
	}
	if f.Code != cantPrepare || s.Broken != nil || s.tx.failed {
		return nil, f
	}
	if len(req.Args) > 0 {
		f.Hint = "MariaDB prepares no such statement, so it can't have arguments: write the values into its text"
		return nil, f
	}
	if len(s.cache.unpreparable) >= maxUnpreparable {
		clear(s.cache.unpreparable)
	}
	s.cache.unpreparable[req.Native] = true
	return nil, nil
}

func (s *session) prepare(ctx context.Context, req *driver.Request) (*prepared, *driver.Fault) {
	s.open(req, driver.Prepare)
	s.running.preparing = true
	s.SendPrepare(req.Native)
	f := s.flush(ctx)
	if f == nil {
		_, f = s.answer(ctx)
	}
	parsed := s.cache.parsed
	s.cache.parsed = nil
	if f != nil {
		if parsed != nil {
			s.cache.closed = append(s.cache.closed, parsed.ID)
		}
		return nil, f
	}
	st := &prepared{text: req.Native, stmt: parsed, once: len(req.Native) > maxKeptText || s.cache.limit == 0}
	if len(parsed.Params) != len(req.Args) {
		s.cache.closed = append(s.cache.closed, parsed.ID)
		return nil, driver.Faultf(driver.Argument, "the server counts %d placeholders, and %d arguments were given",
			len(parsed.Params), len(req.Args))
	}
	if !st.once {
		s.cache.put(st)
	}
	return st, nil
}

// forgotten reports whether a statement failed because the server doesn't know it any more, or couldn't prepare it again for tables
// that have changed. If it's a plain one nothing was applied.
func forgotten(f *driver.Fault) bool { return f.Code == noSuchStatement || f.Code == reprepare }

// outdated is asked about the failure of a statement that was sent. If the server has forgotten it, so does the session. Outside a
// transaction it can be sent again at once, which is what true means; inside one the transaction has to run again. What was
// prepared in this very call would fail again, and a procedure may have failed at a statement of its own.
func (s *session) outdated(st *prepared, f *driver.Fault) bool {
	if st == nil || s.Awaited() > 0 || s.Broken != nil || !forgotten(f) {
		return false
	}
	s.cache.drop(st)
	if !st.cached || !plain(s.running.stmt.Verb) {
		return false
	}
	if s.tx.open {
		f.Verdict = driver.Again
		return false
	}
	return true
}
