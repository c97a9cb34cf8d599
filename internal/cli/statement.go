package cli

import (
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/sqltext"
)

// dialect returns the SQL that an engine speaks, if it does.
func dialect(engine string) (d sqltext.Dialect, ok bool) {
	switch engine {
	case "sqlite":
		return sqltext.SQLite(), true
	case "postgres":
		return sqltext.PostgreSQL(), true
	case "mariadb":
		return sqltext.MariaDB(), true
	}
	return d, false
}

// prepare returns what is bound for each ARG of a statement, and the statement compiled: nil where it isn't SQL, or not
// what the engine takes, which is for the engine to say. What a shell's user does about an error isn't what
// a Go programmer does, so some are told here.
func prepare(db *plinth.Engine, text string, list []string, asText bool) (*driver.Stmt, []any, error) {
	if db.Name() == "mongodb" {
		args, err := prepareDocuments(text, list, asText)
		return nil, args, err
	}
	value := argument
	if asText {
		value = asIs
	}
	args := arguments(list, value)
	d, ok := dialect(db.Name())
	if !ok {
		return nil, args, nil
	}
	stmt, err := sqltext.Compile(text, d)
	switch {
	case err != nil && several(text, d):
		return nil, nil, usagef("a script may hold many: plinth exec -f FILE, or plinth exec -f - for standard input", "several statements were given where one is run")
	case err != nil:
		return nil, args, nil
	case stmt.Class == driver.Transaction:
		return nil, nil, usagef("a script may use BEGIN, COMMIT and ROLLBACK (plinth exec -f FILE), or be one transaction (--single-transaction)",
			"%s as a statement of its own: the transaction would end with this command", stmt.Verb)
	}
	if takesNames(stmt) {
		if named, ok := namedArguments(list, value); ok {
			args = named
		} else if _, _, err := stmt.Binder.Bind(args); err != nil {
			return nil, nil, usagef("give each ARG as name=value: plinth query 'select :n + 1' n=5", "%w", err)
		}
	}
	if !asText {
		bindLists(stmt, args)
	}
	_, _, err = stmt.Binder.Bind(args)
	if f, ok := errors.AsType[*driver.Fault](err); ok && strings.Contains(f.Hint, "slice") {
		return nil, nil, usagef("IN (?) takes one ARG, which is a JSON array: '[1,2]'", "%w", err)
	}
	return stmt, args, nil
}

// several reports whether text holds more than one statement.
func several(text string, d sqltext.Dialect) bool {
	n := 0
	for _, err := range sqltext.Statements(strings.NewReader(text), d) {
		if n++; err != nil {
			return false
		}
	}
	return n > 1
}

// takesNames reports whether the placeholders of a statement have names. Its binder says so if it's given a name.
func takesNames(stmt *driver.Stmt) bool {
	_, _, err := stmt.Binder.Bind([]any{sql.Named("", nil)})
	return err == nil || !strings.Contains(err.Error(), "no named placeholders")
}

// namedArguments returns the values of ARGs that are all of the form name=value.
func namedArguments(list []string, value func(arg string) any) (args []any, ok bool) {
	for _, s := range list {
		name, arg, ok := strings.Cut(s, "=")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return nil, false
		}
		args = append(args, sql.Named(name, value(arg)))
	}
	return args, len(args) > 0
}

// bindLists puts a slice in the place of each JSON array that is for an IN (?). Elsewhere an array stays the text that
// it is, as a column of JSON takes it.
func bindLists(stmt *driver.Stmt, args []any) {
	for i, arg := range args {
		put := func(v any) any { return v }
		if n, ok := arg.(sql.NamedArg); ok {
			arg, put = n.Value, func(v any) any { return sql.Named(n.Name, v) }
		}
		s, _ := arg.(string)
		list, ok := array(s)
		if !ok {
			continue
		}
		probe := slices.Clone(args)
		probe[i] = put([]any{nil, nil})
		_, before, err1 := stmt.Binder.Bind(args)
		_, after, err2 := stmt.Binder.Bind(probe)
		if err1 == nil && err2 == nil && len(after) > len(before) { // it was spread
			args[i] = put(list)
		}
	}
}

// array returns the elements of a JSON array that holds no other array and no object, each as the ARG would be bound.
func array(s string) (list []any, ok bool) {
	var raw []json.RawMessage
	if !strings.HasPrefix(s, "[") || json.Unmarshal([]byte(s), &raw) != nil {
		return nil, false
	}
	list = make([]any, len(raw))
	for i, r := range raw {
		switch r[0] {
		case '[', '{':
			return nil, false
		case '"':
			var text string
			if json.Unmarshal(r, &text) != nil {
				return nil, false
			}
			list[i] = text
		default:
			list[i] = argument(string(r))
		}
	}
	return list, true
}

// counts reports whether a statement with this verb has a number of rows that it affects.
func counts(verb string) bool {
	switch verb {
	case "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE":
		return true
	}
	return false
}

// answers reports whether a statement returns rows, as far as its text tells.
func answers(stmt *driver.Stmt) bool {
	switch {
	case stmt.Access == driver.Read, stmt.Verb == "SELECT", stmt.Verb == "VALUES":
		return true
	}
	return counts(stmt.Verb) && slices.Contains(strings.Fields(strings.ToUpper(stmt.Binder.Fingerprint())), "RETURNING")
}
