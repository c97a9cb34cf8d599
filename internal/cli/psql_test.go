package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/internal/sqltext"
)

func TestTheWordsOfALineForPsqlAreTakenApart(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                       nil,
		"  a \t b ":              {"a", "b"},
		`'two words' "and ""so"`: {"two words", `and "so`},
		`'it''s'`:                {"it's"},
		`"" x`:                   {"", "x"},
		`a'b`:                    {"a'b"},
	} {
		if got, err := shellWords(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`'a`, `"`, `a "b""`} {
		if got, err := shellWords(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestLinesForPsqlAreObeyedOrRefused(t *testing.T) {
	t.Parallel()
	inTx := func(s *script) { s.tx = new(plinth.Tx) }
	for _, c := range []struct {
		line     string
		before   func(*script)
		database string // that it leads to
		says     string // the error
	}{
		{line: `\c shop`, database: "shop"},
		{line: `\connect "my shop"`, database: "my shop"},
		{line: `\connect -reuse-previous=on "dbname='it\'s'"`, database: "it's"},
		{line: `\c shop - - -`, database: "shop"},
		{line: `\c`}, {line: `\c -`},
		{line: `\c shop app`, says: "not the user or the server"},
		{line: `\c "host=db"`, says: "not the user or the server"},
		{line: `\c postgres://db/x`, says: "not the user or the server"},
		{line: `\c "dbname=a user=b"`, says: "not the user or the server"},
		{line: `\c 'shop`, says: "a quote is never closed"},
		{line: `\c shop`, before: inTx, says: "inside the transaction that began at"},
		{line: `\c shop`, before: func(s *script) { s.single = true }, says: "can't be one transaction"},
		{line: `\set ON_ERROR_STOP`}, {line: `\set ON_ERROR_STOP on`}, {line: `\set ON_ERROR_STOP 1`},
		{line: `\set ON_ERROR_STOP off`, says: "stops at the first error"},
		{line: `\set who 'me'`, says: `\set gives psql a variable`},
		{line: `\encoding UTF8`}, {line: `\encoding latin1`, says: "UTF-8"},
		{line: `\timing on`}, {line: `\pset pager off`},
		{line: `\i other.sql`, says: `\i is for psql and no SQL`},
		{line: `\! rm -rf`, says: `\! is for psql and no SQL`},
		{line: `\restrict`, says: "needs a key"},
		{line: `\unrestrict x`, says: "another key"},
		{line: `\c shop`, before: func(s *script) { s.restricted = "x" }, says: `\c between \restrict and \unrestrict`},
		{line: `\unrestrict y`, before: func(s *script) { s.restricted = "x" }, says: "another key"},
		{line: `\unrestrict x`, before: func(s *script) { s.restricted = "x" }},
	} {
		s := &script{name: "s", out: &bytes.Buffer{}}
		if c.before != nil {
			c.before(s)
		}
		err := s.shell(sqltext.Statement{Text: c.line, Line: 7, Col: 1, Meta: true})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.line, err, c.says)
		}
		if moved := s.moved.Line == 7; s.database != c.database || moved != (c.database != "") {
			t.Errorf("%s leads to %q", c.line, s.database)
		}
	}
	var out bytes.Buffer
	s := &script{out: &out}
	for _, line := range []string{`\echo 'Hello,  world' again`, `\restrict k`, `\unrestrict k`, `\q`} {
		if err := s.shell(sqltext.Statement{Text: line}); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if out.String() != "Hello,  world again\n" || s.restricted != "" || !s.quit {
		t.Errorf("printed %q; %+v", &out, s)
	}
}

func TestALineForAnotherShellIsRefused(t *testing.T) {
	t.Parallel()
	newShell(t).refused(exitRefused, []string{"exec", "-f", newShell(t).script("select 1;\n.mode csv\n")}, "script.sql:2:1: ", "which is not SQL", "hint: take it out")
}
