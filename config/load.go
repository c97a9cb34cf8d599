package config

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// Option is an argument of Load and of WithOverride.
type Option func(*layer)

// A layer is what one call of Load or WithOverride says.
type layer struct {
	source   string // for messages and Explain
	base     Config // of WithURL or WithConfig
	err      error  // of that URL
	hasBase  bool   // one of them was given
	name     string
	engine   Engine
	fallback string // of WithDefaultURL
	changes  []func(*Config)
	outside  outside
}

func newLayer(source string, opts []Option) *layer {
	l := &layer{source: source}
	for _, opt := range opts {
		if opt != nil {
			opt(l)
		}
	}
	return l
}

// WithURL names the database by its URL. An empty one says nothing, so that a flag's value can be passed on.
func WithURL(rawURL string) Option {
	return func(l *layer) {
		if rawURL != "" {
			l.base, l.err = parse(rawURL, l.source)
			l.hasBase = true
		}
	}
}

// WithConfig names the database by its whole configuration, as WithURL does by its URL. What was loaded with an environment,
// files, a path or a logger of its own goes on with them.
func WithConfig(c Config) Option {
	return func(l *layer) {
		if c.sources == nil {
			c = c.tracked(Config{}, l.source)
		}
		l.base, l.err, l.hasBase = c.clone(), nil, true
		l.outside = l.outside.within(c.around())
	}
}

// WithName names one of several databases: the URL of "orders" is looked for in ORDERS_DATABASE_URL, and not in
// DATABASE_URL. An empty name says nothing.
func WithName(name string) Option {
	return func(l *layer) {
		if name != "" {
			l.name = name
		}
	}
}

// With changes what the later sources say: change sees their values and overwrites the fields it cares about. It is run
// by each call that asks for the configuration, by several goroutines at a time if several ask. In an override it must
// set values, and not build on those it sees (c.Database += "_7"): an engine that was opened under the context applies it
// once more, to what has come of it. An override that leads to another server has to say that one's password after it has
// named the server, for that of before is dropped.
func With(change func(*Config)) Option {
	return func(l *layer) { l.changes = append(l.changes, change) }
}

// WithEngine makes it an error if the database is another product's.
func WithEngine(e Engine) Option { return func(l *layer) { l.engine = e } }

// WithDefaultURL is what to open if nothing else names a database. A file without the section that is asked for is an error
// all the same.
func WithDefaultURL(rawURL string) Option { return func(l *layer) { l.fallback = rawURL } }

// Load returns the configuration of the database that ctx, opts or the environment names, checked and with its defaults.
// Each value comes from the first source that has it:
//
//  1. overrides in ctx (WithOverride), the innermost first
//  2. opts
//  3. the environment: DATABASE_URL, or <NAME>_DATABASE_URL after WithName, or the file that one of these names with _FILE
//     behind it. It isn't asked if opts name a database
//  4. the file (WithFile), unless opts name a database
//  5. the database's own variables and files: libpq's PGHOST, …, its service file and .pgpass; MYSQL_HOST, …, and my.cnf
//     with the groups that clients read, and the container images' MARIADB_USER, …; MONGODB_URI. They fill what is missing
//     where the engine is known: because another source names it, or by WithEngine
//  6. Defaults, and the URL of WithDefaultURL
//
// A target is named as a whole: engine, hosts, database, user, password and the driver's parameters come from the first
// source that names one, and what is missing there from native variables and files alone. If none does, that is an error.
// All that is wrong is reported at once, as *FieldError joined by errors.Join.
func Load(ctx context.Context, opts ...Option) (Config, error) {
	l := newLayer("argument", opts)
	c, err := l.find(outside{})
	c, err2 := l.change(c).overridden(ctx, l.outside)
	if err = errors.Join(err, err2); err != nil {
		return Config{}, err
	}
	if c.Engine == "" && (c.Database != "" || c.Host != "") && l.engine != "" {
		before := c
		c.Engine = l.engine
		c = c.tracked(before, l.source)
	}
	if c.Engine == "" {
		p := problems{source: "environment DATABASE_URL"}
		file, _ := l.outside.configFile() // it has been read without an error
		problem, hint := file.lacks("")
		fillText(&hint, "set DATABASE_URL, for instance to "+l.engine.example()+", or give a URL as an argument")
		p.add("url", "no database is named"+problem, hint)
		return Config{}, p.err()
	}
	if l.engine != "" && c.Engine != l.engine {
		p := problems{source: c.source("engine")}
		p.add("engine", "is "+string(c.Engine)+", but "+string(l.engine)+" is asked for", "use "+string(c.Engine)+".Open, or open.Open, which takes any")
		return Config{}, p.err()
	}
	around := l.outside.within(aroundIn(ctx))
	if c, err = around.passfile(c); err != nil {
		return Config{}, err
	}
	around.seen = nil
	c.outside = &around
	return c.WithDefaults().canonical()
}

// around returns what c was read from, the process's own for a Config made by hand.
func (c *Config) around() outside {
	if c.outside == nil {
		return outside{}
	}
	return *c.outside
}

// find returns the database that the layer names itself, or else the first source after it that does, with what the
// database's own variables and files add. It names no engine if none does. around is for what the layer has not of its own.
func (l *layer) find(around outside) (c Config, err error) {
	o := l.outside.within(around)
	if l.hasBase {
		c, err = l.base, l.err
	} else {
		c, err = l.named(o)
	}
	if err == nil && c.Engine != "" {
		c, err = o.native(c)
	}
	if l.name != "" {
		before := c
		c.Name = l.name
		c = c.tracked(before, l.source)
	}
	return c, err
}

// named returns the database of the layer's name as the environment and the file have it: which one it is comes from the
// first of them, settings from both. Without a name, the engine that is asked for can be found by its own variables and
// files, and there may be a default.
func (l *layer) named(o outside) (Config, error) {
	variable, ok := variableOf(l.name)
	if !ok {
		p := problems{source: l.source}
		p.add("name", "isn't made of letters, digits, _, - and dots", "")
		return Config{}, p.err()
	}
	target, found, err := o.url(variable)
	file, err2 := o.configFile()
	if err = errors.Join(err, err2); err != nil {
		return Config{}, err
	}
	secrets := &o
	if found {
		secrets = nil // its own target isn't used
	}
	c, err := file.database(l.name, secrets)
	switch {
	case err != nil:
		return Config{}, err
	case found:
		return c.retarget(target), nil
	case c.Engine != "":
		return c, nil
	case l.name != "":
		problem, hint := file.lacks(l.name)
		fillText(&hint, "set it to the database's URL, for instance sqlite:"+strings.ToLower(l.name)+".db")
		p := problems{source: "environment " + variable}
		p.add("url", "isn't set"+problem, hint)
		return c, p.err()
	case l.engine != "":
		if target, found, err = o.nativeTarget(l.engine); found || err != nil {
			return c.retarget(target), err
		}
	}
	if l.fallback != "" && !file.lacksSection() { // which is a mistake to be told
		target, err = parse(l.fallback, "default")
		return c.retarget(target), err
	}
	return c, nil
}

// example returns a URL to show to somebody who has given none.
func (e Engine) example() string {
	switch e {
	case PostgreSQL, MariaDB, MongoDB:
		return string(e) + "://user@host/database"
	}
	return "sqlite:app.db"
}

// variableOf returns the variable that holds the URL of a database.
func variableOf(name string) (variable string, ok bool) {
	if name == "" {
		return "DATABASE_URL", true
	}
	if !isName(name) {
		return "", false
	}
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(name)) + "_DATABASE_URL", true
}

// url reads the URL in a variable, or in the file that it names with _FILE behind it.
func (o outside) url(variable string) (c Config, found bool, err error) {
	raw, source, err := o.secret("url", variable)
	if raw == "" || err != nil {
		return c, false, err
	}
	c, err = parse(raw, source)
	return c, true, err
}

// change runs the functions of With. What an override leads to a server that wasn't there has to say a password, too.
func (l *layer) change(c Config) Config {
	if len(l.changes) == 0 {
		return c
	}
	before := c
	c = c.clone()
	for _, change := range l.changes {
		was := c.clone()
		change(&c)
		if l.source == inContext && !c.Password.IsZero() && c.Password.Equal(was.Password) && c.leaves(was) {
			c.Password, before.Password = Secret{}, Secret{} // one that is said now is the override's, even if it is the same
		}
	}
	if from := before.sources["max_idle_conns"]; from.source == "default" && c.MaxOpenConns != before.MaxOpenConns && c.MaxIdleConns == before.MaxIdleConns {
		c.MaxIdleConns = 0 // it goes with max_open_conns
	}
	return c.tracked(before, l.source)
}

// leaves reports whether c has a server that o has not.
func (c Config) leaves(o Config) bool {
	c, o = c.CanonicalTarget(), o.CanonicalTarget()
	known := o.Addresses()
	addr, _ := c.Params.Get("hostaddr") // PostgreSQL's, which goes before the host's own
	was, _ := o.Params.Get("hostaddr")
	return addr != was || c.SRV != o.SRV || slices.ContainsFunc(c.Addresses(), func(a Address) bool { return !slices.Contains(known, a) })
}

// clone returns a copy that shares nothing a user could change.
func (c Config) clone() Config {
	c.OtherHosts = slices.Clone(c.OtherHosts)
	return c
}

// retarget returns c with the target of another Config, and with the settings that one says.
func (c Config) retarget(to Config) Config {
	old := c
	c = to.clone()
	if c.Name == "" {
		c.Name = old.Name
	}
	sources := map[string]origin{}
	maps.Copy(sources, c.sources)
	for _, s := range settings() {
		from, said := old.sources[s.key]
		said = said && from.text == s.text(&old)                             // else the program has changed it since, as Options do
		if _, ok := sources[s.key]; ok || said && from.source == "default" { // the other engine may have other defaults
			continue
		}
		if s.copy(&c, &old); said {
			sources[s.key] = from
		}
	}
	if _, said := sources["max_idle_conns"]; !said && c.MaxOpenConns > 0 {
		c.MaxIdleConns = min(c.MaxIdleConns, c.MaxOpenConns)
	}
	if from, ok := old.sources["name"]; ok && to.Name == "" {
		sources["name"] = from
	}
	c.sources = sources
	return c
}
