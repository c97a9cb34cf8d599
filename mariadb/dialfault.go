package mariadb

import (
	"context"
	"errors"
	"net"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// terms are MariaDB's words for what can be wrong with a connection.
func terms() *netdriver.Words {
	return &netdriver.Words{
		Scheme: "mariadb", Server: "a MariaDB server", RootCert: "ssl_ca", Cert: "ssl_cert", Key: "ssl_key",
		NoTLS: "give the server a certificate (ssl_cert, ssl_key); " +
			"only where nobody else can listen, ssl_mode=DISABLED does without",
		Encrypted: "ssl_mode=REQUIRED", AnyName: "ssl_mode=VERIFY_CA", Listens: "bind_address, port",
		NoSocket: "is the server running, and is that its socket?",
	}
}

// silence is the end of waiting for something that has taken the connection. A server of this protocol speaks first; others,
// PostgreSQL's among them, wait for their client.
type silence struct{ error }

func (s *silence) Unwrap() error { return s.error }

// dialFault is the fault of one address of a host. ctx is the caller's: the end of ConnectTimeout is the address's own
// fault.
func (t *target) dialFault(ctx context.Context, h Host, address string, who netdriver.Login, err error) *driver.Fault {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		f.Phase = driver.Dial
		return f
	}
	f := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Evict: true, Err: err}
	var refused *refusedSetting
	if said, ok := errors.AsType[*wire.ServerError](err); ok {
		f = t.serverFault(driver.Dial, t.withoutSecrets(said, who))
		f.Evict = true
		if errors.As(err, &refused) {
			f.Kind, f.Verdict = driver.Argument, driver.Never
			f.Hint = "a parameter of the URL that isn't one of the connection is set in the session, and the server doesn't take it"
		}
		if f.Kind == driver.Auth && said.Number == 1045 && who.Password == "" {
			f.Hint = "no password was given: put it into the URL, MYSQL_PWD, my.cnf or password_file"
		}
	} else if ctx.Err() != nil {
		return netdriver.Ended(ctx, driver.Dial, nil)
	} else if errors.Is(err, wire.ErrNoTLS) {
		f.Verdict, f.Hint = driver.Never, terms().NoTLS
	} else if _, ok := errors.AsType[*silence](err); ok {
		f.Hint = "something takes connections there and says nothing more: is it a MariaDB or MySQL server, and is it well?"
	} else if !terms().Explain(f, h.Name, h.isSocket(), err) {
		f.Verdict = driver.Never
		if errors.Is(err, wire.ErrAuth) {
			f.Kind = driver.Auth
			f.Hint = "a password in clear is only sent with cleartext=true, and to a server that TLS has verified"
		} else {
			f.Hint = "is it a MariaDB or MySQL server that answers there?"
		}
	}
	if h.isSocket() || net.ParseIP(h.Name) != nil {
		address = ""
	}
	return netdriver.Locate(f, h.String(), address, t.ConnectTimeout, err)
}

// withoutSecrets returns what a server said, without the password.
func (t *target) withoutSecrets(e *wire.ServerError, who netdriver.Login) *wire.ServerError {
	out := *e
	netdriver.Redact(who.Password, who.User+"\x00"+t.Database+"\x00"+t.label(), &out.Message, &out.State)
	return &out
}
