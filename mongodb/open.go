package mongodb

import (
	"context"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

// Open returns an engine for a MongoDB database: the one that opts name, or the one that the configuration finds
// (DATABASE_URL, MONGODB_URI, …). At most one Options may be given. Nothing is dialled before its first use, unless
// Options.Connect asks for it.
func Open(ctx context.Context, opts ...plinth.Options) (*plinth.Engine, error) {
	var o plinth.Options
	switch len(opts) {
	case 0:
	case 1:
		o = opts[0]
	default:
		return nil, &plinth.Error{Kind: plinth.ErrArgument, Op: "open", Engine: "mongodb", Hint: "give one plinth.Options"}
	}
	c, err := o.Configure(ctx, config.MongoDB)
	if err != nil {
		return nil, err
	}
	return OpenConfig(ctx, c, o)
}

// OpenConfig returns an engine for a configuration that was loaded already. What o says goes before it.
func OpenConfig(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
	return plinth.OpenConfig(ctx, o, c, func(c config.Config, host driver.Host) (driver.Backend, error) {
		to, err := fromConfig(c)
		if err != nil {
			return nil, err
		}
		return NewBackend(to, host)
	})
}
