package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
	zombiezen "zombiezen.com/go/sqlite"
)

// nativeError is SQLite's error with its message as SQLite wrote it. What it wraps is the connection's error:
// zombiezen.com/go/sqlite's ErrCode finds its code.
type nativeError struct {
	message string
	err     error
}

func (e *nativeError) Error() string { return e.message }
func (e *nativeError) Unwrap() error { return e.err }

// native takes from an error's text what was put in front of SQLite's message.
func native(err error) *nativeError {
	text := err.Error()
	general := zombiezen.ErrCode(err).Message()
	if i := strings.Index(text, general); i >= 0 {
		text = text[i:]
		if special, ok := strings.CutPrefix(text, general+": "); ok {
			text = special
		}
	}
	return &nativeError{message: text, err: err}
}

// codes returns the texts to look a code up by: itself and its primary code.
func codes(code string) []string {
	n, err := strconv.Atoi(code)
	if err != nil {
		return nil
	}
	return []string{code, strconv.Itoa(n & 0xff)}
}

// fault turns an error into a fault; req is nil for one of the driver's own statements.
func (s *session) fault(ctx context.Context, phase driver.Phase, err error, req *driver.Request) *driver.Fault {
	f := s.conn.fault(ctx, phase, err)
	if offset, ok := zombiezen.ErrorOffset(err); ok && req != nil && offset <= len(req.Native) {
		// The position is one in the caller's text, if nothing was spread before it.
		if before := req.Native[:offset]; strings.HasPrefix(req.Stmt.Text, before) {
			f.Position = utf8.RuneCountInString(before) + 1
		}
	}
	if s.tx.open && s.db.AutocommitEnabled() { // SQLite rolls back by itself after some errors
		f.TxDead = true
	}
	return f
}

func (c *conn) fault(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	code := zombiezen.ErrCode(err)
	if primary := code.ToPrimary(); primary == zombiezen.ResultInterrupt || primary == zombiezen.ResultBusy {
		watched := c.watch.ctx // rows may be watched on behalf of the query's context
		switch {
		case ctx.Err() != nil:
			return contextFault(ctx, phase, err)
		case primary == zombiezen.ResultInterrupt && watched != nil && watched.Err() != nil:
			return contextFault(watched, phase, err)
		case primary == zombiezen.ResultInterrupt && c.watch.killed():
			return &driver.Fault{Kind: driver.Closed, Phase: phase, Sent: phase >= driver.Run, Evict: true,
				Err: fmt.Errorf("interrupted, because the engine was closed: %w", native(err))}
		}
	}
	f := c.to.fault(ctx, phase, err)
	if f.Kind == driver.ReadOnly && f.Hint == "" {
		f.Hint = c.whyReadOnly()
	}
	return f
}

// fault turns an error into a fault, as far as no connection is needed for that.
func (t *target) fault(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		return f
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return contextFault(ctx, phase, nil)
	}
	code := int(zombiezen.ErrCode(err))
	text := strconv.Itoa(code)
	ne := native(err)
	f := t.rules.Lookup(codes(text)...).Fault(phase, text, ne)
	switch code & 0xff {
	case int(zombiezen.ResultError):
		explainError(f, ne.message)
	case int(zombiezen.ResultConstraint):
		explainConstraint(f, ne.message)
	case int(zombiezen.ResultCantOpen):
		f.Hint = cmp.Or(t.whyNotOpen(), f.Hint)
	}
	return f
}

// contextFault is the fault of a call that its context has ended. What SQLite had begun it has rolled back.
func contextFault(ctx context.Context, phase driver.Phase, err error) *driver.Fault {
	f := &driver.Fault{Kind: driver.Canceled, Phase: phase, Sent: phase >= driver.Run}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.Kind = driver.Timeout
	}
	f.Err = context.Cause(ctx)
	if err != nil {
		f.Code = strconv.Itoa(int(zombiezen.ErrCode(err)))
		f.Err = fmt.Errorf("%w: %w", f.Err, native(err))
	}
	return f
}

// explainConstraint finds the names in the message of a violated constraint.
func explainConstraint(f *driver.Fault, message string) {
	what, names, ok := strings.Cut(message, " constraint failed: ")
	switch {
	case !ok:
		// "cannot store TEXT value in INTEGER column t.a", of a STRICT table
		if _, name, ok := strings.Cut(message, " column "); ok && f.Kind == driver.Invalid {
			f.Table, f.Column = splitColumn(name)
		}
	case what == "CHECK":
		f.Constraint = names
	case strings.HasPrefix(names, "index '"):
		f.Constraint = strings.Trim(strings.TrimPrefix(names, "index "), "'")
	default:
		for i, name := range strings.Split(names, ", ") {
			table, column := splitColumn(name)
			if i > 0 {
				column = f.Column + ", " + column
			}
			f.Table, f.Column = table, column
		}
	}
}

func splitColumn(name string) (table, column string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// names says what a phrase is about.
type names uint8

const (
	nothing names = iota
	table         // the words between the phrase's prefix and suffix are a table, perhaps with its database in front
	column        // a column, perhaps with its table in front
)

// phrase is a message of SQLITE_ERROR, which is one code for whatever is wrong with a statement.
type phrase struct {
	kind           driver.Kind
	prefix, suffix string
	about          names
}

// phrases lists SQLite's messages by its source; the first that fits counts.
func phrases() []phrase {
	return []phrase{
		{driver.Syntax, "near ", ": syntax error", nothing},
		{driver.Syntax, "incomplete input", "", nothing},
		{driver.Syntax, "unrecognized token", "", nothing},
		{driver.Undefined, "no such table: ", "", table},
		{driver.Undefined, "no such column: ", "", column},
		{driver.Undefined, "no such ", "", nothing},
		{driver.Undefined, "unknown ", "", nothing},
		{driver.Undefined, "unable to identify the object", "", nothing},
		{driver.Exists, "table ", " already exists", table},
		{driver.Exists, "there is already a table named ", "", table},
		{driver.Exists, "there is already ", "", nothing},
		{driver.Exists, "duplicate column name: ", "", column},
		{driver.Exists, "", " already exists", nothing},
		{driver.Exists, "", " is already in use", nothing},
		{driver.Argument, "too many SQL variables", "", nothing},
		{driver.Argument, "variable number must be ", "", nothing},
		{driver.Argument, "", " within a transaction", nothing},
		{driver.Argument, "", " from within a transaction", nothing},
		{driver.TooLarge, "too many ", "", nothing},
		{driver.TooLarge, "Expression tree is too large", "", nothing},
		{driver.TooLarge, "LIKE or GLOB pattern too complex", "", nothing},
		{driver.TooLarge, "parser stack overflow", "", nothing},
		{driver.Permission, "not authorized", "", nothing},
		{driver.Permission, "unsafe use of ", "", nothing},
		{driver.Permission, "table ", " may not be modified", table},
		{driver.Permission, "", " may not be dropped", nothing},
		{driver.Permission, "", " may not be altered", nothing},
		{driver.TxDone, "", "no transaction is active", nothing},
		{driver.Invalid, "integer overflow", "", nothing},
		{driver.Invalid, "malformed JSON", "", nothing},
		{driver.Invalid, "bad JSON path", "", nothing},
		{driver.Invalid, "JSON ", "", nothing},
		{driver.Invalid, "ESCAPE expression must be", "", nothing},
	}
}

// explainError gives an SQLITE_ERROR its kind, and finds the names in its message.
func explainError(f *driver.Fault, message string) {
	if t, c, ok := strings.Cut(strings.TrimPrefix(message, "table "), " has no column named "); ok {
		f.Kind, f.Table, f.Column = driver.Undefined, t, c
		return
	}
	for _, p := range phrases() {
		rest, begins := strings.CutPrefix(message, p.prefix)
		name, ends := strings.CutSuffix(rest, p.suffix)
		if !begins || !ends {
			continue
		}
		f.Kind = p.kind
		switch p.about {
		case table:
			_, f.Table = splitColumn(name)
		case column:
			name, _, _ = strings.Cut(name, " - ") // a hint of SQLite's
			f.Table, f.Column = splitColumn(strings.ReplaceAll(name, `"`, ""))
		}
		return
	}
	if f.Phase == driver.Prepare { // what can't be compiled isn't a statement to SQLite
		f.Kind = driver.Syntax
	}
}

// whyReadOnly says why a connection doesn't write.
func (c *conn) whyReadOnly() string {
	switch {
	case c.to.ReadOnly:
		return "the database was opened read-only"
	case c.readOnly:
		return "this process may not write the file or its directory"
	case c.role == reader:
		return "the transaction is read-only, or the statement was taken for one that reads; run it with Execute, or in one that writes"
	}
	return "the transaction is read-only, or the file may not be written"
}

// whyNotOpen looks at the path for the reason that SQLite doesn't tell, or returns "".
func (t *target) whyNotOpen() string {
	if t.memory {
		return ""
	}
	dir := filepath.Dir(t.name)
	if info, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "the directory " + dir + " doesn't exist"
	} else if err == nil && !info.IsDir() {
		return dir + " isn't a directory"
	}
	switch info, err := os.Stat(t.name); {
	case errors.Is(err, os.ErrNotExist) && t.ReadOnly:
		return "the file doesn't exist, and a database opened read-only isn't created"
	case err == nil && info.IsDir():
		return "the path is a directory"
	}
	return ""
}

// replaced is the fault of a file that isn't the one that was opened.
func (c *conn) replaced() *driver.Fault {
	return &driver.Fault{
		Kind: driver.Unavailable, Phase: driver.Run, Verdict: driver.Again, Sent: true, Evict: true,
		Hint: "new connections open the file that is there now",
		Err:  fmt.Errorf("%s was deleted or replaced since it was opened", c.file),
	}
}
