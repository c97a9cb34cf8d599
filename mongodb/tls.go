package mongodb

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"slices"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// TLS says how connections are encrypted and the servers are verified. The zero value verifies each server's certificate and
// name against the system's roots, unless all the hosts that are named are this machine: then there is no TLS, and a server
// elsewhere that they tell of isn't spoken to.
type TLS struct {
	// Mode is off, verified, any-name (the certificate is verified, for whatever name) or unverified (it keeps out who
	// only listens). "": verified off this machine, and wherever RootCert, CertKey or Config is set.
	Mode string

	RootCert string // file of PEM certificates to verify the servers by; "": the system's roots
	CertKey  string // file of PEM with the client's certificate and key; others must not be able to read it

	// Config is where each connection's configuration begins: for roots and certificates that aren't in files.
	Config *tls.Config

	NoOCSPEndpoint    bool // don't ask the certificate's authority whether it was revoked
	NoRevocationCheck bool // nor look at what the server itself shows about that
}

// The modes.
const (
	tlsOff        = "off"
	tlsVerified   = "verified"
	tlsAnyName    = "any-name"
	tlsUnverified = "unverified"
)

// weaken is told of an option that has less verified. The weakest counts.
func (o *TLS) weaken(yes bool, mode string) {
	if yes && o.Mode != tlsUnverified {
		o.Mode = mode
	}
}

// resolveTLS decides whether there is TLS, and checks the files. They are read again for each client, because
// certificates are renewed while a service runs.
func (t *target) resolveTLS() error {
	o := &t.TLS
	if !slices.Contains([]string{"", tlsOff, tlsVerified, tlsAnyName, tlsUnverified}, o.Mode) {
		return driver.Faultf(driver.Argument, "the TLS mode %q: use one of off, verified, any-name, unverified", o.Mode)
	}
	files := o.RootCert != "" || o.CertKey != "" || o.Config != nil
	if o.Mode == tlsOff && files {
		return driver.Faultf(driver.Argument, "certificates are given, but tls=false says not to use them")
	}
	if o.Mode == "" && (files || t.SRV || slices.ContainsFunc(t.Hosts, func(h Host) bool { return !h.isLoopback() })) {
		o.Mode = tlsVerified
	}
	_, err := t.tlsConfig()
	return err
}

// encrypts reports whether connections have TLS.
func (t *target) encrypts() bool { return t.TLS.Mode != "" && t.TLS.Mode != tlsOff }

// tlsConfig returns the configuration of connections, nil for none. The client library adds the server's name.
func (t *target) tlsConfig() (*tls.Config, error) {
	if !t.encrypts() {
		return nil, nil
	}
	c := &tls.Config{}
	if t.TLS.Config != nil {
		c = t.TLS.Config.Clone()
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if root := t.TLS.RootCert; root != "" {
		text, err := os.ReadFile(root)
		if err != nil {
			return nil, driver.Faultf(driver.Argument, "tlsCAFile: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, driver.Faultf(driver.Argument, "tlsCAFile: %s holds no PEM certificate", root)
		}
	}
	if t.TLS.CertKey != "" {
		cert, err := t.TLS.keyPair()
		if err != nil {
			return nil, err
		}
		c.Certificates, c.GetClientCertificate = []tls.Certificate{cert}, nil
	}
	switch t.TLS.Mode {
	case tlsAnyName:
		verifyChain(c)
	case tlsUnverified:
		c.InsecureSkipVerify = true
	}
	return c, nil
}

// verifyChain has the server's certificate verified as crypto/tls does it, but for any name.
func verifyChain(c *tls.Config) {
	roots, also := c.RootCAs, c.VerifyConnection
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(state tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range state.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		if _, err := state.PeerCertificates[0].Verify(opts); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
		}
		if also != nil {
			return also(state)
		}
		return nil
	}
}

// keyPair reads the client's certificate and key, which are in one file. One that others can read is refused.
func (o TLS) keyPair() (cert tls.Certificate, err error) {
	info, err := os.Stat(o.CertKey)
	if err != nil {
		return cert, driver.Faultf(driver.Argument, "tlsCertificateKeyFile: %w", err)
	}
	if netdriver.Exposed(info) {
		f := driver.Faultf(driver.Argument, "tlsCertificateKeyFile: others can read the private key in %s", o.CertKey)
		f.Hint = "chmod 600 " + o.CertKey
		return cert, f
	}
	text, err := os.ReadFile(o.CertKey)
	if err != nil {
		return cert, driver.Faultf(driver.Argument, "tlsCertificateKeyFile: %w", err)
	}
	if cert, err = tls.X509KeyPair(text, text); err == nil {
		return cert, nil
	}
	f := driver.Faultf(driver.Argument, "tlsCertificateKeyFile %s: %w", o.CertKey, err)
	if encrypted(text) {
		f.Err = errors.New("tlsCertificateKeyFile " + o.CertKey + ": the key is encrypted with a passphrase, which isn't supported")
		f.Hint = "write one without by openssl pkey -in KEY -out NEW"
	}
	return cert, f
}

// encrypted reports whether one of the PEM blocks is a key behind a passphrase.
func encrypted(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return true
		}
	}
	return false
}
