package open

import (
	"context"
	"log/slog"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

// base is the configuration without overrides. It never changes.
type base struct {
	config config.Config
	number int64     // the one that was read last has the highest
	own    *resolved // what contexts without overrides get
	err    error     // instead of own: no database is named, and every context has to name its own
}

// resolved is the configuration of a target. It never changes.
type resolved struct {
	key    key
	asked  config.Config // what is in force under the context
	config config.Config // for the engine
	base   int64         // the number of the base it was made of
	number int64         // of those made of a base the last has the highest
}

// resolve returns the configuration in force under ctx. Under a context that was seen before it costs a lookup.
func (s *Set) resolve(ctx context.Context) (*resolved, error) {
	b := s.base.Load()
	if b == nil {
		var err error
		if b, err = s.load(); err != nil {
			return nil, err
		}
	}
	var err error
	r, overridden := config.Derive(ctx, &b.config, func(c config.Config, failure error) *resolved {
		switch {
		case failure != nil:
			err = &plinth.Error{Kind: plinth.ErrArgument, Op: "configure", Err: failure}
		case b.err != nil && c.SameTarget(b.config): // it says settings and no database
			err = b.err
		default:
			return s.resolved(b, c)
		}
		return nil
	})
	switch {
	case overridden:
		return r, err
	case b.err != nil: // it may be there by now
		if b, err = s.load(); err != nil {
			return nil, err
		}
	}
	return b.own, b.err
}

// nowhere is the database of a base where none is named. No engine is opened for it.
const nowhere = "sqlite:no-database-is-named"

// sources is where the configuration is looked for.
func (s *Set) sources() []config.Option {
	o := s.Options
	all := append([]config.Option{config.WithDefaultURL(nowhere), config.WithURL(o.URL), config.WithName(o.Name)}, o.Config...)
	if wait := o.Pool.AcquireTimeout; wait != 0 { // it counts for the wait for room, too
		all = append(all, config.With(func(c *config.Config) { c.AcquireTimeout = wait }))
	}
	return all
}

// load reads the configuration, unless another has just done so, and has it followed.
func (s *Set) load() (*base, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	known := s.base.Load()
	if known != nil && known.err == nil {
		return known, nil
	}
	c, err := config.Load(context.Background(), s.sources()...)
	if err == nil && s.Options.Watch && known == nil {
		s.mu.Lock()
		ctx := s.living()
		s.mu.Unlock()
		c, err = config.Watch(ctx, s.reloaded, s.sources()...)
	}
	if err != nil {
		return nil, &plinth.Error{Kind: plinth.ErrArgument, Op: "configure", Err: err}
	}
	b := s.newBase(c)
	s.base.Store(b)
	return b, nil
}

// newBase returns the base that comes after all others. s.loading is held, so that it's put in force before the next one.
func (s *Set) newBase(c config.Config) *base {
	s.bases++
	b := &base{config: c, number: s.bases}
	if none, err := config.Parse(nowhere); err == nil && c.SameTarget(none) {
		if _, b.err = s.Options.Configure(context.Background(), ""); b.err != nil { // it knows what to say
			return b
		}
	}
	b.own = s.resolved(b, c)
	return b
}

// reloaded puts a configuration that has changed in the place of the one before.
func (s *Set) reloaded(c config.Config, err error) {
	if err != nil {
		s.notFollowed(slog.Any("error", err))
		return
	}
	s.loading.Lock() // who makes the first base may still have to put it in force
	defer s.loading.Unlock()
	s.base.Store(s.newBase(c))
}

// override is the source of what a context says.
const override = "context override"

// resolved returns what an engine for c is opened with. The settings of a call that an override says are left out: they are
// that context's, and each call under it has them anyway.
func (s *Set) resolved(b *base, c config.Config) *resolved {
	r := &resolved{key: s.key(c), asked: c, base: b.number, number: s.resolutions.Add(1)}
	for _, v := range c.Explain() {
		if v.Source != override {
			continue
		}
		switch v.Key {
		case "timeout":
			c.Timeout = b.config.Timeout
		case "slow_threshold":
			c.SlowThreshold = b.config.SlowThreshold
		case "acquire_timeout":
			c.AcquireTimeout = b.config.AcquireTimeout
		case "retry_attempts":
			c.RetryAttempts = b.config.RetryAttempts
		case "retry_base_delay":
			c.RetryBaseDelay = b.config.RetryBaseDelay
		case "retry_max_delay":
			c.RetryMaxDelay = b.config.RetryMaxDelay
		}
	}
	r.config = c
	return r
}
