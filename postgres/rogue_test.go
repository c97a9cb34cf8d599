package postgres

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rogue is a server that says what a test wants it to.
type rogue struct {
	net.Listener
	wg sync.WaitGroup

	mu    sync.Mutex
	heard []byte // all that clients sent, as it was on the wire
	conns int
}

// heard notes what a client sends.
type heard struct {
	net.Conn
	by *rogue
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.by.mu.Lock()
	h.by.heard = append(h.by.heard, p[:n]...)
	h.by.mu.Unlock()
	return n, err
}

// newRogue runs serve for each connection, and waits for the last one at the end of the test.
func newRogue(t testing.TB, serve func(net.Conn)) *rogue {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rogue{Listener: l}
	r.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns++
			r.mu.Unlock()
			r.wg.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				serve(heard{conn, r})
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.wg.Wait()
	})
	return r
}

func (r *rogue) port() int { return r.Addr().(*net.TCPAddr).Port }

// wasSent returns what clients have sent.
func (r *rogue) wasSent() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.heard)
}

func (r *rogue) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns
}

// options are those of a client that finds the server under a name that isn't this machine's.
func (r *rogue) options() Options {
	return Options{
		Hosts: []Host{{Name: "db.example", Port: r.port()}}, User: "app", Database: "shop",
		Lookup:         func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil },
		ConnectTimeout: 5 * time.Second,
	}
}

// startup reads up to the startup message. answer is what a request for TLS gets, which then begins with config if it's S.
func startup(conn net.Conn, answer byte, config *tls.Config) (*pgproto3.Backend, *pgproto3.StartupMessage, error) {
	for {
		b := pgproto3.NewBackend(conn, conn)
		m, err := b.ReceiveStartupMessage()
		if err != nil {
			return nil, nil, err
		}
		switch m := m.(type) {
		case *pgproto3.SSLRequest:
			if _, err := conn.Write([]byte{answer}); err != nil {
				return nil, nil, err
			}
			if answer == 'S' {
				conn = tls.Server(conn, config)
			}
		case *pgproto3.StartupMessage:
			return b, m, nil
		default:
			return nil, nil, errors.New("another message")
		}
	}
}

// welcome lets a client in.
func welcome(b *pgproto3.Backend, params ...string) error {
	b.Send(&pgproto3.AuthenticationOk{})
	for i := 0; i < len(params); i += 2 {
		b.Send(&pgproto3.ParameterStatus{Name: params[i], Value: params[i+1]})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte{1, 2, 3, 4}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return b.Flush()
}

// attend answers the pings by which pgconn may end a login, until the client is gone.
func attend(b *pgproto3.Backend) {
	for {
		m, err := b.Receive()
		if _, ok := m.(*pgproto3.Query); err != nil || !ok {
			return
		}
		b.Send(&pgproto3.EmptyQueryResponse{})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if b.Flush() != nil {
			return
		}
	}
}

// serveLogins lets everybody in, answering a request for TLS, and reads until the client is gone.
func serveLogins(answer byte, config *tls.Config, params ...string) func(net.Conn) {
	return func(conn net.Conn) {
		b, _, err := startup(conn, answer, config)
		if err == nil && welcome(b, params...) == nil {
			attend(b)
		}
	}
}

// dialled connects by options and returns the connection, closed at the end of the test.
func dialled(t testing.TB, o Options) (*wire, error) {
	t.Helper()
	to, err := o.resolve()
	if err != nil {
		t.Fatal(err)
	}
	w, err := to.dial(t.Context(), nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = w.conn.Close() })
	return w, nil
}

// refusal connects and returns the fault that has to come of it.
func refusal(t testing.TB, o Options) *driver.Fault {
	t.Helper()
	_, err := dialled(t, o)
	f, ok := errors.AsType[*driver.Fault](err)
	if !ok {
		t.Fatalf("the connection was made, or failed otherwise: %v", err)
	}
	if f.Phase != driver.Dial {
		t.Errorf("phase %v", f.Phase)
	}
	return f
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its own certificate
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "ca.crt")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key, der := sign(t, template, nil)
	a.key = key
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	write(t, a.file, 0o644, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// sign makes a key and its certificate, signed by an authority or by itself.
func sign(t testing.TB, template *x509.Certificate, by *authority) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// server returns the configuration of a server with a certificate for names, signed by the authority, or by itself if that is nil.
func (a *authority) server(t testing.TB, until time.Time, names ...string) *tls.Config {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "A server"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key, der := sign(t, template, a)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// client writes a client's certificate and key into files.
func (a *authority) client(t testing.TB, mode os.FileMode) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "app"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	private, der := sign(t, template, a)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	write(t, cert, 0o644, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, key, mode, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
	return cert, key
}

func write(t testing.TB, path string, mode os.FileMode, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have taken something
		t.Fatal(err)
	}
}

func wants(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q doesn't say %q", what, text, part)
		}
	}
}

// canceller reads a cancel request, over TLS if the client is to ask for it.
func canceller(conn net.Conn, encrypted bool, config *tls.Config) (*pgproto3.CancelRequest, error) {
	m, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage()
	if _, asks := m.(*pgproto3.SSLRequest); asks != encrypted {
		return nil, errors.New("it's encrypted otherwise than the first connection")
	} else if asks {
		if _, err := conn.Write([]byte("S")); err != nil {
			return nil, err
		}
		conn = tls.Server(conn, config)
		m, err = pgproto3.NewBackend(conn, conn).ReceiveStartupMessage()
	}
	request, ok := m.(*pgproto3.CancelRequest)
	if err == nil && !ok {
		err = errors.New("another message")
	}
	return request, err
}
