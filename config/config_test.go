package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled returns a Config of the engine with something in each field that means something to it.
func filled(t *testing.T, e Engine) Config {
	t.Helper()
	c := Config{
		Name: "orders", Engine: e, Database: "d b", User: "me", Password: NewSecret("p@ss:w/rd"), Params: Params{}.Set("x", "y z"),
		Host: "h", Port: 1, OtherHosts: []Address{{"h2", 0}, {"::1", 3}},
		MaxOpenConns: 9, MaxIdleConns: 8, MinConns: 7, ConnMaxLifetime: 6 * time.Minute, ConnMaxIdleTime: 5 * time.Second,
		AcquireTimeout: 4, LeakThreshold: Off, Timeout: 3 * time.Hour, SlowThreshold: 2, RetryAttempts: 5,
		RetryBaseDelay: 1, RetryMaxDelay: 2, ReadOnly: true,
	}
	if e == SQLite {
		c.User, c.Password, c.Host, c.Port, c.OtherHosts = "", Secret{}, "", 0, nil
		c.Params = Params{}.Set("journal_mode", "wal")
	}
	if e == MongoDB {
		c.SRV, c.Port, c.OtherHosts = true, 0, nil
	}
	return c
}

func TestEveryFieldSurvivesTheURLAndIsCompared(t *testing.T) {
	t.Parallel()
	for _, e := range []Engine{SQLite, PostgreSQL, MariaDB, MongoDB} {
		c := filled(t, e)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		read, err := Parse(c.URL().Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if read.Name = c.Name; !read.Equal(c) {
			t.Errorf("%s\nwrote %s\n read %s", e, says(c), says(read))
		}
		fields := reflect.VisibleFields(reflect.TypeFor[Config]())
		for _, f := range fields {
			if !f.IsExported() {
				continue
			}
			less := c
			v := reflect.ValueOf(&less).Elem().FieldByIndex(f.Index)
			if v.IsZero() {
				continue
			}
			v.SetZero()
			if less.Equal(c) || c.Equal(less) {
				t.Errorf("%s: Equal doesn't look at %s", e, f.Name)
			}
			if len(less.Map()) != len(c.Map())-1 || len(less.Explain()) != len(c.Explain())-1 {
				t.Errorf("%s: Map or Explain doesn't show %s", e, f.Name)
			}
		}
	}
}

func TestMapHoldsTypedValuesAndHidesSecrets(t *testing.T) {
	t.Parallel()
	c, err := Parse("postgres://me:secret@h:5433,h2/db?sslmode=require&token=secret&timeout=5s&max_open_conns=3&read_only=true&leak_threshold=off")
	if err != nil {
		t.Fatal(err)
	}
	m := c.Map()
	password, token := m["password"].(Secret), m["params"].(map[string]any)["token"].(Secret)
	if password.Reveal() != "secret" || token.Reveal() != "secret" {
		t.Error("the secrets in the map aren't those of the URL")
	}
	delete(m, "password")
	delete(m["params"].(map[string]any), "token")
	want := map[string]any{
		"engine": "postgres", "host": "h", "port": 5433, "other_hosts": []Address{{"h2", 0}}, "database": "db", "user": "me",
		"timeout": 5 * time.Second, "max_open_conns": 3, "read_only": true, "leak_threshold": time.Duration(Off),
		"params": map[string]any{"sslmode": "require"},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %#v\nwant %#v", m, want)
	}
	c, _ = Parse("mongodb://h/?readPreferenceTags=a:1&readPreferenceTags=b:2&appName=x")
	want = map[string]any{"readPreferenceTags": []any{"a:1", "b:2"}, "appName": "x"}
	if got := c.Map()["params"]; !reflect.DeepEqual(got, want) {
		t.Errorf("repeated parameters: got %#v", got)
	}
}

func TestMapIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	c, _ := Parse("postgres://h,h2/db?sslmode=require")
	m := c.Map()
	m["other_hosts"].([]Address)[0].Host = "changed"
	m["params"].(map[string]any)["sslmode"] = "changed"
	if c.OtherHosts[0].Host != "h2" || c.Map()["params"].(map[string]any)["sslmode"] != "require" {
		t.Error("a change of the map reached the Config")
	}
	a := c.Addresses()
	a[1].Host = "changed"
	if c.OtherHosts[0].Host != "h2" {
		t.Error("a change of the addresses reached the Config")
	}
}

func TestParamsChangeOnlyTheCopy(t *testing.T) {
	t.Parallel()
	base := Params{}.Set("a", "1").Set("b", "2").Add("b", "3")
	before := base.String()
	x, y := base.Add("c", "4"), base.Add("d", "5") // both into what might be the same spare room
	set, del := base.Set("b", "9"), base.Del("b")
	if base.String() != before || base.Len() != 3 {
		t.Errorf("base has become %s", base)
	}
	get := func(p Params) string {
		var list []string
		for key, value := range p.All() {
			list = append(list, key+value)
		}
		return strings.Join(list, " ")
	}
	for _, tt := range []struct {
		p    Params
		want string
	}{{x, "a1 b2 b3 c4"}, {y, "a1 b2 b3 d5"}, {set, "a1 b9"}, {del, "a1"}, {base.Set("a", "0"), "a0 b2 b3"}} {
		if get(tt.p) != tt.want {
			t.Errorf("got %s, want %s", get(tt.p), tt.want)
		}
	}
	if v, ok := base.Get("b"); v != "2" || !ok {
		t.Errorf("Get returns %s", v)
	}
	if _, ok := base.Get("z"); ok {
		t.Error("Get finds what isn't there")
	}
	if base.Equal(x) || x.Equal(y) || !x.Equal(base.Add("c", "4")) {
		t.Error("Equal is wrong")
	}
	for range base.All() {
		break // must not go on
	}
}

func TestValidateReportsAConfigMadeByHand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*Config)
		want   []string
	}{
		{func(c *Config) { c.Engine = "postgrs" }, []string{"engine: isn't known; did you mean postgres?"}},
		{func(c *Config) { c.Engine = "oracle" }, []string{"engine: isn't known; one of sqlite, postgres, mariadb, mongodb"}},
		{func(c *Config) { c.Engine = "" }, []string{"engine: isn't known; one of sqlite, postgres, mariadb, mongodb"}},
		{func(c *Config) { c.Host = "h:5432" }, []string{"host: has a colon in it"}},
		{func(c *Config) { c.Port = -1 }, []string{"port: isn't a number from 1 to 65535; if a password is in the way, write its @ as %40, : as %3A, / as %2F and ? as %3F"}},
		{func(c *Config) { c.SRV = true }, []string{"srv: means nothing to postgres; leave it out"}},
		{func(c *Config) { c.MinConns = -1; c.AcquireTimeout = -5 }, []string{"min_conns: is less than 0"}},
		{func(c *Config) { c.RetryAttempts = -1 }, []string{"retry_attempts: is less than 1"}},
		{func(c *Config) { c.RetryMaxDelay = -1 }, []string{"retry_max_delay: isn't longer than nothing"}},
		{func(c *Config) {
			c.Params = c.Params.Set("timeout", "1s").Set("max_open_conns", "5")
			c.MaxOpenConns = 4
		}, []string{"max_open_conns: is given twice"}},
		{func(c *Config) { c.Params = c.Params.Set("a b", "1") }, []string{"url: has a parameter whose name isn't made of letters, digits, _, - and dots, at most 64"}},
		{func(c *Config) { c.Params = c.Params.Set("host", "h2") }, []string{"host: is given twice; the host is in front of the parameters already"}},
		{func(c *Config) { *c = Config{Engine: SQLite} }, []string{"database: has no file; write sqlite:app.db, or sqlite::memory: for a database in memory"}},
		{
			func(c *Config) { *c = Config{Engine: SQLite, Database: "a.db", Host: "h", User: "u"} },
			[]string{"host: means nothing to sqlite; leave it out", "user: means nothing to sqlite; leave it out"},
		},
		{
			func(c *Config) {
				*c = Config{Engine: SQLite, Database: "a.db", Params: Params{}.Set("journal_mode", "fast")}
			},
			[]string{"journal_mode: has a wrong value; one of delete, truncate, persist, memory, wal, off"},
		},
	} {
		c := Config{Engine: PostgreSQL, Host: "h"}
		tt.change(&c)
		err := c.Validate()
		if err == nil {
			t.Errorf("%s is valid", says(c))
			continue
		}
		if got := problemsOf(t, err); !slices.Equal(got, tt.want) {
			t.Errorf("%s\n got %q\nwant %q", says(c), got, tt.want)
		}
		if !strings.Contains(err.Error(), "(from code)") {
			t.Errorf("doesn't say where it came from: %v", err)
		}
	}
}

func TestDefaultsAreValidAndLeaveNothingOpen(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://":                "postgres://localhost:5432",
		"postgres://h,h2:1":          "postgres://h:5432,h2:1",
		"postgres:///?host=/run/pg":  "postgres:///?host=/run/pg&port=5432",
		"mariadb://u@":               "mariadb://u@localhost:3306",
		"mariadb:///d?socket=/run/m": "mariadb:///d?socket=/run/m",
		"mongodb://h":                "mongodb://h:27017/",
		"mongodb+srv://h":            "mongodb+srv://h/",
		"sqlite:app.db":              "sqlite:app.db",
	} {
		c, err := Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		full := c.WithDefaults()
		if err := full.Validate(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if full.Redacted() != want {
			t.Errorf("%s: got %s, want %s", url, full.Redacted(), want)
		}
		if full.SlowThreshold != 200*time.Millisecond || full.RetryAttempts != 4 {
			t.Errorf("%s: settings are open", url)
		}
		if again := full.WithDefaults(); !again.Equal(full) || !reflect.DeepEqual(again.Explain(), full.Explain()) {
			t.Errorf("%s: defaults of defaults differ", url)
		}
	}
	c, _ := Parse("postgres://?max_open_conns=3&slow_threshold=off")
	if c = c.WithDefaults(); c.MaxOpenConns != 3 || c.MaxIdleConns != 3 || c.SlowThreshold != Off {
		t.Errorf("defaults don't follow what is said: %s", says(c))
	}
	if c, _ = Parse("sqlite::memory:"); c.WithDefaults().ConnMaxLifetime != Off || c.WithDefaults().ConnMaxIdleTime != Off {
		t.Error("a database in memory would end with its connection")
	}
}

func TestExplainNamesTheSourceOfEachValue(t *testing.T) {
	t.Parallel()
	c, err := Parse("mariadb://me:secret@h/db?key=secret&tls=true&timeout=5s")
	if err != nil {
		t.Fatal(err)
	}
	c.SlowThreshold, c.User = time.Second, "you"
	want := []Value{
		{"engine", "mariadb", "URL"}, {"host", "h", "URL"}, {"database", "db", "URL"}, {"user", "you", "code"},
		{"password", "[redacted]", "URL"}, {"key", "[redacted]", "URL"}, {"tls", "true", "URL"},
		{"timeout", "5s", "URL"}, {"slow_threshold", "1s", "code"},
	}
	if got := c.Explain(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if text, err := json.Marshal(c.Explain()); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("JSON: %s, %v", text, err)
	}
}

func TestSettingsAreNamedAsTheirFieldsAre(t *testing.T) {
	t.Parallel()
	fields := map[any]string{}
	var c Config
	v := reflect.ValueOf(&c).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.IsExported() {
			fields[v.FieldByIndex(f.Index).Addr().Interface()] = f.Name
		}
	}
	for _, s := range settings() {
		want := strings.ReplaceAll(s.key, "_", "")
		if got := strings.ToLower(fields[s.field(&c)]); got != want {
			t.Errorf("parameter %s sets the field %s", s.key, got)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	candidates := slices.Values([]string{"journal_mode", "busy_timeout", "cache"})
	for word, want := range map[string]string{
		"journal_mode": "did you mean journal_mode?", "JOURNALMODE": "did you mean journal_mode?", "buys_timeout": "did you mean busy_timeout?",
		"cahce": "did you mean cache?", "c": "", "completely_else": "", strings.Repeat("cache", 30): "", "": "",
	} {
		if got := didYouMean(word, candidates); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
