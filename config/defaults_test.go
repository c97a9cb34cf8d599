package config_test

import (
	"testing"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// Explain would lie if a package had another default than the one that config puts there.
func TestDefaultsAreThoseOfThePackagesTheyAreFor(t *testing.T) {
	t.Parallel()
	for _, e := range []config.Engine{config.SQLite, config.PostgreSQL, config.MariaDB, config.MongoDB} {
		d := config.Defaults(e)
		if d.RetryAttempts != retry.DefaultAttempts || d.RetryBaseDelay != retry.DefaultBase || d.RetryMaxDelay != retry.DefaultCap {
			t.Errorf("%s: retry has %v, %v, %v", e, retry.DefaultAttempts, retry.DefaultBase, retry.DefaultCap)
		}
		if d.SlowThreshold != querylog.DefaultThreshold {
			t.Errorf("%s: querylog has %v", e, querylog.DefaultThreshold)
		}
	}
}
