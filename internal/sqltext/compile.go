package sqltext

import "github.com/plinthdb/plinth/driver"

// Compile reads one statement.
func Compile(text string, d Dialect) (*driver.Stmt, error) {
	return nil, driver.Faultf(driver.Unsupported, "reading SQL isn't built yet")
}
