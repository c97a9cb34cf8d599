package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSameTargetComparesWhatIsReachedAndAsWhom(t *testing.T) {
	t.Parallel()
	const u = "postgres://u:p@h:5432,h2/db?sslmode=require&application_name=x"
	for _, tt := range []struct {
		name, a, b string
		want       bool
	}{
		{"the same", u, u, true},
		{"another password", u, "postgres://u:q@h,h2:5432/db?sslmode=require&application_name=x", true},
		{"other settings", u, u + "&timeout=5s&max_open_conns=3&read_only=true", true},
		{"parameters in another order", u, "postgres://u@h,h2/db?application_name=x&sslmode=require", true},
		{"another parameter", u, "postgres://u@h,h2/db?application_name=x&sslmode=prefer", false},
		{"a parameter more", u, u + "&options=x", false},
		{"another host", u, "postgres://u@h,h3/db?sslmode=require&application_name=x", false},
		{"a host less", u, "postgres://u@h/db?sslmode=require&application_name=x", false},
		{"another port", u, "postgres://u@h,h2:1/db?sslmode=require&application_name=x", false},
		{"another database", u, "postgres://u@h,h2/db2?sslmode=require&application_name=x", false},
		{"another user", u, "postgres://v@h,h2/db?sslmode=require&application_name=x", false},
		{"another product", "postgres://h:1/db", "mariadb://h:1/db", false},
		{"the default host", "postgres:///db", "postgres://localhost:5432/db", true},
		{"the default host with a port", "postgres://:1/db", "postgres://localhost:1/db", true},
		{"SRV", "mongodb://h/db", "mongodb+srv://h/db", false},
		{"tags in another order", "mongodb://h/?readPreferenceTags=a:1&readPreferenceTags=b:1", "mongodb://h/?readPreferenceTags=b:1&readPreferenceTags=a:1", false},
		{"files", "sqlite:a.db?timeout=1s", "sqlite:a.db", true},
		{"another file", "sqlite:a.db", "sqlite:b.db", false},
		{"a host in capitals", u, "postgres://u@H,h2/db?sslmode=require&application_name=x", true},
		{"IPv6", "postgres://[::1]/db", "postgres://[0:0:0:0:0:0:0:1]/db", true},
		{"another IPv6", "postgres://[::1]/db", "postgres://[::2]/db", false},
		{"a host without search domains", "postgres://h/db", "postgres://h./db", false},
		{"a socket in capitals", "postgres:///db?host=/run/x", "postgres:///db?host=/run/X", false},
		{"PostgreSQL's parameters in capitals", "postgres://h/db?TimeZone=UTC", "postgres://h/db?timezone=UTC", true},
		{"their values in capitals", "postgres://h/db?timezone=utc", "postgres://h/db?timezone=UTC", false},
		{"MongoDB's parameters in capitals", "mongodb://h/db?x=1", "mongodb://h/db?X=1", false},
		{"a database in capitals", "postgres://h/db", "postgres://h/DB", false},
		{"in memory", "sqlite::memory:", ":memory:", true},
		{"in memory and a file", "sqlite::memory:", "sqlite:./:memory:", false},
		{"named in memory", "file:a?mode=memory&cache=shared", "file:./a?mode=memory&cache=shared", false},
	} {
		a, err := Parse(tt.a)
		b, err2 := Parse(tt.b)
		if err != nil || err2 != nil {
			t.Fatal(tt.name, err, err2)
		}
		for _, c := range []Config{a, a.WithDefaults()} {
			if c.SameTarget(b) != tt.want || b.SameTarget(c) != tt.want {
				t.Errorf("%s: SameTarget isn't %v", tt.name, tt.want)
			}
		}
	}
}

func TestAFileIsTheSameByAnyOfItsPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.MkdirAll(filepath.Join(dir, "x", "far"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("x", "far"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	a := Config{Engine: SQLite, Database: "a.db"}
	for path, want := range map[string]bool{
		"./a.db": true, ".//a.db": true, "x/../a.db": true, "x/far/../../a.db": true, filepath.Join(dir, "a.db"): true, dir + "//x/./../a.db": true,
		"missing/../a.db": true, "../" + filepath.Base(dir) + "/a.db": true, "link/../../a.db": true,
		"link/../a.db": false, "x/a.db": false, "A.db": false, "../a.db": false,
	} {
		b := Config{Engine: SQLite, Database: path}
		if a.SameTarget(b) != want || b.SameTarget(a) != want {
			t.Errorf("%s: SameTarget isn't %v", path, want)
		}
		if b.URL().Reveal() == a.URL().Reveal() || b.Database != path {
			t.Errorf("%s: the path was changed", path)
		}
	}
	b := Config{Engine: SQLite, Database: "link/../a.db"}
	if !b.SameTarget(Config{Engine: SQLite, Database: "x/a.db"}) {
		t.Error("a .. behind a link isn't where the link leads to")
	}
	t.Chdir(filepath.Join(dir, "x"))
	if !a.SameTarget(b) || a.SameTarget(Config{Engine: SQLite, Database: filepath.Join(dir, "a.db")}) {
		t.Error("the working directory of before counts")
	}
}
