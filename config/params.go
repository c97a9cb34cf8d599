package config

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
)

// Params are a driver's parameters in the order in which they were given. Their names are case-sensitive. A value shows
// itself only where its name is known to be harmless, because drivers take passwords and tokens this way too.
// The zero Params is empty. Set and Add return a copy, as append does:
//
//	c.Params = c.Params.Set("journal_mode", "wal")
type Params struct{ list []param }

type param struct {
	key   string
	value Secret
}

// Get returns the first value of key.
func (p Params) Get(key string) (value string, ok bool) {
	if i := p.index(key); i >= 0 {
		return p.list[i].value.Reveal(), true
	}
	return "", false
}

// Set returns p with value as the only value of key.
func (p Params) Set(key, value string) Params {
	i := p.index(key)
	if i < 0 {
		return p.Add(key, value)
	}
	list := slices.Clone(p.list)
	list[i].value = NewSecret(value)
	after := slices.DeleteFunc(list[i+1:], func(q param) bool { return q.key == key })
	return Params{list[:i+1+len(after)]}
}

// Add returns p with one more value of key, for those few that may be repeated (MongoDB's readPreferenceTags).
func (p Params) Add(key, value string) Params {
	return Params{append(slices.Clip(p.list), param{key, NewSecret(value)})}
}

// Del returns p without key.
func (p Params) Del(key string) Params {
	return Params{slices.DeleteFunc(slices.Clone(p.list), func(q param) bool { return q.key == key })}
}

// All yields the names and values, in order.
func (p Params) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, q := range p.list {
			if !yield(q.key, q.value.Reveal()) {
				return
			}
		}
	}
}

// Len returns how many there are.
func (p Params) Len() int { return len(p.list) }

// Equal reports whether p and o hold the same names and values in the same order.
func (p Params) Equal(o Params) bool {
	return slices.EqualFunc(p.list, o.list, func(a, b param) bool { return a.key == b.key && a.value.Equal(b.value) })
}

// String returns the parameters as a URL would have them, with "[redacted]" for the value of each that isn't known
// to be harmless.
func (p Params) String() string {
	var b strings.Builder
	for i, q := range p.list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(q.key + "=" + q.shown())
	}
	return b.String()
}

// Format prints what String returns for every verb.
func (p Params) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.String()) // a fmt.State keeps its own error
}

// MarshalText returns what String returns; encoding/json uses it.
func (p Params) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalYAML returns what String returns.
func (p Params) MarshalYAML() (any, error) { return p.String(), nil }

// LogValue returns what String returns.
func (p Params) LogValue() slog.Value { return slog.StringValue(p.String()) }

func (p Params) index(key string) int {
	return slices.IndexFunc(p.list, func(q param) bool { return q.key == key })
}

// shown returns the value if it may be shown.
func (q param) shown() string {
	if harmless(q.key) {
		return q.value.Reveal()
	}
	return q.value.String()
}

// harmless reports whether a parameter of that name never holds a secret.
func harmless(key string) bool {
	for _, d := range dialects() {
		if d.harmless(key) {
			return true
		}
	}
	return false
}
