package mariadb

import (
	"crypto/tls"
	"slices"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// TLS says how connections are encrypted and the server is verified, in the words of the mariadb and mysql clients
// (https://dev.mysql.com/doc/refman/8.4/en/connection-options.html#option_general_ssl-mode). The zero value verifies the
// server's certificate and name against the system's roots, for every host but this machine, where TLS is only used if the server insists. A Unix
// socket has none.
type TLS struct {
	// Mode is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY. "": VERIFY_IDENTITY off this machine, and
	// wherever RootCert is set. PREFERRED and REQUIRED without a RootCert check nothing: they keep out who only listens.
	Mode string

	RootCert  string // file of PEM certificates to verify the server's by; "": the system's roots
	Cert, Key string // files of PEM, of the client's certificate; others must not be able to read the key
	Min, Max  uint16 // versions as crypto/tls numbers them; 0: TLS 1.2, and the newest

	// Config is where each connection's configuration begins: for roots and certificates that aren't in files. What is
	// set here, and the name and verification that Mode asks for, goes before it.
	Config *tls.Config
}

// The modes. For what "" stands is decided host by host.
const (
	tlsDisabled       = "DISABLED"
	tlsPreferred      = "PREFERRED"
	tlsRequired       = "REQUIRED"
	tlsVerifyCA       = "VERIFY_CA"
	tlsVerifyIdentity = "VERIFY_IDENTITY"
)

// resolveTLS checks the options and the files they name. The files are read again for each connection, because
// certificates are renewed while a service runs.
func (t *target) resolveTLS() error {
	o := &t.TLS
	switch {
	case !slices.Contains([]string{"", tlsDisabled, tlsPreferred, tlsRequired, tlsVerifyCA, tlsVerifyIdentity}, o.Mode):
		return driver.Faultf(driver.Argument, "ssl_mode %q: use one of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY", o.Mode)
	case o.Mode == tlsVerifyCA && o.RootCert == "" && (o.Config == nil || o.Config.RootCAs == nil):
		return driver.Faultf(driver.Argument,
			"ssl_mode=VERIFY_CA would trust any certificate of any site: give the server's authority by ssl_ca, or use VERIFY_IDENTITY")
	}
	if err := o.shared().Check(terms()); err != nil {
		return err
	}
	for _, h := range t.Hosts {
		if !h.isSocket() && o.Mode != tlsDisabled {
			if _, err := t.tlsConfig(h, tlsVerifyIdentity); err != nil {
				return err
			}
		}
	}
	return nil
}

// tlsModes returns how to connect to a host's address: one way, or two if the second is to be tried where the server refuses
// the first. PREFERRED asks for TLS where the server has it.
func (t *target) tlsModes(h Host, address string) []string {
	mode := t.TLS.Mode
	switch {
	case h.isSocket():
		return []string{tlsDisabled}
	case mode == "" && h.isLoopback(address) && t.TLS.RootCert == "" && t.TLS.Config == nil:
		return []string{tlsDisabled, tlsRequired}
	case mode == "":
		return []string{tlsVerifyIdentity}
	case mode == tlsRequired && t.TLS.RootCert != "":
		return []string{tlsVerifyCA}
	}
	return []string{mode}
}

// shared returns what other databases' TLS has in common with MariaDB's.
func (o *TLS) shared() netdriver.TLS {
	return netdriver.TLS{RootCert: o.RootCert, Cert: o.Cert, Key: o.Key, Min: o.Min, Max: o.Max, Config: o.Config}
}

// tlsConfig returns the configuration of one connection, nil for none.
func (t *target) tlsConfig(h Host, mode string) (*tls.Config, error) {
	if mode == tlsDisabled {
		return nil, nil
	}
	c, err := t.TLS.shared().Client(h.Name, terms())
	if err != nil {
		return nil, err
	}
	switch {
	case mode == tlsVerifyCA, mode == tlsPreferred && t.TLS.RootCert != "":
		netdriver.VerifyFor(c, "")
	case mode == tlsRequired, mode == tlsPreferred:
		c.InsecureSkipVerify = true
	}
	return c, nil
}
