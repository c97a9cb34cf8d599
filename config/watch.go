package config

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// How long Watch waits.
const (
	quiet     = 100 * time.Millisecond // without a change, before the files are read: who writes a file may write it in pieces
	patience  = time.Second            // at most, where something changes all the time
	pollEvery = 30 * time.Second       // between looks at files whose changes may not be told: on a network's file system
)

// Watch returns what Load returns for ctx and opts, and calls changed when it has become another, until ctx is done. It
// watches the directories, up to the root, of all files that the configuration is read from or would be, if they were there: plinth.yaml, those
// named by …_FILE and password_file, .pgpass, the service file, my.cnf and what it includes. So it sees a file that is
// replaced by another, as editors do, one that appears later, and a symbolic link on the way that is swapped, as Kubernetes
// does with mounted ConfigMaps and Secrets. Environment variables don't change while a process runs.
//
// changed gets the new Config when it differs in a value, secrets included (Config.Equal). If it can't be read any more,
// changed gets the error, once as long as it is the same, and the configuration of before should be kept; when it can be
// read again, changed gets it even if it is that of before. A change is told when nothing was written for 100 ms, or
// after a second of constant writing. Calls come one at a time from one goroutine, and none begins once ctx is done.
//
// Each Watch holds one of the operating system's instances of a file watcher, of which Linux grants a user 128
// (fs.inotify.max_user_instances); it is an error if there is none left. Where changes aren't told, on a file system of
// the network, they are found within 30 seconds. After WithFiles there is no directory to watch, which is an error, too.
// Where no file is looked for, because opts name a database that needs none, changed is never called.
func Watch(ctx context.Context, changed func(c Config, err error), opts ...Option) (Config, error) {
	around := newLayer("argument", opts).outside
	if around.open != nil {
		p := problems{source: "argument"}
		p.add("file", "can't be watched where WithFiles replaces the disk", "leave out WithFiles, or call Load again when a file has changed")
		return Config{}, p.err()
	}
	load := func(paths *[]string, opts []Option) (Config, error) {
		note := func(l *layer) { l.outside.seen = func(path string) { *paths = append(*paths, path) } }
		return Load(ctx, append(opts[:len(opts):len(opts)], note)...)
	}
	var paths []string // what is wrong is told by the second time, when all that is looked for is watched
	if c, err := load(&paths, append(opts[:len(opts):len(opts)], WithLogger(slog.New(slog.DiscardHandler)))); len(paths) == 0 {
		return c, err
	}
	d, err := newDisk(paths)
	if err != nil {
		return Config{}, fmt.Errorf("config: the configuration's files can't be watched: %w", err)
	}
	d.load = func(paths *[]string) (Config, error) { return load(paths, opts) }
	d.warn = around.warn
	w := watcher{look: d.look, moved: d.moved, changed: changed}
	if w.last, err = d.look(); err != nil {
		d.close()
		return Config{}, err
	}
	first := w.last.clone()
	go func() {
		defer d.close()
		w.run(ctx, d.dirty)
	}()
	return first, nil
}

// A watcher decides when to read the configuration, and what to tell of it.
type watcher struct {
	look    func() (Config, error) // reads it
	moved   func() bool            // whether the files are others than look has read
	changed func(Config, error)
	last    Config // that look returned
	broken  string // the error that was told, "" if look returned none
}

// run ends with ctx. dirty is told, by one value however often, that look may return another Config than last time.
func (w *watcher) run(ctx context.Context, dirty <-chan struct{}) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			if !w.moved() {
				continue
			}
		case <-dirty:
		}
		end := time.Now().Add(patience)
		for {
			settle(ctx, dirty, end)
			c, err := w.look()
			if ctx.Err() != nil {
				return
			}
			if len(dirty) == 0 || !time.Now().Before(end) { // else it may have been read in the middle of a change
				w.tell(c, err)
				break
			}
		}
	}
}

// settle waits until nothing has changed for a while, but not beyond end.
func settle(ctx context.Context, dirty <-chan struct{}, end time.Time) {
	patient := time.After(time.Until(end))
	for {
		select {
		case <-dirty:
		case <-time.After(quiet):
			return
		case <-patient:
			return
		case <-ctx.Done():
			return
		}
	}
}

// tell tells what is new.
func (w *watcher) tell(c Config, err error) {
	switch {
	case err == nil && (w.broken != "" || !c.Equal(w.last)):
		w.last, w.broken = c.clone(), ""
		w.changed(c, nil)
	case err != nil && err.Error() != w.broken:
		w.broken = err.Error()
		w.changed(Config{}, err)
	}
}
