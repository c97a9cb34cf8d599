package config

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
)

type overrideKey struct{}

// inContext is the source of what an override says.
const inContext = "context override"

// An override is one call of WithOverride. What it says never changes.
type override struct {
	outer   *override
	layer   *layer
	derived atomic.Pointer[[]derived] // by Derive, the oldest first; a list is never changed
}

// WithOverride returns a context under which the configuration is what opts make of it. It is seen by nobody but those
// who are handed this context or one made from it; overrides nest, and the inner one goes first. This is the
// described thread-local override: a goroutine has no storage of its own in Go, and a request's work may be done by several.
//
//	ctx = config.WithOverride(ctx, config.With(func(c *config.Config) { c.Timeout = time.Minute }))
//	ctx = config.WithOverride(ctx, config.WithURL("sqlite:tenant-7.db"))
//
// WithURL, WithConfig and WithName change the target and leave the settings that they don't say; what is wrong with a URL is
// reported when the configuration is asked for. WithEngine and WithDefaultURL say nothing here.
func WithOverride(ctx context.Context, opts ...Option) context.Context {
	outer, _ := ctx.Value(overrideKey{}).(*override)
	return context.WithValue(ctx, overrideKey{}, &override{outer: outer, layer: newLayer(inContext, opts)})
}

// FromContext returns the configuration in force under ctx: what Load returns for it without arguments. It is the
// described use_thread_config.
func FromContext(ctx context.Context) (Config, error) { return Load(ctx) }

// Under returns c as the overrides in ctx change it, checked and with its defaults; without any it returns c itself, at
// the price of one ctx.Value. The database that WithName names in an override is looked for in the environment and the files
// that c was loaded from.
func (c Config) Under(ctx context.Context) (Config, error) {
	if ctx.Value(overrideKey{}) == nil {
		return c, nil
	}
	before := c
	c, err := c.overridden(ctx, before.around())
	if err == nil && !c.sameTarget(&before) {
		if c.Password.Equal(before.Password) && strings.HasPrefix(c.source("password"), passfileSource) {
			c.Password = Secret{} // it was looked up for the other target
		}
		c, err = aroundIn(ctx).within(before.around()).passfile(c)
	}
	if err != nil {
		return Config{}, err
	}
	c.outside = before.outside
	return c.WithDefaults().canonical()
}

// aroundIn returns what the overrides have to read from.
func aroundIn(ctx context.Context) (around outside) {
	o, _ := ctx.Value(overrideKey{}).(*override)
	for ; o != nil; o = o.outer {
		around = around.within(o.layer.outside)
	}
	return around
}

// overridden applies the overrides, the outermost first.
func (c Config) overridden(ctx context.Context, around outside) (Config, error) {
	o, _ := ctx.Value(overrideKey{}).(*override)
	return o.apply(c, around)
}

func (o *override) apply(c Config, around outside) (Config, error) {
	if o == nil {
		return c, nil
	}
	c, err := o.outer.apply(c, around)
	if o.layer.hasBase || o.layer.name != "" {
		base, err2 := o.layer.find(around)
		if err2 == nil {
			c = c.retarget(base)
		}
		err = errors.Join(err, err2)
	}
	before := c
	c = o.layer.change(c)
	if err == nil && c.Password.IsZero() && !before.Password.IsZero() && c.leaves(before) {
		c, err = o.layer.outside.within(around).nativePassword(c)
	}
	return c, err
}
