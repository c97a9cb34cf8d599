package config

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// redacted stands where a secret would.
const redacted = "[redacted]"

// Secret is a string that shows itself only through Reveal. Everything that prints it (every verb of fmt, JSON, YAML,
// slog, an error's text, a panic) shows "[redacted]", or nothing if it is empty. The zero Secret is the empty one.
// It can't be compared with ==; use Equal.
type Secret struct {
	// A closure, because fmt and everything else built on reflect can't look into one: fmt doesn't call the methods of
	// an unexported field, and prints what it finds there.
	reveal func() string
}

// NewSecret returns a Secret that holds s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return s }}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.reveal == nil }

// Equal compares in a time that depends on the lengths alone.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns "[redacted]", or "" for the empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// Format prints what String returns for every verb, quoted for %q and %#v.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text) // a fmt.State keeps its own error
}

// MarshalText returns what String returns: JSON, XML and flag packages use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns what String returns.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
