package config

import (
	"iter"
	"slices"
	"strings"
)

const memory = ":memory:"

// sqliteDialect reads and writes the forms that SQLiteURI documents.
type sqliteDialect struct{}

func (sqliteDialect) engine() Engine    { return SQLite }
func (sqliteDialect) schemes() []string { return []string{"sqlite", "sqlite3", "file"} }
func (sqliteDialect) port(string) int   { return 0 }

func (sqliteDialect) harmless(key string) bool {
	_, ok := findSQLiteParam(key)
	return ok
}

// SQLiteURI returns the URI from which SQLite itself opens the file (https://www.sqlite.org/uri.html): its path with the
// parameters mode, cache, immutable, nolock, psow and vfs. Pragmas aren't part of it.
//
// Parse takes these forms of an SQLite URL, with sqlite3: for sqlite: just as well. %XX stands for a byte in each but the
// bare path, and a ? or # of the path is written as %3F or %23.
//
//	sqlite:app.db             relative to the working directory
//	sqlite://app.db           the same, as Rails, sqlx and golang-migrate read it
//	sqlite:/var/lib/app.db    absolute
//	sqlite:///var/lib/app.db  absolute: what a URL says, and what SQLite's own file:///… means
//	sqlite:////var/lib/app.db absolute, as SQLAlchemy writes it; its relative form, with three slashes, is absolute here
//	sqlite::memory:           in memory, for as long as its connection is open; also :memory: and sqlite:///:memory:
//	file:app.db?mode=ro       SQLite's own URI
//	app.db                    a bare path that ends in .db, .db3, .sqlite or .sqlite3, and has no parameters
//
// Parameters are those of the file, the pragmas under their own names (journal_mode=wal&busy_timeout=5s), under the names
// of mattn/go-sqlite3 (_journal_mode=wal, _fk=1) or of modernc.org/sqlite (_pragma=journal_mode(wal)), and the settings that
// every engine has. A bare number for busy_timeout is in milliseconds, as in SQLite; cache_size takes pages,
// negative KiB, or 64MB. mode=ro is kept as ReadOnly. An unknown parameter is an error.
//
// It returns "" for a Config of another engine.
func (c Config) SQLiteURI() string {
	if c.Engine != SQLite {
		return ""
	}
	uri := "file:" + escape(c.Database, "/:")
	if strings.HasPrefix(c.Database, "/") {
		uri = "file://" + escape(c.Database, "/")
	}
	var params []string
	if _, ok := c.Params.Get("mode"); c.ReadOnly && !ok {
		params = append(params, "mode=ro")
	}
	for key, value := range c.Params.All() {
		if q, ok := findSQLiteParam(key); ok && q.ofFile() {
			params = append(params, key+"="+value)
		}
	}
	return withParams(uri, params)
}

// Pragmas yields the pragmas that c sets, for each connection to run as PRAGMA name = value. Names and values were
// checked and can be put into the text as they are. The order is the one in which they take effect: busy_timeout before
// what may have to wait, and what can't be changed in WAL mode before journal_mode.
func (c Config) Pragmas() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, q := range sqliteParams() {
			value, ok := c.Params.Get(q.name)
			if q.ofFile() || !ok || c.Engine != SQLite {
				continue
			}
			if value, ok = q.check(value); ok && !yield(q.name, value) {
				return
			}
		}
	}
}

func (sqliteDialect) read(c *Config, p *problems, scheme, rest string) {
	path := rest
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if local, ok := strings.CutPrefix(after, "localhost"); ok && (local == "" || local[0] == '/') {
			after = local // file://localhost/app.db, as RFC 8089 has it
		}
		switch {
		case strings.HasPrefix(after, "/"):
			path = "/" + strings.TrimLeft(after, "/")
		case scheme == "file":
			p.add("host", "is given for a file", "write file:///path or file:path")
			return
		default:
			path = after
		}
	}
	if path == "/"+memory && scheme != "file" {
		path = memory
	}
	path, ok := p.unescape("database", path)
	switch {
	case !ok:
	case path == "":
		p.add("database", "has no file", "write sqlite:app.db, or sqlite::memory: for a database in memory")
	case strings.HasSuffix(path, "/"):
		p.add("database", "is a directory", "add the name of the file")
	}
	c.Database = path
}

func (sqliteDialect) rename(key, value string) (string, string) {
	name := key
	if key == "_pragma" {
		call, ok := strings.CutSuffix(value, ")")
		var argument string
		if name, argument, _ = strings.Cut(call, "("); !ok {
			name, argument, _ = strings.Cut(value, "=")
		}
		if q, ok := findSQLiteParam(name); ok && !q.ofFile() {
			return name, argument
		}
		return key, value
	}
	if after, ok := strings.CutPrefix(key, "_"); ok {
		after = mattnName(after)
		if _, ok := findSQLiteParam(after); ok {
			name = after
		}
	}
	if name == "mode" && strings.EqualFold(value, "ro") {
		return "read_only", "true"
	}
	return name, value
}

// mattnName returns the pragma of mattn/go-sqlite3's short names.
func mattnName(name string) string {
	switch name {
	case "timeout":
		return "busy_timeout"
	case "fk":
		return "foreign_keys"
	case "journal":
		return "journal_mode"
	case "sync":
		return "synchronous"
	case "vacuum":
		return "auto_vacuum"
	case "locking":
		return "locking_mode"
	case "rt":
		return "recursive_triggers"
	case "cslike":
		return "case_sensitive_like"
	case "defer_fk":
		return "defer_foreign_keys"
	}
	return name
}

func (sqliteDialect) param(c *Config, p *problems, key, value string) {
	q, ok := findSQLiteParam(key)
	if !ok {
		p.add(key, "isn't a parameter of an SQLite URL", sqliteHint(key))
		return
	}
	value, ok = q.check(value)
	if !ok {
		p.add(key, "has a wrong value", q.hint())
		return
	}
	c.Params = c.Params.Add(key, value)
}

// sqliteHint says why a parameter that another driver knows is none here, or which one might have been meant.
func sqliteHint(key string) string {
	switch key {
	case "_pragma":
		return "write _pragma=name(value) with one of the pragmas that a connection may set"
	case "_txlock":
		return "leave it out: a writing transaction begins with BEGIN IMMEDIATE"
	case "_mutex":
		return "leave it out: a connection is used by one goroutine at a time"
	case "_loc", "_time_format", "_time_integer_format", "_inttotime", "_texttotime", "_timezone":
		return "leave it out: how a time is read depends on the Go type it is read into"
	case "_auth", "_auth_user", "_auth_pass", "_auth_crypt", "_auth_salt", "_key", "key", "password":
		return "SQLite has no users, passwords or keys"
	}
	return didYouMean(strings.TrimPrefix(key, "_"), func(yield func(string) bool) {
		for _, q := range sqliteParams() {
			if !yield(q.name) {
				return
			}
		}
		for _, s := range settings() {
			if !yield(s.key) {
				return
			}
		}
	})
}

func (sqliteDialect) check(c *Config, p *problems) {
	if mode, ok := c.Params.Get("mode"); ok && mode != "memory" && c.ReadOnly {
		p.add("mode", "contradicts read_only", "")
	}
}

func (sqliteDialect) write(c *Config, _ string) (string, []string) {
	path := c.Database
	switch {
	case strings.HasPrefix(path, "//"):
		return "sqlite:///%2F" + escape(path[2:], "/"), nil // four slashes are read as three
	case strings.HasPrefix(path, "/"):
		return "sqlite://" + escape(path, "/"), nil
	}
	return "sqlite:" + escape(path, "/:"), nil
}

// refuseUserInfo refuses what looks like user:password@host: it would be shown as the name of a file.
func (p *problems) refuseUserInfo(rest string) {
	if i := strings.IndexByte(rest, ':'); i >= 0 && strings.Contains(rest[i:], "@") {
		p.add("url", "has what looks like a user and password, which SQLite has not", "in the name of a file write %40 for @")
	}
}

// isBareFile reports whether raw, which has no scheme that is known, is the path of a database.
func isBareFile(raw string) bool {
	if raw == memory {
		return true
	}
	if i := strings.IndexByte(raw, ':'); i >= 0 && (strings.HasPrefix(raw[i:], "://") || strings.Contains(raw[i:], "@")) {
		return false
	}
	lower := strings.ToLower(raw)
	return slices.ContainsFunc([]string{".db", ".db3", ".sqlite", ".sqlite3"}, func(end string) bool {
		return strings.HasSuffix(lower, end)
	})
}
