package mariadb_test

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
)

// TestWaysToLogIn are the plugins that MariaDB 10.11 has, with and without TLS.
func TestWaysToLogIn(t *testing.T) {
	s := servers.MariaDB(t)
	plain := func(o *mariadb.Options) { o.TLS = mariadb.TLS{Mode: "DISABLED"} }
	socket := func(o *mariadb.Options) { o.Hosts = []mariadb.Host{{Name: s.Socket()}} }
	for _, test := range []struct {
		name, user string
		change     func(*mariadb.Options)
	}{
		{"native over TLS", "app", func(*mariadb.Options) {}},
		{"native without TLS", "app", plain},
		{"native through the socket", "app", socket},
		{"ed25519 over TLS", "ed25519", func(*mariadb.Options) {}},
		{"ed25519 without TLS", "ed25519", plain},
		{"ed25519 through the socket", "ed25519", socket},
		{"TLS required", "tls", func(*mariadb.Options) {}},
		{"a certificate", "x509", func(*mariadb.Options) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, s.URLAs(test.user, "test"))
			test.change(&o)
			database.LogsIn(t, opener(o), test.user)
		})
	}
	t.Run("who the system says", func(t *testing.T) {
		for _, u := range s.Users() {
			if u.Login == "unix_socket" {
				e := openURL(t, s.URLAs(u.Name, "test"))
				if got, err := plinth.One[string](t.Context(), e, database.LoggedIn); got != u.Name || err != nil {
					t.Errorf("it's %s, %v", got, err)
				}
			}
		}
	})
}

func TestLoginsThatAreRefused(t *testing.T) {
	s := servers.MariaDB(t)
	for _, test := range []struct {
		name   string
		user   string
		change func(*mariadb.Options)
		kind   plinth.Kind
		code   string
		hint   string
	}{
		{"a wrong password", "app", func(o *mariadb.Options) { o.Password = config.NewSecret("wrong-" + o.Password.Reveal()) },
			plinth.ErrAuth, "1045", "check the user and the password"},
		{"a wrong password of ed25519", "ed25519", func(o *mariadb.Options) { o.Password = config.NewSecret("wrong") }, plinth.ErrAuth, "1045", "check"},
		{"no password", "app", func(o *mariadb.Options) { o.Password = config.Secret{} }, plinth.ErrAuth, "1045", "no password was given"},
		{"nobody", "app", func(o *mariadb.Options) { o.User = "nobody" }, plinth.ErrAuth, "1045", "check"},
		{"no such database", "admin", func(o *mariadb.Options) { o.Database = "nothing" }, plinth.ErrUndefined, "1049", "create the database"},
		{"another's database", "app", func(o *mariadb.Options) { o.Database = "mysql" }, plinth.ErrPermission, "1044", ""},
		{"TLS is required", "tls", func(o *mariadb.Options) { o.TLS = mariadb.TLS{Mode: "DISABLED"} }, plinth.ErrAuth, "1045", "check"},
		{"no certificate", "x509", func(o *mariadb.Options) { o.TLS.Cert, o.TLS.Key = "", "" }, plinth.ErrAuth, "1045", "check"},
		{"a variable that nobody knows", "app",
			func(o *mariadb.Options) { o.Variables = map[string]string{"no_such": "1"} },
			plinth.ErrArgument, "1193", "a parameter of the URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, s.URLAs(test.user, "test"))
			password := o.Password
			test.change(&o)
			suite.LoginRefused(t, opener(o), password, test.kind, test.code, test.hint)
		})
	}
}

// TestSessionsAreSetUp in the ways that the driver relies on, whatever the server's own settings are.
func TestSessionsAreSetUp(t *testing.T) {
	s := servers.MariaDB(t, servers.Flags("--sql-mode=ORACLE,STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES", "--default-time-zone=+05:00",
		"--character-set-server=latin1", "--collation-server=latin1_swedish_ci"))
	for name, url := range map[string]string{"by default": s.URL(), "by the URL": s.URL() + "&collation=utf8mb4_bin&sql_mode=STRICT_ALL_TABLES&lock_wait_timeout=7"} {
		e := openURL(t, url, poolOf(1))
		for range 2 {
			type settings struct{ Zone, Client, Results, Collation, Mode, Text, Wait string }
			got, err := plinth.One[settings](t.Context(), e, `select @@time_zone as zone, @@character_set_client as client, @@character_set_results as results,
				@@collation_connection as collation, @@sql_mode as mode, 'a\\b' as text, cast(@@lock_wait_timeout as char) as wait`)
			if err != nil {
				t.Fatal(err)
			}
			collation, wait := "utf8mb4_general_ci", "86400"
			if name == "by the URL" {
				collation, wait = "utf8mb4_bin", "7"
			}
			if got.Zone != "+00:00" || got.Client != "utf8mb4" || got.Results != "utf8mb4" || got.Collation != collation || got.Wait != wait ||
				!strings.Contains(got.Mode, "STRICT_ALL_TABLES") || strings.Contains(got.Mode, "ANSI_QUOTES") || got.Text != `a\b` {
				t.Errorf("%s: %+v", name, got)
			}
			if err := e.With(t.Context(), func(c *plinth.Conn) error { // is reset, or replaced
				_, err := c.Execute(t.Context(), "set @a = 1")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
