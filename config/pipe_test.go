//go:build unix

package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAPipeInAFilesPlaceIsRefusedAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string][]Option{
		"a secret":        {environ("DATABASE_URL_FILE", pipe)},
		"a configuration": {environ("PLINTH_CONFIG", pipe)},
		"passwords":       {environ("PGPASSFILE", pipe), WithURL("postgres://u@h/d")},
		"services":        {environ("PGSERVICEFILE", pipe, "PGSERVICE", "x"), WithURL("postgres://u@h/d")},
	} {
		if _, err := Load(t.Context(), opts...); err == nil || !strings.Contains(err.Error(), "it is a pipe or a device and not a plain file") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := (Config{}).ClientKey(pipe); err == nil || !strings.Contains(err.Error(), "can't be read: it is a pipe") {
		t.Errorf("a key: got %v", err)
	}
}

func TestWatchTellsOfAPipeAndGoesOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plinth.yaml")
	write := func(database string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("development:\n  primary:\n    url: sqlite:"+database+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.db")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := make(chan string, 10)
	_, err := Watch(ctx, func(c Config, err error) {
		if err != nil {
			c.Database = err.Error()
		}
		told <- c.Database
	}, environ(), WithFile(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	for text := ""; !strings.Contains(text, "pipe"); { // it may be told before that there is no file
		text = <-told
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	write("b.db")
	for text := ""; text != "b.db"; {
		text = <-told
	}
}
