package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/sqltext"
	"github.com/plinthdb/plinth/mongodb"
)

// script is a run of a script on one connection, or on one after the other for a script that connects to other databases.
// Only one statement of it is in memory.
type script struct {
	name     string
	in       io.Reader
	out      io.Writer
	single   bool // all in one transaction
	progress progress

	next       func() (sqltext.Statement, error, bool) // of the script
	database   string                                  // the one that it connected to; "": the one it began with
	moved      sqltext.Statement                       // where it did; its Line is 0 once that is done
	restricted string                                  // the key of the \restrict in force
	quit       bool                                    // the rest isn't for us

	dialect sqltext.Dialect
	sql     bool // else MongoDB's language
	psql    bool // its lines for a shell are psql's
	stop    func()
	conn    *plinth.Conn
	tx      *plinth.Tx        // the open transaction
	begun   sqltext.Statement // where it began
	ran     int64             // statements that succeeded
	pending int64             // of them, those that the open transaction's rollback undoes
	applied int64             // of them, those that stay
}

// scriptError is a failure at a place in a script.
type scriptError struct {
	place string   // "script.sql:12:5"
	notes []string // the statement, and what became of those before it
	err   error
}

func (e *scriptError) Error() string { return e.place + ": " + e.err.Error() }
func (e *scriptError) Unwrap() error { return e.err }

// run runs the script to its end or its first error. open opens a database of another name on the same server, "" being the
// one that the script begins with.
func (s *script) run(ctx context.Context, open func(database string, fn func(*plinth.Engine) error) error) error {
	defer func() {
		if s.stop != nil {
			s.stop()
		}
	}()
	for {
		here := s.moved
		s.moved = sqltext.Statement{}
		err := open(s.database, func(db *plinth.Engine) error { return s.runOn(ctx, db) })
		if _, told := errors.AsType[*scriptError](err); err != nil && !told && here.Line > 0 { // the other database wasn't opened
			if far, ok := errors.AsType[*unreached](err); ok && errors.Is(err, plinth.ErrUndefined) { // the script's mistake: the server is there
				err = far.error
			}
			err = s.undo(ctx, s.at(here, err))
		}
		if err != nil || s.moved.Line == 0 {
			return err
		}
	}
}

// runOn runs the script on one database, to the script's end or to where it connects to another.
func (s *script) runOn(ctx context.Context, db *plinth.Engine) error {
	if s.next == nil {
		s.dialect, s.sql = dialect(db.Name())
		s.psql = db.Name() == "postgres"
		if s.sql {
			s.next, s.stop = iter.Pull2(sqltext.StatementsAndRows(s.in, s.dialect))
		} else {
			s.next, s.stop = iter.Pull2(mongoStatements(s.in))
		}
	}
	return db.With(ctx, func(conn *plinth.Conn) error {
		s.conn = conn
		if err := s.all(ctx); err != nil {
			return s.undo(ctx, err)
		}
		return nil
	})
}

func (s *script) all(ctx context.Context) error {
	if s.single {
		if err := s.begin(ctx, sqltext.Statement{}); err != nil {
			return err
		}
	}
	for !s.quit && s.moved.Line == 0 {
		st, err, ok := s.next()
		if !ok {
			break
		}
		switch {
		case err != nil:
		case st.Rows != nil:
			st, err = s.copyFrom(ctx, st)
		default:
			err = s.statement(ctx, st)
		}
		if err != nil {
			return s.at(st, err)
		}
		if !st.Meta {
			s.ran++
		}
		s.progress.at(st.Bytes)
	}
	switch {
	case s.tx == nil:
		return nil
	case s.single:
		return s.commit(ctx)
	}
	return s.at(s.begun, &hinted{err: errors.New("the script ends inside the transaction that begins here"), hint: "add a COMMIT"})
}

// statement runs one statement. What controls transactions is done by way of the engine, which has to know of them.
func (s *script) statement(ctx context.Context, st sqltext.Statement) error {
	switch {
	case st.Meta && s.psql:
		return s.shell(st)
	case st.Meta:
		return &hinted{err: errors.New("a command of the database's own shell, which is not SQL"), hint: "take it out of the script"}
	}
	if s.sql {
		compiled, err := sqltext.Compile(st.Text, s.dialect)
		if err != nil {
			return err
		}
		if compiled.Class == driver.Transaction {
			return s.control(ctx, compiled.Binder.Fingerprint(), st)
		}
	}
	var err error
	if s.tx != nil {
		s.pending++
		_, err = s.tx.Execute(ctx, st.Text)
	} else if _, err = s.conn.Execute(ctx, st.Text); err == nil {
		s.applied++
	}
	var e *plinth.Error
	switch {
	case !errors.As(err, &e), !s.sql:
	case e.Kind == plinth.ErrArgument && e.Code == "": // nothing was sent
		return &hinted{err: err, hint: "a script has no arguments: write the values themselves, and ?? for a question mark that is none"}
	case e.Code == "25001" && s.single: // PostgreSQL: CREATE DATABASE, VACUUM and their like
		return &hinted{err: err, hint: "leave out -1: this statement can't be part of a transaction"}
	}
	return err
}

// control carries out BEGIN, COMMIT and ROLLBACK.
func (s *script) control(ctx context.Context, text string, st sqltext.Statement) error {
	text = strings.ToUpper(text)
	if s.single {
		return &hinted{
			err:  fmt.Errorf("%s in a script that --single-transaction makes one transaction", text),
			hint: "leave out -1, or the script's own BEGIN and COMMIT",
		}
	}
	words := slices.DeleteFunc(strings.Fields(text), func(word string) bool {
		switch word {
		case "TRANSACTION", "WORK":
			return true
		case "DEFERRED", "IMMEDIATE", "EXCLUSIVE": // SQLite: a transaction of the engine's takes the lock for writing at once
			return true
		}
		return false
	})
	switch strings.Join(words, " ") {
	case "BEGIN", "START":
		if s.tx != nil {
			return fmt.Errorf("%s inside the transaction that began at %s", text, s.place(s.begun))
		}
		return s.begin(ctx, st)
	case "COMMIT", "END", "ROLLBACK":
		switch {
		case s.tx == nil:
			return fmt.Errorf("%s without a BEGIN", text)
		case words[0] == "ROLLBACK":
			return s.rollback(ctx)
		}
		return s.commit(ctx)
	}
	return &hinted{err: fmt.Errorf("a script can't do %s", text), hint: "BEGIN, COMMIT and ROLLBACK are possible, without options and savepoints"}
}

func (s *script) begin(ctx context.Context, st sqltext.Statement) (err error) {
	s.begun = st
	s.tx, err = s.conn.Begin(ctx)
	return err
}

func (s *script) commit(ctx context.Context) error {
	if err := s.tx.Commit(ctx); err != nil {
		return err
	}
	s.applied += s.pending
	s.tx, s.pending = nil, 0
	return nil
}

func (s *script) rollback(ctx context.Context) error {
	tx := s.tx
	s.tx, s.pending = nil, 0
	return tx.Rollback(ctx)
}

// undo rolls back what is open when an error has ended the script, and adds to the error what became of the statements.
func (s *script) undo(ctx context.Context, err error) error {
	var at *scriptError
	if !errors.As(err, &at) {
		at = &scriptError{place: s.name, err: err}
	}
	state := "nothing was applied"
	if s.applied > 0 {
		state = count(s.applied, "statement") + " before it applied"
	}
	switch {
	case errors.Is(err, plinth.ErrOutcomeUnknown):
		state += "; whether the last one was, or the transaction that was open, is unknown"
	case s.tx != nil:
		state += "; the open transaction was rolled back"
	}
	if s.tx != nil {
		if rerr := s.rollback(ctx); rerr != nil && !errors.Is(rerr, plinth.ErrTxDone) {
			at.err = errors.Join(at.err, rerr)
		}
	}
	at.notes = append(at.notes, state)
	return at
}

// at says where an error happened.
func (s *script) at(st sqltext.Statement, err error) error {
	at := &scriptError{place: s.place(st), err: err}
	if f, ok := errors.AsType[*driver.Fault](err); ok && st.Line == 0 {
		// The splitter's own: there's no statement, but the message names the place.
		var broken sqltext.Statement
		if n, _ := fmt.Sscanf(f.Err.Error(), "line %d, column %d:", &broken.Line, &broken.Col); n == 2 {
			plain := *f
			plain.Err = errors.Unwrap(f.Err)
			at.place, at.err = s.place(broken), &plain
		}
	}
	if line, _, _ := strings.Cut(st.Text, "\n"); line != "" {
		at.notes = append(at.notes, excerpt(line))
	}
	var e *plinth.Error
	if !errors.As(err, &e) || e.Position <= 0 {
		return at
	}
	line, col := sqltext.Position(st.Text, offset(st.Text, e.Position-1))
	if line > 1 { // else the first line has been shown
		at.notes = append(at.notes, fmt.Sprintf("line %d, column %d: %s", st.Line+line-1, col, excerpt(strings.Split(st.Text, "\n")[line-1])))
	}
	return at
}

func (s *script) place(st sqltext.Statement) string {
	if st.Line == 0 {
		return s.name
	}
	if st.Col == 0 {
		return fmt.Sprintf("%s:%d", s.name, st.Line)
	}
	return fmt.Sprintf("%s:%d:%d", s.name, st.Line, st.Col)
}

// mongoStatements returns the statements of a script for MongoDB, without their columns.
func mongoStatements(in io.Reader) iter.Seq2[sqltext.Statement, error] {
	counted := &countedReader{Reader: in}
	return func(yield func(sqltext.Statement, error) bool) {
		for st, err := range mongodb.Statements(counted) {
			if !yield(sqltext.Statement{Text: st.Text, Line: st.Line, Bytes: counted.n}, err) {
				return
			}
		}
	}
}

// countedReader counts the bytes that were read.
type countedReader struct {
	io.Reader
	n int64
}

// Read implements io.Reader.
func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// excerpt shortens a line of a script for a message.
func excerpt(line string) string {
	const longest = 100
	line = printable(strings.TrimSpace(line))
	if n := offset(line, longest); n < len(line) {
		return line[:n] + "…"
	}
	return line
}

// offset returns where the character with index n begins, or the length of s if there are fewer.
func offset(s string, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}
