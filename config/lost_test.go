package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lostOfURL returns the names of what a URL says and c, which was read from it, doesn't.
func lostOfURL(raw string, c Config) (lost []string) {
	scheme, rest, _ := strings.Cut(raw, ":")
	d := findScheme(strings.ToLower(scheme))
	if d == nil { // a bare path
		return unless(c.Engine == SQLite && c.Database == raw, "database")
	}
	rest, query, _ := strings.Cut(rest, "?")
	if c.Engine != SQLite {
		authority, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			user, password, _ := strings.Cut(authority[:i], ":")
			lost = append(lost, unless(user == "" || decoded(user) == c.User, "user")...)
			lost = append(lost, unless(password == "" || decoded(password) == c.Password.Reveal(), "password")...)
			authority = authority[i+1:]
		}
		for i, host := range strings.Split(authority, ",") {
			lost = append(lost, unless(host == "" || host == ":" || i < len(c.Addresses()), "host")...)
		}
		lost = append(lost, unless(path == "" || decoded(path) == c.Database, "database")...)
	}
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(pair, "="); key != "" {
			lost = append(lost, lostOfParam(d, key, decoded(value), c)...)
		}
	}
	return lost
}

func decoded(s string) string {
	if text, err := url.PathUnescape(s); err == nil {
		return text
	}
	return s
}

func unless(kept bool, key string) []string {
	if kept {
		return nil
	}
	return []string{key}
}

// lostOfParam returns the parameter's name if c hasn't what it says.
func lostOfParam(d dialect, key, value string, c Config) []string {
	name, value := d.rename(key, value)
	if s, ok := findSetting(name); ok {
		var want Config
		problem, _ := s.set(&want, value)
		return unless(problem == "" && s.value(&c) == s.value(&want), key)
	}
	_, kept := c.Params.Get(name)
	switch {
	case kept:
	case name == "user":
		kept = c.User == value
	case name == "password":
		kept = c.Password.Reveal() == value
	case name == "dbname":
		kept = c.Database == value
	case name == "socket":
		kept = c.Host == value
	case name == "host":
		for i, host := range strings.Split(value, ",") {
			kept = i < len(c.Addresses()) && c.Addresses()[i].Host == host
		}
	case name == "port":
		kept = value == "" || c.hasPort()
	}
	return unless(kept, key)
}

// lostOfDatabase returns the keys of a database in the file of which c, which was read from it, doesn't say what they say.
func lostOfDatabase(database node, c Config) (lost []string) {
	m := c.Map()
	for _, p := range database.pairs {
		var kept bool
		text := p.value.text
		switch p.key {
		case "url":
			of, err := Parse(text)
			lost = append(lost, unless(err == nil, "url")...)
			has := c.entries()
			for _, e := range of.entries() {
				same := slices.ContainsFunc(has, func(h entry) bool { return h.key == e.key && h.raw == e.raw })
				lost = append(lost, unless(same || e.key == "read_only", "url's "+e.key)...)
			}
			continue
		case "params":
			for _, q := range p.value.pairs {
				values := append(q.value.items, q.value)
				lost = append(lost, lostOfParam(c.Engine.dialect(), q.key, values[0].text, c)...)
			}
			continue
		case "replica":
			kept = c.ReadOnly || text == "false"
		case "read_only":
			kept = c.ReadOnly == (text == "true")
		case "password":
			kept = c.Password.Reveal() == text
		case "password_file":
			kept = !c.Password.IsZero()
		case "port":
			kept = text == strconv.Itoa(c.Port)
		case "srv":
			kept = c.SRV == (text == "true")
		case "other_hosts":
			kept = len(c.OtherHosts) == len(p.value.items)
		default:
			if _, ok := findSetting(p.key); ok {
				lost = append(lost, lostOfParam(postgresDialect{}, p.key, text, c)...)
				continue
			}
			kept = text == "" || m[p.key] == text
		}
		lost = append(lost, unless(kept, p.key)...)
	}
	return lost
}

// shows fails if four characters of a planted secret are in the output, that are in nothing else that was given.
func shows(t *testing.T, output, secret string, others ...string) {
	t.Helper()
	for i := range len(secret) - 3 {
		piece := secret[i : i+4]
		in := func(s string) bool { return strings.Contains(s, piece) }
		if strings.ContainsAny(piece, "QXZJ") && in(output) && !slices.ContainsFunc(others, in) {
			t.Fatalf("%q of the secret %q is shown:\n%s", piece, secret, output)
		}
	}
}
