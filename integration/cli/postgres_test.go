package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/integration/servers"
)

// TestCommand builds the command, as its users do, and runs it on servers.
func TestCommand(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "plinth")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/plinth")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, test := range map[string]func(*shell){
		"ping and health say version and role":           pingAndHealth,
		"a script goes on in another database":           otherDatabase,
		"what a script can't do is told with its line":   refusals,
		"dumps with COPY are loaded":                     copied,
		"Chinook's script runs as it is, and once again": chinook,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&shell{T: t, program: program, url: servers.Postgres(t).Database(t)})
		})
	}
}

// shell runs the command on one database.
type shell struct {
	*testing.T
	program string
	url     string
	in      string
}

// at returns the shell for another database of the same server.
func (s *shell) at(database string) *shell {
	s.Helper()
	server, params, _ := strings.Cut(s.url, "?")
	other := *s
	other.url = server[:strings.LastIndex(server, "/")+1] + database + "?" + params
	return &other
}

func (s *shell) run(args ...string) (code int, out, errs string) {
	s.Helper()
	var o, e bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(s.Context()), s.program, append([]string{"-d", "app"}, args...)...)
	cmd.Env = append(os.Environ(), "APP_DATABASE_URL="+s.url)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(s.in), &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func (s *shell) must(args ...string) string {
	s.Helper()
	code, out, errs := s.run(args...)
	if code != 0 {
		s.Fatalf("plinth %q: exit code %d\n%s", args, code, errs)
	}
	return out
}

func (s *shell) equal(got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// script runs a script from standard input.
func (s *shell) script(text string, args ...string) (code int, out, errs string) {
	s.Helper()
	s.in = text
	return s.run(append([]string{"exec", "-f", "-"}, args...)...)
}

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

// chinook runs a script that drops, creates and connects to its database, where PLINTH_CHINOOK names the folder of
// https://github.com/lerocha/chinook-database's scripts.
func chinook(s *shell) {
	dir := os.Getenv("PLINTH_CHINOOK")
	if dir == "" {
		s.Skip("PLINTH_CHINOOK doesn't name the folder with Chinook_PostgreSql.sql")
	}
	s.Cleanup(func() { s.must("exec", "drop database if exists chinook with (force)") })
	for range 2 {
		code, out, errs := s.run("exec", "-f", filepath.Join(dir, "Chinook_PostgreSql.sql"))
		if code != 0 || out != "" || !strings.HasPrefix(errs, "59 statements in ") {
			s.Fatalf("exit code %d, %q, %q", code, out, errs)
		}
	}
	out := s.at("chinook").must("query", "-o", "csv", "select (select count(*) from track) as tracks, (select sum(total) from invoice) as total")
	if out != "tracks,total\n3503,2328.60\n" {
		s.Error(out)
	}
}
