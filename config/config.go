// Package config finds the configuration of a database, and says where each value came from.
//
// One URL is enough, and DATABASE_URL is where it is looked for. Load merges the sources, the first that has a value
// wins: an override in the context, arguments, the environment, the file plinth.yaml, the database's own variables and
// files, defaults. A Config turns into a URL and back without loss. No secret shows itself unless asked to: see Secret.
package config

import (
	"crypto/subtle"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Engine names a database product.
type Engine string

// The engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
	MariaDB    Engine = "mariadb"
	MongoDB    Engine = "mongodb"
)

// Off switches a setting off whose zero value means "the default": no time-out, no age limit, no threshold, and for
// MaxIdleConns no idle connection. In a URL it is written "off".
const Off = -1

// Config is the configuration of one database. Zero means "not said": Load puts the default there. A Config is a
// value: copies share nothing that a method changes.
type Config struct {
	Name   string // which of the application's databases; "" where it has one
	Engine Engine

	// The target.
	Host       string    // a name, an address, or the path of a Unix socket (PostgreSQL: of its directory)
	Port       int       // 0: the engine's default
	OtherHosts []Address // further servers of the same database
	SRV        bool      // MongoDB: Host is a name whose SRV records list the servers
	Database   string    // its name; SQLite: the file, or ":memory:"
	User       string
	Password   Secret
	Params     Params // for the driver: pragmas, TLS, character sets

	// The pool. The URL's parameter is the name in snake case: max_open_conns.
	MaxOpenConns    int           // connections at most
	MaxIdleConns    int           // idle connections kept at most; Off keeps none
	MinConns        int           // connections kept open even when idle
	ConnMaxLifetime time.Duration // a connection older than this is closed once it is idle; or Off
	ConnMaxIdleTime time.Duration // a connection that was idle for this long is closed; or Off
	AcquireTimeout  time.Duration // longest wait for a connection; Off waits as long as the context
	LeakThreshold   time.Duration // a connection held longer than this is reported; or Off

	// A call.
	Timeout        time.Duration // of one call with all its attempts, where the context has no earlier deadline; or Off
	SlowThreshold  time.Duration // a call that took longer is logged as slow; or Off
	RetryAttempts  int           // attempts in all: 1 never repeats
	RetryBaseDelay time.Duration // the longest first pause; it doubles with each attempt
	RetryMaxDelay  time.Duration // the longest pause of all
	ReadOnly       bool          // refuse to write

	sources map[string]origin // where values came from, by key; never changed once it is in a Config
	outside *outside          // what Load has read from, where WithName in a later override looks; never changed
}

// origin is where a value came from, and how it looked then: if it looks otherwise now, the program has changed it.
type origin struct{ source, text string }

// inCode is the source of what the program itself put into a Config.
const inCode = "code"

// Address is a server.
type Address struct {
	Host string
	Port int // 0: the engine's default
}

// String returns the address as a URL has it.
func (a Address) String() string {
	return strings.TrimPrefix(writeServer(&Config{}, "", "", []Address{a}), "://")
}

// Addresses returns all servers: Host and Port, and then OtherHosts. It is empty where none is named.
func (c Config) Addresses() []Address {
	if c.Host == "" && c.Port == 0 && len(c.OtherHosts) == 0 {
		return nil
	}
	return append([]Address{{c.Host, c.Port}}, c.OtherHosts...)
}

func (c *Config) setAddresses(list []Address) {
	c.Host, c.Port, c.OtherHosts = "", 0, nil
	if len(list) > 0 {
		c.Host, c.Port = list[0].Host, list[0].Port
		c.OtherHosts = append(c.OtherHosts, list[1:]...)
	}
}

// String returns what Redacted returns.
func (c Config) String() string { return c.Redacted() }

// LogValue returns what Redacted returns.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Redacted()) }

const defaultHost = "localhost"

// Defaults returns what Load puts where nothing else says anything. They are those of packages pool, retry and querylog.
// A connection to a file doesn't age, so SQLite's have no age limit; how many it needs is for its driver to say.
func Defaults(e Engine) Config {
	c := Config{
		Engine: e, Host: defaultHost,
		MaxOpenConns: 10, MaxIdleConns: 10, ConnMaxLifetime: 30 * time.Minute, ConnMaxIdleTime: 10 * time.Minute,
		AcquireTimeout: 30 * time.Second, LeakThreshold: Off,
		Timeout: Off, SlowThreshold: 200 * time.Millisecond,
		RetryAttempts: 4, RetryBaseDelay: 10 * time.Millisecond, RetryMaxDelay: time.Second,
	}
	if e == SQLite {
		c.Host, c.MaxOpenConns, c.MaxIdleConns, c.ConnMaxLifetime, c.ConnMaxIdleTime = "", 0, 0, Off, Off
	}
	return c
}

// WithDefaults returns c with the defaults where c says nothing.
func (c Config) WithDefaults() Config {
	before, defaults := c, Defaults(c.Engine)
	if c.MaxOpenConns > 0 {
		defaults.MaxIdleConns = c.MaxOpenConns
	}
	for _, s := range settings() {
		if s.value(&c) == nil {
			s.copy(&c, &defaults)
		}
	}
	c = c.withAddresses()
	return c.tracked(before, "default")
}

// withAddresses returns c with the default host and ports where it says none.
func (c Config) withAddresses() Config {
	d := c.Engine.dialect()
	if d == nil || c.Engine == SQLite {
		return c
	}
	addresses := c.Addresses()
	if !c.hasHost() {
		addresses = []Address{{defaultHost, c.Port}}
	}
	for i, a := range addresses {
		if a.Port == 0 && !c.SRV {
			addresses[i].Port = d.port(a.Host)
		}
	}
	c.setAddresses(addresses)
	return c
}

// Equal reports whether c and o say the same. It doesn't ask where the values came from.
func (c Config) Equal(o Config) bool {
	same := func(a, b entry) bool {
		return a.key == b.key && subtle.ConstantTimeCompare([]byte(a.raw), []byte(b.raw)) == 1
	}
	return slices.EqualFunc(c.entries(), o.entries(), same)
}

// Map returns what c says, by name: "engine", "host", "port", "database", "user", "password", the settings by the names
// that they have in a URL, and under "params" a map of the driver's parameters. What isn't said isn't there. A number is an
// int, a duration a time.Duration; the password, and each parameter that isn't known to be harmless, is a Secret. This is the
// described get_config_dict.
func (c Config) Map() map[string]any {
	m, params := map[string]any{}, map[string]any{}
	for _, e := range c.entries() {
		if key, ok := strings.CutPrefix(e.key, paramPrefix); ok {
			params[key] = e.value
			m["params"] = params
		} else {
			m[e.key] = e.value
		}
	}
	return m
}

// Value is one value of a configuration, and where it came from.
type Value struct {
	Key    string // as in Map; a driver's parameter has its own name
	Value  string // "[redacted]" for a secret
	Source string // "context override", "argument", "environment DATABASE_URL", "default", "code" if set by hand, …
}

// Explain lists what c says, and who said it.
func (c Config) Explain() []Value {
	var list []Value
	for _, e := range c.entries() {
		source := inCode
		if o, ok := c.sources[e.key]; ok && o.text == e.text {
			source = o.source
		}
		list = append(list, Value{strings.TrimPrefix(e.key, paramPrefix), e.text, source})
	}
	return list
}

// Validate reports everything that is wrong with c. Load has done so; it is for a Config made by hand.
func (c Config) Validate() error {
	_, err := c.canonical()
	return err
}

// canonical returns c as its own URL would be read: a value that can't be written in a URL is an error, too.
func (c Config) canonical() (Config, error) {
	var p problems
	if c.Engine.dialect() == nil {
		hint := didYouMean(string(c.Engine), func(yield func(string) bool) {
			_ = yield(string(SQLite)) && yield(string(PostgreSQL)) && yield(string(MariaDB)) && yield(string(MongoDB))
		})
		if hint == "" {
			hint = "one of sqlite, postgres, mariadb, mongodb"
		}
		p.add("engine", "isn't known", hint)
	} else {
		read := p.parse(c.URL().Reveal())
		if len(p.found) == 0 {
			kept := read.entries()
			for _, e := range c.entries() {
				if e.key != "name" && !strings.HasPrefix(e.key, paramPrefix) &&
					!slices.ContainsFunc(kept, func(k entry) bool { return k.key == e.key }) {
					p.add(e.key, "means nothing to "+string(c.Engine), "leave it out")
				}
			}
		}
		read.Name, read.sources, read.outside = c.Name, c.sources, c.outside
		c = read
	}
	for _, f := range p.found {
		f.Source = c.source(f.Key)
	}
	if err := p.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// takeLogin takes the parameters user and password, with which some clients' URLs name them.
func (c *Config) takeLogin(p *problems, key, value string) bool {
	switch key {
	case "user":
		if c.User != "" {
			p.add(key, "is given twice", "it is in front of the host already")
		}
		c.User = value
	case "password":
		if !c.Password.IsZero() {
			p.add(key, "is given twice", "it is in front of the host already")
		}
		c.Password = NewSecret(value)
	default:
		return false
	}
	return true
}

// paramPrefix stands before the names of the driver's parameters in an entry's key.
const paramPrefix = "params."

// An entry is one value that a Config has.
type entry struct {
	key   string
	value any    // as in Map
	text  string // as it may be shown
	raw   string // to compare; holds secrets
}

// entries returns what c says, in a fixed order.
func (c *Config) entries() []entry {
	list := make([]entry, 0, 24)
	add := func(key string, value any, text, raw string) { list = append(list, entry{key, value, text, raw}) }
	say := func(key, value string) {
		if value != "" {
			add(key, value, value, value)
		}
	}
	say("name", c.Name)
	say("engine", string(c.Engine))
	say("host", c.Host)
	if c.Port != 0 {
		text := strconv.Itoa(c.Port)
		add("port", c.Port, text, text)
	}
	if len(c.OtherHosts) > 0 {
		texts := make([]string, len(c.OtherHosts))
		for i, a := range c.OtherHosts {
			texts[i] = a.String()
		}
		text := strings.Join(texts, ",")
		add("other_hosts", slices.Clone(c.OtherHosts), text, text)
	}
	if c.SRV {
		add("srv", true, "true", "true")
	}
	say("database", c.Database)
	say("user", c.User)
	if !c.Password.IsZero() {
		add("password", c.Password, redacted, c.Password.Reveal())
	}
	for _, q := range c.Params.list {
		key, raw := paramPrefix+q.key, q.value.Reveal()
		value, text := any(q.value), q.shown()
		if harmless(q.key) {
			value = raw
		}
		if i := slices.IndexFunc(list, func(e entry) bool { return e.key == key }); i >= 0 { // repeated
			first := &list[i]
			several, ok := first.value.([]any)
			if !ok {
				several = []any{first.value}
			}
			first.value, first.text, first.raw = append(several, value), first.text+","+text, first.raw+"\x00"+raw
			continue
		}
		add(key, value, text, raw)
	}
	for _, s := range settings() {
		if value := s.value(c); value != nil {
			text := s.text(c)
			add(s.key, value, text, text)
		}
	}
	return list
}

// source returns where the value came from that an error calls key.
func (c *Config) source(key string) string {
	for _, key := range []string{key, paramPrefix + key} {
		if o, ok := c.sources[key]; ok {
			return o.source
		}
	}
	return inCode
}

// tracked returns c with source as the source of all that it says otherwise than before did.
func (c Config) tracked(before Config, source string) Config {
	sources := map[string]origin{}
	maps.Copy(sources, before.sources)
	old := map[string]string{}
	for _, e := range before.entries() {
		old[e.key] = e.raw
	}
	for _, e := range c.entries() {
		if raw, ok := old[e.key]; !ok || raw != e.raw {
			sources[e.key] = origin{source, e.text}
		}
	}
	c.sources = sources
	return c
}
