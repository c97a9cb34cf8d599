package mongodb_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mongodb"
)

// elsewhere are the options of a client for which the server isn't this machine: it finds it under another name.
func elsewhere(t *testing.T, s *servers.Server) mongodb.Options {
	t.Helper()
	o := optionsOf(t, s.URL())
	address := s.Addr()
	o.Hosts[0].Name = "db.example"
	o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return o
}

func TestFiveOfFiveAreRefusedByDefault(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, says, hint string
		server           servers.Option
		host             string // where the name has to be right for the rest to be looked at
	}{
		{"no encryption", "", "net.tls.mode", servers.NoTLS(), ""},
		{"plaintext", "TLS", "isn't TLS that answers", nil, ""},
		{"self-signed", "authority", "tlsCAFile", servers.WithCert(servers.CertSelfSigned), "localhost."},
		{"wrong name", "database.invalid", "one for db.example", servers.WithCert(servers.CertWrongName), ""},
		{"expired", "expired", "renew", servers.WithCert(servers.CertExpired), "localhost."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var o mongodb.Options
			if test.server == nil {
				o.Hosts = []mongodb.Host{{Name: "db.example"}}
				o.Dial = plaintext
			} else {
				s := servers.FerretDB(t, test.server)
				o = elsewhere(t, s)
				o.TLS.RootCert = s.CA()
				if test.name == "self-signed" {
					o.TLS.RootCert = s.Certs().OtherCA
				}
				if test.host != "" {
					o.Hosts[0].Name = test.host
				}
			}
			_, err := suite.Connect(t, opener(o))
			pe, ok := errors.AsType[*plinth.Error](err)
			if !ok || pe.Kind != plinth.ErrUnavailable || len(pe.Attempts) > 1 && test.name != "no encryption" {
				t.Fatalf("it isn't refused, once: %v", err)
			}
			if !strings.Contains(err.Error(), test.says) || !strings.Contains(pe.Hint, test.hint) {
				t.Errorf("%v doesn't say %q and %q", err, test.says, test.hint)
			}
		})
	}
}

// plaintext dials a server that answers TLS's first message with something else.
func plaintext(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close() //nolint:errcheck // a pipe
		_, _ = theirs.Read(make([]byte, 1<<14))
		_, _ = theirs.Write(make([]byte, 64))
	}()
	return ours, nil
}

func TestModesOfTLS(t *testing.T) {
	t.Parallel()
	good, expired := servers.WithCert(servers.CertGood), servers.WithCert(servers.CertExpired)
	for _, test := range []struct {
		name  string
		cert  servers.Option
		tls   func(s *servers.Server) mongodb.TLS
		host  string
		fails bool
	}{
		{"verified", good, func(s *servers.Server) mongodb.TLS { return mongodb.TLS{RootCert: s.CA()} }, "localhost.", false},
		{"verified, another authority", good, func(s *servers.Server) mongodb.TLS { return mongodb.TLS{RootCert: s.Certs().OtherCA} }, "localhost.", true},
		{"the system's roots", good, func(*servers.Server) mongodb.TLS { return mongodb.TLS{Mode: "verified"} }, "localhost.", true},
		{"any name", good, func(s *servers.Server) mongodb.TLS { return mongodb.TLS{Mode: "any-name", RootCert: s.CA()} }, "", false},
		{"any name, another authority", good, func(s *servers.Server) mongodb.TLS {
			return mongodb.TLS{Mode: "any-name", RootCert: s.Certs().OtherCA}
		}, "", true},
		{"any name, expired", expired, func(s *servers.Server) mongodb.TLS { return mongodb.TLS{Mode: "any-name", RootCert: s.CA()} }, "", true},
		{"unverified, expired", expired, func(*servers.Server) mongodb.TLS { return mongodb.TLS{Mode: "unverified"} }, "", false},
		{"off, but the server wants it", good, func(*servers.Server) mongodb.TLS { return mongodb.TLS{Mode: "off"} }, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := servers.FerretDB(t, test.cert)
			o := elsewhere(t, s)
			o.TLS = test.tls(s)
			if test.host != "" {
				o.Hosts[0].Name = test.host
			}
			e, err := suite.Connect(t, opener(o))
			switch {
			case test.fails:
				if err == nil {
					t.Error("it connected")
				}
			case err != nil:
				t.Fatal(err)
			default:
				if _, err := plinth.All[plinth.Row](t.Context(), e, "db.things.find({})"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
