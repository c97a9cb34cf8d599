package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// script writes a script and returns its path.
func (s *shell) script(text string) string {
	s.t.Helper()
	name := filepath.Join(s.t.TempDir(), "script.sql")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// rows returns the values of t's column x.
func (s *shell) rows() string {
	s.t.Helper()
	out := s.must("query", "-o", "csv", "select x from t order by x")
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(out, "x\n"), "\n"), "\n", " ")
}

func TestAScriptRunsToItsEnd(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	r := s.run("exec", "-f", s.script(`
		-- a comment; with a semicolon
		create table t (x text);
		insert into t values ('a;b'); /* ; */ insert into t values ('c')`))
	if r.code != exitDone || r.out != "" || !strings.HasPrefix(r.err, "3 statements in ") {
		t.Errorf("%+v", r)
	}
	if got := s.rows(); got != "a;b c" {
		t.Errorf("the rows are %q", got)
	}
}

func TestAScriptComesFromStandardInputToo(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.in = strings.NewReader("create table t (x); insert into t values (1);")
	s.must("exec", "-f", "-")
	if got := s.rows(); got != "1" {
		t.Errorf("the rows are %q", got)
	}
	s.in = strings.NewReader("select 1;\nselekt 2;")
	s.refused(exitRefused, []string{"exec", "-f", "-"}, "standard input:2:1: ")
}

func TestCtrlCEndsAScriptThatWaitsForItsInput(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table t (x)")
	r, w := io.Pipe()
	defer w.Close()
	s.in = r
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(w, "begin; insert into t values (1);")
		_, _ = io.WriteString(w, "\n") // is read when the statements before it are in
		cancel()
	}()
	var out, errs bytes.Buffer
	code := s.runTo(ctx, &out, &errs, "-d", s.db, "exec", "-f", "-")
	if code != exitInterrupted || !strings.HasPrefix(errs.String(), "plinth: standard input: cancelled\n  nothing was applied") {
		t.Errorf("exit code %d, error %q", code, &errs)
	}
	s.in = strings.NewReader("")
	if got := s.rows(); got != "" {
		t.Errorf("the rows are %q", got)
	}
}

func TestAnEmptyScriptSaysSo(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for _, text := range []string{"", "\n-- nothing\n;;\n"} {
		if r := s.run("exec", "-f", s.script(text)); r.code != exitDone || !strings.Contains(r.err, "script.sql holds no statement") {
			t.Errorf("%+v", r)
		}
	}
}

func TestAFailingStatementIsNamedByLineAndColumn(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	r := s.refused(exitRefused, []string{"exec", "-f", s.script(`create table t (x int primary key);
insert into t values (1);
  insert into t
    values (2), (1);
insert into t values (3);`)}, "script.sql:3:3: ", "unique", "\n  insert into t\n", "\n  2 statements before it applied\n")
	if strings.Contains(r.err, " in ") && strings.Contains(r.err, "statements in") {
		t.Errorf("a summary after an error:\n%s", r.err)
	}
	if got := s.rows(); got != "1" {
		t.Errorf("the rows are %q", got)
	}
}

func TestTheLineOfTheMistakeIsShownToo(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.refused(exitRefused, []string{"exec", "-f", s.script("select 1;\n\ncreate table t (\n  é int,\n  x selekt from,\n  y int\n);")},
		"script.sql:3:1: ", "\n  create table t (\n", "\n  line 5, column 12: x selekt from,\n", "1 statement before it applied")
}

func TestAScriptsOwnTransactionsAreTheEngines(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "-f", s.script(`
		PRAGMA foreign_keys = OFF;
		BEGIN TRANSACTION;
		create table t (x);
		insert into t values (1);
		COMMIT;
		begin immediate; insert into t values (2); rollback;
		BEGIN; insert into t values (3); END TRANSACTION;
		insert into t values (4);`))
	if got := s.rows(); got != "1 3 4" {
		t.Errorf("the rows are %q", got)
	}
	s.refused(exitRefused, []string{"exec", "-f", s.script("begin;\ninsert into t values (5);\ninsert into nothing values (6);\ncommit;")},
		"script.sql:3:1: ", "nothing was applied; the open transaction was rolled back")
	s.refused(exitRefused, []string{"exec", "-f", s.script("insert into t values (7);\n begin;\ninsert into t values (8);")},
		"script.sql:2:2: ", "ends inside the transaction", "1 statement before it applied; the open transaction was rolled back", "hint: add a COMMIT")
	if got := s.rows(); got != "1 3 4 7" {
		t.Errorf("the rows are %q", got)
	}
}

func TestWhatAScriptCantDoWithTransactionsIsSaid(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for text, says := range map[string]string{
		"begin;\nsavepoint a;":      "script.sql:2:1: a script can't do SAVEPOINT A",
		"savepoint a;":              "a script can't do SAVEPOINT",
		"begin; rollback to a;":     "a script can't do ROLLBACK TO",
		"release a;":                "a script can't do RELEASE",
		"select 1;\nbegin;\nbegin;": "script.sql:3:1: BEGIN inside the transaction that began at ",
		"commit;":                   "script.sql:1:1: COMMIT without a BEGIN",
		"end;":                      "END without a BEGIN",
		"rollback;":                 "ROLLBACK without a BEGIN",
	} {
		s.refused(exitRefused, []string{"exec", "-f", s.script(text)}, says)
	}
}

func TestAScriptHasNoArguments(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.refused(exitRefused, []string{"exec", "-f", s.script("select 1;\nselect ?;")}, "script.sql:2:1: ", "hint: a script has no arguments")
}

func TestAScriptOnADatabaseOutOfReachIsExitCode3(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.refused(exitUnreachable, []string{"-d", "sqlite:" + filepath.ToSlash(filepath.Join(t.TempDir(), "no", "t.db")), "exec", "-f", s.script("select 1")})
}

func TestAFullDatabaseStopsAScriptAndSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.db += "?max_page_count=4"
	text := "create table t (x);\n" + strings.Repeat("insert into t values (zeroblob(3000));\n", 5)
	s.refused(exitRefused, []string{"exec", "-f", s.script(text)}, "full", "script.sql:", " before it applied")
	s.refused(exitRefused, []string{"exec", "-1", "-f", s.script(strings.ReplaceAll(text, "table t", "table u"))}, "full", "nothing was applied")
}

func TestASingleTransactionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "-1", "-f", s.script("create table t (x int); insert into t values (1);"))
	s.refused(exitRefused, []string{"exec", "-f", s.script("insert into t values (2);\ninsert into t values (3); insert into u values (4);"), "-1"},
		"script.sql:2:27: ", "nothing was applied; the open transaction was rolled back")
	s.refused(exitRefused, []string{"exec", "-1f", s.script("insert into t values (5); begin; commit;")}, "--single-transaction", "hint: leave out -1")
	if got := s.rows(); got != "1" {
		t.Errorf("the rows are %q", got)
	}
}

func TestAScriptThatEndsInsideAStringIsAnError(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.refused(exitRefused, []string{"exec", "-f", s.script("create table t (x);\ninsert into t values ('abc;\n")}, "script.sql:2:23: the string that begins here never ends", "1 statement before it applied")
	if got := s.rows(); got != "" {
		t.Errorf("the rows are %q", got)
	}
}

// generated is a script that is made as it's read, and that looks at the memory in use meanwhile.
type generated struct {
	statements int
	made       int
	rest       []byte
	bytes      int64
	highest    uint64
}

func (g *generated) Read(p []byte) (int, error) {
	for len(g.rest) == 0 {
		if g.made == g.statements {
			return 0, io.EOF
		}
		g.made++
		g.rest = fmt.Appendf(nil, "insert into t select length('%s');\n", strings.Repeat("it''s ", 8<<10))
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		g.highest = max(g.highest, m.HeapAlloc)
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	g.bytes += int64(n)
	return n, nil
}

// Not parallel: it measures the memory of the whole process.
func TestAScriptOf50MBIsNeverInMemoryAsAWhole(t *testing.T) {
	s := newShell(t)
	s.must("exec", "create table t (x)")
	script := &generated{statements: 1100}
	s.in = script
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	s.must("exec", "-f", "-")
	if script.bytes < 50<<20 {
		t.Fatalf("the script had only %d bytes", script.bytes)
	}
	if grown := int64(script.highest) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	s.equal(s.must("query", "-o", "csv", "select count(*) as n, min(x) as x from t"), "n,x\n1100,40960\n")
}

// Not parallel: it measures the memory of the whole process.
func TestAResultOf50MBIsNeverInMemoryAsAWhole(t *testing.T) {
	s := newShell(t)
	for _, format := range []string{"table", "csv", "json"} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		var highest uint64
		var size int
		out := writerFunc(func(p []byte) (int, error) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapAlloc)
			size += len(p)
			return len(p), nil
		})
		var errs bytes.Buffer
		code := s.runTo(t.Context(), out, &errs, "-d", s.db, "query", "-o", format,
			"with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000) select i, printf('%.9000c', 'x') as s from n")
		if code != exitDone || size < 50<<20 {
			t.Errorf("%s: exit code %d, %d bytes\n%s", format, code, size, &errs)
		}
		if grown := int64(highest) - int64(before.HeapAlloc); grown > 24<<20 {
			t.Errorf("%s: the heap grew by %d MB", format, grown>>20)
		}
	}
}

func TestProgressIsABarWithoutEscapeCodesThatGoesAway(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	bar := newProgress(&b, 1000)
	bar.at(500)
	bar.at(1000)
	bar.finish()
	if !strings.Contains(b.String(), "%") || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%q", &b)
	}
	if last := b.String()[strings.LastIndex(strings.TrimSuffix(b.String(), "\r"), "\r"):]; strings.TrimSpace(last) != "" {
		t.Errorf("left on the line: %q", last)
	}
	progress{}.at(5)
	progress{}.finish()
}
