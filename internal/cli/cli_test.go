package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// shell runs the command in tests: always on the same database, with an environment of its own.
type shell struct {
	t   *testing.T
	db  string
	env map[string]string
	in  io.Reader
}

func newShell(t *testing.T) *shell {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil { // an empty file is an empty database
		t.Fatal(err)
	}
	return &shell{t: t, db: "sqlite:" + filepath.ToSlash(file), in: strings.NewReader("")}
}

// result is what a run of the command came to.
type result struct {
	code     int
	out, err string
}

func (s *shell) run(args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	code := s.runTo(s.t.Context(), &out, &errs, append([]string{"-d", s.db}, args...)...)
	for _, b := range []*bytes.Buffer{&out, &errs} {
		if strings.Contains(b.String(), "\x1b") {
			s.t.Errorf("plinth %q printed escape codes where there is no terminal: %q", args, b)
		}
	}
	return result{code, out.String(), errs.String()}
}

func (s *shell) runTo(ctx context.Context, out, errs io.Writer, args ...string) int {
	return Main(ctx, args, s.in, out, errs, func(name string) (string, bool) {
		v, ok := s.env[name]
		return v, ok
	})
}

// must runs a command that has to succeed and returns what it printed.
func (s *shell) must(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != exitDone {
		s.t.Fatalf("plinth %q: exit code %d\n%s", args, r.code, r.err)
	}
	return r.out
}

// refused runs a command that has to fail with a code, and to say each of the texts on standard error.
func (s *shell) refused(code int, args []string, says ...string) result {
	s.t.Helper()
	r := s.run(args...)
	if r.code != code {
		s.t.Errorf("plinth %q: exit code %d, want %d\n%s", args, r.code, code, r.err)
	}
	for _, text := range says {
		if !strings.Contains(r.err, text) {
			s.t.Errorf("plinth %q: the error lacks %q:\n%s", args, text, r.err)
		}
	}
	if !strings.HasPrefix(r.err, "plinth: ") {
		s.t.Errorf("plinth %q: the error doesn't begin with plinth: %q", args, r.err)
	}
	return r
}

func (s *shell) equal(got, want string) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestQueryPrintsEachFormatOfWhatTheDatabaseHolds(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table item (id integer primary key, name text, price real, picture blob)")
	s.must("exec", "insert into item (name, price, picture) values ('pear', 0.35, x'00ff'), (null, 1e15, null)")
	for format, want := range map[string]string{
		"table":    " id | name |              price | picture\n----+------+--------------------+---------\n  1 | pear |               0.35 | \\x00ff\n  2 | NULL | 1000000000000000.0 | NULL\n(2 rows)\n",
		"vertical": "-[ row 1 ]-\nid      | 1\nname    | pear\nprice   | 0.35\npicture | \\x00ff\n-[ row 2 ]-\nid      | 2\nname    | NULL\nprice   | 1000000000000000.0\npicture | NULL\n",
		"csv":      "id,name,price,picture\n1,pear,0.35,\\x00ff\n2,,1000000000000000.0,\n",
		"json":     "[\n{\"id\":1,\"name\":\"pear\",\"price\":0.35,\"picture\":\"AP8=\"},\n{\"id\":2,\"name\":null,\"price\":1000000000000000.0,\"picture\":null}\n]\n",
		"jsonl":    "{\"id\":1,\"name\":\"pear\",\"price\":0.35,\"picture\":\"AP8=\"}\n{\"id\":2,\"name\":null,\"price\":1000000000000000.0,\"picture\":null}\n",
		"markdown": "| id | name | price | picture |\n| --- | --- | --- | --- |\n| 1 | pear | 0.35 | \\x00ff |\n| 2 | NULL | 1000000000000000.0 | NULL |\n",
	} {
		s.equal(s.must("query", "-o", format, "select * from item order by id"), want)
	}
	s.equal(s.must("query", "select 1 as n"), " n\n---\n 1\n(1 row)\n")
}

func TestFlagsComeBeforeAndAfterTheSubcommand(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for _, args := range [][]string{
		{"-d", s.db, "query", "-o", "csv", "select ? as x", "-7"},
		{"query", "-o", "csv", "-d", s.db, "select ? as x", "-7"},
		{"query", "select ? as x", "-7", "--output=csv", "--database", s.db},
		{"query", "-ocsv", "-d" + s.db, "--", "select ? as x", "-7"},
	} {
		var out, errs bytes.Buffer
		if code := s.runTo(t.Context(), &out, &errs, args...); code != exitDone || out.String() != "x\n-7\n" {
			t.Errorf("plinth %q: exit code %d, printed %q\n%s", args, code, &out, &errs)
		}
	}
}

func TestArgumentsAreBoundByTheirJSONType(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	const types = "select typeof(?) as a, typeof(?) as b, typeof(?) as c, typeof(?) as d, typeof(?) as e"
	list := []string{"5", "-0.5", "null", "true", "007"}
	s.equal(s.must(append([]string{"query", "-o", "csv", types}, list...)...), "a,b,c,d,e\ninteger,real,null,integer,text\n")
	s.equal(s.must(append([]string{"query", "--text", "-o", "csv", types}, list...)...), "a,b,c,d,e\ntext,text,text,text,text\n")
	s.equal(s.must("query", "-o", "csv", "select ? as n", "123456789012345678901234567890"), "n\n123456789012345678901234567890\n")
	s.equal(s.must("query", "-o", "csv", "--", "select ? as x", "-x"), "x\n-x\n")
}

func TestExecPrintsWhatWasDone(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.equal(s.must("exec", "create table t (id integer primary key, x text)"), "done\n")
	s.equal(s.must("exec", "insert into t (x) values (?), (?)", "a", "b"), "rows affected: 2\nlast insert id: 2\n")
	s.equal(s.must("exec", "update t set x = ? where id > ?", "c", "0"), "rows affected: 2\n")
	s.equal(s.must("exec", "delete from t where x is null"), "rows affected: 0\n")
	s.equal(s.must("exec", "analyze"), "done\n")
	for statement, out := range map[string]string{
		"select * from t": "", "with n as (select 1) select * from n": "", "pragma user_version": "",
		"update t set x = x returning id": "rows affected: 2\n",
	} {
		if r := s.run("exec", statement); r.code != exitDone || r.out != out || !strings.Contains(r.err, "thrown away; plinth query") {
			t.Errorf("%s: %+v", statement, r)
		}
	}
}

func TestQueryOfAStatementWithoutRowsSaysSo(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table t (x)")
	r := s.run("query", "insert into t values (1)")
	if r.code != exitDone || r.out != "" || !strings.Contains(r.err, "rows affected: 1") {
		t.Errorf("%+v", r)
	}
	if r = s.run("query", "-o", "json", "delete from t"); r.code != exitDone || r.out != "[]\n" {
		t.Errorf("%+v", r)
	}
	if r = s.run("query", "-o", "vertical", "select * from t"); r.code != exitDone || r.out != "" || r.err != "(0 rows)\n" {
		t.Errorf("%+v", r)
	}
	s.equal(s.must("query", "-o", "jsonl", "insert into t values (?) returning x", "5"), "{\"x\":5}\n")
}

func TestTheExitCodeSaysWhoIsToBlame(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	noDatabase := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("this is no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		code int
		args []string
		says []string
	}{
		"syntax":              {exitRefused, []string{"query", "selekt 1"}, []string{"selekt"}},
		"unknown table":       {exitRefused, []string{"query", "select * from nothing"}, []string{"nothing"}},
		"not a database":      {exitRefused, []string{"-d", "sqlite:" + noDatabase, "query", "select * from t"}, nil},
		"too few arguments":   {exitUsage, []string{"query", "select ?, ?", "1"}, nil},
		"too many arguments":  {exitUsage, []string{"exec", "select 1", "1"}, nil},
		"unknown format":      {exitUsage, []string{"query", "-o", "xml", "select 1"}, []string{"jsonl"}},
		"unknown flag":        {exitUsage, []string{"query", "select 1", "-x"}, []string{"-x", "hint: see plinth query --help"}},
		"unknown command":     {exitUsage, []string{"pong"}, []string{"pong"}},
		"no statement":        {exitUsage, []string{"query"}, []string{"hint: see plinth query --help"}},
		"empty statement":     {exitUsage, []string{"query", " ; "}, []string{"empty"}},
		"number as statement": {exitUsage, []string{"query", "-5"}, []string{"-5 is in the place of the statement"}},
		"nothing to execute":  {exitUsage, []string{"exec"}, []string{"-f FILE"}},
		"no such script":      {exitUsage, []string{"exec", "-f", filepath.Join(t.TempDir(), "no.sql")}, []string{"no.sql"}},
		"directory as script": {exitUsage, []string{"exec", "-f", t.TempDir()}, []string{"directory"}},
		"script and argument": {exitUsage, []string{"exec", "-f", "a.sql", "b"}, []string{"script and a statement"}},
		"-1 without script":   {exitUsage, []string{"exec", "-1", "select 1"}, []string{"-f"}},
		"single and no file":  {exitUsage, []string{"exec", "--single-transaction", "select 1"}, []string{"-f"}},
		"URL of nothing":      {exitUsage, []string{"-d", "nosuch:db", "ping"}, nil},
		"bad parameter":       {exitUsage, []string{"-d", s.db + "?busy_timeout=soon", "ping"}, []string{"busy_timeout"}},
		"bad duration":        {exitUsage, []string{"--timeout", "5", "ping"}, []string{"--timeout", "give one: 5s,"}},
		"no duration":         {exitUsage, []string{"--slow", "soon", "ping"}, []string{`"soon" is no duration`}},
		"negative duration":   {exitUsage, []string{"--timeout=-5s", "ping"}, []string{"can't be negative"}},
		"tiny duration":       {exitUsage, []string{"--timeout=1ns", "ping"}, []string{"1ms is the least"}},
		"flag before command": {exitUsage, []string{"-o", "json", "query", "select 1"}, []string{"-o is a flag of health, query, tables", "hint: put it behind the command: plinth query -o"}},
		"a lone BEGIN":        {exitUsage, []string{"exec", "begin"}, []string{"plinth exec -f FILE", "--single-transaction"}},
		"several statements":  {exitUsage, []string{"query", "select 1; select 2"}, []string{"plinth exec -f -"}},
		"values for names":    {exitUsage, []string{"query", "select :a, :b", "1", "2"}, []string{":a, :b", "name=value"}},
		"no values for names": {exitUsage, []string{"query", "select :a"}, []string{":a", "name=value"}},
		"value of no name":    {exitUsage, []string{"query", "select :max", "mx=1"}, []string{":mx", ":max"}},
		"a list in pieces":    {exitUsage, []string{"query", "select 1 where 1 in (?)", "1", "2"}, []string{"'[1,2]'"}},
		"unreachable":         {exitUnreachable, []string{"-d", "sqlite:" + filepath.Join(t.TempDir(), "no", "dir", "t.db"), "ping"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub := *s
			sub.t = t
			if r := sub.refused(c.code, c.args, c.says...); r.out != "" {
				t.Errorf("an error printed to standard output: %q", r.out)
			}
		})
	}
}

func TestNoCommandIsWrongUse(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := newShell(t).runTo(t.Context(), &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "plinth --help") || out.Len() > 0 {
		t.Errorf("exit code %d, printed %q and %q", code, &out, &errs)
	}
}

func TestHelpTeachesByExamples(t *testing.T) {
	t.Parallel()
	for _, c := range [][]string{
		{"--help", "sqlite:plinth.db", "exec -f schema.sql", "Exit code", "130 interrupted"},
		{"help", "Exit code"},
		{"help query", "plinth query <STATEMENT>", "name=value"},
		{"query --help", "-o csv", "base64", "RFC 3339", "-d, --database"},
		{"exec --help", "exec -f -", "-1, --single-transaction", "SAVEPOINT"},
		{"ping --help", "DATABASE_URL"},
		{"health --help", "Exit code 0", "900ms"},
		{"demo --help", "lines of Go"},
	} {
		var out, errs bytes.Buffer
		code := newShell(t).runTo(t.Context(), &out, &errs, strings.Fields(c[0])...)
		if code != exitDone || errs.Len() > 0 {
			t.Errorf("plinth %s: exit code %d, error %q", c[0], code, &errs)
		}
		for _, text := range c[1:] {
			if !strings.Contains(out.String(), text) {
				t.Errorf("plinth %s lacks %q:\n%s", c[0], text, &out)
			}
		}
	}
}

func TestTheDatabaseIsFoundInTheEnvironment(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table here (x)")
	s.env = map[string]string{"DATABASE_URL": s.db}
	var out, errs bytes.Buffer
	if code := s.runTo(t.Context(), &out, &errs, "query", "-o", "csv", "select name from sqlite_schema"); code != exitDone || out.String() != "name\nhere\n" {
		t.Errorf("exit code %d, printed %q\n%s", code, &out, &errs)
	}
}

func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	const url = "postgres://user:hunter2x@localhost:1/db?sslpassword=hunter2x"
	s := newShell(t)
	for _, args := range [][]string{
		{"ping", url}, {url}, {"--timeout=" + url, "ping"}, {"-d" + url, "ping"}, {"-d", url, "query"}, {"query", "-o", url, "x"},
		{"-d", url, "-v", "query", "select 1"}, {"exec", "-f", url}, {"-d", "postgre://user:hunter2x@h/db", "ping"},
	} {
		if r := s.run(args...); r.code == exitDone || strings.Contains(r.out+r.err, "unte") {
			t.Errorf("plinth %q: exit code %d\n%s%s", args, r.code, r.out, r.err)
		}
	}
}

func TestAnErrorIsOneLineAndItsHintAnother(t *testing.T) {
	t.Parallel()
	r := newShell(t).refused(exitUsage, []string{"exec", "begin"}, "\nhint: ")
	if lines := strings.Count(r.err, "\n"); lines != 2 {
		t.Errorf("%d lines:\n%s", lines, r.err)
	}
}

// closed is a pipe whose reader has left after a while.
type closed struct{ left int }

func (c *closed) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

func TestAClosedPipeEndsTheQueryQuietly(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
	for _, format := range []string{"table", "vertical", "csv", "json", "jsonl", "markdown"} {
		var errs bytes.Buffer
		code := s.runTo(t.Context(), &closed{left: 70_000}, &errs, "-d", s.db, "query", "-o", format, endless)
		if code != exitDone || errs.Len() > 0 {
			t.Errorf("%s: exit code %d, error %q", format, code, &errs)
		}
	}
	var errs bytes.Buffer
	if code := s.runTo(t.Context(), &closed{}, &errs, "-d", s.db, "exec", "create table t (x)"); code != exitDone || errs.Len() > 0 {
		t.Errorf("exec: exit code %d, error %q", code, &errs)
	}
}

func TestAFullDiskBelowTheOutputIsAnError(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	var errs bytes.Buffer
	if code := s.runTo(t.Context(), failing{}, &errs, "-d", s.db, "query", "select 1"); code != exitRefused || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("exit code %d, error %q", code, &errs)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestCancellingEndsARunningQuery(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	seen := writerFunc(func(p []byte) (int, error) {
		cancel() // at the first rows
		return len(p), nil
	})
	const endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
	code := s.runTo(ctx, seen, &errs, "-d", s.db, "query", "-o", "csv", endless)
	if code != exitInterrupted || errs.String() != "plinth: cancelled\n" {
		t.Errorf("exit code %d, error %q", code, &errs)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestATimeoutEndsAStatement(t *testing.T) {
	t.Parallel()
	newShell(t).refused(exitRefused, []string{"--timeout", "1s", "query", "-o", "csv",
		"with recursive n(i) as (select 1 union all select i + 1 from n) select sum(i) from n"}, "time")
}

func TestAQueryThatFailsHalfwayLeavesTheJSONOpen(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	r := s.refused(exitRefused, []string{"query", "-o", "json", "select abs(x) as n from (select 1 as x union all select -9223372036854775808)"}, "overflow")
	s.equal(r.out, "[\n{\"n\":1}")
}

func TestPingSaysWhatAnswered(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table t (x)")
	got := s.must("ping")
	if !strings.HasPrefix(got, s.db+" ok in ") || !strings.Contains(got, "(SQLite 3.") || !strings.HasSuffix(got, ", primary, writable)\n") {
		t.Errorf("%q", got)
	}
	if got := s.must("-d", s.db+"?mode=ro", "ping"); !strings.HasSuffix(got, ", read-only)\n") {
		t.Errorf("%q", got)
	}
}

func TestHealthReportsAndItsExitCodeToo(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table t (x)")
	if got := s.must("health", "--timeout", "30s"); !strings.HasPrefix(got, "state    healthy\n") || !strings.Contains(got, "\npool     writer 0 of 1 in use, ") {
		t.Error(got)
	}
	if got := s.must("health", "-o", "json", "--timeout", "30s"); !strings.Contains(got, `"healthy": true`) || !strings.Contains(got, `"in_use": 0`) {
		t.Error(got)
	}
	missing := "sqlite:" + filepath.Join(t.TempDir(), "no", "t.db")
	r := s.run("-d", missing, "health")
	if r.code != exitUnreachable || !strings.HasPrefix(r.out, "state    not healthy\n") || r.err != "" {
		t.Errorf("%+v", r)
	}
	r = s.run("-d", missing, "health", "-o", "json")
	if r.code != exitUnreachable || !strings.Contains(r.out, `"healthy": false`) || !strings.Contains(r.out, `"error": "`) {
		t.Errorf("%+v", r)
	}
}

func TestLogShowsStatementsButNoArguments(t *testing.T) {
	t.Parallel()
	r := newShell(t).run("--log", "query", "select ? as x", "personal")
	if r.code != exitDone || !strings.Contains(r.err, "select ? as x") || strings.Contains(r.err, "personal") {
		t.Errorf("%+v", r)
	}
	if r = newShell(t).run("--log", "--slow", "1ns", "query", "select 1"); !strings.Contains(r.err, "slow") {
		t.Errorf("%+v", r)
	}
	if r = newShell(t).run("query", "select 1"); r.err != "" {
		t.Errorf("%+v", r)
	}
}

func TestTheDemoIsSeenAsItGoes(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if _, err := io.WriteString(live{newOutput(&b)}, "1. A step"); err != nil || b.String() != "1. A step" {
		t.Errorf("seen so far: %q, %v", &b, err)
	}
}

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"version", "--version"} {
		if got := newShell(t).must(arg); !strings.HasPrefix(got, "plinth ") || !strings.Contains(got, "go1.") {
			t.Errorf("plinth %s: %q", arg, got)
		}
	}
}
