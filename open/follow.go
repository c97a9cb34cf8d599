package open

import (
	"cmp"
	"context"
	"log/slog"
	"sync"

	"github.com/plinthdb/plinth/config"
)

// following is what is known of a target's configurations, so that a changed one is noticed.
type following struct {
	mu   sync.Mutex
	last map[string]*resolved // by name: one target may have several
}

// follow has a target's engine take over the settings of a configuration that has changed.
func (s *Set) follow(ctx context.Context, t *target, r *resolved) {
	f := &t.following
	if !f.mu.TryLock() { // another call does it; the next one looks again
		return
	}
	defer f.mu.Unlock()
	last := f.last[r.asked.Name]
	if last != nil && !r.after(last) { // the same, or what a context of before still has
		return
	}
	f.last[r.asked.Name] = r
	if last == nil || !changed(last.asked, r.asked) {
		return
	}
	if err := t.engine.Reconfigure(context.WithoutCancel(ctx), r.config); err != nil {
		s.notFollowed(slog.String("target", t.engine.Target()), slog.Any("error", err))
	}
}

// after reports whether r was made of a later configuration than o, or of the same one later.
func (r *resolved) after(o *resolved) bool {
	return cmp.Or(cmp.Compare(r.base, o.base), cmp.Compare(r.number, o.number)) > 0
}

func (s *Set) notFollowed(attrs ...slog.Attr) {
	s.log().LogAttrs(context.Background(), slog.LevelError,
		"plinth: the configuration has changed and can't be followed; what was in force stays", attrs...)
}

// changed reports whether a setting that no override says differs.
func changed(from, to config.Config) bool {
	was, is := settings(from), settings(to)
	for key, value := range is {
		if before := was[key]; before != value && before != override && value != override {
			return true
		}
		delete(was, key)
	}
	for _, before := range was { // and is said no more
		if before != override {
			return true
		}
	}
	return false
}

// settings returns what c says, and the word override for what an override says.
func settings(c config.Config) map[string]string {
	m := map[string]string{}
	for _, v := range c.Explain() {
		switch {
		case v.Source == override:
			m[v.Key] = override
		case v.Source == "default" && v.Key == "max_idle_conns": // it goes with max_open_conns, which may be overridden
		default:
			m[v.Key] = v.Value
		}
	}
	return m
}
