package postgres

import (
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
)

// serverError is what the server said, as it may be shown: severity, message and SQLSTATE, without the values that some
// messages quote. Detail, Where and the statement, which quote more, are only in the *pgconn.PgError that it wraps.
type serverError struct{ pg *pgconn.PgError }

func (e *serverError) Error() string {
	return e.pg.Severity + ": " + shownMessage(e.pg) + " (SQLSTATE " + e.pg.Code + ")"
}

func (e *serverError) Unwrap() error { return e.pg }

// shownMessage returns the message without values. Those of class 22 quote what was to be converted (invalid input syntax
// for type integer: "…"), and a syntax error quotes the text from where it went wrong, which may be a literal.
func shownMessage(e *pgconn.PgError) string {
	switch {
	case strings.HasPrefix(e.Code, "22"):
		return withoutValues(e.Message, func(before, _ string) bool {
			return !strings.HasSuffix(before, "encoding ") && !strings.HasSuffix(before, "parameter ")
		})
	case e.Code == "42601":
		return withoutValues(e.Message, func(_, quoted string) bool { return strings.ContainsAny(quoted, "'$0123456789") })
	}
	return e.Message
}

// withoutValues returns the message without what stands between the first quotes that hold a value and the last ones, for a
// value may have quotes in it.
func withoutValues(message string, isValue func(before, quoted string) bool) string {
	const quotes = "\"“”„«»‘’" // of the languages that PostgreSQL speaks
	last := strings.LastIndexAny(message, quotes)
	for at := strings.IndexAny(message, quotes); at >= 0; {
		_, size := utf8.DecodeRuneInString(message[at:])
		inside := message[at+size:]
		end := strings.IndexAny(inside, quotes)
		if end < 0 { // one without its other half
			return message[:at+size] + "…"
		}
		if isValue(message[:at], inside[:end]) {
			return message[:at+size] + "…" + message[last:]
		}
		_, closing := utf8.DecodeRuneInString(inside[end:])
		rest := at + size + end + closing
		if at = strings.IndexAny(message[rest:], quotes); at >= 0 {
			at += rest
		}
	}
	return message
}

// serverFault turns what the server said into a fault, which wraps it as a *pgconn.PgError. What only the caller knows is
// left to it: that a statement was cancelled by its context (57014), that the transaction was begun as read-only (25006),
// and where in the caller's own text Position is.
func (t *target) serverFault(phase driver.Phase, e *pgproto3.ErrorResponse) *driver.Fault {
	return t.fault(phase, pgconn.ErrorResponseToPgError(e))
}

func (t *target) fault(phase driver.Phase, e *pgconn.PgError) *driver.Fault {
	f := t.rules.Lookup(e.Code, e.Code[:min(2, len(e.Code))]).Fault(phase, e.Code, &serverError{e})
	f.Constraint, f.Table, f.Column, f.Position = e.ConstraintName, e.TableName, e.ColumnName, int(max(0, e.Position))
	if e.SchemaName != "" && e.TableName != "" {
		f.Table = e.SchemaName + "." + e.TableName
	}
	fatal := isFatal(e)
	switch {
	case e.Code == "25006" && t.readsOnly():
		f.Verdict, f.Evict, f.Hint = driver.Never, false, "the connection only reads, as asked for" // nobody looks for a primary
	case e.Code == "57014" && strings.Contains(e.Message, "statement timeout"):
		f.Kind, f.Hint = driver.Timeout, "it ran for longer than the server's statement_timeout"
	case e.Code == "08P01" && !fatal: // said by a session that goes on: what it was sent is wrong, and the same would come of it
		f.Kind, f.Verdict, f.Evict, f.TxDead = driver.Unknown, driver.Never, false, false
	case e.Code == "40001" && fatal: // a recovery conflict that held a lock for too long, or dropped the database
		f.Hint = "a standby's replay was in conflict with it"
	}
	if fatal {
		f.Evict, f.TxDead = true, true
	}
	return f
}

// isFatal reports whether the server has ended the session.
func isFatal(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized // from 9.6 on
	if severity == "" {
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}
