package postgres

import "github.com/plinthdb/plinth/driver"

// Rules returns the classification table.
func Rules() []driver.Rule { return nil }
