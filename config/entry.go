package config

import (
	"slices"
	"strconv"
)

// A field is a key of a database in the file that isn't a setting.
type field struct {
	key    string
	kind   nodeKind
	target bool // a url says it, too
	about  string
	set    func(e *entryReader, c *Config, v node)
}

// fields are all of them, in the order in which they are read.
func fields() [11]field {
	return [...]field{
		{"url", isText, false, "URL of the database, as in DATABASE_URL", nil},
		{"engine", isText, true, "database product", nil},
		{"host", isText, true, "name or address of the server, or the path of a Unix socket", func(e *entryReader, c *Config, v node) { c.Host = e.host(v.text) }},
		{"port", isInt, true, "port of the server", func(e *entryReader, c *Config, v node) { c.Port = e.port(v.text) }},
		{"other_hosts", isList, true, "further servers of the same database, each host:port", (*entryReader).otherHosts},
		{"srv", isBool, true, "MongoDB: host is a name whose SRV records list the servers", func(_ *entryReader, c *Config, v node) { c.SRV = v.text == "true" }},
		{"database", isText, true, "name of the database; SQLite: its file, or :memory:", func(_ *entryReader, c *Config, v node) { c.Database = v.text }},
		{"user", isText, true, "who logs in", func(_ *entryReader, c *Config, v node) { c.User = v.text }},
		{"password", isText, false, "password; better in password_file", (*entryReader).password},
		{"password_file", isText, false, "file that holds the password, relative to this file", (*entryReader).passwordFile},
		{"replica", isBool, false, "a copy that is only read from: read_only", func(e *entryReader, c *Config, v node) { e.replica = v.text == "true" }},
	}
}

func findField(key string) (field, bool) {
	for _, f := range fields() {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

// An entryReader reads one database of the file.
type entryReader struct {
	*problems
	file    *configFile
	outside *outside // to read secrets from, nil to leave them
	replica bool
}

// read returns what the file says of a database, and adds what is wrong with it to the problems.
func (e *entryReader) read(database pair) (c Config) {
	before := len(e.found)
	if c = e.url(database); c.sources == nil {
		c.sources = map[string]origin{}
	}
	for _, f := range fields() {
		p, ok := database.value.get(f.key)
		if !ok || f.set == nil || !e.isKind(p, f.kind) {
			continue
		}
		old := c
		f.set(e, &c, p.value)
		c = c.tracked(old, e.line(p))
	}
	for _, p := range database.value.pairs {
		c = e.other(c, p)
	}
	if p, _ := database.value.get("replica"); e.replica {
		if said, ok := database.value.get("read_only"); ok && !c.ReadOnly {
			e.fault(said, "contradicts replica", "leave it out")
		}
		old := c
		c.ReadOnly = true
		c = c.tracked(old, e.line(p))
	}
	if len(e.found) > before {
		return c
	}
	d := c.Engine.dialect()
	if d == nil {
		e.settings(&c)
		return c
	}
	if d.check(&c, e.problems); len(e.found) > before {
		return c
	}
	if _, err := c.WithDefaults().canonical(); err != nil {
		for _, f := range fieldErrors(err) {
			if f.Source == inCode { // what is missing is in no line
				f.Source = e.file.at(database.line, database.column)
			}
			e.found = append(e.found, f)
		}
	}
	return c
}

// fieldErrors takes an errors.Join of this package apart.
func fieldErrors(err error) (list []*FieldError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			list = append(list, fieldErrors(err)...)
		}
	}
	if f, ok := err.(*FieldError); ok {
		list = append(list, f)
	}
	return list
}

// url reads what says which engine it is: the url, or the engine. The url's errors don't stop the rest.
func (e *entryReader) url(database pair) (c Config) {
	if p, ok := database.value.get("url"); ok && e.isKind(p, isText) {
		c, err := parse(p.value.text, e.line(p))
		e.found = append(e.found, fieldErrors(err)...)
		for _, f := range fields() {
			if p, ok := database.value.get(f.key); ok && f.target {
				e.fault(p, "is given as well as url, which says it", "leave one out")
			}
		}
		return c
	}
	if p, ok := database.value.get("engine"); ok && e.isKind(p, isText) {
		c.Engine = Engine(p.value.text)
		if c.Engine.dialect() == nil {
			e.fault(p, "isn't known", "one of sqlite, postgres, mariadb, mongodb")
		}
		return c.tracked(Config{}, e.line(p))
	}
	for _, p := range database.value.pairs {
		f, ok := findField(p.key)
		if ok && f.key != "replica" && f.key != "url" && f.key != "engine" || p.key == "params" {
			e.fault(p, "is given without an engine", "add engine: one of sqlite, postgres, mariadb, mongodb")
			break
		}
	}
	return c
}

// other reads a setting or the parameters, and refuses what it doesn't know.
func (e *entryReader) other(c Config, p pair) Config {
	old := c
	s, isSetting := findSetting(p.key)
	_, isField := findField(p.key)
	switch {
	case isField:
	case p.key == "params":
		return e.params(c, p)
	case !isSetting:
		e.fault(p, "isn't a key of a database", didYouMean(p.key, func(yield func(string) bool) {
			for _, key := range entryKeys() {
				if !yield(key) {
					return
				}
			}
		}))
	case c.sources[s.key].source != "":
		e.fault(p, "is given twice", "the url has it already")
	default:
		e.setting(&c, s, p)
	}
	return c.tracked(old, e.line(p)).said(s.key, isSetting, e.line(p))
}

// said notes the source of a setting, one that is set to nothing included.
func (c Config) said(key string, ok bool, source string) Config {
	if _, known := c.sources[key]; ok && !known {
		c.sources[key] = origin{source: source} // tracked has made this map
	}
	return c
}

func entryKeys() []string {
	keys := []string{}
	for _, f := range fields() {
		keys = append(keys, f.key)
	}
	keys = append(keys, "params")
	for _, s := range settings() {
		keys = append(keys, s.key)
	}
	return keys
}

func (e *entryReader) setting(c *Config, s setting, p pair) {
	kind := isText
	switch s.field(c).(type) {
	case *int:
		if kind = isInt; p.value.kind == isText && p.value.text == "off" && s.off == byWord0 {
			kind = isText
		}
	case *bool:
		kind = isBool
	default:
		if p.value.kind == isInt { // 0, or a number that lacks its unit
			kind = isInt
		}
	}
	if !e.isKind(p, kind) {
		return
	}
	if problem, hint := s.set(c, p.value.text); problem != "" {
		e.fault(p, problem, hint)
	}
}

// params reads the driver's parameters. A number is taken as it is written.
func (e *entryReader) params(c Config, p pair) Config {
	d := c.Engine.dialect()
	if !e.isKind(p, isMapping) || d == nil {
		return c
	}
	for _, q := range p.value.pairs {
		if !isName(q.key) || len(q.key) > 64 {
			e.fault(q, "isn't a parameter's name", "")
			continue
		}
		values := []node{q.value}
		if q.value.kind == isList && repeatable(q.key) {
			values = q.value.items
		}
		for i, v := range values {
			if v.kind == isMapping || v.kind == isList || v.kind == isNull {
				e.fault(q, "isn't a single value", "")
				continue
			}
			if _, ok := findField(q.key); ok {
				e.fault(q, "is a key of its own", "move it out of params")
				continue
			}
			old := c
			key, value := d.rename(q.key, v.text)
			if _, ok := c.Params.Get(key); ok && i == 0 {
				e.fault(q, "is given twice", "")
				continue
			}
			e.source = e.file.at(q.line, q.column)
			if s, ok := findSetting(key); ok && key != q.key { // SQLite's mode=ro
				s.set(&c, value)
			} else if ok {
				e.fault(q, "is a setting", "move it out of params")
			} else {
				d.param(&c, e.problems, key, value)
			}
			c = c.tracked(old, e.line(q))
		}
	}
	return c
}

func (e *entryReader) otherHosts(c *Config, v node) {
	if len(v.items) == 0 {
		e.add("other_hosts", "is empty", "leave it out")
	}
	for _, item := range v.items {
		e.source = e.file.at(item.line, item.column)
		if item.kind != isText {
			e.add("other_hosts", "isn't a list of texts", "write host:port")
			continue
		}
		c.OtherHosts = append(slices.Clip(c.OtherHosts), e.address(item.text))
	}
}

func (e *entryReader) password(c *Config, v node) {
	if !c.Password.IsZero() {
		e.source = e.file.at(v.line, v.column)
		e.add("password", "is given twice", "the url has it already")
	}
	c.Password = NewSecret(v.text)
}

func (e *entryReader) passwordFile(c *Config, v node) {
	e.source = e.file.at(v.line, v.column)
	switch {
	case !c.Password.IsZero():
		e.add("password_file", "is given as well as a password", "leave one out")
		return
	case c.Engine == SQLite:
		e.add("password_file", "means nothing to sqlite", "leave it out")
		return
	case e.outside == nil:
		return
	}
	password, err := e.outside.secretFile(e.file.beside(v.text), "password", e.source)
	e.found = append(e.found, fieldErrors(err)...)
	c.Password = NewSecret(password)
}

// isKind reports a value that isn't of the kind that its key takes.
func (e *entryReader) isKind(p pair, kind nodeKind) bool {
	if p.value.kind == kind {
		e.source = e.file.at(p.line, p.column)
		return true
	}
	switch kind {
	case isText:
		e.fault(p, "isn't a text", "put a number or a word of YAML's in quotes")
	case isInt:
		e.fault(p, "isn't a whole number", "write it without quotes")
	case isBool:
		e.fault(p, "is neither true nor false", "write true or false")
	case isList:
		e.fault(p, "isn't a list", "write [one, two]")
	default:
		e.fault(p, "isn't a mapping", "write {name: value}")
	}
	return false
}

// fault says what is wrong with a key.
func (e *entryReader) fault(p pair, problem, hint string) {
	e.source = e.file.at(p.line, p.column)
	e.add(shownKey(p.key), problem, hint)
}

// line is the source of what a key says.
func (e *entryReader) line(p pair) string { return "file " + e.file.path + ":" + strconv.Itoa(p.line) }
