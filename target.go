package plinth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// state is the database an engine works with and the settings in force. It never changes: Reconfigure puts another in its
// place, and a call keeps the one it began with.
type state struct {
	*target
	config config.Config // as the options and the configuration's sources say
	settings
	derive func(config.Config, error) *settings // see Engine.derived; kept so that asking costs no closure
}

// target is one open database.
type target struct {
	backend driver.Backend
	info    driver.Info
	login   atomic.Pointer[config.Config] // who logs in
}

// open makes a backend for a configuration. It dials nothing.
func (e *Engine) open(c config.Config, opener driver.Opener) (*target, error) {
	t := &target{}
	t.login.Store(&c)
	backend, err := opener(driver.Host{
		Pool:      e.options.pool(&c),
		OnConnect: func(ctx context.Context, s driver.Session) error { return e.connected(ctx, t, s) },
		Leaked:    func(h pool.Holder, returned bool) { e.leaked(t, h, returned) },
		Opened: func(ctx context.Context, name string, took time.Duration, err error) {
			e.connOpened(ctx, t, name, took, err)
		},
		Closed:  func(name string, why pool.Reason) { e.connClosed(t, name, why) },
		Breaker: func(name string, state pool.BreakerState, err error) { e.breaker(t, name, state, err) },
		Login:   func(ctx context.Context) (string, string, error) { return e.loginTo(ctx, t) },
	})
	if err != nil {
		return nil, err
	}
	t.backend, t.info = backend, backend.Info()
	return t, nil
}

// loginTo returns who logs in on a new connection.
func (e *Engine) loginTo(ctx context.Context, t *target) (user, password string, err error) {
	if ask := e.options.Credentials; ask != nil {
		defer func() { // it runs on the pool's goroutine, where a panic would end the process
			if p := recover(); p != nil {
				e.panicked(ctx, "Credentials", p)
				err = fmt.Errorf("panicked: %v", p)
			}
			if err != nil {
				err = &driver.Fault{Kind: driver.Auth, Phase: driver.Dial, Err: fmt.Errorf("Options.Credentials: %w", err)}
			}
		}()
		user, secret, err := ask(ctx)
		return user, secret.Reveal(), err
	}
	c := t.login.Load()
	return c.User, c.Password.Reveal(), nil
}

// stateOf returns the state of a target under a configuration.
func (e *Engine) stateOf(t *target, c config.Config) *state {
	st := &state{target: t, config: c, settings: e.settingsOf(&c, &t.info)}
	st.derive = func(c config.Config, err error) *settings { return e.derived(st, c, err) }
	return st
}

// Reconfigure makes the engine follow c, where Options say nothing themselves. Settings, pool sizes and the password count
// at once. If c names another target, of the same product, its pool is opened beside the old one and connected; new calls
// go there, what runs on the old one goes on to its end, and then it's closed. Nothing that runs is ended or fails.
// If c can't be followed the engine stays as it is, and the error says why.
//
// Options.Watch calls it when the configuration's sources change.
func (e *Engine) Reconfigure(ctx context.Context, c config.Config) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	const op = "reconfigure"
	if err := e.usable(op); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)() // Close doesn't wait for a dial
	old := e.state.Load()
	c = e.options.over(c)
	if err := c.Validate(); err != nil {
		return e.usage(ErrArgument, op, "%w", err)
	}
	switch {
	case c.Engine != old.config.Engine:
		err := e.usage(ErrArgument, op, "the configuration names another product, %s", c.Engine)
		err.Hint = "open another engine"
		return err
	case c.SameTarget(old.config) && c.ReadOnly == old.config.ReadOnly:
		if err := old.backend.Configure(e.options.pool(&c)); err != nil {
			return final(e.failed(op, nil, err, false, false))
		}
		old.login.Store(&c)
		e.state.Store(e.stateOf(old.target, c))
		return nil
	case old.info.Volatile:
		return e.usage(ErrUnsupported, op, "a database in memory would be lost by a change of its target or its parameters")
	case e.opener == nil:
		return e.usage(ErrUnsupported, op, "an engine made by plinth.New can't change its target")
	}
	t, err := e.open(c, e.opener(c))
	if err == nil {
		if err = t.backend.Connect(ctx); err != nil {
			err = errors.Join(err, t.backend.Close(ctx))
		}
	}
	if err != nil {
		failed := e.failed(op, nil, err, false, false)
		failed.Target = c.Redacted()
		return final(failed)
	}
	e.state.Store(e.stateOf(t, c))
	e.drains.add(old.target)
	return nil
}

// drains are the targets that an engine has left, until the last call on them has ended.
type drains struct {
	mu   sync.Mutex
	list map[*target]*drain
}

type drain struct {
	cut  context.CancelFunc
	done chan struct{}
	err  error // known when done
}

func (d *drains) add(t *target) {
	ctx, cut := context.WithCancel(context.Background())
	one := &drain{cut: cut, done: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = make(map[*target]*drain)
	}
	d.list[t] = one
	go func() {
		one.err = t.backend.Close(ctx)
		cut()
		d.mu.Lock()
		delete(d.list, t)
		d.mu.Unlock()
		close(one.done)
	}()
}

// close waits until all are closed, and cuts what still runs when ctx ends.
func (d *drains) close(ctx context.Context) error {
	d.mu.Lock()
	var left []*drain
	for _, one := range d.list {
		left = append(left, one)
	}
	d.mu.Unlock()
	var errs []error
	defer context.AfterFunc(ctx, func() {
		for _, one := range left {
			one.cut()
		}
	})()
	for _, one := range left {
		<-one.done
		errs = append(errs, one.err)
	}
	return errors.Join(errs...)
}

// stats returns those of the pools that are left.
func (d *drains) stats() (all []pool.Stats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for t := range d.list {
		all = append(all, t.backend.Stats()...)
	}
	return all
}

// follow has the engine follow the sources of its configuration, which was c, until it's closed.
func (e *Engine) follow(ctx context.Context, c config.Config) error {
	wanted := make(chan config.Config, 1)
	offer := func(c config.Config) { // only the newest is wanted
		select {
		case <-wanted:
		default:
		}
		wanted <- c
	}
	watching := context.WithoutCancel(ctx) // for its overrides
	watching, cancel := context.WithCancel(watching)
	context.AfterFunc(e.life, cancel)
	now, err := config.Watch(watching, func(c config.Config, err error) {
		if err != nil {
			e.unfollowed(err)
			return
		}
		offer(c)
	}, e.options.sources(c.Engine)...)
	if err == nil && !now.SameTarget(c) {
		err = fmt.Errorf("the sources to be watched name another database, %s", now.Redacted())
	}
	if err != nil {
		cancel()
		return &Error{Kind: ErrArgument, Op: "watch", Engine: string(c.Engine), Target: e.Target(), Err: err}
	}
	go e.followAll(watching, wanted, now, e.options.over(now).Equal(c))
	return nil
}

// For how long an engine waits before it tries again to follow a configuration whose target it couldn't reach.
const (
	followAgain  = time.Second
	followAtMost = 30 * time.Second
)

// followAll follows one configuration after the other, first that of the beginning, which may have changed since the engine
// was opened with it. One that can't be followed is tried again until there is another.
func (e *Engine) followAll(ctx context.Context, wanted <-chan config.Config, c config.Config, known bool) {
	news, pause := true, followAgain
	for {
		var again <-chan time.Time
		err := e.Reconfigure(ctx, c)
		switch {
		case e.closing.Load():
			return
		case err != nil:
			if news {
				e.unfollowed(err)
			}
			news, again = false, time.After(pause)
			pause = min(2*pause, followAtMost)
		case !known:
			e.log().LogAttrs(ctx, slog.LevelInfo, "plinth: the configuration has changed and is followed", slog.String("target", e.Target()))
		}
		known = false
		select {
		case <-ctx.Done():
			return
		case c = <-wanted:
			news, pause = true, followAgain
		case <-again:
		}
	}
}

func (e *Engine) unfollowed(err error) {
	if e.closing.Load() {
		return
	}
	e.log().LogAttrs(e.life, slog.LevelError, "plinth: the configuration has changed and can't be followed; what was in force stays",
		slog.String("target", e.Target()), slog.String("error", err.Error()))
}
