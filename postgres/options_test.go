package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

func parsed(t testing.TB, url string) Options {
	t.Helper()
	c, err := config.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	o, err := fromConfig(c)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return o
}

func TestAURLsParametersAreOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query string
		set   func(*Options)
	}{
		{"", func(*Options) {}},
		{"sslmode=verify-ca&sslrootcert=/a&sslcert=/b&sslkey=/c", func(o *Options) {
			o.TLS = TLS{Mode: "verify-ca", RootCert: "/a", Cert: "/b", Key: "/c"}
		}},
		{"sslcertmode=disable&sslcert=/b&sslkey=/c", func(*Options) {}},
		{"sslcert=/b&sslkey=/c&sslcertmode=allow", func(o *Options) { o.TLS.Cert, o.TLS.Key = "/b", "/c" }},
		{"sslnegotiation=direct&sslsni=0", func(o *Options) { o.TLS.Direct, o.TLS.NoSNI = true, true }},
		{"ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.3", func(o *Options) {
			o.TLS.Min, o.TLS.Max = tls.VersionTLS13, tls.VersionTLS13
		}},
		{"ssl_min_protocol_version=TLSv1.2", func(o *Options) { o.TLS.Min = tls.VersionTLS12 }},
		{"channel_binding=require&require_auth=scram-sha-256", func(o *Options) {
			o.ChannelBinding, o.RequireAuth = "require", "scram-sha-256"
		}},
		{"target_session_attrs=prefer-standby&load_balance_hosts=random", func(o *Options) {
			o.Role, o.LoadBalance = RolePreferStandby, true
		}},
		{"hostaddr=127.0.0.1,", func(o *Options) { o.Hosts[0].Address = "127.0.0.1" }},
		{"connect_timeout=3", func(o *Options) { o.ConnectTimeout = 3 * time.Second }},
		{"connect_timeout=500ms", func(o *Options) { o.ConnectTimeout = 500 * time.Millisecond }},
		{"connect_timeout=0", func(o *Options) { o.ConnectTimeout = -1 }},
		{"keepalives=0", func(o *Options) { o.NoKeepAlive = true }},
		{"keepalives_idle=5&keepalives_interval=6&keepalives_count=7&keepalives=1", func(o *Options) {
			o.KeepAlive.Idle, o.KeepAlive.Interval, o.KeepAlive.Count = 5*time.Second, 6*time.Second, 7
		}},
		{"pgbouncer=true&statement_cache=7", func(o *Options) { o.PgBouncer, o.StatementCache = true, 7 }},
		{"statement_cache=0", func(o *Options) { o.StatementCache = -1 }},
		{"application_name=shop&fallback_application_name=no", func(o *Options) { o.RuntimeParams["application_name"] = "shop" }},
		{"fallback_application_name=shop", func(o *Options) { o.RuntimeParams["application_name"] = "shop" }},
		{"statement_timeout=5s&search_path=a,b&options=-c%20geqo=off&app.tenant=7", func(o *Options) {
			o.RuntimeParams["statement_timeout"], o.RuntimeParams["search_path"] = "5s", "a,b"
			o.RuntimeParams["options"], o.RuntimeParams["app.tenant"] = "-c geqo=off", "7"
		}},
		{"gssencmode=disable&sslcompression=0&passfile=/x&service=x&servicefile=/y", func(*Options) {}},
		{"read_only=true", func(o *Options) { o.ReadOnly = true }},
	} {
		url := "postgres://app@one:1,two/shop?" + test.query
		got := parsed(t, url)
		want := Options{Hosts: []Host{{Name: "one", Port: 1}, {Name: "two"}}, Database: "shop", User: "app",
			RuntimeParams: map[string]string{}}
		test.set(&want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", test.query, got, want)
		}
	}
}

func TestAParameterThatMeansNothingIsRefusedByName(t *testing.T) {
	t.Parallel()
	for query, hint := range map[string]string{
		"ssl=1": "sslmode=verify-full", "sslmod=require": "did you mean sslmode?", "ssl_mode=require": "did you mean sslmode?",
		"SSLMode=require": "did you mean sslmode?", "connect_timout=3": "did you mean connect_timeout?", "pg_bouncer=true": "did you mean pgbouncer?",
		"target_session_attr=any": "did you mean target_session_attrs?", "pool_max_conns=5": "max_open_conns", "connection_limit=5": "max_open_conns",
		"schema=x": "search_path", "default_query_exec_mode=exec": "pgbouncer=true", "sslcrl=x": "isn't supported", "replication=database": "isn't supported",
	} {
		c, err := config.Parse("postgres://app@one/shop?" + query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fromConfig(c)
		f, ok := errors.AsType[*driver.Fault](err)
		if !ok || f.Kind != driver.Argument {
			t.Errorf("%s: %v", query, err)
			continue
		}
		name, _, _ := strings.Cut(query, "=")
		wants(t, query, f.Error(), name)
		wants(t, query, f.Hint, hint)
	}
}

func TestAWrongValueIsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sslsni", "sslnegotiation", "sslcertmode", "ssl_min_protocol_version", "sslcompression", "gssencmode",
		"load_balance_hosts", "hostaddr", "connect_timeout", "keepalives", "keepalives_idle", "keepalives_count", "pgbouncer", "statement_cache"} {
		c := config.Config{Engine: config.PostgreSQL, Host: "one", Database: "shop", Params: config.Params{}.Add(name,
			"hunter2,x")}
		o, err := fromConfig(c)
		if err == nil {
			t.Errorf("%s: it was accepted as %+v", name, o)
			continue
		}
		wants(t, name, err.Error(), name)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v shows the value", name, err)
		}
	}
}

func TestDefaultsOfATarget(t *testing.T) {
	t.Parallel()
	to := testTarget(t, Options{})
	if to.Hosts[0] != (Host{Name: "localhost", Port: 5432}) || to.Role != RoleAny || to.StatementCache != 256 || to.ConnectTimeout != 10*time.Second {
		t.Errorf("%+v", to.Options)
	}
	for _, test := range []struct {
		o    Options
		role Role
	}{
		{Options{Hosts: []Host{{Name: "a"}, {Name: "b"}}}, RoleReadWrite},
		{Options{Hosts: []Host{{Name: "a"}, {Name: "b"}}, ReadOnly: true}, RoleAny},
		{Options{Hosts: []Host{{Name: "a"}, {Name: "b"}}, Role: RoleAny}, RoleAny},
	} {
		if got := testTarget(t, test.o).Role; got != test.role {
			t.Errorf("%+v: %s", test.o, got)
		}
	}
	for _, o := range []Options{{PgBouncer: true}, {StatementCache: -1}} {
		if n := testTarget(t, o).StatementCache; n != 0 {
			t.Errorf("%+v keeps %d statements", o, n)
		}
	}
}

func TestKeepAlivesAreOnUnlessSwitchedOff(t *testing.T) {
	t.Parallel()
	if d := testTarget(t, Options{}).dialer(); !d.KeepAliveConfig.Enable || d.KeepAlive < 0 {
		t.Errorf("%+v", d)
	}
	if d := testTarget(t, parsed(t, "postgres://a@one/x?keepalives_idle=5")).dialer(); !d.KeepAliveConfig.Enable || d.KeepAliveConfig.Idle != 5*time.Second {
		t.Errorf("%+v", d)
	}
	if d := testTarget(t, parsed(t, "postgres://a@one/x?keepalives=0&keepalives_idle=5")).dialer(); d.KeepAliveConfig.Enable || d.KeepAlive >= 0 {
		t.Errorf("%+v", d)
	}
}

func TestASessionBeginsWithItsSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "DateStyle=ISO client_encoding=UTF8 standard_conforming_strings=on"},
		{Options{ReadOnly: true},
			"DateStyle=ISO client_encoding=UTF8 default_transaction_read_only=on standard_conforming_strings=on"},
		{Options{ReadOnly: true, RuntimeParams: map[string]string{"Default_Transaction_Read_Only": "off"}},
			"DateStyle=ISO client_encoding=UTF8 default_transaction_read_only=on standard_conforming_strings=on"},
		{Options{StatementTimeout: time.Second, LockTimeout: time.Microsecond, IdleInTransactionTimeout: 1500 * time.Microsecond},
			"DateStyle=ISO client_encoding=UTF8 idle_in_transaction_session_timeout=2 lock_timeout=1 standard_conforming_strings=on statement_timeout=1000"},
		{Options{StatementTimeout: time.Second, RuntimeParams: map[string]string{"statement_timeout": "7s",
			"datestyle": "SQL, DMY", "client_encoding": "utf-8"}},
			"client_encoding=UTF8 datestyle=SQL, DMY standard_conforming_strings=on statement_timeout=7s"},
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(testTarget(t, test.o).RuntimeParams), "map["), "]")
		if got != strings.ReplaceAll(test.want, "=", ":") {
			t.Errorf("%+v: %s, want %s", test.o, got, test.want)
		}
	}
	o := Options{RuntimeParams: map[string]string{"work_mem": "1MB"}}
	before := maps.Clone(o.RuntimeParams)
	if testTarget(t, o); !maps.Equal(o.RuntimeParams, before) {
		t.Error("the caller's map was changed")
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"target_session_attrs": {Role: "master"},
		"the port":             {Hosts: []Host{{Name: "a", Port: 70000}}},
		"zero byte":            {Hosts: []Host{{Name: "a\x00b"}}},
		"hostaddr":             {Hosts: []Host{{Name: "a", Address: "b"}}},
		"UTF-8":                {RuntimeParams: map[string]string{"client_encoding": "latin1"}},
		"has no name":          {RuntimeParams: map[string]string{"": "x"}},
		"a zero byte in it":    {RuntimeParams: map[string]string{"x": "a\x00b"}},
		"a zero byte in its":   {User: "a\x00b"},
		"isn't a runtime":      {RuntimeParams: map[string]string{"user": "mallory"}},
		"isn't a runtime ":     {RuntimeParams: map[string]string{"replication": "database"}},
		"negative":             {StatementTimeout: -1},
		"channel_binding":      {ChannelBinding: "always"},
		"require_auth":         {RequireAuth: "scram' service=x '"},
		"require_auth ":        {RequireAuth: "kerberos"},
	} {
		_, err := o.resolve()
		if err == nil {
			t.Errorf("%+v was accepted", o)
			continue
		}
		wants(t, fmt.Sprintf("%+v", o), err.Error(), strings.TrimSpace(want))
		if f, ok := errors.AsType[*driver.Fault](err); !ok || f.Kind != driver.Argument {
			t.Errorf("%v isn't a fault of kind argument", err)
		}
	}
}

func TestTheLabelNamesTheTargetAlone(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://app:hunter2@one,two:7/shop": "postgres://one:5432,two:7/shop",
		"postgres://app:hunter2@[::1]/shop":     "postgres://[::1]:5432/shop",
		"postgres:///shop?host=/run/pg&user=a":  "postgres:///run/pg/.s.PGSQL.5432/shop",
	} {
		if got := testTarget(t, parsed(t, url)).label(); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
