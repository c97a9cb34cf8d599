package plinth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/retry"
)

// Kind says what went wrong in a word that means the same for every database.
type Kind = driver.Kind

// The kinds, as targets for errors.Is. They are constants: nobody can reassign them.
const (
	ErrNotFound       = driver.NotFound       // no row where one was asked for; also matches sql.ErrNoRows
	ErrUnique         = driver.Unique         // a unique or primary key exists already
	ErrForeignKey     = driver.ForeignKey     // a referenced row is missing, or a row is still referenced
	ErrNotNull        = driver.NotNull        // NULL into a NOT NULL column
	ErrCheck          = driver.Check          // a CHECK or another declared constraint
	ErrInvalid        = driver.Invalid        // a value the column or the function can't take
	ErrDeadlock       = driver.Deadlock       // chosen as the victim of a deadlock
	ErrSerialization  = driver.Serialization  // the transaction conflicts with another and must run again
	ErrLocked         = driver.Locked         // a lock wasn't to be had in time
	ErrTimeout        = driver.Timeout        // a deadline passed; also matches context.DeadlineExceeded
	ErrCanceled       = driver.Canceled       // the context was cancelled; also matches context.Canceled
	ErrUnavailable    = driver.Unavailable    // the database can't be reached or opened, or not within the acquire time-out
	ErrReadOnly       = driver.ReadOnly       // a write on something that only reads
	ErrAuth           = driver.Auth           // login refused
	ErrPermission     = driver.Permission     // logged in, but not allowed to do this
	ErrSyntax         = driver.Syntax         // the statement can't be parsed
	ErrUndefined      = driver.Undefined      // an unknown table, column, function or database
	ErrExists         = driver.Exists         // a table or index of that name is there already
	ErrPoolExhausted  = driver.PoolExhausted  // all connections were in use, and none came back within the acquire time-out
	ErrSelfDeadlock   = driver.SelfDeadlock   // the caller would wait for a connection it holds itself
	ErrOutcomeUnknown = driver.OutcomeUnknown // sent, but nobody can say whether it was applied
	ErrClosed         = driver.Closed         // used after Close; also matches sql.ErrConnDone
	ErrTxDone         = driver.TxDone         // a transaction used after its end; also matches sql.ErrTxDone
	ErrBusy           = driver.Busy           // a transaction or connection used while its rows are open
	ErrArgument       = driver.Argument       // wrong number or type of arguments, or misuse; nothing was sent
	ErrScan           = driver.Scan           // a value doesn't fit the Go type it is read into
	ErrTooLarge       = driver.TooLarge       // beyond a limit of size
	ErrFull           = driver.Full           // the disk, a quota or max_page_count is used up
	ErrCorrupt        = driver.Corrupt        // the file is damaged or is no database
	ErrUnsupported    = driver.Unsupported    // this database can't do it
	ErrVetoed         = driver.Vetoed         // a before hook said no
)

// Error is what every failed call returns. Its kind is a target for errors.Is, and so is what the kind means in the
// standard library (sql.ErrNoRows, context.Canceled, …); the native error is there for errors.As.
type Error struct {
	Kind       Kind
	Op         string // "query", "execute", "begin", "commit", …
	Engine     string // "sqlite", …
	Target     string // which database; holds no secret
	Statement  string // its fingerprint, without literals; "" where there is none
	Code       string // the database's own code
	Constraint string // where the server tells, as are the next three
	Table      string
	Column     string          // of a constraint over several columns: "a, b"
	Position   int             // 1-based character in the statement, 0 if unknown
	Row        int             // 1-based row of ExecuteMany, 0 elsewhere
	Hint       string          // what to try
	Attempts   []retry.Attempt // every attempt, if it was worth repeating
	Err        error           // the native error

	verdict   driver.Verdict // on running the unit again
	retryable bool           // the engine may still run it again
	sparing   bool           // but only once for such a reason
	tried     *retry.Error   // why no further attempt was made, beside Attempts
	in        *hold          // whose transaction it happened in, nil for none
}

// Error returns one line: what was done, on which target, what went wrong, and what to try. It holds no argument of the
// statement's beyond what the database itself quotes.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		if e.Statement != "" {
			b.WriteString(" " + shorten(e.Statement, 120))
		}
		if e.Target != "" {
			b.WriteString(" on " + e.Target)
		}
		b.WriteString(": ")
	}
	if e.Row > 0 {
		fmt.Fprintf(&b, "row %d: ", e.Row)
	}
	b.WriteString(e.Kind.Error())
	native := ""
	if e.Err != nil && e.Err.Error() != e.Kind.Error() {
		native = ": " + e.Err.Error()
	}
	if on := e.subject(); on != "" && !strings.Contains(native, on) {
		b.WriteString(" (" + on + ")")
	}
	if e.Position > 0 {
		fmt.Fprintf(&b, " at character %d", e.Position)
	}
	b.WriteString(native)
	if e.Code != "" && !strings.Contains(native, " "+e.Code) { // some texts have it
		b.WriteString(" [" + e.Engine + " " + e.Code + "]")
	}
	if e.tried != nil {
		fmt.Fprintf(&b, " (attempt %d, the last: %v)", len(e.Attempts), e.tried.Stopped)
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// subject names the constraint or the column, whichever the server told.
func (e *Error) subject() string {
	on := e.Table
	if e.Column != "" {
		if on != "" {
			on += "."
		}
		on += e.Column
	}
	switch {
	case e.Constraint == "":
		return on
	case on == "":
		return e.Constraint
	}
	return e.Constraint + " on " + on
}

// Unwrap returns the native error.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the error's kind and what that means in the standard library; and the context's error, where that is why
// there was no further attempt.
func (e *Error) Is(target error) bool {
	if k, ok := target.(Kind); ok {
		return e.Kind == k
	}
	return e.Kind.Is(target) || e.tried != nil && e.tried.Is(target)
}

// LogValue returns what may stand in a log: all but the text of the database's own error, which may quote a value of the
// caller's. An error that wraps this one with %w has no LogValue: log it and slog takes its whole text.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", e.Kind.String())}
	detail := ""
	if e.Code == "" && e.Err != nil && errors.Unwrap(e.Err) == nil && e.Kind != ErrVetoed { // Plinth's own words
		detail = e.Err.Error()
	}
	for _, a := range []slog.Attr{
		slog.String("detail", detail), slog.String("op", e.Op), slog.String("target", e.Target),
		slog.String("statement", e.Statement), slog.String("code", e.Code), slog.String("constraint", e.Constraint),
		slog.String("table", e.Table), slog.String("column", e.Column), slog.String("hint", e.Hint),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	for _, a := range []slog.Attr{
		slog.Int("position", e.Position), slog.Int("row", e.Row), slog.Int("attempts", len(e.Attempts)),
	} {
		if a.Value.Int64() != 0 {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(attrs...)
}

// Retryable reports whether running the same again may help and can't apply anything twice. What an engine returns
// has used up its retries, so that a retry.Do around it doesn't multiply them: it reports false.
func (e *Error) Retryable() bool { return e.retryable }

// Timeout reports whether a deadline or an acquire time-out was the reason, as net.Error does.
func (e *Error) Timeout() bool {
	_, waited := errors.AsType[*pool.TimeoutError](e.Err)
	return waited || e.Kind == ErrTimeout || e.Kind == ErrPoolExhausted
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 { // not within a character
		n--
	}
	return s[:n] + "…"
}

// usage returns an error about something that was found before anything was sent.
func (t *target) usage(kind Kind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Engine: t.info.Engine, Target: t.info.Target, Err: fmt.Errorf(format, args...)}
}

// usage is that of the target that the engine works with now: what a call or a session has is of its own, which the engine may
// have left.
func (e *Engine) usage(kind Kind, op, format string, args ...any) *Error {
	return e.state.Load().usage(kind, op, format, args...)
}

// failed turns what came over the seam into an *Error, and decides whether the unit may run again. safe says that a
// repetition can't apply anything twice, whatever became of the first: a read. Inside a transaction the unit is
// the transaction, and one that was lost before its COMMIT was sent has applied nothing.
func (t *target) failed(op string, stmt *statement, err error, safe, inTx bool) *Error {
	if ours, ok := err.(*Error); ok { // already, from further down
		return ours
	}
	f, ok := asFault(err)
	if !ok {
		f = &driver.Fault{Kind: contextKind(err), Err: err}
	}
	out := &Error{
		Kind: f.Kind, Op: op, Engine: t.info.Engine, Target: t.info.Target, Code: f.Code, Constraint: f.Constraint,
		Table: f.Table, Column: f.Column, Position: f.Position, Hint: f.Hint, Err: f.Err, verdict: f.Verdict,
		sparing: f.Once,
	}
	if stmt != nil {
		out.Statement = stmt.Binder.Fingerprint()
	}
	if f.Verdict == driver.IfSafe {
		switch {
		case safe, !f.Sent, inTx && f.Phase != driver.Commit:
			out.verdict = driver.Again
		default:
			out.verdict = driver.Ambiguous
		}
	}
	out.retryable = out.verdict == driver.Again
	if out.verdict == driver.Ambiguous {
		out.Kind = ErrOutcomeUnknown
		if out.Hint == "" {
			out.Hint = "it may or may not have been applied: look before you repeat it"
		}
	}
	return out
}

// failed is that of the target that the engine works with now.
func (e *Engine) failed(op string, stmt *statement, err error, safe, inTx bool) *Error {
	return e.state.Load().failed(op, stmt, err, safe, inTx)
}

func asFault(err error) (*driver.Fault, bool) {
	if err == nil {
		return nil, false
	}
	if f, ok := err.(*driver.Fault); ok {
		return f, true
	}
	return errors.AsType[*driver.Fault](err)
}

func contextKind(err error) Kind {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case errors.Is(err, context.Canceled):
		return ErrCanceled
	}
	return driver.Unknown
}

// final marks an error as the engine's last word and adds the attempts that led to it. What is around the *Error goes:
// it's of retry's making.
func final(err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error)
	if !ok {
		if e, ok = errors.AsType[*Error](err); !ok {
			return err
		}
		if tried, ok := errors.AsType[*retry.Error](err); ok {
			e.Attempts, e.tried = tried.Attempts, tried
		}
	}
	if e.retryable { // an error that is final already may be shared
		e.retryable = false
	}
	return e
}

// doubt makes the error one of an unknown outcome. It still matches the kind that it had.
func (e *Error) doubt(hint string) {
	if e.Err == nil {
		e.Err = e.Kind
	} else {
		e.Err = fmt.Errorf("%w: %w", e.Kind, e.Err)
	}
	e.Kind, e.verdict, e.retryable, e.Hint = ErrOutcomeUnknown, driver.Ambiguous, false, hint
}

// since is time.Since, or zero for a time that was never taken.
func since(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return to.Sub(from)
}
