package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestAClientKeyThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	const key = "-----BEGIN PRIVATE KEY-----\nhunter2\n"
	dir, root := t.TempDir(), os.Getuid() == 0
	for i, tt := range []struct {
		mode        fs.FileMode
		fine, roots bool // whether it's fine, and whether it is if root owns it
	}{
		{0o600, true, true}, {0o400, true, true}, {0o700, true, true}, {0o640, false, true}, {0o440, false, true},
		{0o660, false, false}, {0o650, false, false}, {0o644, false, false}, {0o604, false, false}, {0o601, false, false}, {0o602, false, false},
	} {
		path := filepath.Join(dir, fmt.Sprint(i))
		write(t, path, key)
		do(t, os.Chmod(path, tt.mode))
		check := func(c Config, want, byRoot bool) {
			t.Helper()
			got, err := c.ClientKey(path)
			if want != (err == nil) || want != (string(got) == key) {
				t.Errorf("%o: got %d bytes, %v", tt.mode, len(got), err)
			}
			if err == nil {
				return
			}
			text := fmt.Sprintf("config: client key (from file %s): is in a file that others can use; chmod 6%d0 %s", path, map[bool]int{true: 4}[byRoot], path)
			if _, ok := errors.AsType[*FieldError](err); !ok || err.Error() != text {
				t.Errorf("got %v, want %s", err, text)
			}
		}
		check(Config{}, map[bool]bool{true: tt.roots, false: tt.fine}[root], root)
		disk := files(fstest.MapFS{strings.TrimPrefix(path, "/"): {Data: []byte(key), Mode: tt.mode}})
		loaded, err := Load(t.Context(), disk, environ(), WithURL("sqlite:a.db"))
		if err != nil {
			t.Fatal(err)
		}
		check(loaded, tt.fine, false)
	}
	for path, want := range map[string]string{filepath.Join(dir, "nix"): "no such file", dir: "it is a directory"} {
		if _, err := (Config{}).ClientKey(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
