package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"
)

// told is what a watch has told.
type told struct {
	c   Config
	err error
}

// watched begins a watch that sees nothing of the machine but what the environment names.
func watched(t *testing.T, env []string, opts ...Option) (Config, <-chan told) {
	t.Helper()
	news := make(chan told, 1000)
	c, err := Watch(t.Context(), func(c Config, err error) { news <- told{c, err} }, append(opts, environ(env...))...)
	if err != nil {
		t.Fatal(err)
	}
	return c, news
}

// next waits for what is told next.
func next(t *testing.T, news <-chan told) told {
	t.Helper()
	select {
	case n := <-news:
		return n
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told")
	}
	panic("unreachable")
}

// become waits until a Config with that name of a database is told.
func become(t *testing.T, news <-chan told, database string) Config {
	t.Helper()
	n := next(t, news)
	for n.err != nil || n.c.Database != database {
		t.Logf("told %s, %v", says(n.c), n.err)
		n = next(t, news)
	}
	return n.c
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func fileFor(database string) string {
	return "development:\n  primary:\n    url: sqlite:" + database + "\n"
}

func TestWatchTellsOfAFileHoweverItIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "app", "plinth.yaml")
	write(t, path, fileFor("1.db"))
	c, news := watched(t, nil, WithFile(path))
	if c.Database != "1.db" {
		t.Fatalf("it began with %s", c)
	}
	for i, change := range []func(database string){
		func(database string) { write(t, path, fileFor(database)) },
		func(database string) { // as editors do
			write(t, path+"~", fileFor(database))
			do(t, os.Rename(path+"~", path))
		},
		func(database string) { // moved aside, and a new one
			do(t, os.Rename(path, path+".old"))
			write(t, path, fileFor(database))
		},
		func(database string) {
			do(t, os.Remove(path))
			write(t, path, fileFor(database))
		},
		func(database string) { // the whole directory
			do(t, os.RemoveAll(filepath.Dir(path)))
			write(t, path, fileFor(database))
		},
		func(database string) { // the directory moved aside
			do(t, os.Rename(filepath.Dir(path), filepath.Join(dir, "old")))
			write(t, path, fileFor(database))
		},
		func(database string) { // by a link
			write(t, filepath.Join(dir, "elsewhere", "x.yaml"), fileFor(database))
			do(t, os.Remove(path), os.Symlink("../elsewhere/x.yaml", path))
		},
		func(database string) { write(t, filepath.Join(dir, "elsewhere", "x.yaml"), fileFor(database)) },
	} {
		database := fmt.Sprint(i+2, ".db")
		change(database)
		become(t, news, database)
	}
}

func TestWatchKeepsUpWhenADirectoryIsGoneForAWhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "plinth.yaml")
	write(t, path, fileFor("1.db"))
	_, news := watched(t, nil, WithFile(path))
	for _, database := range []string{"2.db", "3.db"} {
		do(t, os.RemoveAll(filepath.Join(dir, "a")))
		if n := next(t, news); n.err == nil || !strings.Contains(n.err.Error(), "can't be read") {
			t.Fatalf("got %s, %v", n.c, n.err)
		}
		write(t, path, fileFor(database))
		become(t, news, database)
	}
}

func TestWatchFollowsKubernetes(t *testing.T) {
	t.Parallel()
	mount := filepath.Join(t.TempDir(), "config")
	path, link := filepath.Join(mount, "plinth.yaml"), filepath.Join(mount, "..data")
	// publish does what a kubelet does: https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
	publish := func(stamp, database, password string) {
		t.Helper()
		old, _ := os.Readlink(link)
		write(t, filepath.Join(mount, stamp, "plinth.yaml"), "development:\n  primary:\n    engine: postgres\n    database: "+database+"\n    password_file: password\n")
		write(t, filepath.Join(mount, stamp, "password"), password)
		do(t, os.Symlink(stamp, link+"_tmp"), os.Rename(link+"_tmp", link))
		if old == "" {
			do(t, os.Symlink("..data/plinth.yaml", path), os.Symlink("..data/password", filepath.Join(mount, "password")))
		} else {
			do(t, os.RemoveAll(filepath.Join(mount, old)))
		}
	}
	publish("..2026_11_23_04_00_00.1", "shop1", "first")
	c, news := watched(t, nil, WithFile(path))
	if c.Database != "shop1" || c.Password.Reveal() != "first" {
		t.Fatalf("it began with %s", says(c))
	}
	publish("..2026_11_23_05_00_00.2", "shop2", "second")
	if c = become(t, news, "shop2"); c.Password.Reveal() != "second" {
		t.Errorf("the password is of before")
	}
	publish("..2026_11_23_06_00_00.3", "shop2", "third") // only the password
	if c = become(t, news, "shop2"); c.Password.Reveal() != "third" {
		t.Errorf("the password is of before")
	}
	do(t, os.RemoveAll(mount)) // mounted again
	publish("..2026_11_23_07_00_00.4", "shop4", "fourth")
	become(t, news, "shop4")
}

func TestWatchKeepsABrokenFilesConfigurationAndTellsOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plinth.yaml")
	write(t, path, fileFor("1.db"))
	_, news := watched(t, nil, WithFile(path))
	for _, database := range []string{"2.db", "2.db"} { // told when mended, though it be the same as before
		write(t, path, fileFor("x.db")+"    timeot: 5s\n")
		n := next(t, news)
		if n.err == nil || !strings.Contains(n.err.Error(), "did you mean timeout?") || !n.c.Equal(Config{}) {
			t.Fatalf("got %s, %v", n.c, n.err)
		}
		write(t, path, fileFor("y.db")+"    timeot: 5s\n") // no news: the same mistake
		write(t, path+".tmp", fileFor(database))
		do(t, os.Rename(path+".tmp", path))
		if n = next(t, news); n.err != nil || n.c.Database != database {
			t.Fatalf("got %s, %v", n.c, n.err)
		}
	}
	write(t, path, "# nothing new\n"+fileFor("2.db"))
	write(t, path+".tmp", "x") // not ours
	write(t, path, fileFor("3.db"))
	if n := next(t, news); n.err != nil || n.c.Database != "3.db" {
		t.Errorf("got %s, %v", n.c, n.err)
	}
}

func TestWatchEndsWithTheLastOfManyRewrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plinth.yaml")
	write(t, path, fileFor("0.db"))
	_, news := watched(t, nil, WithFile(path))
	for i := range 200 {
		write(t, path, fileFor(fmt.Sprint(i+1, ".db")))
	}
	become(t, news, "200.db")
	select {
	case n := <-news:
		t.Errorf("then came %s, %v", n.c, n.err)
	case <-time.After(3 * quiet):
	}
}

func TestWatchSeesEveryFileThatCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	const mariadb, postgres = "mariadb://u@h/db", "postgres://u@h/db"
	password := func(c Config) string { return c.Password.Reveal() }
	write(t, in("url"), "sqlite:old.db")
	write(t, in("secret"), "old")
	write(t, in("h2/.pg_service.conf"), "[s]\n")
	write(t, in("h3/.my.cnf"), "!includedir "+in("conf.d")+"\n")
	write(t, in("conf.d/readme"), "")
	write(t, in("ctx"), postgres)
	for _, tt := range []struct {
		name   string
		env    []string
		opts   []Option
		change map[string]string // files, below dir
		value  func(Config) string
		want   string
	}{
		{"DATABASE_URL_FILE", []string{"DATABASE_URL_FILE", in("url")}, nil, map[string]string{"url": "sqlite:new.db"}, func(c Config) string { return c.Database }, "new.db"},
		{"a password file that didn't exist", []string{"HOME", in("h1")}, []Option{WithURL(postgres)}, map[string]string{"h1/.pgpass": "*:*:*:*:p\n"}, password, "p"},
		{"a service file", []string{"HOME", in("h2"), "PGSERVICE", "s"}, []Option{WithURL(postgres)}, map[string]string{"h2/.pg_service.conf": "[s]\npassword=q\n"}, password, "q"},
		{"an option file in a directory that didn't exist", []string{"MARIADB_HOME", in("etc")}, []Option{WithURL(mariadb)}, map[string]string{"etc/my.cnf": "[client]\npassword=r\n"}, password, "r"},
		{"an included one", []string{"HOME", in("h3")}, []Option{WithURL(mariadb)}, map[string]string{"conf.d/x.cnf": "[client]\npassword=s\n"}, password, "s"},
		{"the image's secret", []string{"MARIADB_PASSWORD_FILE", in("secret")}, []Option{WithURL(mariadb)}, map[string]string{"secret": "t\n"}, password, "t"},
		{"a file for the context's name", []string{"CTX_DATABASE_URL_FILE", in("ctx")}, []Option{WithURL(postgres)}, map[string]string{"ctx": postgres + "?password=v"}, password, "v"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if strings.HasPrefix(tt.env[0], "CTX") {
				ctx = WithOverride(ctx, WithName("ctx"))
			}
			news := make(chan told, 10)
			if _, err := Watch(ctx, func(c Config, err error) { news <- told{c, err} }, append(tt.opts, environ(tt.env...))...); err != nil {
				t.Fatal(err)
			}
			for name, text := range tt.change {
				write(t, in(name), text)
			}
			for {
				if n := next(t, news); n.err == nil && tt.value(n.c) == tt.want {
					return
				}
			}
		})
	}
}

func TestWatchSeesTheDefaultFileAppear(t *testing.T) {
	t.Chdir(t.TempDir())
	c, news := watched(t, []string{"DATABASE_URL", "sqlite:app.db"})
	if c.Timeout != Off {
		t.Fatalf("it began with %s", says(c))
	}
	write(t, DefaultFile, "development:\n  primary: {timeout: 5s}\n")
	if n := next(t, news); n.err != nil || n.c.Timeout != 5*time.Second {
		t.Errorf("got %s, %v", says(n.c), n.err)
	}
	do(t, os.Remove(DefaultFile))
	if n := next(t, news); n.err != nil || n.c.Timeout != Off {
		t.Errorf("got %s, %v", says(n.c), n.err)
	}
}

func TestWatchHonoursOverrides(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plinth.yaml")
	write(t, path, fileFor("1.db"))
	news := make(chan told, 10)
	ctx := WithOverride(t.Context(), slower(time.Hour))
	if c, err := Watch(ctx, func(c Config, err error) { news <- told{c, err} }, WithFile(path), environ()); err != nil || c.Timeout != time.Hour {
		t.Fatalf("got %v, %v", c.Timeout, err)
	}
	write(t, path, fileFor("2.db?timeout=1s"))
	if c := become(t, news, "2.db"); c.Timeout != time.Hour {
		t.Errorf("the time-out is %v", c.Timeout)
	}
}

func TestWatchLeavesNothingBehindAndTellsNothingMore(t *testing.T) {
	before := goleak.IgnoreCurrent()
	path := filepath.Join(t.TempDir(), "plinth.yaml")
	write(t, path, fileFor("1.db"))
	ctx, cancel := context.WithCancel(t.Context())
	began, goOn, calls := make(chan bool), make(chan bool), 0
	_, err := Watch(ctx, func(Config, error) { calls++; began <- true; <-goOn }, WithFile(path), environ())
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, fileFor("2.db"))
	<-began
	write(t, path, fileFor("3.db"))
	cancel()
	close(goOn)
	if _, err = Watch(ctx, func(Config, error) { calls++ }, WithFile(path+"x"), environ()); err == nil {
		t.Error("a missing file is no error")
	}
	goleak.VerifyNone(t, before)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestWatchNeedsADisk(t *testing.T) {
	none := func(Config, error) {}
	_, err := Watch(t.Context(), none, files(fstest.MapFS{}), WithURL("sqlite:a.db"))
	if got := "config: file (from argument): can't be watched where WithFiles replaces the disk; leave out WithFiles, or call Load again when a file has changed"; err == nil || err.Error() != got {
		t.Errorf("got %v", err)
	}
	before := goleak.IgnoreCurrent()
	if c, err := Watch(t.Context(), none, WithURL("sqlite:a.db")); err != nil || c.Database != "a.db" {
		t.Errorf("where there are no files it returns %s, %v", c, err)
	}
	goleak.VerifyNone(t, before)
}
