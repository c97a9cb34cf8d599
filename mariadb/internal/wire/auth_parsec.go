package wire

import (
	"crypto/ed25519"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
)

// maxParsecFactor bounds the work that a server can ask for: 1024<<10 iterations take about a second.
const maxParsecFactor = 10

// parsecAnswer signs the server's nonce and one of the client's own with the key that the password and the salt make: page
// connection#parsec-plugin. extSalt is 'P', the power of two above 1024 of the iterations, and the salt.
func parsecAnswer(password string, nonce, extSalt []byte) ([]byte, error) {
	if len(nonce) < 32 || len(extSalt) < 3 || extSalt[0] != 'P' {
		return nil, broken("a login's nonce or salt isn't parsec's")
	}
	if extSalt[1] > maxParsecFactor {
		return nil, fmt.Errorf("%w: the server asks for 1024<<%d iterations of the password's hash, which is more"+
			" than sensible", ErrAuth, extSalt[1])
	}
	seed, err := pbkdf2.Key(sha512.New, password, extSalt[2:], 1024<<extSalt[1], ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("%w: hashing the password for parsec: %w", ErrAuth, err)
	}
	signed := make([]byte, 64) // the server's nonce, and the client's
	copy(signed, nonce[:32])
	_, _ = rand.Read(signed[32:]) // it never fails
	return append(signed[32:64:64], ed25519.Sign(ed25519.NewKeyFromSeed(seed), signed)...), nil
}
