package config

import (
	"testing"
	"testing/fstest"
)

func TestAnOverridesNameIsLookedForWhereTheConfigWasLoadedFrom(t *testing.T) {
	t.Parallel()
	disk := files(fstest.MapFS{
		"app.yaml": shared("production:\n  primary: {url: 'sqlite:app.db'}\n  orders: {url: 'sqlite:orders.db'}\n  pg: {url: 'postgres://u@h/db'}\n"),
		"pass":     private("*:*:*:*:p\n"),
	})
	base, err := Load(t.Context(), disk, WithFile("/app.yaml"), environ("PLINTH_ENV", "production", "PGPASSFILE", "/pass", "X_DATABASE_URL", "sqlite:x.db"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(t.Context(), WithConfig(base)) // as an engine is opened with it
	if err != nil || !again.Equal(base) {
		t.Fatalf("got %s, %v", says(again), err)
	}
	under, err := base.Under(WithOverride(t.Context(), WithName("orders")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{base, again, under, base.WithDefaults()} {
		for name, want := range map[string]string{
			"orders": "orders.db (file /app.yaml:3)", "x": "x.db (environment X_DATABASE_URL)", "pg": "db (file /app.yaml:4)",
		} {
			got, err := c.Under(WithOverride(t.Context(), WithName(name)))
			if err != nil || from(got, "database") != want || name == "pg" && got.Password.Reveal() != "p" {
				t.Errorf("%s: got %s, %v", name, from(got, "database"), err)
			}
		}
	}
	own := WithOverride(t.Context(), WithName("x"), environ("X_DATABASE_URL", "sqlite:own.db"))
	if got, err := base.Under(own); err != nil || got.Database != "own.db" {
		t.Errorf("with an environment of its own: %s, %v", got, err)
	}
}

func TestAPasswordDoesNotFollowAnOverrideToAnotherServer(t *testing.T) {
	t.Parallel()
	const u = "postgres://app:p@db1,db2/x"
	host := func(h string) func(*Config) { return func(c *Config) { c.Host = h } }
	say := func(p string) func(*Config) { return func(c *Config) { c.Password = NewSecret(p) } }
	disk := files(fstest.MapFS{"pass": private("tenant:*:*:*:of the file\n")})
	for _, tt := range []struct {
		name, url, want, from string
		environ               []string
		opts                  []Option
	}{
		{name: "another host", url: u, opts: []Option{With(host("tenant"))}},
		{name: "another port", url: u, opts: []Option{With(func(c *Config) { c.Port = 1 })}},
		{name: "one more", url: u, opts: []Option{With(func(c *Config) { c.OtherHosts = append(c.OtherHosts, Address{Host: "db3"}) })}},
		{name: "another address", url: u, opts: []Option{With(func(c *Config) { c.Params = c.Params.Set("hostaddr", "10.0.0.1,10.0.0.2") })}},
		{name: "another product", url: u, opts: []Option{With(func(c *Config) { c.Engine, c.Port, c.OtherHosts = MariaDB, 3306, nil })}},
		{"the same in capitals", u, "p", "argument", nil, []Option{With(host("DB1"))}},
		{"one less", u, "p", "argument", nil, []Option{With(func(c *Config) { c.OtherHosts = nil })}},
		{"another user", u, "p", "argument", nil, []Option{With(func(c *Config) { c.User = "me" })}},
		{"with a password", u, "q", "context override", nil, []Option{With(func(c *Config) { host("tenant")(c); say("q")(c) })}},
		{"with the same, said behind it", u, "p", "context override", nil, []Option{With(host("tenant")), With(say("p"))}},
		{"with the same in a URL", u, "p", "context override", nil, []Option{WithURL("postgres://app:p@tenant/x")}},
		{"the environment's is for every server", "postgres://app@db1/x", "e", "environment PGPASSWORD", []string{"PGPASSWORD", "e"}, []Option{With(host("tenant"))}},
		{"it fills what is missing", u, "e", "environment PGPASSWORD", []string{"PGPASSWORD", "e"}, []Option{With(host("tenant"))}},
		{"as does the password file", "postgres://app:p@db1/x", "of the file", "password file /pass:1", []string{"PGPASSFILE", "/pass"}, []Option{With(host("tenant"))}},
	} {
		base, err := Load(t.Context(), WithURL(tt.url), environ(tt.environ...), disk)
		if err != nil {
			t.Fatal(err)
		}
		ctx := WithOverride(t.Context(), tt.opts...)
		under, err := base.Under(ctx)
		load, err2 := Load(ctx, WithURL(tt.url), environ(tt.environ...), disk)
		for _, c := range []Config{under, load} {
			if c.Password.Reveal() != tt.want || tt.want != "" && from(c, "password") != "[redacted] ("+tt.from+")" || err != nil || err2 != nil {
				t.Errorf("%s: got %q, %s, %v, %v", tt.name, c.Password.Reveal(), from(c, "password"), err, err2)
			}
		}
	}
	c, err := Load(t.Context(), WithURL(u), With(host("proxy")), environ())
	if err != nil || c.Password.Reveal() != "p" {
		t.Errorf("the program's own argument: %q, %v", c.Password.Reveal(), err)
	}
}

func TestTheDefaultOfIdleConnectionsGoesWithAnOverridesSize(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]int{"postgres://h/d": 3, "postgres://h/d?max_idle_conns=2": 2} {
		base, err := Load(t.Context(), WithURL(url), environ())
		if err != nil {
			t.Fatal(err)
		}
		c, err := base.Under(WithOverride(t.Context(), With(func(c *Config) { c.MaxOpenConns = 3 })))
		if err != nil || c.MaxOpenConns != 3 || c.MaxIdleConns != want {
			t.Errorf("%s: got %s, %v", url, says(c), err)
		}
	}
}
