package config

import (
	"context"
	"errors"
	"iter"
)

var errSkeleton = errors.New("config: not there yet")

// Params are a driver's parameters, in order.
type Params struct{ list []param }

type param struct {
	key   string
	value Secret
}

func (p Params) Get(key string) (value string, ok bool) { return "", false }
func (p Params) Set(key, value string) Params           { return p }
func (p Params) All() iter.Seq2[string, string]         { return func(func(string, string) bool) {} }

// Parse reads the URL of any of the four databases.
func Parse(rawURL string) (Config, error) { return Config{}, errSkeleton }

// URL returns the URL that Parse reads back without loss. It holds the password.
func (c Config) URL() Secret { return Secret{} }

// Redacted names the target, without its parameters, for messages and logs.
func (c Config) Redacted() string { return "" }

func (c Config) Map() map[string]any { return nil }

// Value is one value of a configuration and where it came from.
type Value struct{ Key, Value, Source string }

func (c Config) Explain() []Value  { return nil }
func (c Config) Validate() error   { return errSkeleton }
func (c Config) Equal(Config) bool { return false }

// SQLiteURI returns SQLite's own URI ("file:app.db?mode=ro") for a file with its options.
func (c Config) SQLiteURI() string { return "" }

// Pragmas returns SQLite's pragmas by name, in order; names and values are checked and can be put into a PRAGMA as they are.
func (c Config) Pragmas() iter.Seq2[string, string] { return c.Params.All() }

// Option is an argument of Load or WithOverride.
type Option func(*options)

type options struct{}

func WithURL(rawURL string) Option                               { return nil }
func WithDefaultURL(rawURL string) Option                        { return nil }
func WithConfig(c Config) Option                                 { return nil }
func WithName(name string) Option                                { return nil }
func WithEngine(e Engine) Option                                 { return nil }
func With(change func(*Config)) Option                           { return nil }
func WithEnviron(lookup func(name string) (string, bool)) Option { return nil }

func Load(ctx context.Context, opts ...Option) (Config, error) { return Config{}, errSkeleton }

func WithOverride(ctx context.Context, opts ...Option) context.Context { return ctx }
func FromContext(ctx context.Context) (Config, error)                  { return Load(ctx) }
func (c Config) Under(ctx context.Context) (Config, error)             { return c, errSkeleton }

// Defaults returns what Load puts where nothing else says anything.
func Defaults(e Engine) Config { return Config{Engine: e} }
