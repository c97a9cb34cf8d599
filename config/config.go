// Package config finds the configuration of a database, and says where each value came from.
//
// One URL is enough, and DATABASE_URL is where it is looked for. Load merges the sources, the first that has a value
// wins: an override in the context, arguments, the environment, defaults. A Config turns into a URL and back without
// loss. No secret shows itself unless asked to: see Secret.
package config

import (
	"time"
)

// Engine names a database product.
type Engine string

// The engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
	MariaDB    Engine = "mariadb"
	MongoDB    Engine = "mongodb"
)

// Off switches a setting off whose zero value means "the default": no time-out, no age limit, no threshold, and for
// MaxIdleConns no idle connection. In a URL it is written "off".
const Off = -1

// Config is the configuration of one database. Zero means "not said": Load puts the default there. A Config is a
// value: copies share nothing that a method changes.
type Config struct {
	Name   string // which of the application's databases; "" where it has one
	Engine Engine

	// The target.
	Host       string    // a name, an address, or the path of a Unix socket (PostgreSQL: of its directory)
	Port       int       //
	OtherHosts []Address // further servers of the same database
	SRV        bool      // MongoDB: Host is a name whose SRV records list the servers
	Database   string    // its name; SQLite: the file, or ":memory:"
	User       string
	Password   Secret
	Params     Params // for the driver: pragmas, TLS, character sets

	// The pool. The URL's parameter is the name in snake case: max_open_conns.
	MaxOpenConns    int           // connections at most
	MaxIdleConns    int           // idle connections kept at most; Off keeps none
	MinConns        int           // connections kept open even when idle
	ConnMaxLifetime time.Duration // a connection older than this is closed once it is idle; or Off
	ConnMaxIdleTime time.Duration // a connection that was idle for this long is closed; or Off
	AcquireTimeout  time.Duration // longest wait for a connection; Off waits as long as the context
	LeakThreshold   time.Duration // a connection held longer than this is reported; or Off

	// A call.
	Timeout        time.Duration // of one call with all its attempts, where the context has no earlier deadline; or Off
	SlowThreshold  time.Duration // a call that took longer is logged as slow; or Off
	RetryAttempts  int           // attempts in all: 1 never repeats
	RetryBaseDelay time.Duration // before the second attempt, at most; it doubles with each
	RetryMaxDelay  time.Duration // between attempts, at most
	ReadOnly       bool          // refuse to write

	sources map[string]string // by key; never changed once it is in a Config
}

// Address is a server.
type Address struct {
	Host string
	Port int // 0: the engine's default
}
