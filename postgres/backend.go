// Package postgres is the driver for PostgreSQL, from version 12 on, and for what speaks its protocol in front of it.
//
// pgx's pgconn dials and logs in; what follows is spoken here: statements are prepared once a connection, values travel in
// binary where both sides know it, rows are read as they are asked for, and BEGIN travels with a transaction's first statement.
//
// A deadline or a cancel is kept by the client, with or without the server's help. A call that it ends sends the server a
// cancel request and gives it a moment to answer, for then it is known that nothing was applied. If no answer comes the call
// returns all the same, and says whether something may have been applied; the connection isn't used again, nor another
// opened in its place, before the server has answered and the cancel request is known to be over.
//
// What a session has set for itself (SET, LISTEN, temporary tables, advisory locks) belongs to one connection: use
// Engine.With. At its end the connection is made as new by DISCARD ALL, and Options.OnConnect runs on it again.
package postgres

import (
	"context"
	"io"
	"iter"
	"regexp"
	"sync"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/internal/sqltext"
)

// backend is one target, which may have several hosts, behind one pool.
type backend struct {
	netdriver.Backend
	to       *target
	types    sync.Map    // uint32: *pgvalue.Type
	failures failureRate // of jobs in batches
	loads    netdriver.Buffers
	insert   func() *regexp.Regexp // see plainInsert; compiled once, for that costs as much as copying 1,000 rows
}

// NewBackend returns a backend for package plinth's New. It opens no connection.
func NewBackend(o Options, host driver.Host) (driver.Backend, error) {
	to, err := o.resolve()
	if err != nil {
		return nil, err
	}
	b := &backend{to: to, insert: sync.OnceValue(insertPattern)}
	if err := b.Open(host, b.dial); err != nil {
		return nil, err
	}
	return b, nil
}

// dial opens a session. The error is a *driver.Fault.
func (b *backend) dial(ctx context.Context) (netdriver.Protocol, error) {
	w, err := b.to.dial(ctx, b.Host.Login)
	if err != nil {
		return nil, err
	}
	s := newSession(w, b)
	if err := s.Configure(ctx); err != nil {
		s.Shut()
		return nil, err
	}
	return s, nil
}

// Info implements driver.Backend.
func (b *backend) Info() driver.Info {
	return driver.Info{Engine: "postgres", Target: b.to.label(), TransactionalDDL: true, GuardsReads: true}
}

// Compile implements driver.Backend.
func (b *backend) Compile(text string) (*driver.Stmt, error) {
	return sqltext.Compile(text, sqltext.PostgreSQL())
}

// Split implements driver.Splitter.
func (b *backend) Split(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return func(yield func(driver.ScriptStatement, error) bool) {
		for st, err := range sqltext.Statements(script, sqltext.PostgreSQL()) {
			if !yield(driver.ScriptStatement{Text: st.Text, Line: st.Line}, err) {
				return
			}
		}
	}
}
