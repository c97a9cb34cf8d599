package cli_test

import "strings"

func pingAndHealth(s *shell) {
	if out := s.must("ping"); !strings.HasPrefix(out, "postgres://") || !strings.Contains(out, "(PostgreSQL 1") || !strings.HasSuffix(out, ", primary, writable)\n") {
		s.Error(out)
	}
	if out := s.must("health"); !strings.HasPrefix(out, "state    healthy\n") || !strings.Contains(out, "\nserver   PostgreSQL 1") {
		s.Error(out)
	}
	if out := s.must("config", "explain"); !strings.Contains(out, "| [redacted]") || !strings.Contains(out, "| environment APP_DATABASE_URL\n") {
		s.Error(out)
	}
}

func otherDatabase(s *shell) {
	s.Cleanup(func() { s.must("exec", "drop database if exists cli_other with (force)") })
	code, out, errs := s.script(`
drop database if exists cli_other;
create database cli_other;
create table here (x int);
\echo now there
\c cli_other;
set search_path = public;
begin; create table there (x int); insert into there values (1), (2); commit;
\connect -reuse-previous=on "dbname='cli_other'"
insert into there values (3);
`)
	if code != 0 || out != "now there\n" || !strings.HasPrefix(errs, "9 statements in ") {
		s.Fatalf("exit code %d, %q, %q", code, out, errs)
	}
	if out := s.at("cli_other").must("query", "-o", "csv", "select count(*) as n from there"); out != "n\n3\n" {
		s.Error(out)
	}
	if out := s.must("query", "-o", "csv", "select relname from pg_class where relname in ('here', 'there')"); out != "relname\nhere\n" {
		s.Error(out)
	}
}

func refusals(s *shell) {
	for text, says := range map[string][]string{
		"select 1;\n\\c nosuch\nselect 2;":    {"standard input:2:1: ", "nosuch", "1 statement before it applied"},
		"begin;\n  \\c nosuch":                {"standard input:2:3: ", "inside the transaction that began at standard input:1:1"},
		"select 1;\n\n\\i other.sql\n":        {`standard input:3:1: \i is for psql and no SQL`, "1 statement before it applied"},
		"select 1;\nselect 'a\n\\c x' as x y": {"standard input:2:1: ", "syntax error", "standard input"},
	} {
		code, _, errs := s.script(text)
		if code != 1 {
			s.Errorf("%q: exit code %d\n%s", text, code, errs)
		}
		for _, want := range says {
			if !strings.Contains(errs, want) {
				s.Errorf("%q lacks %q:\n%s", text, want, errs)
			}
		}
	}
	if code, _, errs := s.script("create database cli_never", "-1"); code != 1 || !strings.Contains(errs, "hint: leave out -1") {
		s.Errorf("exit code %d\n%s", code, errs)
	}
}

// chinook runs a script that drops, creates and connects to its database.
func chinook(s *shell) {
	file := s.scriptOfChinook("Chinook_PostgreSql.sql")
	s.Cleanup(func() { s.must("exec", "drop database if exists chinook with (force)") })
	for range 2 {
		code, out, errs := s.run("exec", "-f", file)
		if code != 0 || out != "" || !strings.HasPrefix(errs, "59 statements in ") {
			s.Fatalf("exit code %d, %q, %q", code, out, errs)
		}
	}
	out := s.at("chinook").must("query", "-o", "csv", "select (select count(*) from track) as tracks, (select sum(total) from invoice) as total")
	if out != "tracks,total\n3503,2328.60\n" {
		s.Error(out)
	}
}
