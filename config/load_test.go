package config

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// environ is an environment of its own, so that tests can run side by side.
func environ(pairs ...string) Option {
	return WithEnviron(func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	})
}

// from returns "value (source)" of a key.
func from(c Config, key string) string {
	for _, v := range c.Explain() {
		if v.Key == key {
			return v.Value + " (" + v.Source + ")"
		}
	}
	return ""
}

func TestLoadTakesTheFirstSourceThatHasAValue(t *testing.T) {
	t.Parallel()
	env := environ("DATABASE_URL", "sqlite:env.db?timeout=1s&slow_threshold=1s&retry_attempts=2", "ORDERS_DATABASE_URL", "sqlite:orders.db",
		"A_B_C_DATABASE_URL", "sqlite:abc.db", "EMPTY_DATABASE_URL", "")
	slower := With(func(c *Config) { c.SlowThreshold = 5 * time.Second })
	under := func(opts ...Option) context.Context { return WithOverride(t.Context(), append(opts, env)...) }
	for _, tt := range []struct {
		name string
		ctx  context.Context
		opts []Option
		want map[string]string
	}{
		{"the environment", t.Context(), nil, map[string]string{
			"database": "env.db (environment DATABASE_URL)", "timeout": "1s (environment DATABASE_URL)",
			"acquire_timeout": "30s (default)", "name": "",
		}},
		{"an argument changes a value", t.Context(), []Option{slower}, map[string]string{
			"database": "env.db (environment DATABASE_URL)", "slow_threshold": "5s (argument)", "timeout": "1s (environment DATABASE_URL)",
		}},
		{"a URL as argument replaces the environment's whole", t.Context(), []Option{WithURL("sqlite:arg.db?timeout=2s")}, map[string]string{
			"database": "arg.db (argument)", "timeout": "2s (argument)", "slow_threshold": "200ms (default)",
		}},
		{"an empty argument says nothing", t.Context(), []Option{WithURL(""), WithName(""), nil}, map[string]string{"database": "env.db (environment DATABASE_URL)"}},
		{"the last of two arguments", t.Context(), []Option{WithURL("sqlite:a.db"), WithURL("sqlite:b.db")}, map[string]string{"database": "b.db (argument)"}},
		{"a function sees the URL", t.Context(), []Option{With(func(c *Config) { c.Database += ".bak" })}, map[string]string{"database": "env.db.bak (argument)"}},
		{"functions run in order", t.Context(), []Option{slower, With(func(c *Config) { c.SlowThreshold *= 2 })}, map[string]string{"slow_threshold": "10s (argument)"}},
		{"a whole Config", t.Context(), []Option{WithConfig(Config{Engine: SQLite, Database: "c.db"})}, map[string]string{"database": "c.db (argument)"}},
		{"a name", t.Context(), []Option{WithName("orders")}, map[string]string{
			"database": "orders.db (environment ORDERS_DATABASE_URL)", "name": "orders (argument)", "slow_threshold": "200ms (default)",
		}},
		{"a name with punctuation", t.Context(), []Option{WithName("a-b.c")}, map[string]string{"database": "abc.db (environment A_B_C_DATABASE_URL)", "name": "a-b.c (argument)"}},
		{"a name and a URL", t.Context(), []Option{WithName("orders"), WithURL("sqlite:x.db")}, map[string]string{"database": "x.db (argument)", "name": "orders (argument)"}},
		{"a default isn't needed", t.Context(), []Option{WithDefaultURL("sqlite:plinth.db")}, map[string]string{"database": "env.db (environment DATABASE_URL)"}},
		{"a default is", t.Context(), []Option{environ(), WithDefaultURL("sqlite:plinth.db")}, map[string]string{"database": "plinth.db (default)"}},
		{"functions alone", t.Context(), []Option{environ(), WithEngine(SQLite), With(func(c *Config) { c.Database = "f.db" })}, map[string]string{"database": "f.db (argument)", "engine": "sqlite (argument)"}},
		{"the engine that is asked for", t.Context(), []Option{WithEngine(SQLite)}, map[string]string{"database": "env.db (environment DATABASE_URL)"}},
		{"an override's URL leaves the settings", under(WithURL("sqlite:o.db?timeout=3s")), []Option{slower}, map[string]string{
			"database": "o.db (context override)", "timeout": "3s (context override)", "slow_threshold": "5s (argument)",
			"retry_attempts": "2 (environment DATABASE_URL)",
		}},
		{"an override goes before an argument", under(slower), []Option{With(func(c *Config) { c.SlowThreshold = 1 }), WithURL("sqlite:arg.db")}, map[string]string{
			"database": "arg.db (argument)", "slow_threshold": "5s (context override)",
		}},
		{"an override's name", under(WithName("orders")), nil, map[string]string{
			"database": "orders.db (environment ORDERS_DATABASE_URL)", "name": "orders (context override)", "timeout": "1s (environment DATABASE_URL)",
		}},
		{"an override's name in the caller's environment", WithOverride(t.Context(), WithName("orders")), nil, map[string]string{
			"database": "orders.db (environment ORDERS_DATABASE_URL)",
		}},
		{"an override of another engine has that engine's defaults", under(WithURL("postgres://h/db")), nil, map[string]string{
			"engine": "postgres (context override)", "port": "5432 (default)", "conn_max_lifetime": "30m (default)", "timeout": "1s (environment DATABASE_URL)",
		}},
		{"the inner override", WithOverride(under(WithURL("sqlite:outer.db?timeout=3s")), WithURL("sqlite:inner.db"), slower), nil, map[string]string{
			"database": "inner.db (context override)", "timeout": "3s (context override)", "slow_threshold": "5s (context override)",
		}},
		{"only an override", WithOverride(t.Context(), WithURL("sqlite:o.db")), []Option{environ()}, map[string]string{"database": "o.db (context override)"}},
		{"an override can say no", WithOverride(t.Context(), WithURL("sqlite:o.db?read_only=false")), []Option{With(func(c *Config) { c.ReadOnly = true })}, map[string]string{"read_only": ""}},
		{"an override that doesn't leaves it", WithOverride(t.Context(), WithURL("sqlite:o.db")), []Option{With(func(c *Config) { c.ReadOnly = true })}, map[string]string{"read_only": "true (argument)"}},
	} {
		c, err := Load(tt.ctx, append([]Option{env}, tt.opts...)...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for key, want := range tt.want {
			if got := from(c, key); got != want {
				t.Errorf("%s: %s is %s, want %s", tt.name, key, got, want)
			}
		}
	}
}

func TestLoadSaysWhatIsMissingOrWrong(t *testing.T) {
	t.Parallel()
	env := environ("DATABASE_URL", "postgres://h/db?sslmode=on", "PG_DATABASE_URL", "postgres://h/db")
	for _, tt := range []struct {
		name string
		ctx  context.Context
		opts []Option
		want []string
	}{
		{"nothing", t.Context(), []Option{environ()}, []string{
			"config: url (from environment DATABASE_URL): no database is named; set DATABASE_URL, for instance to sqlite:app.db, or give a URL as an argument",
		}},
		{"an empty variable", t.Context(), []Option{environ("DATABASE_URL", "")}, []string{
			"config: url (from environment DATABASE_URL): no database is named; set DATABASE_URL, for instance to sqlite:app.db, or give a URL as an argument",
		}},
		{"an unknown name", t.Context(), []Option{environ("DATABASE_URL", "sqlite:app.db"), WithName("orders"), WithDefaultURL("sqlite:x.db")}, []string{
			"config: url (from environment ORDERS_DATABASE_URL): isn't set; set it to the database's URL, for instance sqlite:orders.db",
		}},
		{"a wrong name", t.Context(), []Option{WithName("a b")}, []string{"config: name (from argument): isn't made of letters, digits, _, - and dots"}},
		{"a wrong variable", t.Context(), []Option{env}, []string{
			"config: sslmode (from environment DATABASE_URL): has a wrong value; one of disable, allow, prefer, require, verify-ca, verify-full",
		}},
		{"another engine", t.Context(), []Option{env, WithName("pg"), WithEngine(SQLite)}, []string{
			"config: engine (from environment PG_DATABASE_URL): is postgres, but sqlite is asked for; use postgres.Open, or open.Open, which takes any",
		}},
		{"a wrong default", t.Context(), []Option{environ(), WithDefaultURL("x")}, []string{
			"config: url (from default): has no scheme; write sqlite:app.db, postgres://…, mariadb://… or mongodb://…",
		}},
		{"what a function did", t.Context(), []Option{WithURL("sqlite:a.db?timeout=1s"), With(func(c *Config) { c.RetryAttempts = -2; c.Params = c.Params.Set("mode", "x") })}, []string{
			"config: mode (from argument): has a wrong value; one of ro, rw, rwc, memory", "config: retry_attempts (from argument): is less than 1",
		}},
		{"a value against a default", t.Context(), []Option{WithURL("postgres://h?min_conns=20")}, []string{
			"config: min_conns (from argument): is more than max_open_conns, which is 10", "config: min_conns (from argument): is more than max_idle_conns, which is 10",
		}},
		{"every source at once", WithOverride(WithOverride(t.Context(), WithURL("sqlite:o.db?timeout=1")), WithName("nix"), environ()), []Option{env}, []string{
			"config: sslmode (from environment DATABASE_URL): has a wrong value; one of disable, allow, prefer, require, verify-ca, verify-full",
			"config: timeout (from context override): has no unit; write 5s, 200ms or 1h30m",
			"config: url (from environment NIX_DATABASE_URL): isn't set; set it to the database's URL, for instance sqlite:nix.db",
		}},
	} {
		c, err := Load(tt.ctx, tt.opts...)
		if err == nil {
			t.Errorf("%s: got %s", tt.name, says(c))
			continue
		}
		if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, tt.want) {
			t.Errorf("%s\n got %q\nwant %q", tt.name, got, tt.want)
		}
		problemsOf(t, err) // all of them are FieldErrors
		if !c.Equal(Config{}) {
			t.Errorf("%s: a Config came with the error", tt.name)
		}
	}
}

func TestLoadReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("DATABASE_URL", "sqlite:process.db")
	for _, load := range []func(context.Context) (Config, error){
		func(ctx context.Context) (Config, error) { return Load(ctx) }, FromContext,
	} {
		if c, err := load(t.Context()); err != nil || c.Database != "process.db" {
			t.Errorf("got %s, %v", c, err)
		}
	}
}

func TestAnOverrideIsSeenOnlyBelowItsContext(t *testing.T) {
	t.Parallel()
	top := t.Context()
	base, err := Load(top, WithURL("postgres://h,h2/db?timeout=1s"))
	if err != nil {
		t.Fatal(err)
	}
	before := says(base)
	outer := WithOverride(top, With(func(c *Config) { c.Timeout = 2 * time.Second; c.OtherHosts[0].Host = "changed" }))
	inner := WithOverride(outer, With(func(c *Config) { c.Timeout *= 2; c.ReadOnly = true; c.Params = c.Params.Set("sslmode", "require") }))
	sibling := WithOverride(outer, With(func(c *Config) { c.Timeout *= 3 }))
	for _, tt := range []struct {
		ctx      context.Context
		timeout  time.Duration
		readOnly bool
	}{{top, time.Second, false}, {outer, 2 * time.Second, false}, {inner, 4 * time.Second, true}, {sibling, 6 * time.Second, false}, {outer, 2 * time.Second, false}} {
		c, err := base.Under(tt.ctx)
		if err != nil || c.Timeout != tt.timeout || c.ReadOnly != tt.readOnly {
			t.Errorf("got %v, %v, %v; want %v, %v", c.Timeout, c.ReadOnly, err, tt.timeout, tt.readOnly)
		}
	}
	if says(base) != before {
		t.Errorf("the override changed what it was applied to:\n%s\n%s", before, says(base))
	}
	if c, _ := base.Under(inner); from(c, "timeout") != "4s (context override)" || from(c, "database") != "db (argument)" {
		t.Errorf("the sources are wrong: %v", c.Explain())
	}
}

func TestUnderAnotherTargetKeepsWhatWasSaidAndNotWhatWasTheDefault(t *testing.T) {
	t.Parallel()
	base, err := Load(t.Context(), WithName("orders"), WithURL("sqlite:app.db?timeout=7s"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := base.Under(WithOverride(t.Context(), WithURL("postgres://h/db")))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"name": "orders (argument)", "engine": "postgres (context override)", "timeout": "7s (argument)", "conn_max_lifetime": "30m (default)",
		"host": "h (context override)", "port": "5432 (default)",
	} {
		if got := from(c, key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if c, err = base.Under(WithOverride(t.Context(), WithName("x"), environ("X_DATABASE_URL", "sqlite:x.db"))); err != nil || from(c, "name") != "x (context override)" {
		t.Errorf("the name is %s, %v", from(c, "name"), err)
	}
}

func TestAnotherTargetKeepsWhatTheProgramHasPutIntoTheConfig(t *testing.T) {
	t.Parallel()
	base, err := Load(t.Context(), WithURL("sqlite:app.db?slow_threshold=2s"), environ())
	if err != nil {
		t.Fatal(err)
	}
	base.Timeout, base.RetryAttempts, base.SlowThreshold = time.Second, 1, 3*time.Second // as plinth.Options do after Load
	base.MaxOpenConns, base.MaxIdleConns = 5, 5
	for url, want := range map[string]Config{
		"sqlite:app.db": {MaxOpenConns: 5, MaxIdleConns: 5}, "postgres://u@h/d": {MaxOpenConns: 5, MaxIdleConns: 5},
		"sqlite:app.db?max_open_conns=3": {MaxOpenConns: 3, MaxIdleConns: 3},
	} {
		c, err := base.Under(WithOverride(t.Context(), WithURL(url)))
		if err != nil || c.Timeout != time.Second || c.RetryAttempts != 1 || c.SlowThreshold != 3*time.Second ||
			c.MaxOpenConns != want.MaxOpenConns || c.MaxIdleConns != want.MaxIdleConns || from(c, "timeout") != "1s (code)" {
			t.Errorf("%s: got %s, %s, %v", url, says(c), from(c, "timeout"), err)
		}
	}
}

func TestUnderReportsAWrongOverride(t *testing.T) {
	t.Parallel()
	base, _ := Load(t.Context(), WithURL("sqlite:app.db"))
	for _, opt := range []Option{
		WithURL("sqlite:"), WithName("no such name"), With(func(c *Config) { c.RetryAttempts = -1 }),
		With(func(c *Config) { c.Engine = "x" }), WithConfig(Config{Engine: SQLite}),
	} {
		if c, err := base.Under(WithOverride(t.Context(), opt)); err == nil || !c.Equal(Config{}) {
			t.Errorf("got %s, %v", says(c), err)
		}
	}
}

func TestAConfigGivenToAContextIsTheConfigurationThere(t *testing.T) {
	t.Parallel()
	c, err := Load(t.Context(), WithURL("sqlite:app.db?timeout=7s"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(WithOverride(t.Context(), WithConfig(c)), environ("DATABASE_URL", "postgres://h/db"))
	if err != nil || !got.Equal(c) {
		t.Errorf("got %s, %v", says(got), err)
	}
}

func TestAThousandGoroutinesSeeTheirOwnOverride(t *testing.T) {
	t.Parallel()
	base, err := Load(t.Context(), WithURL("sqlite:app.db?journal_mode=wal"))
	if err != nil {
		t.Fatal(err)
	}
	shared := WithOverride(t.Context(), With(func(c *Config) { c.Params = c.Params.Set("synchronous", "full") }))
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			file, timeout := fmt.Sprintf("tenant-%d.db", i), time.Duration(i+1)*time.Second
			outer := WithOverride(shared, WithURL("sqlite:"+file), With(func(c *Config) {
				c.Timeout = timeout
				c.Params = c.Params.Set("cache_size", fmt.Sprint(i))
			}))
			inner := WithOverride(outer, With(func(c *Config) { c.Timeout *= 2 }))
			check := func(c *Config, timeout time.Duration) {
				if size, _ := c.Params.Get("cache_size"); c.Database != file || c.Timeout != timeout || size != fmt.Sprint(i) {
					t.Errorf("goroutine %d got %s", i, says(*c))
				}
			}
			for range 3 {
				for ctx, timeout := range map[context.Context]time.Duration{outer: timeout, inner: 2 * timeout} {
					c, err := base.Under(ctx)
					if err != nil {
						t.Error(err)
					}
					check(&c, timeout)
					derived, _ := Derive(ctx, &base, func(c Config, _ error) *Config { return &c })
					check(derived, timeout)
				}
			}
			if common, _ := Derive(shared, &base, func(c Config, _ error) *Config { return &c }); common.Database != "app.db" || common.Params.Len() != 2 {
				t.Errorf("what all share has become %s", says(*common))
			}
		})
	}
	wg.Wait()
	if c, _ := base.Under(t.Context()); !c.Equal(base) || c.Params.Len() != 1 {
		t.Errorf("the base has become %s", says(c))
	}
}

func TestUnderCostsNothingWithoutAnOverride(t *testing.T) {
	c, err := Load(t.Context(), WithURL("sqlite:app.db"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Under(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUnderAnOverride(b *testing.B) {
	c, err := Load(b.Context(), WithURL("sqlite:app.db?journal_mode=wal"))
	if err != nil {
		b.Fatal(err)
	}
	ctx := WithOverride(b.Context(), With(func(c *Config) { c.Timeout = time.Second }))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Under(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
