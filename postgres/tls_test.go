package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
)

// later is when the certificates of these tests end.
func later() time.Time { return time.Now().Add(time.Hour) }

func TestWhatIsNotVerifiedIsRefusedByDefault(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	plain := func(answer string) func(net.Conn) { // doesn't know TLS at all
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 8))
			_, _ = conn.Write([]byte(answer))
			_, _ = conn.Read(make([]byte, 1<<10))
		}
	}
	for _, test := range []struct {
		name  string
		serve func(net.Conn)
		says  string
		hint  string
	}{
		{"no encryption", serveLogins('N', nil), "doesn't do TLS", "ssl = on"},
		{"plaintext that says it has TLS", plain("SR\x00\x00\x00\x08\x00\x00\x00\x00"), "TLS: ", "isn't TLS that answers"},
		{"plaintext of another protocol", plain("HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol", "is it a PostgreSQL server"},
		{"an error before TLS", plain("Eall is well, go on without\x00"), "can't be trusted", "ssl = on"},
		{"self-signed", serveLogins('S', (*authority)(nil).server(t, later(), "db.example")), "authority", "sslrootcert"},
		{"of another authority", serveLogins('S', newAuthority(t).server(t, later(), "db.example")), "authority", "sslrootcert"},
		{"wrong name", serveLogins('S', ca.server(t, later(), "other.example")), "other.example", "one for db.example"},
		{"an address for a name", serveLogins('S', ca.server(t, later(), "127.0.0.1")), "db.example", "one for db.example"},
		{"expired", serveLogins('S', ca.server(t, time.Now().Add(-time.Hour), "db.example")), "expired",
			"renew the server's certificate"},
		{"an old TLS", serveLogins('S', func() *tls.Config {
			c := ca.server(t, later(), "db.example")
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return c
		}()), "protocol version", "TLS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRogue(t, test.serve)
			o := r.options()
			o.Password = config.NewSecret("s3cr3t-word")
			o.TLS.Config = &tls.Config{RootCAs: ca.pool} // as if the system knew the authority
			f := refusal(t, o)
			wants(t, "error", f.Err.Error(), test.says, "db.example:")
			wants(t, "hint", f.Hint, test.hint)
			if f.Verdict != driver.Never {
				t.Errorf("verdict %v: the same would come of it", f.Verdict)
			}
			for _, secret := range []string{"s3cr3t-word", "app", "shop"} {
				if strings.Contains(r.wasSent(), secret) {
					t.Errorf("%s was sent to a server that isn't verified", secret)
				}
			}
			if n := r.connections(); n != 1 {
				t.Errorf("%d connections: something else was tried", n)
			}
		})
	}
}

func TestTheRightCertificateIsAccepted(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, test := range []struct {
		name  string
		host  string
		names []string
		tls   TLS
	}{
		{"by default", "db.example", []string{"db.example"}, TLS{Config: &tls.Config{RootCAs: ca.pool}}},
		{"by a wildcard", "db.example", []string{"*.example"}, TLS{RootCert: ca.file}},
		{"with a dot at the end", "db.example.", []string{"db.example"}, TLS{RootCert: ca.file}},
		{"by address", "127.0.0.1", []string{"127.0.0.1"}, TLS{RootCert: ca.file}},
		{"verify-full", "db.example", []string{"db.example"}, TLS{Mode: "verify-full", RootCert: ca.file}},
		{"verify-full without SNI", "db.example", []string{"db.example"}, TLS{Mode: "verify-full", RootCert: ca.file,
			NoSNI: true}},
		{"verify-ca", "db.example", []string{"other.example"}, TLS{Mode: "verify-ca", RootCert: ca.file}},
		{"require with an authority", "db.example", []string{"other.example"}, TLS{Mode: "require", RootCert: ca.file}},
		{"TLS 1.3", "db.example", []string{"db.example"}, TLS{RootCert: ca.file, Min: tls.VersionTLS13}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := ca.server(t, later(), test.names...)
			var sni []string
			server.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				sni = append(sni, hello.ServerName)
				return nil, nil
			}
			r := newRogue(t, serveLogins('S', server))
			o := r.options()
			o.Hosts[0].Name, o.TLS = test.host, test.tls
			w, err := dialled(t, o)
			if err != nil {
				t.Fatal(err)
			}
			state := w.conn.(*tls.Conn).ConnectionState()
			if state.Version < max(test.tls.Min, tls.VersionTLS12) {
				t.Errorf("version %x", state.Version)
			}
			want := strings.TrimSuffix(test.host, ".")
			if test.tls.NoSNI || net.ParseIP(want) != nil {
				want = ""
			}
			if !slices.Equal(sni, []string{want}) {
				t.Errorf("the name sent in clear is %q, want %q", sni, want)
			}
			if strings.Contains(r.wasSent(), "shop") {
				t.Error("the database's name was sent in clear")
			}
		})
	}
}

func TestAModeVerifiesWhatItSays(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	for _, test := range []struct {
		name string
		tls  TLS
		by   *authority
		cn   string
		says string // "": it connects
	}{
		{"verify-full, other name", TLS{Mode: "verify-full", RootCert: ca.file}, ca, "other.example", "other.example"},
		{"verify-full without SNI, other name", TLS{Mode: "verify-full", RootCert: ca.file, NoSNI: true}, ca, "other.example",
			"other.example"},
		{"verify-ca, other authority", TLS{Mode: "verify-ca", RootCert: ca.file}, other, "db.example", "authority"},
		{"require with an authority, other authority", TLS{Mode: "require", RootCert: ca.file}, other, "db.example", "authority"},
		{"require without one checks nothing", TLS{Mode: "require"}, other, "other.example", ""},
		{"prefer without one checks nothing", TLS{Mode: "prefer"}, other, "other.example", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRogue(t, serveLogins('S', test.by.server(t, later(), test.cn)))
			o := r.options()
			o.TLS = test.tls
			if test.says == "" {
				if w, err := dialled(t, o); err != nil {
					t.Error(err)
				} else if _, ok := w.conn.(*tls.Conn); !ok {
					t.Error("it isn't encrypted")
				}
				return
			}
			wants(t, "error", refusal(t, o).Err.Error(), test.says)
		})
	}
}

func TestAModeFallsBackOnlyWhereItSaysSo(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, test := range []struct {
		mode   string
		host   string
		answer byte
		tls    bool
		conns  int // 0: it's refused
	}{
		{"disable", "db.example", 'S', false, 1},
		{"allow", "db.example", 'S', false, 1},
		{"prefer", "db.example", 'S', true, 1},
		{"prefer", "db.example", 'N', false, 2},
		{"require", "db.example", 'N', false, 0},
		{"", "db.example", 'N', false, 0},
		{"", "127.0.0.1", 'N', false, 1},
		{"", "localhost", 'S', false, 1},
		{"", "LOCALHOST.", 'S', false, 1},
	} {
		t.Run(test.mode+" "+test.host+" "+string(test.answer), func(t *testing.T) {
			t.Parallel()
			r := newRogue(t, serveLogins(test.answer, ca.server(t, later(), "db.example")))
			o := r.options()
			o.Hosts[0].Name, o.TLS.Mode = test.host, test.mode
			w, err := dialled(t, o)
			if test.conns == 0 {
				if err == nil {
					t.Fatal("it connected")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := w.conn.(*tls.Conn); ok != test.tls {
				t.Errorf("encrypted: %v", ok)
			}
			if n := r.connections(); n != test.conns {
				t.Errorf("%d connections, want %d", n, test.conns)
			}
		})
	}
}

func TestALoopbackNameThatLeadsElsewhereIsVerified(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host, address string
		plain         bool
	}{
		{"localhost", "127.0.0.1:5432", true},
		{"localhost", "[::1]:5432", true},
		{"localhost", "10.0.0.1:5432", false}, // by a resolver that lies
		{"127.0.0.1", "127.0.0.1:5432", true},
		{"127.8.9.1", "127.8.9.1:5432", true},
		{"::1", "[::1]:5432", true},
		{"db.example", "127.0.0.1:5432", false},
		{"localhost.example", "127.0.0.1:5432", false},
		{"10.0.0.1", "10.0.0.1:5432", false},
		{"/run/postgresql", "", true},
		{"@abstract", "", true},
	} {
		to := &target{}
		modes := to.tlsModes(Host{Name: test.host, Port: 5432}, test.address)
		if got := modes[0] == tlsDisable; got != test.plain {
			t.Errorf("%s at %s: %v", test.host, test.address, modes)
		}
	}
}

func TestDirectTLSAsksNothingFirst(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	server := ca.server(t, later(), "db.example")
	server.NextProtos = []string{"postgresql"}
	r := newRogue(t, func(conn net.Conn) {
		encrypted := tls.Server(conn, server)
		if encrypted.Handshake() == nil && encrypted.ConnectionState().NegotiatedProtocol == "postgresql" {
			serveLogins('N', nil)(encrypted)
		}
	})
	o := r.options()
	o.TLS = TLS{RootCert: ca.file, Direct: true}
	if _, err := dialled(t, o); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.wasSent(), "\x16\x03\x01") { // a ClientHello
		t.Errorf("it begins by %q", r.wasSent()[:8])
	}
}

func TestAClientCertificateIsSent(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	server := ca.server(t, later(), "db.example")
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	names := make(chan string, 1)
	server.VerifyConnection = func(s tls.ConnectionState) error {
		names <- s.PeerCertificates[0].Subject.CommonName
		return nil
	}
	r := newRogue(t, serveLogins('S', server))
	o := r.options()
	o.TLS.RootCert = ca.file
	o.TLS.Cert, o.TLS.Key = ca.client(t, 0o600)
	if _, err := dialled(t, o); err != nil {
		t.Fatal(err)
	}
	if name := <-names; name != "app" {
		t.Errorf("it is %q", name)
	}

	o.TLS.Cert, o.TLS.Key = "", ""
	f := refusal(t, o)
	wants(t, "hint", f.Hint, "sslcert and sslkey")
	if f.Kind != driver.Auth {
		t.Errorf("kind %v", f.Kind)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	mode := os.FileMode(0o640)
	if os.Getuid() == 0 { // root's key may be read by its group
		mode = 0o644
	}
	o := Options{}
	o.TLS.Cert, o.TLS.Key = ca.client(t, mode)
	_, err := o.resolve()
	if err == nil {
		t.Fatal("it was accepted")
	}
	wants(t, "error", err.Error(), o.TLS.Key)
	wants(t, "hint", err.(*driver.Fault).Hint, "chmod 600 "+o.TLS.Key)
}

func TestARenewedCertificateIsRead(t *testing.T) {
	t.Parallel()
	old, renewed := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "root.crt")
	text, _ := os.ReadFile(old.file)
	write(t, file, 0o644, text)
	r := newRogue(t, serveLogins('S', renewed.server(t, later(), "db.example")))
	o := r.options()
	o.TLS.RootCert = file
	to, err := o.resolve()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.dial(t.Context(), nil); err == nil {
		t.Fatal("the old authority hasn't signed it")
	}
	text, _ = os.ReadFile(renewed.file)
	write(t, file, 0o644, text)
	w, err := to.dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.conn.Close()
}

func TestOptionsOfTLSThatContradictAreRefused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert, key := ca.client(t, 0o600)
	garbage := filepath.Join(t.TempDir(), "garbage")
	write(t, garbage, 0o600, []byte("garbage"))
	for name, o := range map[string]TLS{
		"one of disable":     {Mode: "verify"},
		"use verify-full":    {Mode: "require", RootCert: "system"},
		"give the server's":  {Mode: "verify-ca"},
		"can't fall back":    {Mode: "prefer", Direct: true},
		"both of sslcert":    {Cert: cert},
		"both of sslcert ":   {Key: key},
		"is broken":          {Min: tls.VersionTLS11},
		"newer than":         {Min: tls.VersionTLS13, Max: tls.VersionTLS12},
		"no PEM certificate": {RootCert: garbage},
		"no such file":       {RootCert: garbage + "2"},
		"sslkey":             {Cert: cert, Key: garbage + "2"},
		"sslcert":            {Cert: garbage, Key: key},
	} {
		_, err := Options{TLS: o}.resolve()
		if err == nil {
			t.Errorf("%+v was accepted", o)
			continue
		}
		wants(t, "error", err.Error(), strings.TrimSpace(name))
	}
	for _, o := range []TLS{
		{}, {Mode: "disable", RootCert: garbage + "2"}, {RootCert: "system"}, {Mode: "verify-full", RootCert: "system"},
		{Mode: "require", Direct: true}, {Direct: true}, {Mode: "verify-ca",
			Config: &tls.Config{RootCAs: x509.NewCertPool()}}, {Cert: cert, Key: key},
	} {
		if _, err := (Options{TLS: o}).resolve(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
