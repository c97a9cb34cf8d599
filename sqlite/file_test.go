package sqlite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

// The test binary runs itself as a second process; what it is to do stands in this variable.
const childRole = "PLINTH_SQLITE_TEST_CHILD"

// child does what role says and returns the exit code.
func child(role string) int {
	var err error
	if limited, ok := strings.CutPrefix(role, "limited "); ok {
		mode, path, _ := strings.Cut(limited, " ")
		err = commitBeyondLimit(mode, path)
	} else {
		err = insertRows(role, 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

const rowsEach = 300

// insertRows inserts rowsEach rows as a process of its own would: half of them in transactions that read first.
func insertRows(path string, who int) error {
	ctx := context.Background()
	b, err := NewBackend(Options{Path: path, Synchronous: "OFF"}, quiet())
	if err != nil {
		return err
	}
	for i := range rowsEach {
		s, err := b.Acquire(ctx, driver.Need{})
		if err != nil {
			return err
		}
		insert := request("INSERT INTO t(who, n) VALUES (?, (SELECT coalesce(max(n), 0) + 1 FROM t))", who)
		if i%2 == 0 {
			_, err = s.Execute(ctx, insert)
		} else if err = s.Begin(ctx, driver.TxOptions{}); err == nil {
			_, err = s.Execute(ctx, request("SELECT count(*) FROM t"))
			if err == nil {
				_, err = s.Execute(ctx, insert)
			}
			if err == nil {
				err = s.End(ctx, true)
			}
		}
		s.Release(driver.Keep)
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return b.Close(ctx)
}

func TestTwoProcessesWriteOneFile(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"wal", "delete"} {
		b := newFile(t, Options{JournalMode: mode})
		s := write(t, b)
		run(t, s, "CREATE TABLE t(who, n UNIQUE)")
		s.Release(driver.Keep)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childRole+"="+b.to.Path)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := insertRows(b.to.Path, 2); err != nil {
			t.Errorf("%s: this process: %v", mode, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: the other process: %v: %s", mode, err, stderr.String())
		}
		got := all(t, reading(t, b), "SELECT who, count(*), max(n) FROM t GROUP BY who ORDER BY who")
		if len(got) != 2 || got[0][1] != int64(rowsEach) || got[1][1] != int64(rowsEach) {
			t.Errorf("%s: rows by process: %v, want %d each", mode, got, rowsEach)
		}
	}
}

func TestAFileOpenedReadOnlyIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"delete", "wal"} {
		made := newFile(t, Options{JournalMode: mode})
		path := made.to.Path
		s := write(t, made)
		run(t, s, "CREATE TABLE t(a)")
		run(t, s, "INSERT INTO t VALUES (7)")
		s.Release(driver.Keep)
		if err := made.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, o := range map[string]Options{
			"the option": {Path: path, ReadOnly: true},
			"the URI":    {Path: "file:" + path + "?mode=ro"},
			"immutable":  {Path: "file:" + path + "?immutable=1"},
		} {
			b := newBackend(t, o, quiet())
			s := write(t, b) // there is nothing but readers
			if got := one(t, s, "SELECT a FROM t"); got != int64(7) {
				t.Errorf("%s, %s: read %v", mode, name, got)
			}
			if f := failing(t, s, driver.ReadOnly, "INSERT INTO t VALUES (8)"); !strings.Contains(f.Hint, "read-only") {
				t.Errorf("%s, %s: hint %q", mode, name, f.Hint)
			}
			if server, err := s.Ping(t.Context()); err != nil || server.Writable {
				t.Errorf("%s, %s: %+v, %v", mode, name, server, err)
			}
			if len(b.Stats()) != 1 {
				t.Errorf("%s, %s: a read-only database has a pool for writing", mode, name)
			}
		}
	}
}

func TestAFullDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{MaxPageCount: 10})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(a)")
	run(t, s, "INSERT INTO t VALUES ('kept')")
	fill := request("INSERT INTO t VALUES (?)", make([]byte, 100<<10))
	_, err := s.Execute(t.Context(), fill)
	f := faultOf(t, err, driver.Full)
	if f.Code != "13" || f.Verdict != driver.Never || f.Hint == "" {
		t.Errorf("%+v", f)
	}
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES ('lost')")
	_, err = s.Execute(t.Context(), fill)
	f = faultOf(t, err, driver.Full)
	if dead := s.TxState() == driver.TxDead; f.TxDead != dead {
		t.Errorf("the fault says TxDead %v, the state is %v", f.TxDead, s.TxState())
	}
	end(t, s, false)
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(1) {
		t.Errorf("%v rows, want 1", got)
	}
	run(t, s, "DELETE FROM t")
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		kind driver.Kind
		code string
		hint string
	}{
		"no database":       {Options{Path: text}, driver.Corrupt, "26", "isn't an SQLite database"},
		"missing directory": {Options{Path: filepath.Join(dir, "no", "a.db")}, driver.Unavailable, "14", "the directory " + filepath.Join(dir, "no") + " doesn't exist"},
		"a directory":       {Options{Path: dir}, driver.Unavailable, "14", "the path is a directory"},
		"missing file":      {Options{Path: filepath.Join(dir, "none.db"), ReadOnly: true}, driver.Unavailable, "14", "the file doesn't exist"},
		"a file in the way": {Options{Path: filepath.Join(text, "a.db")}, driver.Unavailable, "14", text + " isn't a directory"},
	} {
		for what, err := range map[string]error{
			"Connect": newBackend(t, c.o, quiet()).Connect(t.Context()),
			"Acquire": func() error {
				_, err := newBackend(t, c.o, quiet()).Acquire(t.Context(), driver.Need{Access: driver.Read})
				return err
			}(),
		} {
			f := faultOf(t, err, c.kind)
			if !strings.HasPrefix(f.Code, c.code) || f.Phase != driver.Dial || !strings.Contains(f.Hint, c.hint) || f.Verdict != driver.Never {
				t.Errorf("%s, %s: %+v, phase %v, code %s, hint %q", name, what, f, f.Phase, f.Code, f.Hint)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); !os.IsNotExist(err) {
		t.Error("a file that was opened read-only was made")
	}
}

func TestNamesWithSpacesAndOtherLetters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, file := range map[string]string{
		dir + "/plain name ü.db":                        "plain name ü.db",
		"file:" + dir + "/uri name é.db":                "uri name é.db",
		"file:" + dir + "/uri%20escaped%20%C3%B6.db":    "uri escaped ö.db",
		"file://" + dir + "/with%23hash.db?mode=rwc":    "with#hash.db",
		"file://localhost" + dir + "/authority.db#frag": "authority.db",
		dir + "/100%.db":                                "100%.db",
		dir + "/a?b.db":                                 "a?b.db",
	} {
		b := newBackend(t, Options{Path: path}, quiet())
		run(t, write(t, b), "CREATE TABLE t(a)")
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if want := "sqlite:" + filepath.Join(dir, file); b.Info().Target != want {
			t.Errorf("%s: target %q, want %q", path, b.Info().Target, want)
		}
	}
}
