package stdsql

import (
	"context"
	"fmt"
	"strings"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/internal/sqltext"
)

// several returns the statements of a text if it holds several, which a semicolon somewhere before its end only hints at.
func (c *conn) several(text string) []sqltext.Statement {
	at := strings.IndexByte(text, ';')
	if at < 0 || strings.TrimSpace(text[at+1:]) == "" {
		return nil
	}
	var dialect sqltext.Dialect
	switch c.engine.Name() {
	case "sqlite":
		dialect = sqltext.SQLite()
	case postgres:
		dialect = sqltext.PostgreSQL()
	case "mariadb":
		dialect = sqltext.MariaDB()
	default:
		return nil
	}
	var all []sqltext.Statement
	for st, err := range sqltext.Statements(strings.NewReader(text), dialect) {
		if err != nil {
			return nil // the engine says what's wrong with it
		}
		all = append(all, st)
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

// script runs several statements as the database itself does those of one text: PostgreSQL in one transaction,
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT, the others one by one. Where
// BEGIN is the first and COMMIT the last of them, as in many a migration, what is between is a transaction everywhere.
func (c *conn) script(ctx context.Context, all []sqltext.Statement) error {
	whole := c.engine.Name() == postgres
	if last := len(all) - 1; c.tx == nil && begins(all[0].Text) && commits(all[last].Text) {
		whole, all = true, all[1:last]
	}
	run := func(ctx context.Context, on plinth.Querier) error {
		for _, st := range all {
			if _, err := on.Execute(ctx, st.Text); err != nil {
				return fmt.Errorf("line %d: %w", st.Line, err)
			}
		}
		return nil
	}
	if c.tx != nil || !whole {
		return run(ctx, c.place())
	}
	return c.pin.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return run(ctx, tx) })
}

func begins(text string) bool {
	switch strings.ToUpper(text) {
	case "BEGIN", "BEGIN TRANSACTION", "BEGIN WORK", "START TRANSACTION":
		return true
	}
	return false
}

func commits(text string) bool {
	switch strings.ToUpper(text) {
	case "COMMIT", "COMMIT TRANSACTION", "COMMIT WORK", "END", "END TRANSACTION":
		return true
	}
	return false
}
