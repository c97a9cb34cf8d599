package mariadb

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

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
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
	var refused *refusedSetting
	if said, ok := errors.AsType[*wire.ServerError](err); ok {
		f = t.serverFault(driver.Dial, t.withoutSecrets(said, who))
		f.Evict = true
		if errors.As(err, &refused) {
			f.Kind, f.Verdict = driver.Argument, driver.Never
			f.Hint = "a parameter of the URL that isn't one of the connection is set in the session, and the server doesn't take it"
		}
		if f.Kind == driver.Auth && said.Number == 1045 && who.password == "" {
			f.Hint = "no password was given: write it in the URL, or in PASSWORD's place of the configuration"
		}
	} else if ctx.Err() != nil {
		return contextFault(ctx)
	} else if !explainTLS(f, h, err) && !explainNetwork(f, h, err) {
		f.Verdict = driver.Never
		if errors.Is(err, wire.ErrAuth) {
			f.Kind = driver.Auth
			f.Hint = "a password in clear is only sent with cleartext=true, and to a server that TLS has verified"
		} else {
			f.Hint = "is it a MariaDB or MySQL server that answers there?"
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
func (t *target) withoutSecrets(e *wire.ServerError, who login) *wire.ServerError {
	public := who.user + "\x00" + t.Database + "\x00" + t.label()
	if len(who.password) < 4 || strings.Contains(public, who.password) {
		return e
	}
	out := *e
	out.Message = strings.ReplaceAll(out.Message, who.password, "[redacted]")
	out.State = strings.ReplaceAll(out.State, who.password, "[redacted]")
	return &out
}

// explainTLS says why there is no TLS, and reports whether that is what failed.
func explainTLS(f *driver.Fault, h Host, err error) bool {
	var unverified *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	const plain = "give the server a certificate (ssl_cert, ssl_key); " +
		"only where nobody else can listen, ssl_mode=DISABLED does without"
	switch {
	case errors.Is(err, wire.ErrNoTLS):
		f.Hint = plain
	case errors.As(err, &record):
		f.Hint = "it isn't TLS that answers: " + plain
	case errors.As(err, &unverified):
		f.Hint = certificateHint(h, unverified)
	case isAlert(err) && strings.Contains(err.Error(), "certificate"):
		f.Kind = driver.Auth
		f.Hint = "the server asks for a client's certificate of an authority that it trusts: give ssl_cert and ssl_key"
	case isAlert(err), strings.HasPrefix(err.Error(), "TLS: tls: "),
		strings.HasPrefix(err.Error(), "tls: "): // crypto/tls has no type for what it finds wrong
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
		return "give the authority that signed the server's certificate by ssl_ca=FILE; " +
			"ssl_mode=REQUIRED would encrypt, but to whomever answers"
	case errors.As(e, &name):
		return "connect by a name that the server's certificate has, or give the server one for " + h.Name +
			"; with an authority of your own, ssl_mode=VERIFY_CA checks all but the name"
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
		f.Hint = "is the server running, and does it listen at that address and port (bind_address, port)?"
	case errors.Is(err, fs.ErrNotExist) && h.isSocket():
		f.Hint = "is the server running, and is that its socket?"
	case errors.Is(err, fs.ErrPermission) && h.isSocket():
		f.Hint = "the operating system doesn't let this process use the socket"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		f.Hint = "nothing answers: check the host and the port, and the firewalls between"
	case hungUp(err):
		f.Hint = "the server closed the connection before the login was over: look at its log; " +
			"is it a MariaDB server, and what is in front of it?"
	default:
		return errors.As(err, &network)
	}
	return true
}
