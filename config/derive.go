package config

import "context"

// maxDerived is for how many configurations an override remembers what was derived. A request that works with more databases
// than that gets what it asks for, at the price of deriving it anew.
const maxDerived = 8

// derived is what was made of a configuration under an override and those around it.
type derived struct {
	base  *Config
	value any // a *T
}

// Derive returns what derive makes of base under the overrides in ctx (Config.Under), and nil and false where ctx has none, at
// the price of one ctx.Value. An open engine asks it on each call: the value is remembered in ctx for that base and T, and
// goes with ctx, so that a later call costs no allocation.
//
// base is told apart from others by its address and must not change; a reloaded configuration has a new one. Where
// the overrides are wrong, derive gets the error, and what it returns is not remembered: a later call asks again, for the
// file that is amiss may have been mended. Several goroutines may ask at once. Each may run derive then, and all of them get
// the value of the first that is done.
func Derive[T any](ctx context.Context, base *Config, derive func(c Config, err error) *T) (value *T, ok bool) {
	o, _ := ctx.Value(overrideKey{}).(*override)
	if o == nil {
		return nil, false
	}
	for {
		list := o.derived.Load()
		if list != nil {
			for i := range *list {
				if d := &(*list)[i]; d.base == base {
					if known, ok := d.value.(*T); ok {
						return known, true
					}
				}
			}
		}
		if value == nil {
			c, err := base.Under(ctx)
			if value = derive(c, err); err != nil || value == nil {
				return value, true
			}
		}
		var longer []derived
		if list != nil {
			longer = append(longer, (*list)[max(0, len(*list)-maxDerived+1):]...)
		}
		longer = append(longer, derived{base, value})
		if o.derived.CompareAndSwap(list, &longer) {
			return value, true
		}
	}
}
