package config

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// private is a file that nobody but its owner can read.
func private(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o600} }

// shared is a file that everybody can read.
func shared(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

// files is a file system of its own, so that no test sees what the machine has. Relative paths are below its root.
func files(m fstest.MapFS) Option {
	return WithFiles(func(path string) (fs.File, error) { return m.Open(strings.TrimPrefix(path, "/")) })
}

// logged collects warnings.
func logged() (Option, *bytes.Buffer) {
	var b bytes.Buffer
	return WithLogger(slog.New(slog.NewTextHandler(&b, nil))), &b
}

// lines returns the problems of an error, one a line.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestAURLIsReadFromTheFileThatXFileNames(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{
		"run/url": private("sqlite:secret.db\n"), "run/crlf": private("sqlite:crlf.db\r\n"), "run/two": private("sqlite:two.db\n\n"),
		"run/empty": private("\n"), "run/wrong": private("postgres://u:12/hunter2@h/db"), "run/dir/x": private(""),
		"run/large": private(strings.Repeat("x", maxFile+1)),
	})
	for _, tt := range []struct {
		name   string
		opts   []Option
		want   string
		wantIn string
	}{
		{"the default", []Option{environ("DATABASE_URL_FILE", "/run/url")}, "secret.db", "environment DATABASE_URL_FILE"},
		{"a name", []Option{environ("DATABASE_URL", "sqlite:x.db", "ORDERS_DATABASE_URL_FILE", "/run/url"), WithName("orders")}, "secret.db", "environment ORDERS_DATABASE_URL_FILE"},
		{"Windows' line end", []Option{environ("DATABASE_URL_FILE", "/run/crlf")}, "crlf.db", "environment DATABASE_URL_FILE"},
		{"an empty variable beside it", []Option{environ("DATABASE_URL", "", "DATABASE_URL_FILE", "/run/url")}, "secret.db", "environment DATABASE_URL_FILE"},
		{"an empty _FILE", []Option{environ("DATABASE_URL", "sqlite:x.db", "DATABASE_URL_FILE", "")}, "x.db", "environment DATABASE_URL"},
	} {
		c, err := Load(t.Context(), append(tt.opts, disk)...)
		if err != nil || c.Database != tt.want || from(c, "database") != tt.want+" ("+tt.wantIn+")" {
			t.Errorf("%s: got %s, %v", tt.name, from(c, "database"), err)
		}
	}
	for _, tt := range []struct {
		name string
		env  []string
		want string
	}{
		{"both", []string{"DATABASE_URL", "sqlite:x.db", "DATABASE_URL_FILE", "/run/url"},
			"config: url (from environment DATABASE_URL): is given by DATABASE_URL_FILE as well; unset one of the two"},
		{"no such file", []string{"DATABASE_URL_FILE", "/hunter2"},
			"config: url (from environment DATABASE_URL_FILE): can't be read from its file: file does not exist; give the path of a file that holds the url"},
		{"a directory", []string{"DATABASE_URL_FILE", "/run/dir"},
			"config: url (from environment DATABASE_URL_FILE): can't be read from its file: it is a directory; give the path of a file that holds the url"},
		{"too large", []string{"DATABASE_URL_FILE", "/run/large"},
			"config: url (from environment DATABASE_URL_FILE): can't be read from its file: it is larger than 1 MiB; give the path of a file that holds the url"},
		{"empty", []string{"DATABASE_URL_FILE", "/run/empty"}, "config: url (from environment DATABASE_URL_FILE): has an empty file"},
		{"only one line break is dropped", []string{"DATABASE_URL_FILE", "/run/two"},
			"config: url (from environment DATABASE_URL_FILE): has a line break or another control character in it; remove it, or write it as %XX"},
		{"a wrong URL", []string{"DATABASE_URL_FILE", "/run/wrong"},
			"config: url (from environment DATABASE_URL_FILE): has an @ behind the host; in a user, password or parameter write %40 for @, %2F for / and %3F for ?"},
	} {
		c, err := Load(t.Context(), environ(tt.env...), disk)
		if got := lines(err); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: got %q, %s", tt.name, got, says(c))
		}
		hides(t, tt.name, lines(err)[0], "hunter2")
	}
}

func TestASecretThatOthersCanReadIsTakenWithAWarning(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{"shared": shared("sqlite:hunter2.db"), "private": private("sqlite:hunter2.db")})
	logger, log := logged()
	for _, path := range []string{"/private", "/shared"} {
		if log.Len() != 0 {
			t.Errorf("a private file is warned about: %s", log)
		}
		if _, err := Load(t.Context(), environ("DATABASE_URL_FILE", path), disk, logger); err != nil {
			t.Error(err)
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "can be read by others") || !strings.Contains(got, "file=/shared") {
		t.Errorf("got %q", got)
	}
	hides(t, "the warning", log.String(), "hunter2")
}

func TestAnOverrideLooksIntoTheCallersFiles(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{"url": private("sqlite:theirs.db")})
	ctx := WithOverride(t.Context(), WithName("orders"))
	c, err := Load(ctx, environ("ORDERS_DATABASE_URL_FILE", "/url"), disk)
	if err != nil || c.Database != "theirs.db" {
		t.Errorf("got %s, %v", says(c), err)
	}
}

func TestLoadReadsTheProcessFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("sqlite:process.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATABASE_URL_FILE", path)
	if c, err := Load(t.Context()); err != nil || c.Database != "process.db" {
		t.Errorf("got %s, %v", says(c), err)
	}
	t.Setenv("DATABASE_URL_FILE", path+"x")
	if _, err := Load(t.Context()); err == nil || strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestTheNullDeviceIsAnEmptyFile(t *testing.T) {
	t.Parallel()
	c, err := Load(t.Context(), environ("PLINTH_CONFIG", os.DevNull), WithDefaultURL("sqlite:app.db"))
	if err != nil || c.Database != "app.db" {
		t.Errorf("got %s, %v", says(c), err)
	}
}
