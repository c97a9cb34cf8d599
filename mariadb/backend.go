// Package mariadb is the driver for MariaDB, from version 10.6 on. MySQL 8 works as far as it speaks the same protocol, but isn't
// tested.
//
// It speaks the protocol by a client of its own: statements are prepared once a connection, values travel in binary, rows are
// read as they are asked for, and START TRANSACTION travels with a transaction's first statement.
//
// A deadline or a cancel is kept by the client, with or without the server's help. A call that it ends has the server told
// KILL QUERY on a side connection and gives it a moment to answer, for then it is known that nothing was applied. If no answer comes
// the call returns all the same, and says whether something may have been applied; the connection isn't used again, nor another
// opened in its place, before the server has answered and the KILL is known to be over.
//
// MariaDB leaves half of a transaction standing where PostgreSQL ends it: after a wait for a lock that was too long (1205) only the
// statement is undone, and after a deadlock (1213) the next statement would run outside of any transaction. Here either ends
// the transaction: nothing runs in it any more, and Commit is refused. A schema change commits what came before it in its
// transaction; what follows is in a new one of the same settings.
//
// What a session has set for itself (SET, USE, temporary tables, user variables) belongs to one connection: use
// Engine.With. At its end the connection is made as new (COM_RESET_CONNECTION), and Options.OnConnect runs on it again.
package mariadb

import (
	"context"
	"io"
	"iter"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/internal/sqltext"
)

// backend is one target, which may have several hosts, behind one pool.
type backend struct {
	netdriver.Backend
	to    *target
	loads netdriver.Buffers
}

// NewBackend returns a backend for package plinth's New. It opens no connection.
func NewBackend(o Options, host driver.Host) (driver.Backend, error) {
	to, err := o.resolve()
	if err != nil {
		return nil, err
	}
	b := &backend{to: to}
	if err := b.Open(host, b.dial); err != nil {
		return nil, err
	}
	return b, nil
}

// dial opens a session. The error is a *driver.Fault.
func (b *backend) dial(ctx context.Context) (netdriver.Protocol, error) {
	l, err := b.to.dial(ctx, b.Host.Login)
	if err != nil {
		return nil, err
	}
	s := newSession(l, b)
	if err := s.Configure(ctx); err != nil {
		s.Shut()
		return nil, err
	}
	return s, nil
}

// Info implements driver.Backend.
func (b *backend) Info() driver.Info {
	return driver.Info{Engine: "mariadb", Target: b.to.label(), GuardsReads: true}
}

// Compile implements driver.Backend.
func (b *backend) Compile(text string) (*driver.Stmt, error) {
	return sqltext.Compile(text, sqltext.MariaDB())
}

// Split implements driver.Splitter.
func (b *backend) Split(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return func(yield func(driver.ScriptStatement, error) bool) {
		for st, err := range sqltext.Statements(script, sqltext.MariaDB()) {
			if !yield(driver.ScriptStatement{Text: st.Text, Line: st.Line}, err) {
				return
			}
		}
	}
}
