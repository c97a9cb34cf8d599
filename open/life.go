package open

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

// add makes a target, leased to the caller, and has it dialled. s.mu is held.
func (s *Set) add(r *resolved) *target {
	if s.targets == nil {
		s.targets = make(map[key]*target)
	}
	t := &target{key: r.key, config: r.config, ready: make(chan struct{}), leases: 1, used: time.Now()}
	t.following.last = map[string]*resolved{r.asked.Name: r}
	s.targets[r.key] = t
	if s.timer == nil && s.idleTimeout() > 0 {
		s.timer = time.AfterFunc(s.idleTimeout()/4, s.sweep)
	}
	go s.dial(s.living(), t)
	return t
}

// living returns a context that ends with Close. s.mu is held.
func (s *Set) living() context.Context {
	if s.life == nil {
		s.life, s.end = context.WithCancel(context.Background())
	}
	return s.life
}

// dial opens a target's engine and connects it. It belongs to no caller: who asked first may leave while others wait. So if
// a function of the Options, Retry.OnRetry for one, panics or ends the goroutine, that is an error of theirs.
func (s *Set) dial(ctx context.Context, t *target) {
	var engine *plinth.Engine
	var err error = failed(driver.Unknown, t.config, errors.New("a function of the Options has called runtime.Goexit"))
	defer func() {
		if p := recover(); p != nil {
			err = failed(driver.Unknown, t.config, fmt.Errorf("a function of the Options panicked: %v", p))
			s.log().LogAttrs(ctx, slog.LevelError, "plinth: a function of the Options panicked, and the dial failed",
				slog.String("target", t.config.Redacted()), slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
		}
		if err != nil && engine != nil {
			err = errors.Join(err, engine.Close(ctx))
		}
		s.dialled(t, engine, err)
	}()
	open := s.open
	if open == nil {
		open = OpenConfig
	}
	o := s.Options
	o.Connect, o.Watch = false, false // watching is the Set's business, which knows an engine by its target
	e, failure := open(ctx, t.config, o)
	if failure == nil {
		engine = e // first, so that it's closed if Connect doesn't return
		failure = e.Connect(ctx)
	}
	err = failure
}

// dialled tells how a dial has ended.
func (s *Set) dialled(t *target, engine *plinth.Engine, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.err = err; err != nil {
		delete(s.targets, t.key)
		s.counts.Failed++
	} else {
		t.engine, t.used, t.acquires = engine, time.Now(), engine.Stats().AcquireCount
		s.counts.Opened++
	}
	close(t.ready)
	s.tell()
}

// isOpen reports whether the target has been dialled.
func (t *target) isOpen() bool {
	select {
	case <-t.ready:
		return t.err == nil
	default:
		return false
	}
}

// look notes whether the target was used since it was last looked at, and reports whether it's in use now. Set.mu is held.
func (t *target) look(now time.Time) (busy bool) {
	st := t.engine.Stats()
	busy = t.leases > 0 || st.InUse > 0 || st.Waiting > 0
	handedOut := !t.keepUntil.IsZero() // else release has told when it was used
	if busy || handedOut && st.AcquireCount != t.acquires {
		t.used = now
	}
	t.acquires = st.AcquireCount
	return busy
}

// idlest returns the target that has been idle for longest, nil if none is. s.mu is held.
func (s *Set) idlest(now time.Time) (idlest *target) {
	for _, t := range s.targets {
		if t.isOpen() && !t.look(now) && now.After(t.keepUntil) && (idlest == nil || t.used.Before(idlest.used)) {
			idlest = t
		}
	}
	return idlest
}

// sweep closes the engines that were idle for too long. The timer runs it.
func (s *Set) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, t := range s.targets {
		if t.isOpen() && !t.look(now) && now.Sub(t.used) >= s.idleTimeout() {
			s.counts.IdleClosed++
			s.shut(t)
		}
	}
	if s.closed || len(s.targets) == 0 {
		s.timer = nil
		return
	}
	s.timer.Reset(s.idleTimeout() / 4)
}

// cutAfter is how long an idle engine is given to close, in which a call that came in between may end.
const cutAfter = 10 * time.Second

// shut takes a target out of the set and closes its engine. s.mu is held.
func (s *Set) shut(t *target) {
	delete(s.targets, t.key)
	s.closing++
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), cutAfter)
		defer cancel()
		_ = t.engine.Close(ctx) // nobody is left who could be told
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closing--
		s.tell()
	}()
}

// Close refuses new calls, waits until those of Use have returned or ctx ends, and closes all engines: see Engine.Close.
// Only the first Close does anything; others wait for it. Within Use it would wait for itself.
func (s *Set) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Set) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.living()
	s.end()
	s.tell()
	targets := make([]*target, 0, len(s.targets))
	for _, t := range s.targets {
		targets = append(targets, t)
	}
	errs := make([]error, len(targets))
	s.mu.Unlock()
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { errs[i] = s.closeTarget(ctx, t) })
	}
	all.Wait()
	s.mu.Lock()
	for s.closing > 0 {
		_ = s.wait(context.Background())
	}
	return errors.Join(errs...)
}

func (s *Set) closeTarget(ctx context.Context, t *target) error {
	<-t.ready
	if t.err != nil {
		return nil
	}
	var err error
	s.mu.Lock()
	for t.leases > 0 && err == nil {
		if err = s.wait(ctx); err != nil {
			err = ended(t.config, err, fmt.Sprintf("%d calls of Use had not returned", t.leases))
		}
	}
	s.mu.Unlock()
	return errors.Join(err, t.engine.Close(ctx))
}

// wait waits until something has changed. s.mu is held, but not while it waits.
func (s *Set) wait(ctx context.Context) error {
	changed := s.next()
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
