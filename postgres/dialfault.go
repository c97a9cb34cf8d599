package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth/driver"
)

// dialFault is the fault of one address of a host. ctx is the caller's: the end of ConnectTimeout is the address's own
// fault.
func (t *target) dialFault(ctx context.Context, h Host, address string, who login, err error) *driver.Fault {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		f.Phase = driver.Dial
		return f
	}
	at := h.String()
	if !h.isSocket() && net.ParseIP(h.Name) == nil && address != "" {
		at += " (" + address + ")"
	}
	f := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Evict: true, Err: err}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		f = t.fault(driver.Dial, t.withoutSecrets(e, who))
		explainLogin(f, e)
		if e.Code == "28P01" && who.password == "" {
			f.Hint = "no password was given: put it into the URL, PGPASSWORD, .pgpass or password_file"
		}
	} else if ctx.Err() != nil {
		return contextFault(ctx)
	} else if !explainTLS(f, h, err) && !explainNetwork(f, h, err) {
		f.Verdict, f.Hint = driver.Never, "is it a PostgreSQL server that answers there?"
		what, _, _ := strings.Cut(err.Error(), ":") // pgconn has no type for them
		switch what {
		case "failed SASL auth", "failed GSS auth", "require_auth check failed", "channel binding check failed":
			f.Kind, f.Hint = driver.Auth, ""
		}
		if strings.Contains(err.Error(), `requirement "!password"`) && t.RequireAuth == "" {
			f.Hint = "it asks for the password itself over a network without encryption: use TLS (sslmode=verify-full), " +
				"or have the server use scram-sha-256; require_auth=password would send it"
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && t.ConnectTimeout > 0 {
		f.Err = fmt.Errorf("no connection within %v: %w", t.ConnectTimeout, f.Err)
	}
	f.Err = fmt.Errorf("%s: %w", at, f.Err)
	return f
}

// contextFault is the fault of a dial that its context ended.
func contextFault(ctx context.Context) *driver.Fault {
	return &driver.Fault{Kind: contextKind(ctx), Phase: driver.Dial, Err: context.Cause(ctx)}
}

// withoutSecrets returns what a server said, without the password: one that asks for it in clear could repeat it.
func (t *target) withoutSecrets(e *pgconn.PgError, who login) *pgconn.PgError {
	public := who.user + "\x00" + t.Database + "\x00" + t.label()
	if len(who.password) < 4 || strings.Contains(public, who.password) {
		return e
	}
	out := *e
	for _, text := range []*string{
		&out.Severity, &out.SeverityUnlocalized, &out.Code, &out.Message, &out.Detail, &out.Hint, &out.InternalQuery, &out.Where,
		&out.SchemaName, &out.TableName, &out.ColumnName, &out.DataTypeName, &out.ConstraintName, &out.File, &out.Routine,
	} {
		*text = strings.ReplaceAll(*text, who.password, "[redacted]")
	}
	return &out
}

// explainLogin says what to try when the server refused a login.
func explainLogin(f *driver.Fault, e *pgconn.PgError) {
	switch {
	case e.Code == "42704":
		f.Kind = driver.Argument
		f.Hint = "a parameter of the URL that isn't one of the connection is set in the session, and the server doesn't know this one"
	case e.Code == "08P01" && strings.Contains(e.Message, "startup parameter"):
		f.Kind, f.Verdict = driver.Argument, driver.Never
		f.Hint = "it is PgBouncer that says this: leave the parameter out of the URL, or add it to its " +
			"track_extra_parameters or ignore_startup_parameters"
	case f.Verdict == driver.IfSafe: // nothing was sent yet that could have been applied
		f.Verdict = driver.Again
	}
}

// explainTLS says why there is no TLS, and reports whether that is what failed.
func explainTLS(f *driver.Fault, h Host, err error) bool {
	var unverified *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	const plain = "switch TLS on in the server (ssl = on); only where nobody else can listen, sslmode=disable does without"
	switch {
	case errors.Is(err, errNoTLS), errors.Is(err, errEarlyTLS):
		f.Hint = plain
	case errors.As(err, &record):
		f.Hint = "it isn't TLS that answers: " + plain
	case errors.As(err, &unverified):
		f.Hint = certificateHint(h, unverified)
	case isAlert(err) && strings.Contains(err.Error(), "certificate"):
		f.Kind, f.Hint = driver.Auth, "the server asks for a client's certificate of an authority that it trusts: give sslcert and sslkey"
	case isAlert(err), strings.HasPrefix(err.Error(), "TLS: tls: "): // crypto/tls has no type for what it finds wrong
		f.Hint = "the server's TLS and ours have nothing in common; TLS 1.2 is the oldest that is spoken"
	default:
		return false
	}
	f.Verdict = driver.Never
	return true
}

// isAlert reports whether the other side has ended TLS by an alert.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" // as crypto/tls writes it
}

// certificateHint says what to do about a server's certificate.
func certificateHint(h Host, e *tls.CertificateVerificationError) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e, &authority):
		return "give the authority that signed the server's certificate by sslrootcert=FILE; " +
			"sslmode=require would encrypt, but to whomever answers"
	case errors.As(e, &name):
		return "connect by a name that the server's certificate has, or give the server one for " + h.Name +
			"; with an authority of your own, sslmode=verify-ca checks all but the name"
	case errors.As(e, &invalid) && invalid.Reason == x509.Expired && len(e.UnverifiedCertificates) > 0:
		c := e.UnverifiedCertificates[0]
		return "renew the server's certificate (it's good from " + c.NotBefore.UTC().Format(time.DateOnly) + " to " +
			c.NotAfter.UTC().Format(time.DateOnly) + "), or correct this machine's clock"
	}
	return "give the server a certificate that can be verified"
}

// explainNetwork says what to try when a host can't be reached, and reports whether that is what failed.
func explainNetwork(f *driver.Fault, h Host, err error) bool {
	var dns *net.DNSError
	var role *roleError
	var network net.Error
	switch {
	case errors.As(err, &role):
		f.Hint = "none of the hosts has that role now; a failover may be under way"
	case errors.As(err, &dns) && dns.IsNotFound:
		f.Hint = "check the name of the host"
	case errors.Is(err, syscall.ECONNREFUSED) && h.isSocket():
		f.Hint = "the socket is left from a server that isn't running any more"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Hint = "is the server running, and does it listen at that address and port (listen_addresses, port)?"
	case errors.Is(err, fs.ErrNotExist) && h.isSocket():
		f.Hint = "is the server running, and is its socket in that directory (unix_socket_directories) and of that port?"
	case errors.Is(err, fs.ErrPermission) && h.isSocket():
		f.Hint = "the operating system doesn't let this process use the socket"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		f.Hint = "nothing answers: check the host and the port, and the firewalls between"
	case hungUp(err):
		f.Hint = "the server closed the connection before the login was over: look at its log; " +
			"is it a PostgreSQL server, and what is in front of it?"
	default:
		return errors.As(err, &network)
	}
	return true
}
