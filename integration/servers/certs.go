package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Cert names a certificate for WithCert. All but the good one have to be refused by a client that verifies.
type Cert string

// The certificates that a server can show.
const (
	CertGood       Cert = "server"      // signed by the CA, for localhost, 127.0.0.1, ::1 and the server's address
	CertSelfSigned Cert = "self-signed" // the same names, but signed by itself
	CertWrongName  Cert = "wrong-name"  // signed by the CA, for database.invalid
	CertExpired    Cert = "expired"     // signed by the CA, good names, ended yesterday
)

func (c Cert) orGood() Cert {
	if c == "" {
		return CertGood
	}
	return c
}

// Certs are paths of files in PEM. The keys are readable by their owner alone, as clients demand.
type Certs struct {
	CA      string // verifies the servers, and for them the clients
	OtherCA string // has signed nothing that a server shows
	// Client is the certificate of the user "cert", ClientKey its key.
	Client, ClientKey string
	// OtherClient says "cert" too but is signed by OtherCA: a server refuses it.
	OtherClient, OtherClientKey string
}

// authority signs.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func makeCerts(house, address string) (Certs, error) {
	dir := filepath.Join(house, "tls")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Certs{}, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	ca, err := newAuthority(dir, "ca", "Plinth test CA")
	if err != nil {
		return Certs{}, err
	}
	other, err := newAuthority(dir, "other-ca", "Another test CA")
	if err != nil {
		return Certs{}, err
	}
	names := []string{"localhost", "127.0.0.1", "::1", address}
	now := time.Now()
	for _, c := range []struct {
		by     *authority
		name   string
		common string
		names  []string
		until  time.Time
	}{
		{ca, string(CertGood), "localhost", names, now.AddDate(1, 0, 0)},
		{nil, string(CertSelfSigned), "localhost", names, now.AddDate(1, 0, 0)},
		{ca, string(CertWrongName), "database.invalid", []string{"database.invalid"}, now.AddDate(1, 0, 0)},
		{ca, string(CertExpired), "localhost", names, now.AddDate(0, 0, -1)},
		{ca, "client", "cert", nil, now.AddDate(1, 0, 0)},
		{other, "other-client", "cert", nil, now.AddDate(1, 0, 0)},
	} {
		if err := issue(dir, c.by, c.name, template(c.common, c.names, c.until)); err != nil {
			return Certs{}, fmt.Errorf("certificate %s: %w", c.name, err)
		}
	}
	return Certs{
		CA: in("ca.crt"), OtherCA: in("other-ca.crt"), Client: in("client.crt"), ClientKey: in("client.key"),
		OtherClient: in("other-client.crt"), OtherClientKey: in("other-client.key"),
	}, nil
}

func template(common string, names []string, until time.Time) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: common},
		NotBefore:    until.AddDate(-2, 0, 0),
		NotAfter:     until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

func newAuthority(dir, name, common string) (*authority, error) {
	t := template(common, nil, time.Now().AddDate(1, 0, 0))
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage, t.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	key, der, err := sign(nil, t)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, dir: dir}, writePEM(filepath.Join(dir, name+".crt"), "CERTIFICATE", der)
}

// issue writes a certificate and its key. It's signed by itself if by is nil.
func issue(dir string, by *authority, name string, t *x509.Certificate) error {
	key, der, err := sign(by, t)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, name+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", secret)
}

func sign(by *authority, t *x509.Certificate) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	parent, signer := t, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	return key, der, err
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
