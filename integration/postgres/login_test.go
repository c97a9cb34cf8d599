package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/postgres"
)

func TestWaysToLogIn(t *testing.T) {
	s := servers.Postgres(t)
	for _, test := range []struct {
		name, user string
		change     func(*postgres.Options)
	}{
		{"SCRAM over TLS", "app", func(*postgres.Options) {}},
		{"SCRAM bound to the channel", "app", func(o *postgres.Options) { o.ChannelBinding = "require" }},
		{"SCRAM not bound to the channel", "app", func(o *postgres.Options) { o.ChannelBinding = "disable" }},
		{"SCRAM without TLS", "app", func(o *postgres.Options) { o.TLS = postgres.TLS{Mode: "disable"} }},
		{"SCRAM through the socket", "app", func(o *postgres.Options) { o.Hosts[0].Name = s.Socket() }},
		{"md5", "md5", func(*postgres.Options) {}},
		{"md5 without TLS", "md5", func(o *postgres.Options) { o.TLS = postgres.TLS{Mode: "disable"} }},
		{"md5 through the socket", "md5", func(o *postgres.Options) { o.Hosts[0].Name = s.Socket() }},
		{"SCRAM required", "app", func(o *postgres.Options) { o.RequireAuth = "scram-sha-256" }},
		{"a certificate", "cert", func(*postgres.Options) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, s.URLAs(test.user, "postgres"))
			test.change(&o)
			database.LogsIn(t, opener(o), test.user)
		})
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	s := servers.Postgres(t)
	certs := s.Certs()
	clear := servers.Postgres(t, servers.Auth("password"))
	for _, test := range []struct {
		name   string
		s      *servers.Server
		user   string
		change func(*postgres.Options)
		kind   plinth.Kind
		code   string
		hint   string
	}{
		{"a wrong password", s, "app", func(o *postgres.Options) { o.Password = config.NewSecret("wrong-" + o.Password.Reveal()) },
			plinth.ErrAuth, "28P01", "check the user and the password"},
		{"a wrong password of md5", s, "md5", func(o *postgres.Options) { o.Password = config.NewSecret("wrong") }, plinth.ErrAuth,
			"28P01", "check"},
		{"no password", s, "app", func(o *postgres.Options) { o.Password = config.Secret{} }, plinth.ErrAuth, "28P01", "no password was given"},
		{"nobody", s, "app", func(o *postgres.Options) { o.User = "nobody" }, plinth.ErrAuth, "28P01", "check"},
		{"no such database", s, "app", func(o *postgres.Options) { o.Database = "nothing" }, plinth.ErrUndefined, "3D000",
			"create the database"},
		{"no certificate", s, "cert", func(o *postgres.Options) { o.TLS.Cert, o.TLS.Key = "", "" }, plinth.ErrAuth, "28000", "pg_hba.conf"},
		{"another authority's certificate", s, "cert", func(o *postgres.Options) {
			o.TLS.Cert, o.TLS.Key = certs.OtherClient,
				certs.OtherClientKey
		},
			plinth.ErrAuth, "28000", "pg_hba.conf"}, // it isn't even sent: the server says which authorities it knows
		{"md5 where SCRAM is required", s, "md5", func(o *postgres.Options) { o.RequireAuth = "scram-sha-256" }, plinth.ErrAuth,
			"", ""},
		{"md5 where a bound channel is required", s, "md5", func(o *postgres.Options) { o.ChannelBinding = "require" },
			plinth.ErrAuth, "", ""},
		{"a bound channel without TLS", s, "app", func(o *postgres.Options) {
			o.ChannelBinding, o.TLS = "require",
				postgres.TLS{Mode: "disable"}
		}, plinth.ErrAuth, "", ""},
		{"the password in clear over a network", clear, "app", func(o *postgres.Options) {
			c := database.Elsewhere(t, clear)
			c.User, c.TLS.Mode = o.User, "disable"
			*o = own(c)
		}, plinth.ErrAuth, "", "require_auth=password"},
		{"a parameter that nobody knows", s, "app",
			func(o *postgres.Options) { o.RuntimeParams = map[string]string{"no_such": "1"} },
			plinth.ErrArgument, "42704", "a parameter of the URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, test.s.URLAs(test.user, "postgres"))
			password := o.Password
			test.change(&o)
			suite.LoginRefused(t, opener(o), password, test.kind, test.code, test.hint)
		})
	}
}

func TestAPasswordInClearIsGivenWhereNobodyListens(t *testing.T) {
	s := servers.Postgres(t, servers.Auth("password"))
	for name, change := range map[string]func(*postgres.Options){
		"over TLS":             func(*postgres.Options) {},
		"on this machine":      func(o *postgres.Options) { o.TLS = postgres.TLS{} },
		"through the socket":   func(o *postgres.Options) { o.Hosts[0].Name = s.Socket() },
		"because it was asked": func(o *postgres.Options) { o.TLS, o.RequireAuth = postgres.TLS{Mode: "disable"}, "password" },
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, s.URLAs("app", "postgres"))
			change(&o)
			database.LogsIn(t, opener(o), "app")
		})
	}
}

func TestAURLLogsInThroughASocket(t *testing.T) {
	s := servers.Postgres(t)
	o := options(t, s.URL())
	e := openURL(t, "postgres:///postgres?"+url.Values{"host": {s.Socket()}, "port": {strings.Split(s.Addr(), ":")[1]},
		"user": {o.User}, "password": {o.Password.Reveal()}}.Encode())
	if got, err := plinth.One[string](t.Context(), e, database.LoggedIn); got != o.User || err != nil {
		t.Errorf("it's %s, %v", got, err)
	}
}
