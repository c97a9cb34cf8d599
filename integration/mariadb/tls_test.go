package mariadb_test

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
	"github.com/plinthdb/plinth/mariadb"
)

// connect opens an engine with the driver's own options, and a connection of it.
func connect(t testing.TB, o mariadb.Options) (*plinth.Engine, error) {
	t.Helper()
	return suite.Connect(t, opener(o))
}

// elsewhere are the options of a client for which the server isn't this machine: it finds it under another name.
func elsewhere(t testing.TB, s *servers.Server) mariadb.Options {
	t.Helper()
	o := options(t, s.URL())
	address := o.Hosts[0].Name
	o.Hosts[0].Name = "db.example"
	o.Lookup = func(context.Context, string) ([]string, error) { return []string{address}, nil }
	o.TLS = mariadb.TLS{}
	return o
}

func TestFiveOfFiveAreRefusedByDefault(t *testing.T) {
	for _, test := range []struct {
		name, says, hint string
		server           func(t *testing.T) *servers.Server
		host             string // where the name has to be right for the rest to be looked at
	}{
		{"no encryption", "doesn't offer it", "ssl_cert", func(t *testing.T) *servers.Server { return servers.MariaDB(t, servers.NoTLS()) },
			""},
		{"plaintext", "", "", nil, ""},
		{"self-signed", "authority", "ssl_ca", func(t *testing.T) *servers.Server {
			return servers.MariaDB(t,
				servers.WithCert(servers.CertSelfSigned))
		}, "localhost."},
		{"wrong name", "database.invalid", "one for db.example", func(t *testing.T) *servers.Server {
			return servers.MariaDB(t,
				servers.WithCert(servers.CertWrongName))
		}, ""},
		{"expired", "expired", "renew", func(t *testing.T) *servers.Server {
			return servers.MariaDB(t,
				servers.WithCert(servers.CertExpired))
		}, "localhost."},
	} {
		t.Run(test.name, func(t *testing.T) {
			var o mariadb.Options
			if test.server == nil { // says that it has TLS, and goes on in plaintext
				o = elsewhere(t, servers.MariaDB(t))
				test.says, test.hint = "TLS", "isn't TLS that answers"
				o.Dial = suite.Answering(func(server net.Conn) {
					hello := "\n10.11.1-MariaDB\x00\x01\x00\x00\x0012345678\x00\xfe\xff\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00" +
						"123456789012\x00mysql_native_password\x00"
					_, _ = server.Write(append([]byte{byte(len(hello)), 0, 0, 0}, hello...))
					_, _ = server.Read(make([]byte, 36))
					_, _ = server.Read(make([]byte, 1<<14))
					_, _ = server.Write([]byte("\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00"))
				})
			} else {
				s := test.server(t)
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
	s := servers.MariaDB(t)
	expired := servers.MariaDB(t, servers.WithCert(servers.CertExpired))
	none := servers.MariaDB(t, servers.NoTLS())
	for _, test := range []struct {
		name      string
		s         *servers.Server
		tls       mariadb.TLS
		encrypted bool
		fails     bool
	}{
		{"DISABLED", s, mariadb.TLS{Mode: "DISABLED"}, false, false},
		{"PREFERRED", s, mariadb.TLS{Mode: "PREFERRED"}, true, false},
		{"PREFERRED, but there is none", none, mariadb.TLS{Mode: "PREFERRED"}, false, false},
		{"REQUIRED", s, mariadb.TLS{Mode: "REQUIRED"}, true, false},
		{"REQUIRED, expired", expired, mariadb.TLS{Mode: "REQUIRED"}, true, false},
		{"REQUIRED, but there is none", none, mariadb.TLS{Mode: "REQUIRED"}, false, true},
		{"REQUIRED with an authority", s, mariadb.TLS{Mode: "REQUIRED", RootCert: s.CA()}, true, false},
		{"REQUIRED with another authority", s, mariadb.TLS{Mode: "REQUIRED", RootCert: s.Certs().OtherCA}, false, true},
		{"VERIFY_CA", s, mariadb.TLS{Mode: "VERIFY_CA", RootCert: s.CA()}, true, false},
		{"VERIFY_CA, another", s, mariadb.TLS{Mode: "VERIFY_CA", RootCert: s.Certs().OtherCA}, false, true},
		{"VERIFY_CA, expired", expired, mariadb.TLS{Mode: "VERIFY_CA", RootCert: s.CA()}, false, true},
		{"VERIFY_IDENTITY, another name", s, mariadb.TLS{Mode: "VERIFY_IDENTITY", RootCert: s.CA()}, false, true},
		{"the system's", s, mariadb.TLS{}, false, true},
		{"TLS 1.2", s, mariadb.TLS{Mode: "REQUIRED", Max: tls.VersionTLS12}, true, false},
		{"TLS 1.3", s, mariadb.TLS{Mode: "REQUIRED", Min: tls.VersionTLS13}, true, false},
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
			if version := encryption(t, e); (version != "") != test.encrypted {
				t.Errorf("encrypted: %q", version)
			}
		})
	}
}

// encryption returns the version of TLS that the server knows of, "" for none.
func encryption(t testing.TB, q plinth.Querier) string {
	t.Helper()
	version, err := plinth.One[string](t.Context(), q, "select variable_value from information_schema.session_status where variable_name = 'ssl_version'")
	if err != nil {
		t.Error(err)
	}
	return version
}

func TestTheURLOfTheServerIsVerified(t *testing.T) {
	if version := encryption(t, open(t)); version != "TLSv1.3" {
		t.Errorf("%q", version)
	}
}

func TestAServerThatInsistsOnTLSGetsItOnThisMachineToo(t *testing.T) {
	s := servers.MariaDB(t)
	strict := servers.MariaDB(t, servers.Flags("--require-secure-transport=ON"))
	for name, url := range map[string]string{"the user": s.URLAs("tls", "test"), "the server": strict.URLAs("app", "test"), "nobody": s.URLAs("app", "test")} {
		o := options(t, url)
		o.TLS = mariadb.TLS{}
		e, err := connect(t, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if version := encryption(t, e); (version == "") != (name == "nobody") {
			t.Errorf("%s insists: %q", name, version)
		}
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	s := servers.MariaDB(t)
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
	_, err = mariadb.Open(t.Context(), plinth.Options{URL: s.URL() + "&ssl_cert=" + s.Certs().Client + "&ssl_key=" + key})
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || !strings.Contains(pe.Hint, "chmod 600 "+key) {
		t.Errorf("%v", err)
	}
}
