package cli

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

// isName reports whether a database is given by its name in the configuration. A URL has a colon; a path has a slash, or
// is one that package config takes without a scheme (app.db). Nothing that is looked for in a file or in the environment
// decides, so that a database which appears there doesn't change what a command line means.
func isName(database string) bool {
	if _, err := config.Parse(database); err == nil {
		return false
	}
	for _, r := range database {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-', r == '.':
		default:
			return false
		}
	}
	return database != ""
}

// named returns the options of a database that is given by its name, its URL or its path, or not at all.
func named(database string) plinth.Options {
	if isName(database) {
		return plinth.Options{Name: database}
	}
	return plinth.Options{URL: database}
}

// sources is what the configuration is made of, besides the database's URL or name.
func (a *app) sources() []config.Option {
	warnings := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
		if attr.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return attr
	}}))
	return []config.Option{config.WithEnviron(a.env), config.WithLogger(warnings), config.WithDefaultURL(DefaultURL)}
}

// load returns the configuration of a database.
func (a *app) load(ctx context.Context, database string) (config.Config, error) {
	o := named(database)
	o.Config = a.sources()
	c, err := o.Configure(ctx, "")
	return c, unnamed(database, err)
}

// unnamed adds to the error of a name that names nothing what else could have been meant.
func unnamed(database string, err error) error {
	if field, ok := errors.AsType[*config.FieldError](err); ok && field.Key == "url" && isName(database) {
		return &hinted{err: err, usage: true,
			hint: "a database is given by its name, by a URL (sqlite:" + strings.ToLower(database) + "), or by a path that ends in .db, .db3, .sqlite or .sqlite3"}
	}
	return err
}

// configProblems returns what is wrong with a configuration, a line each, if that is what err is about.
func configProblems(err error) (lines []string) {
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case *config.FieldError:
			lines = append(lines, strings.TrimPrefix(e.Error(), "config: "))
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	var at *scriptError
	if !errors.As(err, &at) {
		walk(err)
	}
	return lines
}
