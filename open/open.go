// Package open opens an engine for whatever database the URL or the configuration names, and keeps one for each of several
// databases: see Set. It's the only package that links every driver; a service that knows its database imports that
// driver's package instead.
package open

import (
	"context"
	"fmt"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
)

// Open returns an engine for the database that opts or, where they say nothing, the environment names. Nothing is
// dialled before its first use, unless Options.Connect asks for it.
func Open(ctx context.Context, opts plinth.Options) (*plinth.Engine, error) {
	c, err := opts.Configure(ctx, "")
	if err != nil {
		return nil, err
	}
	return OpenConfig(ctx, c, opts)
}

// OpenConfig returns an engine for a configuration that was loaded already. What opts say goes before it.
func OpenConfig(ctx context.Context, c config.Config, opts plinth.Options) (*plinth.Engine, error) {
	switch c.Engine {
	case config.SQLite:
		return sqlite.OpenConfig(ctx, c, opts)
	case config.PostgreSQL:
		return postgres.OpenConfig(ctx, c, opts)
	case config.MariaDB:
		return mariadb.OpenConfig(ctx, c, opts)
	case config.MongoDB:
		return mongodb.OpenConfig(ctx, c, opts)
	}
	return nil, &plinth.Error{
		Kind: plinth.ErrUnsupported, Op: "open", Engine: string(c.Engine),
		Err: fmt.Errorf("this version has no driver for %s", c.Engine),
		Hint: "it speaks SQLite (sqlite:app.db), PostgreSQL (postgres://user@host/database), MariaDB (mariadb://user@host/database) " +
			"and MongoDB (mongodb://host/database)",
	}
}
