package postgres_test

import (
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/postgres"
)

// What is the same for all databases is the suite's.
var (
	open, openURL             = database.OpenNew, database.OpenURL
	execute, idle, eventually = suite.Execute, suite.Idle, suite.Eventually
	poolOf, request           = suite.PoolOf, suite.Request
)

// within bounds what a test waits for; slack is how much later than its context a call may return.
const within, slack = suite.Within, suite.Slack

// options returns the driver's own options for the database that a server's URL names.
func options(t testing.TB, text string) postgres.Options {
	t.Helper()
	at := suite.At(t, text)
	return postgres.Options{
		Hosts: []postgres.Host{{Name: at.Host, Port: at.Port}}, Database: at.Database,
		User: at.User, Password: at.Password,
		TLS: postgres.TLS{Mode: at.Query.Get("sslmode"), RootCert: at.Query.Get("sslrootcert")},
	}
}

// opener returns the opener of a backend with these options.
func opener(o postgres.Options) driver.Opener {
	return func(h driver.Host) (driver.Backend, error) { return postgres.NewBackend(o, h) }
}

// seam returns a backend and a session of it, to be spoken to directly.
func seam(t testing.TB, url string) (driver.Backend, driver.Session) {
	t.Helper()
	return suite.Seam(t, opener(options(t, url)))
}
