package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest"
	"github.com/plinthdb/plinth/integration/servers"
)

func TestConformance(t *testing.T) {
	// A schema each stands for a database each, which takes the server much longer to make.
	url := servers.Postgres(t).Database(t)
	admin := openURL(t, url)
	var schemas atomic.Int64
	drivertest.Run(t, drivertest.Harness{
		Opener: func(t testing.TB) driver.Opener {
			schema := fmt.Sprintf("s%d", schemas.Add(1))
			execute(t, admin, "create schema "+schema)
			o := options(t, url)
			o.RuntimeParams = map[string]string{"search_path": schema}
			return opener(o)
		},
		Statements: statements(),
	})
}

// statements returns SQL's statements, and what PostgreSQL tells of violations.
func statements() drivertest.Statements {
	st := drivertest.SQL(drivertest.Types{
		drivertest.Int:     {Name: "bigint", Kind: driver.KindInt},
		drivertest.Float:   {Name: "double precision", Kind: driver.KindFloat},
		drivertest.Text:    {Name: "text", Kind: driver.KindText},
		drivertest.Bytes:   {Name: "bytea", Kind: driver.KindBytes},
		drivertest.Bool:    {Name: "boolean", Kind: driver.KindBool},
		drivertest.Time:    {Name: "timestamptz", Kind: driver.KindTime},
		drivertest.Date:    {Name: "date", Kind: driver.KindDate},
		drivertest.Decimal: {Name: "numeric", Kind: driver.KindDecimal},
		drivertest.UUID:    {Name: "uuid", Kind: driver.KindUUID},
		drivertest.JSON:    {Name: "jsonb", Kind: driver.KindJSON},
	})
	st.Transaction = append(st.Transaction, "begin isolation level serializable", "start transaction", "end", "abort",
		"rollback to a", "/* hidden */ commit;", "prepare transaction 'a'")
	st.Set = "SET application_name = 'changed by drivertest'"
	st.Setting = "SHOW application_name"
	for what, told := range map[string]drivertest.Where{
		"a primary key that exists":       {Constraint: "items_pkey", Table: "items"},
		"a unique name that exists":       {Constraint: "items_name", Table: "items"},
		"an update to a name that exists": {Constraint: "items_name", Table: "items"},
		"NULL where it's not allowed":     {Table: "items", Column: "name"},
		"a check that fails":              {Constraint: "items_n", Table: "items"},
		"a reference to nothing":          {Constraint: "parts_item", Table: "parts"},
		"removing what is referred to":    {Constraint: "parts_item", Table: "parts"},
	} {
		st.Violations[what].Told = told
	}
	return st
}
