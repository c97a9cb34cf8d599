package config

import (
	"slices"
	"strconv"
	"strings"
)

// A dialect is how the URLs of one engine are read and written.
type dialect interface {
	engine() Engine
	// schemes returns the names of the scheme; the first is the one that is written.
	schemes() []string
	// port returns the default port of a host, 0 where there is none.
	port(host string) int
	// read takes what stands between the scheme and the question mark.
	read(c *Config, p *problems, scheme, rest string)
	// rename gives a parameter the name under which it is known.
	rename(key, value string) (string, string)
	// param takes a parameter that isn't a setting.
	param(c *Config, p *problems, key, value string)
	// check looks at the whole when all of it was read.
	check(c *Config, p *problems)
	// write returns the URL without its parameters, and those parameters that name the target.
	write(c *Config, password string) (url string, target []string)
	// harmless reports whether a parameter of that name never holds a secret.
	harmless(key string) bool
}

func dialects() [4]dialect {
	return [...]dialect{sqliteDialect{}, postgresDialect{}, mariadbDialect{}, mongodbDialect{}}
}

// dialect returns nil for what isn't an engine.
func (e Engine) dialect() dialect {
	for _, d := range dialects() {
		if d.engine() == e {
			return d
		}
	}
	return nil
}

// Parse reads the URL of any of the four databases:
//
//	sqlite:app.db  sqlite:///var/lib/app.db  sqlite::memory:  file:app.db?mode=ro  app.db
//	postgres://user:password@host:5432/database?sslmode=verify-full
//	mariadb://user:password@host:3306/database
//	mongodb://user:password@host:27017,host2:27017/database?replicaSet=rs0
//
// Every engine takes the settings of a Config as parameters (max_open_conns=20, acquire_timeout=5s, slow_threshold=off,
// …); SQLite also its pragmas, the other three whatever their driver knows. Outside of names, %XX stands for a byte; a
// plus is a plus. A parameter that is given twice is an error. The SQLite forms are documented at SQLiteURI.
//
// The errors name the part that is wrong and never what it holds: in a URL with a mistake in it, any part may be a piece
// of the password. For the same reason an @ is only allowed where it ends the user and password.
func Parse(rawURL string) (Config, error) { return parse(rawURL, "URL") }

func parse(raw, source string) (Config, error) {
	p := &problems{source: source}
	c := p.parse(raw)
	if err := p.err(); err != nil {
		return Config{}, err
	}
	c = c.tracked(Config{}, source)
	for _, key := range p.said {
		if _, ok := c.sources[key]; !ok {
			c.sources[key] = origin{source: source}
		}
	}
	return c, nil
}

func (p *problems) parse(raw string) (c Config) {
	switch {
	case raw == "":
		p.add("url", "is empty", "")
		return c
	case strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r == 0x7f }):
		p.add("url", "has a line break or another control character in it", "remove it, or write it as %XX")
		return c
	case strings.TrimSpace(raw) != raw:
		p.add("url", "begins or ends with a space", "remove it")
		return c
	case len(raw) > 1 && (raw[0] == '"' || raw[0] == '\''):
		p.add("url", "begins with a quotation mark", "remove the quotes")
		return c
	}
	scheme, rest, _ := strings.Cut(raw, ":")
	d := findScheme(strings.ToLower(scheme))
	switch {
	case d == nil && isBareFile(raw):
		return Config{Engine: SQLite, Database: raw}
	case d == nil:
		p.unknownScheme(raw, scheme, rest)
		return c
	case strings.Contains(rest, "#"):
		p.add("url", "has a # in it, which would begin a fragment", "write %23")
		return c
	}
	c.Engine = d.engine()
	rest, query, _ := strings.Cut(rest, "?")
	if c.Engine == SQLite {
		p.refuseUserInfo(rest + "?" + query)
	} else {
		p.refuseStrayAt(rest, query)
	}
	if len(p.found) > 0 {
		return c // what follows may be the rest of a password
	}
	if d.read(&c, p, strings.ToLower(scheme), rest); len(p.found) > 0 {
		return c
	}
	p.params(&c, d, query)
	d.check(&c, p)
	p.settings(&c)
	return c
}

// params reads the parameters.
func (p *problems) params(c *Config, d dialect, query string) {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || key == "":
			p.add("url", "has a parameter that isn't name=value", "")
			continue
		case !isName(key) || len(key) > 64:
			p.add("url", "has a parameter whose name isn't made of letters, digits, _, - and dots, at most 64", "")
			continue
		}
		value, ok = p.unescape(key, value)
		if !ok {
			continue
		}
		key, value = d.rename(key, value)
		if seen[key] && !repeatable(key) {
			p.add(key, "is given twice", "")
			continue
		}
		seen[key] = true
		s, ok := findSetting(key)
		if !ok {
			d.param(c, p, key, value)
			continue
		}
		p.said = append(p.said, key)
		if problem, hint := s.set(c, value); problem != "" {
			p.add(key, problem, hint)
		}
	}
}

// settings looks at the settings as a whole.
func (p *problems) settings(c *Config) {
	more := func(key string, value int, than string, limit int) {
		if limit > 0 && value > limit {
			p.add(key, "is more than "+than+", which is "+strconv.Itoa(limit), "")
		}
	}
	more("min_conns", c.MinConns, "max_open_conns", c.MaxOpenConns)
	more("max_idle_conns", c.MaxIdleConns, "max_open_conns", c.MaxOpenConns)
	more("min_conns", c.MinConns, "max_idle_conns", c.MaxIdleConns)
	if c.MaxIdleConns < 0 && c.MinConns > 0 {
		p.add("min_conns", "asks for connections that max_idle_conns forbids", "")
	}
	if c.RetryMaxDelay > 0 && c.RetryBaseDelay > c.RetryMaxDelay {
		p.add("retry_base_delay", "is more than retry_max_delay, which is "+durationText(c.RetryMaxDelay), "")
	}
}

// unescape replaces each %XX with its byte.
func (p *problems) unescape(key, s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			p.add(key, "has a % without two hexadecimal digits after it", "write %25 for a %")
			return "", false
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			p.add(key, "has a % without two hexadecimal digits after it", "write %25 for a %")
			return "", false
		}
		if n == 0 {
			p.add(key, "has a zero byte (%00) in it", "")
			return "", false
		}
		b = append(b, byte(n))
		i += 2
	}
	return string(b), true
}

// escape writes each byte as %XX that isn't a letter, a digit, one of -._~ or in keep. It leaves no character that has a
// meaning in any database's URL.
func escape(s, keep string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isNameByte(c) || c == '~' || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}

// isName reports whether s is made like the names of parameters and schemes are.
func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func findScheme(scheme string) dialect {
	for _, d := range dialects() {
		if slices.Contains(d.schemes(), scheme) {
			return d
		}
	}
	return nil
}

// unknownScheme says what might have been meant. It shows the scheme only where a // behind it makes it one: in
// "user:password@host" it would show the user.
func (p *problems) unknownScheme(raw, scheme, rest string) {
	const forms = "write sqlite:app.db, postgres://…, mariadb://… or mongodb://…"
	lower := strings.ToLower(scheme)
	family, _, _ := strings.Cut(lower, "+")
	switch {
	case strings.Contains(raw, "@tcp(") || strings.Contains(raw, "@unix("):
		p.add("url", "is a DSN of go-sql-driver/mysql, and not a URL", "write mariadb://user:password@host:3306/database")
	case strings.Contains(raw, "host=") || strings.Contains(raw, "dbname="):
		p.add("url", "is a list of keywords, and not a URL", "write postgres://user:password@host:5432/database")
	case (lower == "jdbc" || lower == "r2dbc") && findScheme(strings.ToLower(strings.SplitN(rest, ":", 2)[0])) != nil:
		p.add("url", "is a URL of Java's", "leave out "+lower+":")
	case !strings.HasPrefix(rest, "//") || !isName(strings.ReplaceAll(scheme, "+", "")):
		p.add("url", "has no scheme", forms)
	case findScheme(family) != nil:
		p.add("url", "has the unknown scheme "+scheme, "did you mean "+family+"?")
	default:
		hint := didYouMean(lower, func(yield func(string) bool) {
			for _, d := range dialects() {
				for _, s := range d.schemes() {
					if !yield(s) {
						return
					}
				}
			}
		})
		if hint == "" {
			hint = forms
		}
		p.add("url", "has the unknown scheme "+scheme, hint)
	}
}

// URL returns the URL from which Parse makes the same Config again, but for its name. It holds the password. It is empty
// if c names no engine.
func (c Config) URL() Secret {
	d := c.Engine.dialect()
	if d == nil {
		return Secret{}
	}
	url, params := d.write(&c, escape(c.Password.Reveal(), ""))
	for key, value := range c.Params.All() {
		params = append(params, escape(key, "")+"="+escape(value, "/:,()"))
	}
	for _, s := range settings() {
		if text := s.text(&c); text != "" {
			params = append(params, s.key+"="+text)
		}
	}
	return NewSecret(withParams(url, params))
}

// Redacted names the target for messages, logs and metrics: the URL with ***** for the password and without the
// parameters.
func (c Config) Redacted() string {
	d := c.Engine.dialect()
	if d == nil {
		return "no database"
	}
	password := ""
	if !c.Password.IsZero() {
		password = "*****"
	}
	return withParams(d.write(&c, password))
}

func withParams(url string, params []string) string {
	if len(params) == 0 {
		return url
	}
	return url + "?" + strings.Join(params, "&")
}
