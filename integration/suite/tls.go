package suite

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

// TLSWords is how a database speaks of TLS.
type TLSWords struct {
	Parameters TLSParameters
	Modes      TLSModes
	None       [2]string             // what is said of a server without it, and hinted at
	Pretends   func(server net.Conn) // says that it has TLS, and goes on in plaintext
	Version    string                // reads the version that the session has, "" for none

	// Insisting returns URLs of which the server, or the user, insists on TLS.
	Insisting func(t testing.TB) map[string]string
}

// TLSParameters are those of a URL.
type TLSParameters struct{ Mode, RootCert, Cert, Key string }

// TLSModes are the values of the parameter Mode, and of those that encrypt nothing unless the server insists Lazy.
type TLSModes struct {
	Off, Prefer, Require, VerifyCA, VerifyFull string
	Lazy                                       []string
}

// fiveOfFiveAreRefusedByDefault has five servers that a client must not trust who was told nothing.
func (d *Database) fiveOfFiveAreRefusedByDefault(t *testing.T) {
	for _, test := range []struct {
		name, says, hint string
		server           servers.Option
		host             string // where the name has to be right for the rest to be looked at
	}{
		{"no encryption", d.TLS.None[0], d.TLS.None[1], servers.NoTLS(), ""},
		{"plaintext", "TLS", "isn't TLS that answers", nil, ""},
		{"self-signed", "authority", d.TLS.Parameters.RootCert, servers.WithCert(servers.CertSelfSigned), "localhost."},
		{"wrong name", "database.invalid", "one for db.example", servers.WithCert(servers.CertWrongName), ""},
		{"expired", "expired", "renew", servers.WithCert(servers.CertExpired), "localhost."},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Client
			if test.server == nil {
				c = d.Elsewhere(t, d.Server(t))
				c.Dial = Answering(d.TLS.Pretends)
			} else {
				s := d.Server(t, test.server)
				c = d.Elsewhere(t, s)
				if c.TLS.RootCert = s.CA(); test.name == "self-signed" {
					c.TLS.RootCert = s.Certs().OtherCA
				}
				if test.host != "" {
					c.Host = test.host
				}
			}
			_, err := d.connect(t, c)
			Refused(t, err, test.says, test.hint, c.Password.Reveal())
		})
	}
}

func (d *Database) modesOfTLS(t *testing.T) {
	s := d.Server(t)
	expired := d.Server(t, servers.WithCert(servers.CertExpired))
	none := d.Server(t, servers.NoTLS())
	const encrypted, inClear, refused = "encrypted", "in clear", "refused"
	type mode struct {
		name string
		s    *servers.Server
		tls  TLS
		want string
	}
	is := d.TLS.Modes
	modes := []mode{
		{"off", s, TLS{Mode: is.Off}, inClear},
		{"prefer", s, TLS{Mode: is.Prefer}, encrypted},
		{"prefer, but there is none", none, TLS{Mode: is.Prefer}, inClear},
		{"require", s, TLS{Mode: is.Require}, encrypted},
		{"require, expired", expired, TLS{Mode: is.Require}, encrypted},
		{"require, but there is none", none, TLS{Mode: is.Require}, refused},
		{"require with an authority", s, TLS{Mode: is.Require, RootCert: s.CA()}, encrypted},
		{"require with another authority", s, TLS{Mode: is.Require, RootCert: s.Certs().OtherCA}, refused},
		{"verify the authority", s, TLS{Mode: is.VerifyCA, RootCert: s.CA()}, encrypted},
		{"verify the authority, another", s, TLS{Mode: is.VerifyCA, RootCert: s.Certs().OtherCA}, refused},
		{"verify the authority, expired", expired, TLS{Mode: is.VerifyCA, RootCert: s.CA()}, refused},
		{"verify the name, another", s, TLS{Mode: is.VerifyFull, RootCert: s.CA()}, refused},
		{"the system's authorities", s, TLS{}, refused},
		{"the system's authorities, named", s, TLS{RootCert: "system"}, refused},
		{"TLS 1.2", s, TLS{Mode: is.Require, Max: tls.VersionTLS12}, encrypted},
		{"TLS 1.3", s, TLS{Mode: is.Require, Min: tls.VersionTLS13}, encrypted},
	}
	for _, lazy := range is.Lazy {
		modes = append(modes, mode{lazy, s, TLS{Mode: lazy}, inClear})
	}
	for _, test := range modes {
		t.Run(test.name, func(t *testing.T) {
			c := d.Elsewhere(t, test.s)
			c.TLS = test.tls
			e, err := d.connect(t, c)
			if test.want == refused {
				if err == nil {
					t.Error("it connected")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if version := d.encryption(t, e); (version != "") != (test.want == encrypted) {
				t.Errorf("want it %s: %q", test.want, version)
			}
		})
	}
}

// encryption returns the version of TLS that the server knows of, "" for none.
func (d *Database) encryption(t testing.TB, q plinth.Querier) string {
	t.Helper()
	version, err := plinth.One[string](t.Context(), q, d.TLS.Version)
	if err != nil {
		t.Error(err)
	}
	return version
}

func (d *Database) theURLOfTheServerIsVerified(t *testing.T) {
	if version := d.encryption(t, d.OpenNew(t)); version != "TLSv1.3" {
		t.Errorf("%q", version)
	}
}

func (d *Database) aServerThatInsistsOnTLSGetsItOnThisMachineToo(t *testing.T) {
	urls := d.TLS.Insisting(t)
	urls["nobody"] = d.Server(t).URL()
	for name, url := range urls {
		c := d.At(t, url)
		c.TLS = TLS{}
		e, err := d.connect(t, c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if version := d.encryption(t, e); (version == "") != (name == "nobody") {
			t.Errorf("%s insists: %q", name, version)
		}
	}
}

func (d *Database) aKeyThatOthersCanReadIsRefused(t *testing.T) {
	s := d.Server(t)
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
	cert := url.Values{d.TLS.Parameters.Cert: {s.Certs().Client}, d.TLS.Parameters.Key: {key}}
	_, err = d.Engine(t.Context(), plinth.Options{URL: s.URL() + "&" + cert.Encode()})
	if pe, ok := errors.AsType[*plinth.Error](err); !ok || !strings.Contains(pe.Hint, "chmod 600 "+key) {
		t.Errorf("%v", err)
	}
}
