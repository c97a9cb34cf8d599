package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/config"
)

// bare runs the command without -d.
func (s *shell) bare(args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	code := s.runTo(s.t.Context(), &out, &errs, args...)
	return result{code, out.String(), errs.String()}
}

// configured makes text the configuration's file.
func (s *shell) configured(text string) (path string) {
	s.t.Helper()
	path = filepath.Join(s.t.TempDir(), "plinth.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.env = map[string]string{"PLINTH_CONFIG": path}
	return path
}

func TestConfigExplainSaysWhereEachValueCameFrom(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env = map[string]string{"APP_DATABASE_URL": "postgres://app:hunter2@db.internal/shop?sslmode=verify-full&sslpassword=hunter3&timeout=5s"}
	r := s.bare("config", "explain", "app")
	if r.code != exitDone || r.err != "" {
		t.Fatalf("%+v", r)
	}
	for _, line := range []string{
		" key                | value       | source\n",
		" name               | app         | argument\n",
		" host               | db.internal | environment APP_DATABASE_URL\n",
		" port               | 5432        | default\n",
		" password           | [redacted]  | environment APP_DATABASE_URL\n",
		" sslmode            | verify-full | environment APP_DATABASE_URL\n",
		" sslpassword        | [redacted]  | environment APP_DATABASE_URL\n",
		" timeout            | 5s          | environment APP_DATABASE_URL\n",
		" acquire_timeout    | 30s         | default\n",
	} {
		if !strings.Contains(r.out, line) {
			t.Errorf("%q is missing in\n%s", line, r.out)
		}
	}
	r = s.bare("config", "explain", "-o", "json", "app")
	var got struct {
		Name, Target string
		Values       []config.Value
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.Name != "app" || got.Target != "postgres://app:*****@db.internal:5432/shop" ||
		len(got.Values) < 20 || got.Values[2] != (config.Value{Key: "host", Value: "db.internal", Source: "environment APP_DATABASE_URL"}) {
		t.Errorf("%v, %+v", err, got)
	}
	if strings.Contains(r.out, "hunter") {
		t.Errorf("a secret was printed:\n%s", r.out)
	}
}

func TestConfigExplainTakesTheDefaultAndWhatTheFlagNames(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	path := s.configured("development:\n  primary:\n    url: sqlite:main.db\n  orders:\n    url: sqlite:orders.db\n    timeout: 7s\n")
	for _, c := range []struct{ args, want string }{
		{"config explain", "| main.db | file " + path + ":3\n"},
		{"config explain orders", "| 7s        | file " + path + ":6\n"},
		{"-d orders config explain", "| orders.db | file " + path + ":5\n"},
		{"config explain -d sqlite:other.db", "| other.db | argument\n"},
		{"config explain other.db", "| other.db | argument\n"},
	} {
		if r := s.bare(strings.Fields(c.args)...); r.code != exitDone || !strings.Contains(r.out, c.want) {
			t.Errorf("plinth %s lacks %q: %+v", c.args, c.want, r)
		}
	}
	if r := s.bare("config", "explain"); !strings.HasSuffix(r.out, "\n\nThe configuration's file has these other databases: orders\n") {
		t.Errorf("%+v", r)
	}
	if r := s.bare("config", "explain", "-o", "json", "orders"); !strings.Contains(r.out, `"databases": [`+"\n    \"primary\",\n    \"orders\"\n") {
		t.Errorf("%+v", r)
	}
	s.env = nil
	if r := s.bare("config", "explain"); !strings.Contains(r.out, "| plinth.db | default\n") {
		t.Errorf("%+v", r)
	}
	if r := s.bare("config", "explain", "a", "-d", "b"); r.code != exitUsage || !strings.Contains(r.err, "both NAME and -d") {
		t.Errorf("%+v", r)
	}
}

func TestEverythingWrongWithAConfigurationIsALineOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	path := s.configured("development:\n  primary:\n    engine: postgres\n    hots: db\n    port: many\n    timeout: 5\nproduction:\n  primary:\n    url: postgre://app:hunter2@db/x\n")
	for _, args := range [][]string{{"config", "explain"}, {"ping"}, {"-v", "query", "select 1"}} {
		r := s.bare(args...)
		lines := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
		if r.code != exitUsage || r.out != "" || len(lines) != 4 || strings.Contains(r.err, "hunter") {
			t.Fatalf("plinth %q: %+v", args, r)
		}
		for _, where := range []string{":4:5", ":5:5", ":6:5", ":9"} {
			if !strings.Contains(r.err, "(from file "+path+where+"): ") {
				t.Errorf("plinth %q lacks %s: %s", args, where, r.err)
			}
		}
		if !strings.Contains(r.err, "\nplinth: hots (from ") || !strings.Contains(r.err, "; did you mean host?\n") {
			t.Errorf("plinth %q: %s", args, r.err)
		}
	}
}

func TestADatabaseIsGivenByItsNameToo(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.must("exec", "create table here (x)")
	s.env = map[string]string{"MY_ORDERS_DATABASE_URL": s.db}
	const query = "select name from sqlite_schema"
	if r := s.bare("-d", "my-orders", "query", "-o", "csv", query); r.out != "name\nhere\n" {
		t.Errorf("%+v", r)
	}
	s.configured("development:\n  reports:\n    url: " + s.db + "\n")
	if r := s.bare("-d", "reports", "query", "-o", "csv", query); r.out != "name\nhere\n" {
		t.Errorf("%+v", r)
	}
	r := s.bare("-d", "report", "ping")
	if r.code != exitUsage || !strings.Contains(r.err, "REPORT_DATABASE_URL") || !strings.Contains(r.err, "did you mean reports?") ||
		!strings.Contains(r.err, "\nhint: a database is given by its name, by a URL (sqlite:report), or by a path that ends in .db") {
		t.Errorf("%+v", r)
	}
}

func TestANameIsNeitherAURLNorAPath(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]bool{
		"orders": true, "Orders-2": true, "a_b.c": true, "primary": true, "app.sql": true,
		"": false, "app.db": false, "app.SQLITE3": false, ":memory:": false, "sqlite:app": false, "postgres://h/d": false, "app:secret@host": false,
		"./app": false, "dir/app": false, `dir\app`: false, "two words": false, "host=h": false, "datenbänke": false, "a\x00b": false,
	} {
		if got := isName(given); got != want {
			t.Errorf("isName(%q) = %v", given, got)
		}
	}
}

func TestConfigSchemaIsWhatEditorsRead(t *testing.T) {
	t.Parallel()
	r := newShell(t).bare("config", "schema")
	if r.code != exitDone || !json.Valid([]byte(r.out)) || r.out != string(config.Schema()) {
		t.Errorf("%+v", r)
	}
	if r = newShell(t).bare("config"); r.code != exitUsage || !strings.Contains(r.err, "explain") {
		t.Errorf("%+v", r)
	}
}

func TestConfigCheckReadsTheWholeFile(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	path := s.configured("development:\n  primary:\n    timeout: 5s\nproduction:\n  orders:\n    url: sqlite:o.db\n")
	for env, want := range map[string]string{
		"":           path + " is fine; databases in its section development: primary\n",
		"production": path + " is fine; databases in its section production: orders\n",
		"test":       path + " is fine; databases in its section test: none\n",
	} {
		s.env["PLINTH_ENV"] = env
		if r := s.bare("config", "check"); r.code != exitDone || r.out != want {
			t.Errorf("%+v", r)
		}
	}
	bad := s.configured("development:\n  primary:\n    timeout: 5\nproduction:\n  orders:\n    urk: sqlite:o.db\n")
	for _, args := range [][]string{{"config", "check"}, {"config", "check", bad}} {
		if r := s.bare(args...); r.code != exitUsage || r.out != "" || strings.Count(r.err, "\n") != 2 ||
			!strings.Contains(r.err, bad+":3:5): ") || !strings.Contains(r.err, bad+":6:5): ") {
			t.Errorf("%+v", r)
		}
		s.env = nil
	}
	if r := s.bare("config", "check", bad+".not"); r.code != exitUsage || !strings.Contains(r.err, "plinth: file (from argument): can't be read") {
		t.Errorf("%+v", r)
	}
	if r := s.bare("config", "check"); r.code != exitUsage || !strings.Contains(r.err, "there is no plinth.yaml here") {
		t.Errorf("%+v", r)
	}
}
