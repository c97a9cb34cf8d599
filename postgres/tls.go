package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// TLS says how connections are encrypted and the server is verified, in libpq's words
// (https://www.postgresql.org/docs/current/libpq-ssl.html). The zero value verifies the server's certificate and name
// against the system's roots, for every host but this machine, where TLS is only used if the server insists. A Unix
// socket has none.
type TLS struct {
	// Mode is disable, allow, prefer, require, verify-ca or verify-full. "": verify-full off this machine, and wherever
	// RootCert is set. allow, prefer and require without a RootCert check nothing: they keep out who only listens.
	Mode string

	RootCert  string // file of PEM certificates to verify the server's by; "" or "system": the system's roots
	Cert, Key string // files of PEM, of the client's certificate; others must not be able to read the key
	Direct    bool   // TLS from the first byte, without asking first (sslnegotiation=direct): PostgreSQL 17 or newer
	NoSNI     bool   // don't tell the server's name in clear
	Min, Max  uint16 // versions as crypto/tls numbers them; 0: TLS 1.2, and the newest

	// Config is where each connection's configuration begins: for roots and certificates that aren't in files. What is
	// set here, and the name and verification that Mode asks for, goes before it.
	Config *tls.Config
}

// The modes. For what "" stands is decided host by host.
const (
	tlsDisable    = "disable"
	tlsAllow      = "allow"
	tlsPrefer     = "prefer"
	tlsRequire    = "require"
	tlsVerifyCA   = "verify-ca"
	tlsVerifyFull = "verify-full"
)

// resolveTLS checks the options and the files they name. The files are read again for each connection, because
// certificates are renewed while a service runs.
func (t *target) resolveTLS() error {
	o := &t.TLS
	verifies := o.Mode == tlsVerifyCA || o.Mode == tlsVerifyFull
	switch {
	case !slices.Contains([]string{"", tlsDisable, tlsAllow, tlsPrefer, tlsRequire, tlsVerifyCA, tlsVerifyFull}, o.Mode):
		return driver.Faultf(driver.Argument, "sslmode %q: use one of disable, allow, prefer, require, verify-ca, verify-full",
			o.Mode)
	case o.RootCert == "system" && o.Mode != "" && o.Mode != tlsVerifyFull:
		return driver.Faultf(driver.Argument,
			"sslrootcert=system with sslmode=%s would trust any certificate of any site: use verify-full", o.Mode)
	case o.Mode == tlsVerifyCA && o.RootCert == "" && (o.Config == nil || o.Config.RootCAs == nil):
		return driver.Faultf(driver.Argument,
			"sslmode=verify-ca would trust any certificate of any site: give the server's authority by sslrootcert, or use verify-full")
	case o.Direct && o.Mode != "" && o.Mode != tlsRequire && !verifies:
		return driver.Faultf(driver.Argument,
			"sslnegotiation=direct can't fall back to a connection without TLS, as sslmode=%s says: use require or verify-full", o.Mode)
	}
	if err := o.shared().Check(terms()); err != nil {
		return err
	}
	for _, h := range t.Hosts {
		if !h.isSocket() && o.Mode != tlsDisable {
			if _, err := t.tlsConfig(h, tlsVerifyFull); err != nil {
				return err
			}
		}
	}
	return nil
}

// tlsModes returns how to connect to a host's address: one way, or two if the second is to be tried where the server
// refuses the first. Each is disable, require, verify-ca or verify-full.
func (t *target) tlsModes(h Host, address string) []string {
	mode := t.TLS.Mode
	if mode == "" {
		mode = tlsVerifyFull
		if h.isLoopback(address) && t.TLS.RootCert == "" && t.TLS.Config == nil && !t.TLS.Direct {
			mode = tlsAllow
		}
	}
	verified := tlsRequire
	if t.TLS.RootCert != "" {
		verified = tlsVerifyCA
	}
	switch {
	case h.isSocket() || mode == tlsDisable:
		return []string{tlsDisable}
	case mode == tlsAllow:
		return []string{tlsDisable, verified}
	case mode == tlsPrefer:
		return []string{verified, tlsDisable}
	case mode == tlsRequire:
		return []string{verified}
	}
	return []string{mode}
}

// shared returns what other databases' TLS has in common with PostgreSQL's.
func (o *TLS) shared() netdriver.TLS {
	common := netdriver.TLS{RootCert: o.RootCert, Cert: o.Cert, Key: o.Key, Min: o.Min, Max: o.Max, Config: o.Config}
	if o.RootCert == "system" {
		common.RootCert = ""
	}
	return common
}

// tlsConfig returns the configuration of one connection, nil for none.
func (t *target) tlsConfig(h Host, mode string) (*tls.Config, error) {
	if mode == tlsDisable {
		return nil, nil
	}
	c, err := t.TLS.shared().Client(h.Name, terms())
	if err != nil {
		return nil, err
	}
	if t.TLS.Direct {
		c.NextProtos = []string{"postgresql"} // the server refuses a direct connection without it
	}
	switch {
	case mode == tlsRequire:
		c.InsecureSkipVerify = true
	case mode == tlsVerifyCA:
		netdriver.VerifyFor(c, "")
	case t.TLS.NoSNI:
		netdriver.VerifyFor(c, c.ServerName)
	}
	if t.TLS.NoSNI {
		c.ServerName = ""
	}
	return c, nil
}

// sslRequest asks for TLS: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
const sslRequest = 80877103

// Why there is no TLS.
var (
	errNoTLS    = errors.New("the server doesn't do TLS")
	errNotTLS   = errors.New("what answers doesn't speak PostgreSQL's protocol, or not before it is spoken TLS to")
	errEarlyTLS = errors.New("the server answered the request for TLS with an error, which can't be trusted and isn't shown")
)

// startTLS speaks TLS on a new connection.
func startTLS(ctx context.Context, conn net.Conn, c *tls.Config, direct bool) (net.Conn, error) {
	if !direct {
		stop := netdriver.Interruptible(ctx, conn)
		err := askForTLS(conn)
		if !stop() {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	client := tls.Client(conn, c)
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return client, nil
}

func askForTLS(conn net.Conn) error {
	request := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), sslRequest)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var answer [1]byte // and not a byte more is read: what somebody injected behind it gets into the handshake, and fails it
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return errNoTLS
	case 'E':
		return errEarlyTLS
	}
	return errNotTLS
}
