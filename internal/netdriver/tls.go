package netdriver

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// TLS is what drivers' settings of TLS have in common.
type TLS struct {
	RootCert  string // file of PEM certificates to verify the server's by; "": those of Config, else the system's roots
	Cert, Key string // files of the client's own certificate and its key, in PEM; "": none
	Min, Max  uint16 // versions (tls.VersionTLS12, …); 0: from TLS 1.2 to the newest
	Config    *tls.Config
}

// Check finds what can't be meant.
func (o TLS) Check(w *Words) error {
	switch {
	case (o.Cert == "") != (o.Key == ""):
		return driver.Faultf(driver.Argument, "a client certificate needs both of %s and %s", w.Cert, w.Key)
	case o.Min != 0 && o.Min < tls.VersionTLS12 || o.Max != 0 && o.Max < tls.VersionTLS12:
		return driver.Faultf(driver.Argument, "%s is broken: TLS 1.2 is the oldest that is spoken",
			tls.VersionName(min(cmp.Or(o.Min, o.Max), cmp.Or(o.Max, o.Min))))
	case o.Min != 0 && o.Max != 0 && o.Min > o.Max:
		return driver.Faultf(driver.Argument, "the oldest version of TLS that is allowed is newer than the newest")
	}
	return nil
}

// Client returns the configuration of a connection to host, which verifies the server's certificate and name. An error is a
// *driver.Fault.
func (o TLS) Client(host string, w *Words) (*tls.Config, error) {
	c := &tls.Config{}
	if o.Config != nil {
		c = o.Config.Clone()
	}
	if o.Min != 0 || c.MinVersion < tls.VersionTLS12 {
		c.MinVersion = max(o.Min, tls.VersionTLS12)
	}
	if o.Max != 0 {
		c.MaxVersion = o.Max
	}
	if o.RootCert != "" {
		text, err := os.ReadFile(o.RootCert)
		if err != nil {
			return nil, driver.Faultf(driver.Argument, "%s: %w", w.RootCert, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, driver.Faultf(driver.Argument, "%s: %s holds no PEM certificate", w.RootCert, o.RootCert)
		}
	}
	if o.Cert != "" {
		cert, err := o.keyPair(w)
		if err != nil {
			return nil, err
		}
		c.Certificates, c.GetClientCertificate = []tls.Certificate{cert}, nil
	}
	c.ServerName = cmp.Or(c.ServerName, strings.TrimSuffix(host, "."))
	return c, nil
}

// VerifyFor has the server's certificate verified as crypto/tls does it, but for another name than the one that is sent, or
// for "", any.
func VerifyFor(c *tls.Config, name string) {
	roots, now, also := c.RootCAs, c.Time, c.VerifyConnection
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(state tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, DNSName: name, Intermediates: x509.NewCertPool()}
		if now != nil {
			opts.CurrentTime = now()
		}
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

// keyPair reads the client's certificate. A key that others can read is refused, by the rule of libpq
// (fe-secure-openssl.c): nobody else may, but root's key may be read by its group.
func (o TLS) keyPair(w *Words) (cert tls.Certificate, err error) {
	info, err := os.Stat(o.Key)
	if err != nil {
		return cert, driver.Faultf(driver.Argument, "%s: %w", w.Key, err)
	}
	if Exposed(info) {
		f := driver.Faultf(driver.Argument, "%s: others can read the private key %s", w.Key, o.Key)
		f.Hint = "chmod 600 " + o.Key
		return cert, f
	}
	key, err := os.ReadFile(o.Key)
	if err != nil {
		return cert, driver.Faultf(driver.Argument, "%s: %w", w.Key, err)
	}
	text, err := os.ReadFile(o.Cert)
	if err != nil {
		return cert, driver.Faultf(driver.Argument, "%s: %w", w.Cert, err)
	}
	if cert, err = tls.X509KeyPair(text, key); err == nil {
		return cert, nil
	}
	f := driver.Faultf(driver.Argument, "%s %s and %s %s: %w", w.Cert, o.Cert, w.Key, o.Key, err)
	if block, _ := pem.Decode(key); block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "") {
		f.Hint = "the key is encrypted with a passphrase: write one without by openssl pkey -in KEY -out NEW"
	}
	return cert, f
}
