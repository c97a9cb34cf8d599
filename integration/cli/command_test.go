package cli_test

import (
	"bytes"
	"context"
	"net/url"
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
	on := func(name string, url func(t *testing.T) string, tests map[string]func(*shell)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(&shell{T: t, program: program, url: url(t)})
				})
			}
		})
	}
	on("SQLite", func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") }, map[string]func(*shell){
		"files are loaded":         loads,
		"tables are listed":        tables,
		"Chinook's JSON is loaded": loadsChinook,
	})
	on("PostgreSQL", func(t *testing.T) string { return servers.Postgres(t).Database(t) }, map[string]func(*shell){
		"ping and health say version and role":           pingAndHealth,
		"a script goes on in another database":           otherDatabase,
		"what a script can't do is told with its line":   refusals,
		"dumps with COPY are loaded":                     copied,
		"Chinook's script runs as it is, and once again": chinook,
		"files are loaded":                               loads,
		"tables are listed":                              tables,
		"tables of PostgreSQL's own kinds are listed":    tablesOfPostgres,
		"a refused login has one exit code":              refusedLogins,
		"Chinook's JSON is loaded":                       loadsChinook,
	})
	on("MariaDB", func(t *testing.T) string { return servers.MariaDB(t).Database(t) }, map[string]func(*shell){
		"ping and health say version and role":                        pingAndHealthOnMariaDB,
		"a script makes a database and uses it, without one to begin": madeAndUsed,
		"Chinook's script runs as it is, and once again":              chinookOnMariaDB,
		"dumps are loaded":  dumpedOnMariaDB,
		"tables are listed": tables,
		"tables are listed as information_schema has them": tablesOfMariaDB,
		"files are loaded":         loads,
		"Chinook's JSON is loaded": loadsChinook,
	})
	on("MongoDB", func(t *testing.T) string { return servers.FerretDB(t, servers.Durable()).Database(t) }, map[string]func(*shell){
		"statements and commands run, and Extended JSON is printed": documents,
		"values are bound by name, and arrays and documents":        argumentsForMongoDB,
		"collections are listed":                                    tablesOfMongoDB,
		"a file of mongoexport's is loaded":                         exported,
		"Chinook's JSON is loaded":                                  loadsChinookIntoMongoDB,
	})
}

// refusedLogins has every command say in the same way that there is no session.
func refusedLogins(s *shell) {
	u, err := url.Parse(s.url)
	if err != nil {
		s.Fatal(err)
	}
	with := func(change func(*url.URL)) string {
		other := *u
		change(&other)
		return other.String()
	}
	for name, link := range map[string]string{
		"password": with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong") }),
		"none":     with(func(u *url.URL) { u.User = url.User(u.User.Username()) }),
		"user":     with(func(u *url.URL) { u.User = url.UserPassword("nobody", "x") }),
		"database": with(func(u *url.URL) { u.Path = "/nosuch" }),
	} {
		refused := *s
		refused.url = link
		for _, args := range [][]string{
			{"ping"}, {"health"}, {"query", "select 1"}, {"exec", "select 1"}, {"exec", "-f", "-"}, {"load", "-f", "-", "--into", "t"}, {"tables"},
		} {
			refused.in = "select 1"
			if args[0] == "load" {
				refused.in = "a\n1\n"
			}
			if code, out, errs := refused.run(args...); code != 3 {
				s.Errorf("%s: plinth %q: exit code %d\n%s%s", name, args, code, out, errs)
			}
		}
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

// has looks for each of the texts.
func (s *shell) has(out string, texts ...string) {
	s.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			s.Errorf("%q isn't in\n%s", text, out)
		}
	}
}

// scriptOfChinook returns the path of one of the scripts of https://github.com/lerocha/chinook-database, in the folder that
// PLINTH_CHINOOK names.
func (s *shell) scriptOfChinook(name string) string {
	s.Helper()
	dir := os.Getenv("PLINTH_CHINOOK")
	if dir == "" {
		s.Skip("PLINTH_CHINOOK doesn't name the folder with " + name)
	}
	return filepath.Join(dir, name)
}
