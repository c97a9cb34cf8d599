package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plinthdb/plinth/internal/sqltext"
)

// shell carries out a line for psql, as far as scripts and dumps need it.
func (s *script) shell(st sqltext.Statement) error {
	name, rest, _ := strings.Cut(strings.TrimPrefix(st.Text, `\`), " ")
	args, err := shellWords(rest)
	if err != nil {
		return err
	}
	if s.restricted != "" && name != "unrestrict" {
		return &hinted{err: fmt.Errorf(`\%s between \restrict and \unrestrict`, name), hint: "a dump holds none there: it may have been tampered with"}
	}
	switch name {
	case "c", "connect":
		return s.connect(st, args)
	case "echo":
		_, err := fmt.Fprintln(s.out, strings.Join(args, " "))
		return err
	case "q", "quit":
		s.quit = true
	case "restrict", "unrestrict":
		return s.restrict(name, args)
	case "set":
		return set(args)
	case "encoding":
		if len(args) != 1 || !slices.Contains([]string{"UTF8", "UTF-8", "UNICODE"}, strings.ToUpper(args[0])) {
			return errors.New("a script is read as UTF-8")
		}
	case "a", "pset", "t", "timing", "x": // how psql prints, where a script prints nothing
	default:
		return &hinted{
			err:  fmt.Errorf(`\%s is for psql and no SQL`, name),
			hint: `take it out of the script; \connect, \echo, \quit and \set ON_ERROR_STOP are possible`,
		}
	}
	return nil
}

// connect notes the database that the rest of the script is for.
func (s *script) connect(st sqltext.Statement, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], "-reuse-previous=") {
		args = args[1:]
	}
	others := &hinted{err: errors.New("a script can change the database, but not the user or the server"), hint: "write \\connect and the database's name alone"}
	if len(args) == 0 {
		return nil
	}
	for _, other := range args[1:] {
		if other != "-" {
			return others
		}
	}
	name := args[0]
	if keyword, value, ok := strings.Cut(name, "="); ok && strings.TrimSpace(keyword) == "dbname" {
		words, err := shellWords(strings.ReplaceAll(value, `\'`, `''`)) // as libpq's connection strings quote
		if err != nil || len(words) != 1 {
			return others
		}
		name = words[0]
	} else if ok || strings.Contains(name, "://") {
		return others
	}
	switch {
	case name == "-":
		return nil
	case s.single:
		return &hinted{err: errors.New("a script that connects to another database can't be one transaction"), hint: "leave out -1"}
	case s.tx != nil:
		return fmt.Errorf(`\connect inside the transaction that began at %s`, s.place(s.begun))
	}
	s.database, s.moved = name, st
	return nil
}

// restrict obeys the lines with which pg_dump forbids psql to take any other line for itself than the one with the same
// key: https://www.postgresql.org/docs/current/app-psql.html.
func (s *script) restrict(name string, args []string) error {
	switch {
	case len(args) != 1 || args[0] == "":
		return fmt.Errorf(`\%s needs a key`, name)
	case name == "restrict":
		s.restricted = args[0]
	case s.restricted != args[0]:
		return errors.New(`\unrestrict has another key than \restrict`)
	default:
		s.restricted = ""
	}
	return nil
}

// set takes the one variable of psql's that a script depends on.
func set(args []string) error {
	if len(args) > 0 && args[0] == "ON_ERROR_STOP" {
		switch strings.ToLower(strings.Join(args[1:], " ")) {
		case "", "1", "on", "true", "yes": // which it always is
			return nil
		}
		return errors.New("a script stops at the first error, whatever ON_ERROR_STOP says")
	}
	return &hinted{err: errors.New(`\set gives psql a variable, and a script has none`), hint: "write the values themselves"}
}

// shellWords splits what follows a command of psql's: at spaces, outside of quotes. A quote in a quoted word is doubled.
func shellWords(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		quote := line[0]
		if quote != '\'' && quote != '"' {
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			words = append(words, line[:end])
			line = line[end:]
			continue
		}
		var word strings.Builder
		closed := false
		for line = line[1:]; line != "" && !closed; {
			end := strings.IndexByte(line, quote)
			if end < 0 {
				break
			}
			word.WriteString(line[:end])
			line = line[end+1:]
			if closed = !strings.HasPrefix(line, string(quote)); !closed {
				word.WriteByte(quote)
				line = line[1:]
			}
		}
		if !closed {
			return nil, errors.New("a quote is never closed")
		}
		words = append(words, word.String())
	}
	return words, nil
}
