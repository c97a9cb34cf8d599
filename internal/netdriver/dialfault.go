package netdriver

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
)

// Words are how a database's users call what hints tell them to look at.
type Words struct {
	Scheme string // of URLs
	Server string // that should answer, with its article

	RootCert, Cert, Key string // the parameters of the files for TLS
	NoTLS               string // what to do about a server that doesn't do TLS
	Encrypted           string // the parameter that has TLS check nothing
	AnyName             string // the one that has it check all but the name

	Listens  string // the server's settings of where it listens
	NoSocket string // what to do about a Unix socket that isn't there
}

// RoleError says that a server isn't what was asked for.
type RoleError struct{ Text string }

// Error returns what the server isn't, or is.
func (e *RoleError) Error() string { return "the server " + e.Text }

// Explain says in f what to try about a host that couldn't be dialled because of err, and reports whether it knows. socket is
// set if the host is a Unix socket.
func (w *Words) Explain(f *driver.Fault, host string, socket bool, err error) bool {
	return w.explainTLS(f, host, err) || w.explainNetwork(f, socket, err)
}

// explainTLS says why there is no TLS, and reports whether that is what failed.
func (w *Words) explainTLS(f *driver.Fault, host string, err error) bool {
	var unverified *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		f.Hint = "it isn't TLS that answers: " + w.NoTLS
	case errors.As(err, &unverified):
		f.Hint = w.certificateHint(host, unverified)
	case IsAlert(err) && strings.Contains(err.Error(), "certificate"):
		f.Kind = driver.Auth
		f.Hint = "the server asks for a client's certificate of an authority that it trusts: give " + w.Cert + " and " + w.Key
	case IsAlert(err), strings.HasPrefix(strings.TrimPrefix(err.Error(), "TLS: "), "tls: "): // crypto/tls has no type for what it finds wrong
		f.Hint = "the server's TLS and ours have nothing in common; TLS 1.2 is the oldest that is spoken"
	default:
		return false
	}
	f.Verdict = driver.Never
	return true
}

// IsAlert reports whether the other side has ended TLS by an alert.
func IsAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" // as crypto/tls writes it
}

// certificateHint says what to do about a server's certificate.
func (w *Words) certificateHint(host string, e *tls.CertificateVerificationError) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e, &authority):
		return "give the authority that signed the server's certificate by " + w.RootCert + "=FILE; " +
			w.Encrypted + " would encrypt, but to whomever answers"
	case errors.As(e, &name):
		return "connect by a name that the server's certificate has, or give the server one for " + host +
			"; with an authority of your own, " + w.AnyName + " checks all but the name"
	case errors.As(e, &invalid) && invalid.Reason == x509.Expired && len(e.UnverifiedCertificates) > 0:
		c := e.UnverifiedCertificates[0]
		return "renew the server's certificate (it's good from " + c.NotBefore.UTC().Format(time.DateOnly) + " to " +
			c.NotAfter.UTC().Format(time.DateOnly) + "), or correct this machine's clock"
	}
	return "give the server a certificate that can be verified"
}

// explainNetwork says what to try when a host can't be reached, and reports whether that is what failed.
func (w *Words) explainNetwork(f *driver.Fault, socket bool, err error) bool {
	var dns *net.DNSError
	var role *RoleError
	var network net.Error
	switch {
	case errors.As(err, &role):
		f.Hint = "none of the hosts has that role now; a failover may be under way"
	case errors.As(err, &dns) && dns.IsNotFound:
		f.Hint = "check the name of the host"
	case errors.Is(err, syscall.ECONNREFUSED) && socket:
		f.Hint = "the socket is left from a server that isn't running any more"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Hint = "is the server running, and does it listen at that address and port (" + w.Listens + ")?"
	case errors.Is(err, fs.ErrNotExist) && socket:
		f.Hint = w.NoSocket
	case errors.Is(err, fs.ErrPermission) && socket:
		f.Hint = "the operating system doesn't let this process use the socket"
	case TimeIsUp(err):
		f.Hint = "nothing answers: check the host and the port, and the firewalls between"
	case HungUp(err):
		f.Hint = "the server closed the connection before the login was over: look at its log; " +
			"is it " + w.Server + ", and what is in front of it?"
	default:
		return errors.As(err, &network)
	}
	return true
}

// TimeIsUp reports whether err is of a deadline: a context's, or a connection's.
func TimeIsUp(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// Locate puts into f's error where was dialled: host as a URL has it, and the address that its name was resolved to, or "".
// err is what happened there, and timeout what connecting was given; not positive is without end.
func Locate(f *driver.Fault, host, address string, timeout time.Duration, err error) *driver.Fault {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() && timeout > 0 {
		f.Err = fmt.Errorf("no connection within %v: %w", timeout, f.Err)
	}
	if address != "" {
		host += " (" + address + ")"
	}
	f.Err = fmt.Errorf("%s: %w", host, f.Err)
	return f
}

// Redact takes a password out of what a server said at login: one that asks for it in clear could repeat it. A password that is
// short, or a part of what is public anyway, stays.
func Redact(password, public string, said ...*string) {
	if len(password) < 4 || strings.Contains(public, password) {
		return
	}
	for _, text := range said {
		*text = strings.ReplaceAll(*text, password, "[redacted]")
	}
}
