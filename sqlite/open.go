package sqlite

import (
	"context"
	"errors"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

// Open returns an engine for an SQLite database: the one that opts name, or the one that the configuration finds
// (DATABASE_URL, …). At most one Options may be given. Nothing is opened before its first use, unless Options.Connect
// asks for it.
func Open(ctx context.Context, opts ...plinth.Options) (*plinth.Engine, error) {
	var o plinth.Options
	switch len(opts) {
	case 0:
	case 1:
		o = opts[0]
	default:
		return nil, &plinth.Error{Kind: plinth.ErrArgument, Op: "open", Engine: "sqlite", Hint: "give one plinth.Options"}
	}
	c, err := o.Configure(ctx, config.SQLite)
	if err != nil {
		return nil, err
	}
	return OpenConfig(ctx, c, o)
}

// OpenConfig returns an engine for a configuration that was loaded already. What o says goes before it.
func OpenConfig(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
	if o.Credentials != nil {
		return nil, &plinth.Error{
			Kind: plinth.ErrArgument, Op: "open", Engine: "sqlite",
			Err: errors.New("Options.Credentials is set, but SQLite has no login"),
		}
	}
	return plinth.OpenConfig(ctx, o, c, func(c config.Config, host driver.Host) (driver.Backend, error) {
		to := Options{Path: c.SQLiteURI(), ReadOnly: c.ReadOnly}
		for name, value := range c.Pragmas() {
			to.Pragmas = append(to.Pragmas, Pragma{Name: name, Value: value})
		}
		return NewBackend(to, host)
	})
}
