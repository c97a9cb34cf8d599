package plinth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/sqlite"
)

func TestAnEngineFollowsItsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "plinth.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	said := make(chan string, 10)
	database := filepath.Join(dir, "app.db")
	text := "development:\n  primary:\n    engine: sqlite\n    database: %s\n    max_open_conns: %d\n"
	write(fmt.Sprintf(text, database, 2))
	db, err := sqlite.Open(t.Context(), plinth.Options{
		Watch: true, Logger: slog.New(lines(said)),
		Config: []config.Option{config.WithFile(file), config.WithEnviron(func(string) (string, bool) { return "", false })},
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := db.Stats().MaxOpenConnections; n != 1+2 {
		t.Fatalf("MaxOpenConnections = %d", n)
	}
	write(fmt.Sprintf(text, database, 7))
	if line := <-said; !strings.Contains(line, "is followed") {
		t.Errorf("it says %s", line)
	}
	if n := db.Stats().MaxOpenConnections; n != 1+7 {
		t.Errorf("MaxOpenConnections = %d", n)
	}
	write("development: {primary: {engine: sqlite, max_open_con: 9}}")
	if line := <-said; !strings.Contains(line, "stays") || !strings.Contains(line, "max_open_con") {
		t.Errorf("of a broken file it says %s", line)
	}
	if n := db.Stats().MaxOpenConnections; n != 1+7 {
		t.Errorf("a broken file was followed: MaxOpenConnections = %d", n)
	}
	write(fmt.Sprintf(text, filepath.Join(dir, "other.db"), 7))
	if line := <-said; !strings.Contains(line, "is followed") || !strings.Contains(db.Target(), "other.db") {
		t.Errorf("the target is %s, and it says %s", db.Target(), line)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// lines is a handler that sends each record as a line.
type lines chan<- string

func (l lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l lines) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l lines) WithGroup(string) slog.Handler                    { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	l <- text
	return nil
}

func TestATargetThatCanNotBeReachedIsTriedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "plinth.yaml")
	write := func(database string) {
		t.Helper()
		text := fmt.Sprintf("development:\n  primary:\n    url: sqlite:%s\n", database)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "app.db"))
	said := make(chan string, 10)
	db, err := sqlite.Open(t.Context(), plinth.Options{
		Watch: true, Logger: slog.New(lines(said)),
		Config: []config.Option{config.WithFile(file), config.WithEnviron(func(string) (string, bool) { return "", false })},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	write(filepath.Join(dir, "later", "app.db"))
	if line := <-said; !strings.Contains(line, "stays") || !strings.Contains(line, "later") {
		t.Errorf("it says %s", line)
	}
	if err := os.Mkdir(filepath.Join(dir, "later"), 0o700); err != nil {
		t.Fatal(err)
	}
	if line := <-said; !strings.Contains(line, "is followed") || !strings.Contains(db.Target(), "later") {
		t.Errorf("the target is %s, and it says %s", db.Target(), line)
	}
}

func TestWatchRefusesSourcesThatNameAnotherDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "plinth.yaml")
	text := fmt.Sprintf("development:\n  primary: {url: 'sqlite:%s/a.db'}\n  orders: {url: 'sqlite:%s/b.db'}\n", dir, dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(t.Context(), config.WithFile(file), config.WithName("orders"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.OpenConfig(t.Context(), c, plinth.Options{Watch: true, Config: []config.Option{config.WithFile(file)}})
	if !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("got %v", err)
	}
}
