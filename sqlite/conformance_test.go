package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest"
	"github.com/plinthdb/plinth/sqlite"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{
		Opener: func(t testing.TB) driver.Opener {
			path := filepath.Join(t.TempDir(), "conformance.db")
			return func(h driver.Host) (driver.Backend, error) {
				return sqlite.NewBackend(sqlite.Options{Path: path}, h)
			}
		},
		Statements: statements(),
		Limits:     drivertest.Limits{ZeroByte: true},
	})
}

// statements returns SQL's statements, and what SQLite tells: all but the name of a foreign key.
func statements() drivertest.Statements {
	st := drivertest.SQL(drivertest.Types{
		drivertest.Int:     {Name: "INTEGER", Kind: driver.KindInt},
		drivertest.Float:   {Name: "REAL", Kind: driver.KindFloat},
		drivertest.Text:    {Name: "TEXT", Kind: driver.KindText},
		drivertest.Bytes:   {Name: "BLOB", Kind: driver.KindBytes},
		drivertest.Bool:    {Name: "INTEGER", Kind: driver.KindInt},
		drivertest.Time:    {Name: "TEXT", Kind: driver.KindText},
		drivertest.Date:    {Name: "TEXT", Kind: driver.KindText},
		drivertest.Decimal: {Name: "TEXT", Kind: driver.KindText},
		drivertest.UUID:    {Name: "TEXT", Kind: driver.KindText},
		drivertest.JSON:    {Name: "TEXT", Kind: driver.KindText},
	})
	st.Transaction = append(st.Transaction, "begin immediate", "end", "rollback to a", "/* hidden */ commit;")
	st.Set = "PRAGMA recursive_triggers = 1"
	st.Setting = "PRAGMA recursive_triggers"
	for what, told := range map[string]drivertest.Where{
		"a primary key that exists":       {Table: "items", Column: "id"},
		"a unique name that exists":       {Table: "items", Column: "name"},
		"an update to a name that exists": {Table: "items", Column: "name"},
		"NULL where it's not allowed":     {Table: "items", Column: "name"},
		"a check that fails":              {Constraint: "items_n"},
	} {
		st.Violations[what].Told = told
	}
	return st
}
