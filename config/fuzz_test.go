package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// seeds are URLs of every form, right and wrong.
var seeds = []string{
	"sqlite:app.db", "sqlite:///var/a%20b.db?journal_mode=wal&busy_timeout=5s", "file:a.db?mode=ro&cache=private", "app.db", ":memory:",
	"sqlite:////x?_pragma=foreign_keys(1)&_fk=1", "sqlite://localhost/x", "sqlite:%2F%2Fx", "sqlite:/:memory:", "sqlite:?cache_size=64MB",
	"postgres://u:p%40ss@h:5432,[::1%25eth0]:1/d%2Fb?sslmode=require&x=%00", "postgresql:///db?host=/tmp,@a,::1&port=1,,3&user=a&password=b",
	"postgres://?port=5433", "mariadb://u:p@ss@h1,h2:3306/db?socket=/s&charset=utf8mb4", "mysql://u@localhost/?unix_socket=/run/x%2Cy",
	"mongodb://%2Ftmp%2Fx.sock,h2/?readPreferenceTags=a:b&readPreferenceTags=", "mongodb+srv://u:p@h/db?w=majority",
	"postgres://h?max_open_conns=1&max_idle_conns=off&min_conns=0&conn_max_lifetime=0&timeout=1.5us&slow_threshold=off&read_only=no",
	"postgres://u:12/x@h/db", "u:p@tcp(h)/db", "host=a dbname=b", "oracle://h", "postgres://h/#", "%", "postgres://%", "\x00", "://",
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := Parse(raw)
		if err != nil {
			if _, ok := errors.AsType[*FieldError](err); !ok {
				t.Errorf("%q: the error is a %T", raw, err)
			}
			if !c.Equal(Config{}) {
				t.Errorf("%q: a Config came with the error", raw)
			}
			return
		}
		if lost := lostOfURL(raw, c); lost != nil {
			t.Errorf("%q was read as %s, which has lost %q", raw, says(c), lost)
		}
		again, err := Parse(c.URL().Reveal())
		if err != nil {
			t.Fatalf("%q was read as %s, but what it was written as, %q, isn't read: %v", raw, says(c), c.URL().Reveal(), err)
		}
		if !again.Equal(c) {
			t.Errorf("%q was read as\n%q, and then as\n%q", raw, says(c), says(again))
		}
		if again.URL().Reveal() != c.URL().Reveal() {
			t.Errorf("%q was written %q, and then %q", raw, c.URL().Reveal(), again.URL().Reveal())
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%q was read, but isn't valid: %v", raw, err)
		}
		for name, value := range c.Pragmas() {
			if !isName(name) || !isName(value) {
				t.Errorf("%q yields the pragma %q = %q", raw, name, value)
			}
		}
		if strings.ContainsFunc(c.Redacted(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q: Redacted has a character that could break a line of a log: %q", raw, c.Redacted())
		}
	})
}

// plant makes a password of letters that no text of this package has next to each other, and of whatever else was in s:
// what parts a URL, escapes, bytes that aren't UTF-8.
func plant(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			b.WriteByte("QXZJ"[c%4])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// FuzzParseKeepsSecrets puts a password where a URL has one, into a URL that is otherwise anything.
func FuzzParseKeepsSecrets(f *testing.F) {
	for _, scheme := range []string{"postgres", "postgresql", "mariadb", "mysql", "mongodb", "mongodb+srv", "sqlite", "sqlite3", "file", "postgrs", "x"} {
		for _, password := range []string{"abcd", "ab/cdefg", "12?abcdef", "ab#cdef", "ab@cd/efgh", "ab%cdef", "1/ab?cd=ef&gh", "a:b:c:d:e", "ab cd\xff"} {
			for place := range byte(4) {
				f.Add(scheme+"://user", password, "host:5432,h2/db?sslmode=require&max_open_conns=5", place)
				f.Add(scheme+"://h/db?application_name=x", password, "&timeout=5", place)
				f.Add(scheme+":///a/u%", password, "h:x/d/b", place)
			}
		}
	}
	f.Fuzz(func(t *testing.T, head, password, tail string, place byte) {
		password = plant(password)
		if !strings.Contains(head, "://") || len(password) < 4 {
			t.Skip() // no scheme: nothing says that what follows is a password
		}
		var raw string
		switch place % 4 {
		case 0:
			raw = head + ":" + password + "@" + tail
		case 1:
			raw = head + ":" + escape(password, "") + "@" + tail
		case 2, 3:
			if strings.ContainsAny(head, "?") {
				t.Skip() // the name would be part of another parameter's value
			}
			raw = head + []string{"?password=", "?token="}[place%4-2] + escape(password, "") + "&" + tail
		}
		output := shown(raw)
		decoded, err := url.PathUnescape(output)
		if err != nil {
			decoded = output
		}
		shows(t, output+decoded, password, head, tail)
	})
}

// shown is everything that a program could print of a URL.
func shown(raw string) string {
	var b strings.Builder
	c, err := Parse(raw)
	fmt.Fprintf(&b, "%v %+v %#v %q\n", err, err, err, err)
	for _, c := range []Config{c, c.WithDefaults()} {
		fmt.Fprintf(&b, "%v %+v %#v %q %s %+v\n", c, c, c, c, &c, struct{ c Config }{c})
		fmt.Fprintf(&b, "%s %v %+v %#v %s\n", c.Redacted(), c.Map(), c.Map(), c.Map(), c.LogValue())
		fmt.Fprintf(&b, "%v %s %q %s\n", c.Explain(), c.Params, c.Addresses(), c.SQLiteURI())
		for _, v := range []any{c, c.Map(), c.Explain()} {
			text, err := json.Marshal(v)
			fmt.Fprintf(&b, "%s %v\n", text, err)
		}
		fmt.Fprintln(&b, c.Validate())
	}
	return b.String()
}
