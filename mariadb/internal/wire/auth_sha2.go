package wire

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the protocol's
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// What is said in caching_sha2_password and sha256_password after the first answer:
// pages caching_sha2_password-authentication-plugin and sha256_password-plugin.
const (
	sha256AskKey   byte = 1
	cachingAskKey  byte = 2
	cachingFast    byte = 3 // the server knew the password's hash: an OK follows
	cachingProceed byte = 4 // it didn't, and wants the password
)

// sha256Answer is the password where TLS hides it, else encrypted by the server's key, else the question for that key.
func (c *Config) sha256Answer(tls bool, nonce []byte) ([]byte, error) {
	switch {
	case c.Password == "":
		return []byte{0}, nil
	case tls:
		return append([]byte(c.Password), 0), nil
	case c.ServerKey != nil:
		return c.encrypt(c.ServerKey, nonce)
	case c.FetchServerKey:
		return []byte{sha256AskKey}, nil
	}
	return nil, errNoKey
}

var errNoKey = fmt.Errorf("%w: the server wants the password, and neither is there TLS to hide it nor was the server's public key"+
	" given; use TLS, or allow the key to be taken from the server where nobody can stand between", ErrAuth)

// encrypt hides the password, with the zero that ends it, for the server with that key.
func (c *Config) encrypt(key *rsa.PublicKey, nonce []byte) ([]byte, error) {
	if len(nonce) < 20 {
		return nil, broken("a login's nonce is too short")
	}
	plain := append([]byte(c.Password), 0)
	for i := 0; i < len(plain); i += 20 {
		subtle.XORBytes(plain[i:], plain[i:], nonce[:20])
	}
	out, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, plain, nil) //nolint:gosec // the protocol's
	if err != nil {
		return nil, fmt.Errorf("%w: encrypting the password for the server: %w", ErrAuth, err)
	}
	return out, nil
}

// parseKey reads the key that the server sends, in PEM.
func parseKey(p []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(p)
	if block == nil {
		return nil, broken("its public key isn't in PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if rsaKey, ok := key.(*rsa.PublicKey); ok && err == nil {
		return rsaKey, nil
	}
	return nil, broken("its public key isn't RSA's")
}
