// Package sqltext reads SQL text once: its placeholders, what kind of statement it is, its fingerprint; and it
// splits scripts into statements. It isn't a parser: it knows where strings, comments and quoted names begin and end,
// looks at words and parentheses, and says Write whenever that isn't enough to be sure of a Read.
package sqltext

// Dialect is how one database writes SQL. Take one from SQLite, PostgreSQL or MariaDB; the zero Dialect is none.
type Dialect struct {
	name string // as in driver.Info.Engine
	says string // for messages

	backslash     bool   // '..' with backslash escapes
	doubleString  bool   // ".." is a string, not a name
	backtick      bool   // `name`
	bracket       bool   // [name]; else brackets are arrays
	hash          bool   // # begins a comment
	dashSpace     bool   // -- is a comment only before white space
	returnEnds    bool   // a -- comment also ends at \r
	nested        bool   // comments nest
	conditional   bool   // /*! code */
	dollarQuote   bool   // $tag$ .. $tag$
	prefixes      string // letters that a string may begin with
	sigils        bool   // @name, $name and ?1 are placeholders
	userVariables bool   // @name is a variable of the session
	operatorMark  bool   // ? is an operator, too
	blocks        bool   // BEGIN … END can be within another

	mark     byte // of native placeholders: '?', or '$' for $1
	renumber bool // a native placeholder can be numbered, so that two share a value
	limit    int  // native placeholders in one statement

	emptyList  string // what in IN () matches nothing
	emptyIn    string // what stands for IN () as a whole, where such a list would need to know the type of what is looked for
	emptyNotIn string
}

// SQLite returns the dialect of SQLite.
// The limit is SQLITE_MAX_VARIABLE_NUMBER, https://www.sqlite.org/limits.html.
func SQLite() Dialect {
	return Dialect{
		name: "sqlite", says: "SQLite",
		backtick: true, bracket: true, prefixes: "xX", sigils: true,
		mark: '?', renumber: true, limit: 32766, emptyList: "SELECT NULL WHERE 0",
	}
}

// PostgreSQL returns the dialect of PostgreSQL, with standard_conforming_strings on, as it is by default.
// The limit is the 16-bit count in the protocol's Bind message.
func PostgreSQL() Dialect {
	return Dialect{
		name: "postgres", says: "PostgreSQL",
		returnEnds: true, nested: true, dollarQuote: true, prefixes: "xXbBnNeE", operatorMark: true,
		mark: '$', renumber: true, limit: 65535, emptyIn: "= ANY ('{}')", emptyNotIn: "<> ALL ('{}')",
	}
}

// MariaDB returns the dialect of MariaDB and MySQL, with backslash escapes on and ANSI_QUOTES off, as by default.
// The limit is the 16-bit count in the protocol's answer to COM_STMT_PREPARE.
func MariaDB() Dialect {
	return Dialect{
		name: "mariadb", says: "MariaDB",
		backslash: true, doubleString: true, backtick: true, hash: true, dashSpace: true, conditional: true,
		prefixes: "xXbBnN", userVariables: true, blocks: true,
		mark: '?', limit: 65535, emptyList: "SELECT NULL FROM DUAL WHERE 1=0",
	}
}
