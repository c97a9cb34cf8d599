package mariadb

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

// fromURL returns the options of a URL.
func fromURL(t *testing.T, url string) (Options, error) {
	t.Helper()
	c, err := config.Load(t.Context(), config.WithURL(url), config.WithEnviron(func(string) (string, bool) { return "", false }))
	if err != nil {
		t.Fatal(err)
	}
	return fromConfig(c)
}

func TestAURLSaysAllOptions(t *testing.T) {
	t.Parallel()
	o, err := fromURL(t, "mariadb://app:secret@one:3307,two/shop?ssl_mode=verify-ca&ssl_ca=/ca.pem&connect_timeout=3&collation=utf8mb4_bin&sql_mode=TRADITIONAL"+
		"&max_statement_time=2.5&innodb_lock_wait_timeout=7&statement_cache=0&zero_dates=null&target_session_attrs=any&load_balance_hosts=random"+
		"&tls_version=TLSv1.2,TLSv1.3&cleartext=true&parseTime=true&charset=utf8mb4")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Hosts, []Host{{"one", 3307}, {"two", 3306}}) || o.Database != "shop" || o.User != "app" || o.Password.Reveal() != "secret" {
		t.Errorf("%+v", o)
	}
	if o.TLS.Mode != "VERIFY_CA" || o.TLS.RootCert != "/ca.pem" || o.TLS.Min >= o.TLS.Max || o.ConnectTimeout != 3*time.Second || !o.Cleartext {
		t.Errorf("%+v", o)
	}
	if o.Collation != "utf8mb4_bin" || o.SQLMode != "TRADITIONAL" || o.StatementTimeout != 2500*time.Millisecond || o.StatementCache != -1 || o.ZeroDates != "null" ||
		o.Role != RoleAny || !o.LoadBalance || !maps.Equal(o.Variables, map[string]string{"innodb_lock_wait_timeout": "7"}) {
		t.Errorf("%+v", o)
	}
}

func TestOtherClientsWordsAreTakenOrRefusedWithAHint(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"tls=true": tlsVerifyIdentity, "tls=skip-verify": tlsRequired, "sslMode=verify-full": tlsVerifyIdentity, "ssl-mode=REQUIRED": tlsRequired,
		"sslMode=trust": tlsRequired, "ssl_verify_server_cert=true": tlsVerifyIdentity, "tls=preferred": tlsPreferred,
	} {
		if o, err := fromURL(t, "mariadb://h/d?"+query); err != nil || o.TLS.Mode != want {
			t.Errorf("%s: %q, %v", query, o.TLS.Mode, err)
		}
	}
	for query, hint := range map[string]string{
		"ssl_mod=REQUIRED": "did you mean ssl_mode?", "multiStatements=true": "one statement", "useSSL=true": "ssl_mode", "readTimeout=3s": "timeout",
		"compress=true": "isn't supported", "loc=Local": "", "tls=custom": "", "parseTime=false": "", "charset=latin1": "", "statement_cache=many": "",
	} {
		_, err := fromURL(t, "mariadb://h/d?"+query)
		f, ok := errors.AsType[*driver.Fault](err)
		if !ok || f.Kind != driver.Argument || !strings.Contains(f.Hint, hint) {
			t.Errorf("%s: %v, hint %q", query, err, hint)
		}
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"a role":                    {Role: "leader"},
		"a port":                    {Hosts: []Host{{"h", 70000}}},
		"a host with a zero byte":   {Hosts: []Host{{"h\x00", 0}}},
		"a database with one":       {Database: "d\x00"},
		"a mode of TLS":             {TLS: TLS{Mode: "VERIFY"}},
		"VERIFY_CA of any site":     {TLS: TLS{Mode: "VERIFY_CA"}},
		"half a certificate":        {TLS: TLS{Cert: "c.pem"}},
		"TLS 1.0":                   {TLS: TLS{Min: 0x301}},
		"an authority that's gone":  {Hosts: []Host{{"h", 0}}, TLS: TLS{RootCert: "/nowhere/ca.pem"}},
		"a collation of Latin":      {Collation: "latin1_swedish_ci"},
		"ANSI_QUOTES":               {SQLMode: "STRICT_ALL_TABLES,ansi_quotes"},
		"ANSI":                      {SQLMode: "ANSI"},
		"a variable that is code":   {Variables: map[string]string{"a = 1; drop table t; --": "1"}},
		"a variable of the driver":  {Variables: map[string]string{"CHARACTER_SET_CLIENT": "latin1"}},
		"autocommit":                {Variables: map[string]string{"autocommit": "0"}},
		"a time zone":               {Variables: map[string]string{"time_zone": "Europe/Paris"}},
		"a zero byte in a variable": {Variables: map[string]string{"a": "\x00"}},
		"a negative limit":          {LockTimeout: -1},
		"zero dates":                {ZeroDates: "epoch"},
	} {
		if _, err := o.resolve(); !errors.Is(err, driver.Argument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSettingsAreLiterals(t *testing.T) {
	t.Parallel()
	to, err := Options{Collation: "utf8mb4_bin", SQLMode: "TRADITIONAL", StatementTimeout: 1500 * time.Millisecond, LockTimeout: 1200 * time.Millisecond,
		Variables: map[string]string{"wait_timeout": "60", "init": "it's", "path": `a\b`, "ratio": "1.5", "TIME_ZONE": "UTC"}}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	want := "SET SESSION collation_connection = 'utf8mb4_bin', SESSION init = 'it''s', SESSION innodb_lock_wait_timeout = 2, SESSION max_statement_time = 1.500000, " +
		"SESSION path = CONVERT(0x615c62 USING utf8mb4), SESSION ratio = 1.5, SESSION sql_mode = 'TRADITIONAL', SESSION time_zone = '+00:00', SESSION wait_timeout = 60"
	if to.setup[0] != want {
		t.Errorf("%s", to.setup[0])
	}
}

func TestTheServersOwnModeIsMadeReadable(t *testing.T) {
	t.Parallel()
	const mode = "PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ORACLE,STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES"
	if got := readable(mode); got != "PIPES_AS_CONCAT,IGNORE_SPACE,STRICT_ALL_TABLES" || len(unreadable(got)) != 0 {
		t.Errorf("%s", got)
	}
}

func TestTLSIsVerifiedOffThisMachine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host, address string
		tls           TLS
		want          []string
	}{
		{"db", "10.0.0.1:3306", TLS{}, []string{tlsVerifyIdentity}},
		{"db", "127.0.0.1:3306", TLS{}, []string{tlsVerifyIdentity}}, // what a name resolves to is for others to say
		{"localhost", "10.0.0.1:3306", TLS{}, []string{tlsVerifyIdentity}},
		{"localhost", "127.0.0.1:3306", TLS{}, []string{tlsDisabled, tlsRequired}},
		{"::1", "[::1]:3306", TLS{}, []string{tlsDisabled, tlsRequired}},
		{"localhost", "127.0.0.1:3306", TLS{RootCert: "ca.pem"}, []string{tlsVerifyIdentity}},
		{"localhost", "127.0.0.1:3306", TLS{Mode: tlsVerifyIdentity}, []string{tlsVerifyIdentity}},
		{"/run/mysqld.sock", "/run/mysqld.sock", TLS{Mode: tlsVerifyIdentity}, []string{tlsDisabled}},
		{"db", "10.0.0.1:3306", TLS{Mode: tlsRequired, RootCert: "ca.pem"}, []string{tlsVerifyCA}},
		{"db", "10.0.0.1:3306", TLS{Mode: tlsDisabled}, []string{tlsDisabled}},
	} {
		to := &target{Options: Options{TLS: test.tls}}
		if got := to.tlsModes(Host{Name: test.host}, test.address); !slices.Equal(got, test.want) {
			t.Errorf("%s at %s with %+v: %v, want %v", test.host, test.address, test.tls, got, test.want)
		}
	}
}

func TestTheLabelHoldsNoSecret(t *testing.T) {
	t.Parallel()
	to, err := Options{Hosts: []Host{{"one", 0}, {"/run/s", 0}}, Database: "shop", User: "app", Password: config.NewSecret("hunter2")}.resolve()
	if err != nil || to.label() != "mariadb://one:3306,/run/s/shop" {
		t.Errorf("%s, %v", to.label(), err)
	}
}
