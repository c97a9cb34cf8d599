package sqltext

import (
	"strings"

	"github.com/plinthdb/plinth/driver"
)

// classifier decides what a statement is from its tokens.
type classifier struct {
	d     *Dialect
	verb  string
	words int    // tokens seen after the first word
	depth int    // open parentheses
	base  int    // of them around the verb
	with  uint64 // by depth: in WITH, before the statement it is for
	main  bool   // that statement begins with the next word

	doubt     bool // something in it may write
	analyze   bool // EXPLAIN that also runs what it explains
	unlisted  bool // a function that isn't known to be harmless
	session   bool // it changes the session besides
	temporary bool
	second    string // the word after the verb
	pragma    pragma
	recent    [4]seen // tokens, in turn
	tokens    uint    // so far
}

type seen struct {
	kind kind
	text string
}

// back returns the token n before the next one, from 1 to 3.
func (c *classifier) back(n uint) *seen { return &c.recent[(c.tokens-n)%4] }

// keep remembers the token.
func (c *classifier) keep(k kind, text string) {
	c.recent[c.tokens%4] = seen{k, text}
	c.tokens++
}

// pragma is what is known of SQLite's PRAGMA name or PRAGMA schema.name.
type pragma struct {
	name string
	arg  bool
}

// feed takes the next token, comments left out; text is in upper case.
func (c *classifier) feed(k kind, text string) {
	if c.verb == "" {
		c.first(k, text)
		return
	}
	c.words++
	last := c.back(1)
	switch {
	case k == word && last.text == "." && last.kind == op: // a column's name, whatever it is
	case k == word:
		c.word(text)
	case k == op && text == "(":
		c.paren()
		c.depth++
	case k == op && text == ")":
		c.with &^= c.level()
		c.depth--
	case k == op && text == ".":
		c.temporary = c.temporary || c.qualifiesTemporary(last.text)
	case k == op && text == ":=":
		c.doubt, c.session = true, c.session || c.d.userVariables
	}
	if c.verb == "PRAGMA" {
		c.readPragma(k, text)
	}
	c.keep(k, text)
}

// qualifiesTemporary reports whether a name before a dot is the schema of temporary tables, and something is made in it.
func (c *classifier) qualifiesTemporary(name string) bool {
	name = strings.Trim(name, "\"`[]'")
	if !strings.EqualFold(name, "temp") && (c.d.name != "postgres" || !strings.EqualFold(name, "pg_temp")) {
		return false
	}
	into := c.back(2).text == "INTO" || c.back(2).text == "TABLE" && c.back(3).text == "INTO"
	// SQLite's CREATE UNIQUE INDEX IF NOT EXISTS temp. is the longest.
	return c.verb == "CREATE" && c.words <= 7 || c.verb == "SELECT" && into
}

// first looks for the verb.
func (c *classifier) first(k kind, text string) {
	switch {
	case k == word:
		c.verb, c.base = text, c.depth
		if text == "WITH" {
			c.with = c.level()
		}
	case k == op && text == "(":
		c.depth++
		return // (SELECT …) UNION …
	default:
		c.verb = text[:1]
	}
	c.keep(k, text)
}

// word looks at a keyword, or at a name that reads like one, which is as well.
func (c *classifier) word(text string) {
	last := c.back(1).text
	if c.words == 1 {
		c.second = text
	}
	if c.naming() { // of a common table expression
		return
	}
	switch text {
	case "SELECT", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE":
		if c.verb == "WITH" && (c.main || c.depth == c.base) {
			c.verb, c.main = text, false
		}
		c.with &^= c.level()
	case "WITH":
		if last == "(" || last == "EXPLAIN" || last == "PLAN" {
			c.with |= c.level()
		}
	}
	switch text {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "LOCK", "NEXTVAL":
		c.doubt = true
	case "SHARE", "KEY": // FOR SHARE, FOR KEY SHARE; FOR UPDATE is above
		c.doubt = c.doubt || last == "FOR"
	case "VALUE":
		c.doubt = c.doubt || last == "NEXT"
	case "ANALYZE", "ANALYSE":
		c.analyze = true
	case "PRAGMA": // EXPLAIN doesn't keep every PRAGMA from doing what it does
		c.doubt, c.session = true, true
	case "TEMP", "TEMPORARY":
		c.temporary = c.temporary || last == "CREATE" || last == "REPLACE" || last == "GLOBAL" || last == "LOCAL" || last == "INTO" && c.verb == "SELECT"
	}
}

// level returns the bit of WITH at the present depth; deeper ones than 63 have none.
func (c *classifier) level() uint64 { return 1 << uint(max(0, c.depth)) }

// naming reports whether a name of a common table expression comes: WITH here, or the comma before the next.
func (c *classifier) naming() bool {
	if c.with&c.level() == 0 {
		return false
	}
	last := c.back(1).text
	return last == "WITH" || last == "RECURSIVE" || last == ","
}

// paren looks at what is before a parenthesis: a function, if it isn't a keyword.
func (c *classifier) paren() {
	name, before := c.back(1), c.back(2)
	if c.with&c.level() != 0 {
		switch {
		case name.text == ")" && c.depth == c.base: // WITH … AS (…) (SELECT …)
			c.main = true
			return
		case before.text == "WITH" || before.text == "RECURSIVE" || before.text == ",": // name (columns) AS
			return
		}
	}
	c.session = c.session || sessionFunction(name.text)
	switch {
	case name.kind == quoted || name.kind == literal || name.kind == number: // MariaDB's names may begin with a digit
		c.unlisted = c.unlisted || before.text != "AS"
	case name.kind != word || before.text == "AS" && before.kind == word: // an alias or a type
	case before.text == "." && before.kind == op:
		c.unlisted = c.unlisted || c.back(3).text != "PG_CATALOG" || !c.d.harmless(name.text)
	case keyword(name.text, before.text):
	case !c.d.harmless(name.text):
		c.unlisted = true
	}
}

// readPragma reads the name, and whether it is given a value.
func (c *classifier) readPragma(k kind, text string) {
	switch {
	case k == word && (c.words == 1 || c.words == 3 && c.back(1).text == "."):
		c.pragma = pragma{name: text}
	case text != ".":
		c.pragma.arg = true
	}
}

// result returns the verb, what the statement does with data, and its class.
func (c *classifier) result() (string, driver.Access, driver.Class) {
	if c.verb == "" {
		c.verb = "("
	}
	class := c.class()
	read := false
	switch c.verb {
	case "SELECT", "VALUES":
		read = !c.doubt
	case "TABLE", "SHOW":
		read = !c.doubt && c.d.name != "sqlite"
	case "EXPLAIN":
		read = !c.analyze
	case "DESCRIBE", "DESC":
		read = !c.analyze && c.d.name == "mariadb"
	case "PRAGMA":
		read = class == driver.Ordinary
	}
	if read && class == driver.Ordinary && (!c.unlisted || c.verb == "PRAGMA") {
		return c.verb, driver.Read, class
	}
	return c.verb, driver.Write, class
}

// class sorts the statement by its first words.
func (c *classifier) class() driver.Class {
	switch c.verb {
	case "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "XA":
		return driver.Transaction
	case "BEGIN":
		if c.second != "NOT" { // MariaDB's BEGIN NOT ATOMIC is a block
			return driver.Transaction
		}
	case "START":
		if c.second == "TRANSACTION" {
			return driver.Transaction
		}
	case "PREPARE":
		if c.second == "TRANSACTION" {
			return driver.Transaction
		}
		return driver.Setting
	case "PRAGMA":
		if c.d.name == "sqlite" && c.pragma.reads() {
			return driver.Ordinary
		}
		return driver.Setting
	case "SET", "RESET", "ATTACH", "DETACH", "USE", "LISTEN", "UNLISTEN", "DISCARD", "DEALLOCATE", "DECLARE", "UNLOCK", "HANDLER":
		return driver.Setting
	case "LOCK": // MariaDB's outlives the transaction
		if c.d.name == "mariadb" {
			return driver.Setting
		}
	case "DO": // a block, which nobody looks into, or MariaDB's way of calling a function
		if c.d.name == "postgres" {
			return driver.Setting
		}
	case "LOAD": // PostgreSQL loads a library, MariaDB rows
		if c.d.name == "postgres" {
			return driver.Setting
		}
	case "CREATE", "ALTER", "DROP", "TRUNCATE", "REINDEX", "VACUUM", "RENAME", "GRANT", "REVOKE", "COMMENT", "IMPORT", "SECURITY", "REASSIGN":
		if c.temporary {
			return driver.Setting
		}
		return driver.Schema
	case "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CACHE", "FLUSH", "INSTALL", "UNINSTALL", "CHANGE": // commit in MariaDB
		if c.d.name == "mariadb" {
			return driver.Schema
		}
	}
	if c.session || c.temporary {
		return driver.Setting
	}
	return driver.Ordinary
}

// reads reports whether the PRAGMA only answers.
func (p pragma) reads() bool {
	switch p.name {
	case "TABLE_INFO", "TABLE_XINFO", "TABLE_LIST", "INDEX_LIST", "INDEX_INFO", "INDEX_XINFO", "FOREIGN_KEY_LIST",
		"FOREIGN_KEY_CHECK", "DATABASE_LIST", "COLLATION_LIST", "FUNCTION_LIST", "COMPILE_OPTIONS", "INTEGRITY_CHECK",
		"QUICK_CHECK":
		return true
	case "USER_VERSION", "APPLICATION_ID", "SCHEMA_VERSION", "PAGE_COUNT", "PAGE_SIZE", "FREELIST_COUNT", "ENCODING",
		"JOURNAL_MODE", "DATA_VERSION":
		return !p.arg
	}
	return false
}
