package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/plinthdb/plinth/config"
)

type configCmd struct {
	Explain explainCmd `cmd:"" help:"Print every value of the configuration in force, and where it comes from."`
	Check   checkCmd   `cmd:"" help:"Check plinth.yaml: all sections, all problems at once."`
	Schema  schemaCmd  `cmd:"" help:"Print the JSON Schema of plinth.yaml, by which an editor completes it."`
}

type explainCmd struct {
	Format string `name:"output" short:"o" enum:"table,json" default:"table" placeholder:"FORMAT" help:"One of ${enum}. Default: table."`
	Name   string `arg:"" optional:"" name:"NAME" help:"The database, as -d takes it. Default: that of -d, else the one that the other commands work with."`
}

// Help is what kong prints below the usage.
func (explainCmd) Help() string {
	return `Nothing is dialled. Of the sources that have a value the first wins:

  argument            -d
  environment         DATABASE_URL, or for a NAME <NAME>_DATABASE_URL; or, with _FILE behind it, a file's path
  file                plinth.yaml: PLINTH_CONFIG names another, PLINTH_ENV its section, ` + config.DefaultSection + ` if not set
  the database's own  PGHOST and its like, .pgpass, my.cnf: they fill what is missing
  default

  plinth config explain
  APP_DATABASE_URL=postgres://app@db.internal/app plinth config explain app
  plinth config explain -o json orders

Passwords, and parameters that aren't known to be harmless, are printed as [redacted]. All that is wrong is
told at once; the exit code is 2 then.`
}

// Run prints a configuration.
func (e *explainCmd) Run(ctx context.Context, a *app) error {
	if e.Name != "" && a.Database != "" {
		return usagef("leave one of them out", "both NAME and -d name a database")
	}
	c, err := a.load(ctx, a.Database+e.Name)
	if err != nil {
		return err
	}
	names, err := config.Names(a.sources()...)
	if err != nil {
		names = nil // what -d says is complete without the file
	}
	if e.Format == "json" {
		return a.explainJSON(c, names)
	}
	return a.explainTable(c, names)
}

func (a *app) explainTable(c config.Config, names []string) error {
	t := &tableWriter{out: a.out}
	if err := t.Columns([]string{"key", "value", "source"}); err != nil {
		return err
	}
	for _, v := range c.Explain() {
		if err := t.Row([]any{v.Key, v.Value, v.Source}); err != nil {
			return err
		}
	}
	if err := t.settle(); err != nil {
		return err
	}
	others := slices.DeleteFunc(names, func(name string) bool { return name == cmp.Or(c.Name, "primary") })
	if len(others) > 0 {
		fmt.Fprintf(a.out, "\nThe configuration's file has these other databases: %s\n", strings.Join(others, ", "))
	}
	return nil
}

// explainJSON prints one object. Its names are part of the command's interface, and so apart from Go's.
func (a *app) explainJSON(c config.Config, names []string) error {
	type value struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Source string `json:"source"`
	}
	out := struct {
		Name      string   `json:"name,omitempty"`
		Target    string   `json:"target"`
		Values    []value  `json:"values"`
		Databases []string `json:"databases"` // of the file
	}{Name: c.Name, Target: c.Redacted(), Databases: append([]string{}, names...)}
	for _, v := range c.Explain() {
		out.Values = append(out.Values, value(v))
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

type checkCmd struct {
	File string `arg:"" optional:"" name:"FILE" help:"Default: the file of PLINTH_CONFIG, else plinth.yaml."`
}

// Help is what kong prints below the usage.
func (checkCmd) Help() string {
	return `The file alone is checked, for every environment that has a section in it: keys, values, URLs. Nothing is
dialled, and what variables and files with secrets add is for plinth config explain to tell. Exit code 2
if something is wrong.`
}

// Run checks a file.
func (c *checkCmd) Run(a *app) error {
	names, err := config.Names(append(a.sources(), config.WithFile(c.File))...)
	if err != nil {
		return &hinted{err: err, usage: true}
	}
	path, _ := a.env("PLINTH_CONFIG")
	path = cmp.Or(c.File, path, config.DefaultFile)
	if len(names) == 0 {
		if _, err := os.Stat(path); err != nil {
			return usagef("plinth config check FILE", "there is no %s here", path)
		}
		names = []string{"none"}
	}
	section, _ := a.env("PLINTH_ENV")
	fmt.Fprintf(a.out, "%s is fine; databases in its section %s: %s\n", path, cmp.Or(section, config.DefaultSection), strings.Join(names, ", "))
	return nil
}

type schemaCmd struct{}

// Help is what kong prints below the usage.
func (schemaCmd) Help() string {
	return `  plinth config schema > plinth.schema.json

A file that begins with the line

  # yaml-language-server: $schema=plinth.schema.json

is then completed and checked by editors with a YAML language server.`
}

// Run prints the schema.
func (schemaCmd) Run(a *app) error {
	_, err := a.out.Write(config.Schema())
	return err
}
