package stdsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/plinthdb/plinth"
	seam "github.com/plinthdb/plinth/driver"
)

// tx is a driver.Tx.
type tx struct {
	*plinth.Tx
	conn *conn
	ctx  context.Context // of BeginTx: database/sql has none for Commit and Rollback
}

// Begin implements driver.Conn.
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx implements driver.ConnBeginTx. ctx also bounds Commit.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	level, err := isolation(sql.IsolationLevel(o.Isolation))
	if err != nil {
		return nil, err
	}
	begun, err := c.pin.Begin(ctx, plinth.TxOptions{Isolation: level, ReadOnly: o.ReadOnly})
	if err != nil {
		return nil, hide(err)
	}
	c.tx = begun
	return &tx{begun, c, ctx}, nil
}

func isolation(level sql.IsolationLevel) (seam.Isolation, error) {
	switch level {
	case sql.LevelDefault:
		return seam.DefaultIsolation, nil
	case sql.LevelReadCommitted:
		return plinth.ReadCommitted, nil
	case sql.LevelRepeatableRead:
		return plinth.RepeatableRead, nil
	case sql.LevelSerializable:
		return plinth.Serializable, nil
	}
	return 0, fmt.Errorf("stdsql: isolation level %s: %w: use Read Committed, Repeatable Read or Serializable",
		level, plinth.ErrUnsupported)
}

// Commit implements driver.Tx.
func (t *tx) Commit() error {
	err := t.Tx.Commit(t.ctx)
	if err != nil {
		_ = t.Tx.Rollback(t.ctx) // for database/sql it's over, whatever the error is
	}
	t.conn.tx = nil
	return hide(err)
}

// Rollback implements driver.Tx.
func (t *tx) Rollback() error {
	t.conn.tx = nil
	return hide(t.Tx.Rollback(t.ctx))
}

// savepoint reads SAVEPOINT n, RELEASE [SAVEPOINT] n and ROLLBACK TO [SAVEPOINT] n, where n is a plain name.
func savepoint(text string) (op seam.SavepointOp, name string, ok bool) {
	if len(text) > 200 { // so that nothing of a large statement is read
		return 0, "", false
	}
	words := strings.Fields(strings.TrimRight(text, "; \t\r\n"))
	next := func(word string) bool {
		is := len(words) > 1 && strings.EqualFold(words[0], word)
		if is {
			words = words[1:]
		}
		return is
	}
	switch {
	case next("SAVEPOINT"):
		op = seam.SavepointSet
	case next("RELEASE"):
		op = seam.SavepointRelease
		next("SAVEPOINT")
	case next("ROLLBACK") && next("TO"):
		op = seam.SavepointRollback
		next("SAVEPOINT")
	default:
		return 0, "", false
	}
	if len(words) != 1 || !plain(words[0]) {
		return 0, "", false
	}
	return op, words[0], true
}

// plain reports whether a name needs no quotes.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20
		if (c < 'a' || c > 'z') && name[i] != '_' && (i == 0 || name[i] < '0' || name[i] > '9') {
			return false
		}
	}
	return true
}
