package postgres_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/postgres"
)

// connect opens an engine with the driver's own options, and a connection of it.
func connect(t testing.TB, o postgres.Options) (*plinth.Engine, error) {
	t.Helper()
	return suite.Connect(t, opener(o))
}

// elsewhere are the options of a client for which the server isn't this machine: it finds it under another name.
func elsewhere(t testing.TB, s *servers.Server) postgres.Options {
	t.Helper()
	o := options(t, s.URL())
	address := o.Hosts[0].Name
	o.Hosts[0].Name = "db.example"
	o.Lookup = func(context.Context, string) ([]string, error) { return []string{address}, nil }
	o.TLS = postgres.TLS{}
	return o
}

func TestFiveOfFiveAreRefusedByDefault(t *testing.T) {
	for _, test := range []struct {
		name, says, hint string
		server           servers.Option
		host             string // where the name has to be right for the rest to be looked at
	}{
		{"no encryption", "doesn't do TLS", "ssl = on", servers.NoTLS(), ""},
		{"plaintext", "", "", nil, ""},
		{"self-signed", "authority", "sslrootcert", servers.WithCert(servers.CertSelfSigned), "localhost."},
		{"wrong name", "database.invalid", "one for db.example", servers.WithCert(servers.CertWrongName), ""},
		{"expired", "expired", "renew", servers.WithCert(servers.CertExpired), "localhost."},
	} {
		t.Run(test.name, func(t *testing.T) {
			var o postgres.Options
			if test.server == nil { // says that it has TLS, and goes on in plaintext
				o = elsewhere(t, servers.Postgres(t))
				test.says, test.hint = "TLS", "isn't TLS that answers"
				o.Dial = suite.Answering(func(server net.Conn) {
					_, _ = server.Read(make([]byte, 8))
					_, _ = server.Write([]byte("S"))
					_, _ = server.Read(make([]byte, 1<<14))
					_, _ = server.Write([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00"))
				})
			} else {
				s := servers.Postgres(t, test.server)
				o = elsewhere(t, s)
				o.TLS.RootCert = s.CA()
				if test.name == "self-signed" {
					o.TLS.RootCert = s.Certs().OtherCA
				}
				if test.host != "" {
					o.Hosts[0].Name = test.host
				}
			}
			_, err := connect(t, o)
			suite.Refused(t, err, test.says, test.hint, o.Password.Reveal())
		})
	}
}

func TestModesOfTLS(t *testing.T) {
	s := servers.Postgres(t)
	expired := servers.Postgres(t, servers.WithCert(servers.CertExpired))
	none := servers.Postgres(t, servers.NoTLS())
	for _, test := range []struct {
		name      string
		s         *servers.Server
		tls       postgres.TLS
		encrypted bool
		fails     bool
	}{
		{"disable", s, postgres.TLS{Mode: "disable"}, false, false},
		{"allow", s, postgres.TLS{Mode: "allow"}, false, false},
		{"prefer", s, postgres.TLS{Mode: "prefer"}, true, false},
		{"prefer, but there is none", none, postgres.TLS{Mode: "prefer"}, false, false},
		{"require", s, postgres.TLS{Mode: "require"}, true, false},
		{"require, expired", expired, postgres.TLS{Mode: "require"}, true, false},
		{"require, but there is none", none, postgres.TLS{Mode: "require"}, false, true},
		{"require with an authority", s, postgres.TLS{Mode: "require", RootCert: s.CA()}, true, false},
		{"require with another authority", s, postgres.TLS{Mode: "require", RootCert: s.Certs().OtherCA}, false, true},
		{"verify-ca", s, postgres.TLS{Mode: "verify-ca", RootCert: s.CA()}, true, false},
		{"verify-ca, another", s, postgres.TLS{Mode: "verify-ca", RootCert: s.Certs().OtherCA}, false, true},
		{"verify-ca, expired", expired, postgres.TLS{Mode: "verify-ca", RootCert: s.CA()}, false, true},
		{"verify-full, another name", s, postgres.TLS{Mode: "verify-full", RootCert: s.CA()}, false, true},
		{"system", s, postgres.TLS{RootCert: "system"}, false, true},
		{"TLS 1.2", s, postgres.TLS{Mode: "require", Max: tls.VersionTLS12}, true, false},
		{"TLS 1.3", s, postgres.TLS{Mode: "require", Min: tls.VersionTLS13}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := elsewhere(t, test.s)
			o.TLS = test.tls
			e, err := connect(t, o)
			if test.fails {
				if err == nil {
					t.Error("it connected")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			encrypted, err := plinth.One[bool](t.Context(), e, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
			if err != nil || encrypted != test.encrypted {
				t.Errorf("encrypted: %v, %v", encrypted, err)
			}
		})
	}
}

func TestTheURLOfTheServerIsVerified(t *testing.T) {
	e := open(t)
	version, err := plinth.One[string](t.Context(), e, "select version from pg_stat_ssl where pid = pg_backend_pid()")
	if err != nil || version != "TLSv1.3" {
		t.Errorf("%s, %v", version, err)
	}
}

func TestAServerThatInsistsOnTLSGetsItOnThisMachineToo(t *testing.T) {
	s := servers.Postgres(t, servers.Auth("hostssl all all 0.0.0.0/0 scram-sha-256", "local all all scram-sha-256"))
	o := options(t, s.URLAs("app", "postgres"))
	o.TLS = postgres.TLS{}
	e, err := connect(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if encrypted, err := plinth.One[bool](t.Context(), e, "select ssl from pg_stat_ssl where pid = pg_backend_pid()"); err != nil || !encrypted {
		t.Errorf("encrypted: %v, %v", encrypted, err)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	s := servers.Postgres(t)
	text, err := os.ReadFile(s.Certs().ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "client.key")
	if err := os.WriteFile(key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Open(t.Context(), plinth.Options{URL: s.URL() + "&sslcert=" + s.Certs().Client + "&sslkey=" + key})
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || !strings.Contains(pe.Hint, "chmod 600 "+key) {
		t.Errorf("%v", err)
	}
}
