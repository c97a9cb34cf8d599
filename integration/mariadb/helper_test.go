package mariadb_test

import (
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
)

// What is the same for all databases is the suite's.
var (
	open, openURL, things = database.OpenNew, database.OpenURL, database.Things
	execute, idle         = suite.Execute, suite.Idle
	poolOf, set           = suite.PoolOf, suite.Set
	utc, decimal          = suite.UTC, suite.Decimal
)

// within bounds what a test waits for.
const within = suite.Within

// options returns the driver's own options for the database that a server's URL names.
func options(t testing.TB, url string) mariadb.Options {
	t.Helper()
	return own(database.At(t, url))
}

// own returns the driver's own options of a client.
func own(c suite.Client) mariadb.Options {
	return mariadb.Options{
		Hosts: []mariadb.Host{{Name: c.Host, Port: c.Port}}, Database: c.Database, User: c.User, Password: c.Password, ReadOnly: c.ReadOnly,
		TLS:    mariadb.TLS{Mode: c.TLS.Mode, RootCert: c.TLS.RootCert, Cert: c.TLS.Cert, Key: c.TLS.Key, Min: c.TLS.Min, Max: c.TLS.Max},
		Lookup: c.Lookup, Dial: c.Dial,
	}
}

// opener returns the opener of a backend with these options.
func opener(o mariadb.Options) driver.Opener {
	return func(h driver.Host) (driver.Backend, error) { return mariadb.NewBackend(o, h) }
}
