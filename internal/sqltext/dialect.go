// Package sqltext reads SQL text once: its placeholders, what kind of statement it is, its fingerprint; and it
// splits scripts into statements.
package sqltext

// Dialect is how one database writes SQL. Take one from SQLite, PostgreSQL or MariaDB.
type Dialect struct{ name string }

// SQLite returns the dialect of SQLite.
func SQLite() Dialect { return Dialect{name: "sqlite"} }

// PostgreSQL returns the dialect of PostgreSQL.
func PostgreSQL() Dialect { return Dialect{name: "postgres"} }

// MariaDB returns the dialect of MariaDB and MySQL.
func MariaDB() Dialect { return Dialect{name: "mariadb"} }
