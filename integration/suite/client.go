package suite

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
)

// Client is who connects by a driver's own options: what all drivers have of them.
type Client struct {
	Host, Database, User string
	Port                 int
	Password             config.Secret
	TLS                  TLS
	ReadOnly             bool

	Lookup func(ctx context.Context, host string) ([]string, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// TLS is what a client asks for. The zero value is the driver's default.
type TLS struct {
	Mode, RootCert, Cert, Key string
	Min, Max                  uint16
}

// At returns the client of a server's URL, but for TLS.
func At(t testing.TB, text string) Client {
	t.Helper()
	u := parsed(t, text)
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return Client{
		Host: u.Hostname(), Port: port, Database: strings.TrimPrefix(u.Path, "/"), User: u.User.Username(), Password: config.NewSecret(password),
	}
}

// At returns the client of a server's URL.
func (d *Database) At(t testing.TB, text string) Client {
	t.Helper()
	c, q, its := At(t, text), parsed(t, text).Query(), d.TLS.Parameters
	c.TLS = TLS{Mode: q.Get(its.Mode), RootCert: q.Get(its.RootCert), Cert: q.Get(its.Cert), Key: q.Get(its.Key)}
	return c
}

func parsed(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Elsewhere returns a client for which a server isn't this machine: it finds it under another name, and asks for no TLS.
func (d *Database) Elsewhere(t testing.TB, s *servers.Server) Client {
	t.Helper()
	c := d.At(t, s.URL())
	address := c.Host
	c.Host, c.TLS = "db.example", TLS{}
	c.Lookup = func(context.Context, string) ([]string, error) { return []string{address}, nil }
	return c
}

// connect opens an engine for a client, and a connection of it.
func (d *Database) connect(t testing.TB, c Client) (*plinth.Engine, error) {
	t.Helper()
	return Connect(t, d.Opener(c))
}

// Connect opens an engine, which is closed with the test, and a connection of it.
func Connect(t testing.TB, opener driver.Opener) (*plinth.Engine, error) {
	t.Helper()
	e, err := plinth.New(plinth.Options{}, opener)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	ctx, cancel := context.WithTimeout(t.Context(), Within)
	defer cancel()
	return e, e.Connect(ctx)
}

// Refused holds err to be of a server that isn't spoken to: it says why, hints at what to do, and doesn't show secret.
func Refused(t testing.TB, err error, says, hint, secret string) {
	t.Helper()
	pe, ok := errors.AsType[*plinth.Error](err)
	if !ok || pe.Kind != plinth.ErrUnavailable {
		t.Fatalf("it isn't refused: %v", err)
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(pe.Hint, hint) {
		t.Errorf("%v doesn't say %q and %q", err, says, hint)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("%v shows the password", err)
	}
}

// Answering returns what dials a server that talk stands for.
func Answering(talk func(server net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			talk(theirs)
		}()
		return ours, nil
	}
}
