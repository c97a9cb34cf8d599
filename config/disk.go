package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// A disk watches the files that a configuration is read from. Its methods are for one goroutine.
type disk struct {
	load    func(paths *[]string) (Config, error) // adds the paths that were looked for
	warn    func(message, path, hint string)
	warned  bool
	dirty   chan struct{} // holds a value when something may have changed
	watcher *fsnotify.Watcher
	ended   chan struct{}
	paths   []string
	trail   atomic.Pointer[trail] // to the paths
}

// newDisk begins to watch what leads to paths.
func newDisk(paths []string) (*disk, error) {
	w, err := fsnotify.NewWatcher()
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("%w; close other watchers, or raise fs.inotify.max_user_instances", err)
	}
	if err != nil {
		return nil, err
	}
	d := &disk{dirty: make(chan struct{}, 1), watcher: w, ended: make(chan struct{}), paths: paths}
	d.trail.Store(&trail{})
	go d.forward()
	if _, err = d.arm(paths); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *disk) close() {
	_ = d.watcher.Close() // nothing is lost if it fails
	<-d.ended
}

// forward hears all that the watcher has to tell, whatever the other goroutine does: the watcher holds a lock while it
// waits for somebody to hear of an error, and Add wants that lock.
func (d *disk) forward() {
	defer close(d.ended)
	for events, errs := d.watcher.Events, d.watcher.Errors; events != nil || errs != nil; {
		var concerns bool
		select {
		case e, ok := <-events:
			if concerns = ok && d.trail.Load().concerns(filepath.Clean(e.Name)); !ok {
				events = nil
			}
		case _, ok := <-errs: // changes couldn't be told
			if concerns = ok; !ok {
				errs = nil
			}
		}
		if concerns {
			d.signal()
		}
	}
}

func (d *disk) signal() {
	select {
	case d.dirty <- struct{}{}:
	default:
	}
}

// look loads the configuration, when it is certain that no later change of what was read stays unheard.
func (d *disk) look() (c Config, err error) {
	before, _ := d.arm(d.paths)
	for range 10 {
		var paths []string
		if c, err = d.load(&paths); err != nil {
			paths = append(paths, d.paths...) // a mistake hides what would have been looked for next
		}
		slices.Sort(paths)
		d.paths = slices.Compact(paths)
		after, err2 := d.arm(d.paths)
		if failed, ok := errors.AsType[*fs.PathError](err2); ok && !d.warned {
			d.warned = true
			d.warn("a directory can't be watched, and its files are looked at every 30 s: "+failed.Err.Error(), failed.Path, "")
		}
		if after == before {
			return c, err
		}
		before = after
	}
	d.signal()
	return c, err
}

// moved reports whether the files look otherwise than when they were read.
func (d *disk) moved() bool {
	before := d.trail.Load().state.String()
	after, _ := d.arm(d.paths)
	return before != after
}

// arm watches the directories on the way to paths, and no others. It returns in what state it found them. A directory that
// has gone, or may not be read, is no error: its parent is watched, or the files are looked at now and then.
func (d *disk) arm(paths []string) (state string, err error) {
	t, old := &trail{}, d.trail.Load()
	for _, path := range paths {
		t.follow(path)
	}
	d.trail.Store(t) // first, for a new directory's events are heard at once
	for dir := range t.dirs {
		err2 := d.watcher.Add(dir) // again, too: another directory may have its name now
		if errors.Is(err2, syscall.ENOSPC) {
			err2 = fmt.Errorf("%w; raise fs.inotify.max_user_watches", err2)
		}
		if err2 != nil && !errors.Is(err2, fs.ErrNotExist) && !errors.Is(err2, fs.ErrPermission) {
			err = &fs.PathError{Op: "watch", Path: dir, Err: err2}
		}
	}
	for dir := range old.dirs {
		if !t.dirs[dir] {
			_ = d.watcher.Remove(dir) // it may have gone
		}
	}
	return t.state.String(), err
}

// A trail is all that decides what is found at some paths: each directory and symbolic link on the way, and the file, or where
// the way ends.
type trail struct {
	dirs  map[string]bool // directories that hold them
	names map[string]bool // their paths without links
	whole map[string]bool // directories that are looked for themselves
	state strings.Builder
}

// maxLinks is how many symbolic links a path may lead through, as in Linux (path_resolution(7)).
const maxLinks = 40

func (t *trail) follow(path string) {
	if path == "" {
		return
	}
	dir, rest := parts(path)
	if dir == "" {
		here, err := os.Getwd()
		if err != nil {
			return
		}
		root, names := parts(here)
		dir, rest = root, append(names, rest...)
	}
	for links := 0; len(rest) > 0 && links <= maxLinks; {
		name := rest[0]
		rest = rest[1:]
		at := filepath.Join(dir, name)
		if name == ".." {
			dir = at
			continue
		}
		info, err := os.Lstat(at)
		switch {
		case err != nil:
			t.note(dir, at, "missing")
			return
		case info.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(at)
			t.note(dir, at, target)
			links++
			root, names := parts(target)
			if root != "" {
				dir = root
			}
			rest = append(names, rest...)
		case len(rest) > 0:
			t.note(dir, at, "directory") // which may be renamed: its own watch goes along
			dir = at
		default:
			t.note(dir, at, fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano()))
			if info.IsDir() { // of option files
				t.note(at, at, "")
				set(&t.whole, at)
			}
		}
	}
}

// parts returns the root that a path begins with, "" for a relative one, and the names behind it. A .. stays, for what is
// before it may be a link: then it's the parent of where that leads to.
func parts(path string) (root string, names []string) {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		root = filepath.VolumeName(path) + string(filepath.Separator)
	}
	names = strings.Split(path[len(root):], string(filepath.Separator))
	return root, slices.DeleteFunc(names, func(name string) bool { return name == "" || name == "." })
}

func (t *trail) note(dir, at, state string) {
	set(&t.dirs, dir)
	set(&t.names, dir) // an event of the directory itself
	set(&t.names, at)
	fmt.Fprintf(&t.state, "%q %q\n", at, state)
}

func set(m *map[string]bool, key string) {
	if *m == nil {
		*m = map[string]bool{}
	}
	(*m)[key] = true
}

// concerns reports whether a change at path may change what is found.
func (t *trail) concerns(path string) bool {
	return t.names[path] || t.whole[filepath.Dir(path)]
}
