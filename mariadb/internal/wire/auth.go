package wire

import (
	"crypto/sha1" //nolint:gosec // the protocol's
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"

	"filippo.io/edwards25519"
)

// Names of the logins that this package knows: page connection#plugin-list.
const (
	pluginNative   = "mysql_native_password"
	pluginEd25519  = "client_ed25519"
	pluginParsec   = "parsec"
	pluginCaching  = "caching_sha2_password"
	pluginSHA256   = "sha256_password"
	pluginClear    = "mysql_clear_password"
	pluginOld      = "mysql_old_password"
	pluginUnixAuth = "auth_socket" // the server looks at the socket's peer; so does its unix_socket, which asks for nothing
)

// answer returns what a client says first to a login with that nonce. tls hides what is said.
func (c *Config) answer(plugin string, nonce []byte, tls bool) ([]byte, error) {
	switch plugin {
	case pluginNative:
		if c.Password == "" {
			return nil, nil
		}
		if len(nonce) < 20 {
			return nil, broken("a login's nonce is too short")
		}
		return nativeAnswer(c.Password, nonce[:20]), nil
	case pluginEd25519:
		if len(nonce) < 32 {
			return nil, broken("a login's nonce is too short")
		}
		return ed25519Answer(c.Password, nonce[:32])
	case pluginCaching:
		if c.Password == "" {
			return nil, nil
		}
		if len(nonce) < 20 {
			return nil, broken("a login's nonce is too short")
		}
		return cachingAnswer(c.Password, nonce[:20]), nil
	case pluginSHA256:
		return c.sha256Answer(tls, nonce)
	case pluginClear:
		if !c.Cleartext {
			return nil, fmt.Errorf("%w: the server asks for the password in clear text (%s), which is only sent if the"+
				" configuration allows it", ErrAuth, plugin)
		}
		return append([]byte(c.Password), 0), nil
	case pluginUnixAuth, pluginParsec: // parsec's client asks for the salt by saying nothing
		return nil, nil
	case pluginOld:
		return nil, fmt.Errorf("%w: the server asks for mysql_old_password, whose hash anyone can break; give the user another plugin",
			ErrAuth)
	}
	return nil, fmt.Errorf("%w: the server asks for the plugin %.64q; known are %s, %s, %s, %s, %s and %s",
		ErrAuth, plugin, pluginNative, pluginEd25519, pluginParsec, pluginCaching, pluginSHA256, pluginClear)
}

// nativeAnswer is SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))):
// page connection#mysql_native_password-plugin.
func nativeAnswer(password string, nonce []byte) []byte {
	one := sha1.Sum([]byte(password)) //nolint:gosec // the protocol's
	two := sha1.Sum(one[:])           //nolint:gosec // the protocol's
	h := sha1.New()                   //nolint:gosec // the protocol's
	h.Write(nonce)
	h.Write(two[:])
	out := h.Sum(nil)
	subtle.XORBytes(out, out, one[:])
	return out
}

// cachingAnswer is SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce):
// page caching_sha2_password-authentication-plugin.
func cachingAnswer(password string, nonce []byte) []byte {
	one := sha256.Sum256([]byte(password))
	two := sha256.Sum256(one[:])
	h := sha256.New()
	h.Write(two[:])
	h.Write(nonce)
	out := h.Sum(nil)
	subtle.XORBytes(out, out, one[:])
	return out
}

// ed25519Answer signs the nonce as Ed25519 does (RFC 8032, 5.1.6), but with the password itself where that has a seed of
// 32 bytes; so crypto/ed25519 can't be used. See page connection#client_ed25519-plugin.
func ed25519Answer(password string, nonce []byte) ([]byte, error) {
	h := sha512.Sum512([]byte(password))
	s, err := new(edwards25519.Scalar).SetBytesWithClamping(h[:32])
	if err != nil {
		return nil, err
	}
	public := new(edwards25519.Point).ScalarBaseMult(s).Bytes()
	r, err := hashScalar(h[32:], nonce)
	if err != nil {
		return nil, err
	}
	sig := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	k, err := hashScalar(sig, public, nonce)
	if err != nil {
		return nil, err
	}
	return append(sig, k.MultiplyAdd(k, s, r).Bytes()...), nil
}

func hashScalar(parts ...[]byte) (*edwards25519.Scalar, error) {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(edwards25519.Scalar).SetUniformBytes(h.Sum(nil))
}
