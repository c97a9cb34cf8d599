package sqlite

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/plinthdb/plinth/internal/lru"
	zombiezen "zombiezen.com/go/sqlite"
)

// conn is one connection: SQLite's own, and what has to be known about it.
type conn struct {
	db    *zombiezen.Conn
	to    *target
	role  role
	watch watch
	cache lru.Cache[*stmt]

	busyTimeout time.Duration
	maxLength   int  // bytes a value may have
	readOnly    bool // the file can't be written, whatever was asked for
	foreign     bool // it may have tables that aren't in main: attached or temporary ones
	snapshot    bool // in a transaction that has read and may want to write: see canWait

	version *zombiezen.Stmt // PRAGMA schema_version; nil until needed

	file string // its absolute path, "" for a database without a file
	info os.FileInfo
}

// role is what a connection is for.
type role uint8

const (
	writer role = iota // the one that writes
	reader             // PRAGMA query_only: a write that is led here by mistake fails
)

func (r role) String() string {
	if r == reader {
		return "reader"
	}
	return "writer"
}

// open opens a connection. The first one may make the file.
func open(ctx context.Context, to *target, r role, first bool) (*conn, error) {
	flags := zombiezen.OpenURI | zombiezen.OpenReadWrite
	switch {
	case to.ReadOnly:
		flags = zombiezen.OpenURI | zombiezen.OpenReadOnly
	case first:
		flags |= zombiezen.OpenCreate
	}
	db, err := zombiezen.OpenConn(to.Path, flags)
	if err != nil {
		return nil, err
	}
	db.SetBusyTimeout(0) // see busyWait; the library's own handler would wait without end
	c := &conn{db: db, to: to, role: r, busyTimeout: to.BusyTimeout, readOnly: to.ReadOnly}
	c.maxLength = int(db.Limit(zombiezen.LimitLength, -1))
	c.cache.Init(to.StatementCache)
	c.watch.init(db)
	c.watch.start(ctx)
	err = c.setUp(ctx, first)
	c.forget() // those statements aren't needed again
	c.watch.end()
	if err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// setUp makes a new connection's settings.
func (c *conn) setUp(ctx context.Context, first bool) error {
	for _, p := range c.to.Pragmas {
		if err := c.pragma(ctx, p.Name, p.Value); err != nil {
			return err
		}
	}
	if err := c.setJournal(ctx, first); err != nil {
		return err
	}
	if err := c.settings(ctx); err != nil {
		return err
	}
	return c.locate(ctx)
}

// settings makes the settings that a connection has while it's in the pool.
func (c *conn) settings(ctx context.Context) error {
	c.db.SetBusyTimeout(0) // see busyWait
	pragmas := []Pragma{
		{"foreign_keys", onOff(!c.to.ForeignKeysOff)},
		{"synchronous", c.to.Synchronous},
		{"cache_size", c.to.cacheSize},
		{"query_only", onOff(c.role == reader || c.to.queryOnly)},
	}
	if c.to.MaxPageCount > 0 {
		pragmas = append(pragmas, Pragma{"max_page_count", fmt.Sprint(c.to.MaxPageCount)})
	}
	for _, p := range pragmas {
		if err := c.pragma(ctx, p.Name, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// journalPatience is how long opening waits for others to let the journal mode be changed. A file has to be changed only
// once in its life, and reading it needn't wait for that.
const journalPatience = 250 * time.Millisecond

// setJournal sets the journal mode unless the file has it, and finds out whether it can be written. Another process that
// holds the file keeps it from changing; that is no reason to fail, and the next connection tries again.
func (c *conn) setJournal(ctx context.Context, first bool) error {
	mode, err := c.text(ctx, "PRAGMA journal_mode")
	if err != nil {
		return err
	}
	if !c.readOnly && !strings.EqualFold(mode, c.to.JournalMode) {
		c.busyTimeout = min(c.to.BusyTimeout, journalPatience)
		_, err = c.text(ctx, "PRAGMA journal_mode = "+c.to.JournalMode)
		c.busyTimeout = c.to.BusyTimeout
		if code := zombiezen.ErrCode(err).ToPrimary(); code != zombiezen.ResultBusy && code != zombiezen.ResultReadOnly && err != nil {
			return err
		}
	}
	if (c.role == writer || first) && !c.readOnly {
		c.readOnly = c.isReadOnly()
	}
	return ctx.Err()
}

// isReadOnly finds out whether SQLite has opened the file for reading only, which it does by itself where it may not write.
// BEGIN IMMEDIATE succeeds even then, so something has to be tried that writes, but changes nothing. SQLite looks at
// this before it asks for the lock, so another process that writes doesn't matter.
func (c *conn) isReadOnly() bool {
	background := context.Background()
	_ = c.step(background, "BEGIN", false)
	err := c.step(background, "PRAGMA incremental_vacuum(1)", false)
	_ = c.step(background, "ROLLBACK", false)
	return zombiezen.ErrCode(err).ToPrimary() == zombiezen.ResultReadOnly
}

// locate remembers which file was opened, so that Ping finds out when another has taken its place.
func (c *conn) locate(ctx context.Context) error {
	if c.to.memory {
		return nil
	}
	var err error
	if c.file, err = c.text(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'"); err != nil || c.file == "" {
		return err
	}
	c.info, _ = os.Stat(c.file) // not known: not compared
	return nil
}

// moved reports whether the file at the database's path isn't the one that is open.
func (c *conn) moved() bool {
	if c.info == nil {
		return false
	}
	now, err := os.Stat(c.file)
	if err != nil {
		return os.IsNotExist(err)
	}
	return !os.SameFile(c.info, now)
}

// pragma makes a setting. The value is a number, a word, or is quoted.
func (c *conn) pragma(ctx context.Context, name, value string) error {
	if !isName(strings.TrimPrefix(value, "-")) && strings.Trim(value, "-+.0123456789") != "" || value == "" {
		value = "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	if err := c.exec(ctx, "PRAGMA "+name+" = "+value); err != nil {
		return fmt.Errorf("PRAGMA %s: %w", name, err)
	}
	return nil
}

// exec runs one of our own statements to its end.
func (c *conn) exec(ctx context.Context, text string) error { return c.step(ctx, text, true) }

func (c *conn) step(ctx context.Context, text string, wait bool) error {
	var w busyWait
	for {
		err := c.run(text, func(*zombiezen.Stmt) {})
		if !wait || !w.again(ctx, c, err) {
			return err
		}
	}
}

// text runs one of our own statements and returns the first column of its last row.
func (c *conn) text(ctx context.Context, text string) (string, error) {
	var w busyWait
	for {
		var out string
		err := c.run(text, func(st *zombiezen.Stmt) { out = st.ColumnText(0) })
		if !w.again(ctx, c, err) {
			return out, err
		}
	}
}

func (c *conn) run(text string, row func(*zombiezen.Stmt)) error {
	st, err := c.prepare(text)
	if err != nil {
		return err
	}
	for {
		more, err := st.Step()
		if err != nil || !more {
			return firstError(err, st.Reset())
		}
		row(st.Stmt)
	}
}

// close closes the connection. An open transaction is rolled back by SQLite.
func (c *conn) close() error {
	c.watch.release()
	c.forget()
	if c.version != nil {
		c.version.Finalize()
	}
	return c.db.Close()
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
