// Package open opens an engine for whatever database the URL or the configuration names. It's the only package that
// links every driver; a service that knows its database imports that driver's package instead.
package open

import (
	"context"
	"fmt"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/sqlite"
)

// Open returns an engine for the database that opts or, where they say nothing, the environment names. Nothing is
// dialled before its first use, unless Options.Connect asks for it.
func Open(ctx context.Context, opts plinth.Options) (*plinth.Engine, error) {
	c, err := opts.Configure(ctx, "")
	if err != nil {
		return nil, err
	}
	switch c.Engine {
	case config.SQLite:
		return sqlite.OpenConfig(ctx, c, opts)
	}
	return nil, &plinth.Error{
		Kind: plinth.ErrUnsupported, Op: "open", Engine: string(c.Engine),
		Err:  fmt.Errorf("this version has no driver for %s", c.Engine),
		Hint: "it speaks SQLite (sqlite:app.db)",
	}
}
