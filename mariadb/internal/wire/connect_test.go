package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTheGreetingIsReadAsDocumented(t *testing.T) {
	t.Parallel()
	// The bytes of a greeting by MariaDB 10.11 (extended capabilities 0x1d after nine zeros).
	p := []byte("\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\x00\x2a\x00\x00\x00" + "ABCDEFGH\x00" + "\xfe\xf7\x2d\x02\x00\xff\x81\x15" +
		"\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00" + "ijklmnopqrst\x00" + "mysql_native_password\x00")
	g, err := parseGreeting(p)
	if err != nil {
		t.Fatal(err)
	}
	if g.version != "10.11.19-MariaDB-0+deb12u1" || g.id != 42 || g.caps != 0x1d81fff7fe || g.status != StatusAutocommit ||
		string(g.nonce) != "ABCDEFGHijklmnopqrst" || g.plugin != pluginNative {
		t.Errorf("got %+v (%x)", g, g.caps)
	}
	for i := range len(p) - len("mysql_native_password\x00") {
		if _, err := parseGreeting(p[:i]); i < len(p)-len("\x00mysql_native_password\x00") && !errors.Is(err, ErrProtocol) {
			t.Errorf("its first %d bytes give %v", i, err)
		}
	}
	// MySQL's: bit 0 is set, and what MariaDB uses for its own is filler.
	p = bytes.Replace(p, []byte("\xfe\xf7\x2d"), []byte("\xff\xf7\x2d"), 1)
	if g, err = parseGreeting(p); err != nil || g.caps != 0x81fff7ff {
		t.Errorf("got %x, %v", g.caps, err)
	}
	if _, err := parseGreeting([]byte("\x09 and the rest")); !errors.Is(err, ErrProtocol) {
		t.Errorf("version 9 gives %v", err)
	}
}

func TestTheLoginIsWrittenAsDocumented(t *testing.T) {
	t.Parallel()
	cfg := &Config{User: "me", Database: "db", Attributes: map[string]string{"b": "2", "a": "1"}}
	caps := cfg.offer(serverCaps, false)
	got := cfg.appendLogin(nil, caps, pluginNative, []byte("ANSWER"))
	want := binary.LittleEndian.AppendUint32(nil, uint32(caps))
	want = append(want, 0, 0, 0, 0x40, 45)
	want = append(want, make([]byte, 19)...)
	want = binary.LittleEndian.AppendUint32(want, uint32(caps>>32))
	want = append(want, "me\x00\x06ANSWERdb\x00mysql_native_password\x00\x08\x01a\x011\x01b\x012"...)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if caps&(CapMySQL|CapTLS|CapLocalFiles|CapMultiStatements|CapFoundRows) != 0 {
		t.Errorf("it offers %x unasked", caps)
	}
	// A server without lenenc answers, attributes, or an end of rows that says OK.
	caps = cfg.offer(required|CapCacheMetadata|CapMySQL, false)
	if caps&CapMySQL == 0 || caps&(CapCacheMetadata|CapConnectWithDB) != 0 {
		t.Errorf("it offers %x", caps)
	}
	got = cfg.appendLogin(nil, caps, pluginNative, []byte("ANSWER"))
	if want := "me\x00\x06ANSWERmysql_native_password\x00"; string(got[32:]) != want {
		t.Errorf("got %q, want %q", got[32:], want)
	}
}

func TestConnectTellsWhatTheServerIs(t *testing.T) {
	t.Parallel()
	cfg := &Config{User: "me", Database: "db"}
	serve(t, cfg, func(p *peer) {
		p.send(greet(serverCaps, pluginNative))
		p.receive()
		// An OK that tells the schema and two variables.
		state := []byte("\x01\x04\x03new")
		state = append(state, "\x00\x0e\x0aautocommit\x02ON"...)
		state = append(state, "\x00\x10\x09last_gtid\x050-1-2"...)
		p.send([]byte{0, 0, 0, 2, 0x40, 0, 0, 0}, AppendString(nil, state))
	})
	c, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr := c.Tracked()
	if c.ID() != 77 || c.ServerVersion() != "10.11.19-MariaDB" || c.Status() != StatusAutocommit|StatusSessionState ||
		tr.Schema != "new" || tr.Variables["autocommit"] != "ON" || tr.GTID != "0-1-2" || tr.Changes != 1 {
		t.Errorf("got %d, %q, %x, %+v", c.ID(), c.ServerVersion(), c.Status(), tr)
	}
	if _, ok := c.TLS(); ok {
		t.Error("it takes the pipe for TLS")
	}
}

func TestNothingIsSaidToAServerWithoutTheTLSThatIsRequired(t *testing.T) {
	t.Parallel()
	for _, conf := range []*tls.Config{nil, {ServerName: "db"}} {
		cfg := &Config{User: "me", Password: "a secret", TLS: conf, TLSRequired: true}
		err := login(t, cfg, func(p *peer) {
			p.send(greet(serverCaps, pluginNative))
			if r := p.receive(); r != nil {
				t.Errorf("it says %q", r)
			}
		})
		if err != ErrNoTLS {
			t.Errorf("got %v, want %v", err, ErrNoTLS)
		}
	}
}

// certificate is one for the host db, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "db"}, DNSNames: []string{"db"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLSHidesTheLogin(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	server := func(p *peer) {
		p.send(greet(serverCaps|CapTLS, pluginSHA256))
		ask := p.receive()
		if len(ask) != 32 || binary.LittleEndian.Uint32(ask)&uint32(CapTLS) == 0 {
			t.Errorf("it asks for TLS by %q", ask)
		}
		sec := tls.Server(p.conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		if sec.Handshake() != nil {
			return
		}
		p.conn, p.in.src = sec, sec
		if r := p.receive(); !bytes.Contains(r, []byte("me\x00")) {
			t.Errorf("it logs in by %q", r)
		}
		p.send([]byte("\xfe" + pluginSHA256 + "\x00" + testNonce + "\x00"))
		if r := p.receive(); string(r) != "a secret\x00" {
			t.Errorf("it answers %q", r)
		}
		p.send(okPacket)
		p.command()
		p.send(okPacket)
	}
	cfg := &Config{User: "me", Password: "a secret", TLS: &tls.Config{RootCAs: pool, ServerName: "db"}, TLSRequired: true}
	serve(t, cfg, server)
	c, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if state, ok := c.TLS(); !ok || !state.HandshakeComplete {
		t.Errorf("got %+v, %v", state, ok)
	}
	before := c.Written()
	c.SendPing()
	flush(t, c)
	if got := c.Written() - before; got < 5+16 {
		t.Errorf("a ping is %d bytes, which is less than TLS makes of it", got)
	}
	if _, err := c.ReadResult(); err != nil {
		t.Error(err)
	}
	for name, conf := range map[string]*tls.Config{
		"its name": {RootCAs: pool, ServerName: "other"}, "its authority": {ServerName: "db"},
	} {
		cfg.TLS = conf
		serve(t, cfg, server)
		if _, err := Connect(t.Context(), cfg); err == nil {
			t.Errorf("%s isn't verified", name)
		}
	}
}

func TestWhatComesBeforeTLSIsNotTakenForWhatComesInIt(t *testing.T) {
	t.Parallel()
	err := login(t, &Config{TLS: &tls.Config{ServerName: "db"}, TLSRequired: true}, func(p *peer) {
		p.raw(append(packets(0, greet(serverCaps|CapTLS, pluginNative)), packets(2, okPacket)...))
		p.receive()
	})
	if !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want %v", err, ErrProtocol)
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(p *peer){
		"before the greeting": func(p *peer) { p.receive() },
		"before the OK":       func(p *peer) { p.send(greet(serverCaps, pluginNative)); p.receive(); p.receive() },
		"in TLS": func(p *peer) {
			p.send(greet(serverCaps|CapTLS, pluginNative))
			_, _ = io.Copy(io.Discard, p.conn)
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := &Config{TLS: &tls.Config{ServerName: "db"}}
		serve(t, cfg, func(p *peer) {
			stop := time.AfterFunc(10*time.Millisecond, cancel)
			defer stop.Stop()
			server(p)
		})
		if c, err := Connect(ctx, cfg); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, %v", name, c, err)
		}
		cancel()
	}
}

func TestConnectRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server func(p *peer)
		want   string
	}{
		"too many connections": {func(p *peer) { p.send([]byte("\xff\x10\x04Too many connections")) },
			"Too many connections (error 1040)"},
		"an old server":  {func(p *peer) { p.send(greet(CapProtocol41, "")) }, "too old"},
		"something else": {func(p *peer) { p.raw([]byte("SSH-2.0-OpenSSH_9.2\r\n")) }, "broke the protocol"},
		"nothing":        {func(*peer) {}, "unexpected EOF"},
		"a denied login": {func(p *peer) { p.welcomeTo([]byte("\xff\x15\x04#28000Access denied")) },
			"Access denied (error 1045, SQLSTATE 28000)"},
		"a huge greeting": {func(p *peer) { p.raw([]byte{0, 0, 0xff, 0}) }, "longer than is accepted"},
	} {
		if err := login(t, &Config{Password: "a secret"}, test.server); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if _, err := Connect(t.Context(), &Config{User: "me\x00you"}); !errors.Is(err, ErrAuth) {
		t.Errorf("got %v, want %v", err, ErrAuth)
	}
	nowhere := errors.New("nowhere")
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, nowhere }
	if _, err := Connect(t.Context(), &Config{Dial: dial}); err != nowhere {
		t.Errorf("got %v, want %v", err, nowhere)
	}
}
