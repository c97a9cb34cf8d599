package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestATrailNamesAllThatDecidesWhatAPathLeadsTo(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(root, name) }
	write(t, in("d/e/file"), "x")
	write(t, in("far/away/file"), "x")
	write(t, in("far/q"), "x")
	for link, target := range map[string]string{
		"d/relative": "../d/e/file", "d/absolute": in("d/e"), "loop1": "loop2", "loop2": "loop1", "dangling": "d/nix/file", "d/deep": "absolute/file",
		"d/away": in("far/away"), "d/up": "away/../q",
	} {
		do(t, os.Symlink(target, in(link)))
	}
	for _, tt := range []struct {
		path        string
		dirs, names string // below root
		whole       string
	}{
		{"d/e/file", ". d d/e", ". d d/e d/e/file", ""},
		{"d//e/./../e/file", ". d d/e", ". d d/e d/e/file", ""},
		{"d/relative", ". d d/e", ". d d/e d/e/file d/relative", ""},
		{"d/absolute/file", ". d d/e", ". d d/absolute d/e d/e/file", ""},
		{"d/deep", ". d d/e", ". d d/absolute d/deep d/e d/e/file", ""},
		{"dangling", ". d", ". d d/nix dangling", ""},
		{"nix/nor/this", ".", ". nix", ""},
		{"loop1/x", ".", ". loop1 loop2", ""},
		{"d/e", ". d d/e", ". d d/e", "d/e"},
		{"d/absolute", ". d d/e", ". d d/absolute d/e", "d/e"},
		{"d/away/../q", ". d far", ". d d/away far far/away far/q", ""},
		{"d/up", ". d far", ". d d/away d/up far far/away far/q", ""},
		{"d/e/file/x", ". d d/e d/e/file", ". d d/e d/e/file d/e/file/x", ""},
	} {
		var trail trail
		trail.follow(root + "/" + tt.path)
		below := func(m map[string]bool) string {
			var list []string
			for _, path := range slices.Sorted(maps.Keys(m)) {
				if name, _ := filepath.Rel(root, path); !strings.HasPrefix(name, "..") {
					list = append(list, name)
				}
			}
			return strings.Join(list, " ")
		}
		if dirs, names, whole := below(trail.dirs), below(trail.names), below(trail.whole); dirs != tt.dirs || names != tt.names || whole != tt.whole {
			t.Errorf("%s: got directories %q, names %q, whole %q", tt.path, dirs, names, whole)
		}
	}
}

func TestWhatIsNotToldIsSeenByItsState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	d, err := newDisk([]string{link, ""})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if d.moved() {
		t.Error("nothing has changed")
	}
	for i, change := range []func(){
		func() { do(t, os.Symlink("file", link)) },
		func() { write(t, path, "x") },
		func() { write(t, path, "xy") },
		func() { do(t, os.Chtimes(path, time.Time{}, time.Unix(1, 0))) },
		func() { do(t, os.Chmod(path, 0o644)) },
		func() { do(t, os.Remove(path)) },
	} {
		if change(); !d.moved() || d.moved() {
			t.Errorf("change %d isn't seen once", i)
		}
	}
}
