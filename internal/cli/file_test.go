package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/pool"
)

func TestOnlyExecCreatesAFile(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	file := strings.TrimPrefix(s.db, "sqlite:")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	absent := func() {
		t.Helper()
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is there: %v", err)
		}
	}
	for _, args := range [][]string{{"ping"}, {"query", "select 1"}} {
		s.refused(exitUnreachable, args, "t.db doesn't exist", "hint: plinth exec creates it")
	}
	if r := s.run("health"); r.code != exitUnreachable || !strings.Contains(r.out, "t.db doesn't exist") || !strings.Contains(r.out, "plinth exec creates it") {
		t.Errorf("%+v", r)
	}
	s.refused(exitUnreachable, []string{"-d", s.db + "?mode=ro", "exec", "select 1"})
	absent()
	s.must("-d", s.db+"?mode=rwc", "ping") // the URL says so
	s.must("ping")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.must("exec", "create table t (x)")
	s.must("query", "select * from t")
	s.must("-d", "sqlite::memory:", "query", "select 1")
	s.must("-d", "sqlite:gone?mode=memory", "ping")
}

func TestAFileInNoDirectoryIsNotSaidToBeCreatedByExec(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.db = "sqlite:" + filepath.ToSlash(filepath.Join(t.TempDir(), "no", "t.db"))
	if r := s.refused(exitUnreachable, []string{"ping"}, "no doesn't exist"); strings.Contains(r.err, "exec") {
		t.Error(r.err)
	}
}

func TestADatabaseThatIsNotOpenInTimeReadsAsATimeout(t *testing.T) {
	t.Parallel()
	for _, kind := range []plinth.Kind{plinth.ErrTimeout, plinth.ErrPoolExhausted} {
		err := &plinth.Error{Kind: kind, Op: "query", Target: "t.db", Err: &pool.TimeoutError{Waited: 2 * time.Millisecond, Max: 4, Dialing: 1}}
		var b bytes.Buffer
		a := &app{stderr: &b, out: newOutput(&b)}
		if code := a.exit(t.Context(), err, nil); code != exitUnreachable || b.String() != "plinth: query on t.db: timeout: the database wasn't open after 2ms\n" {
			t.Errorf("%v: exit code %d, %q", kind, code, &b)
		}
	}
}

func TestAServerThatOnlyTheEnvironmentNamesIsPointedAt(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, url := range map[string]string{"PGHOST": "postgres://", "MYSQL_HOST": "mariadb://"} {
		s := newShell(t)
		s.env = map[string]string{name: "db.internal"}
		var errs strings.Builder
		if code := s.runTo(t.Context(), io.Discard, &errs, "ping"); code != exitUnreachable {
			t.Errorf("exit code %d", code)
		}
		want := "hint: no database was named. " + name + " is set: for that server write -d " + url + ", or DATABASE_URL=" + url + " in the environment\n"
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%s\nlacks %s", &errs, want)
		}
		s.env["DATABASE_URL"] = "sqlite:other.db"
		errs.Reset()
		s.runTo(t.Context(), io.Discard, &errs, "ping")
		if strings.Contains(errs.String(), name) {
			t.Errorf("a database was named: %s", &errs)
		}
	}
}
