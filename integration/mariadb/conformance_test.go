package mariadb_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest"
	"github.com/plinthdb/plinth/integration/servers"
)

func TestConformance(t *testing.T) {
	url := servers.MariaDB(t).URL()
	admin := openURL(t, url)
	var databases atomic.Int64
	drivertest.Run(t, drivertest.Harness{
		Opener: func(t testing.TB) driver.Opener {
			database := fmt.Sprintf("test_conformance_%d", databases.Add(1))
			execute(t, admin, "create database "+database)
			t.Cleanup(func() {
				if _, err := admin.Execute(context.Background(), "drop database "+database); err != nil {
					t.Error(err)
				}
			})
			o := options(t, url)
			o.Database = database
			return opener(o)
		},
		Statements: statements(),
		Limits:     drivertest.Limits{Uint64: false, ZeroByte: true, Huge: 10_000_000},
	})
}

// statements returns SQL's statements, and what MariaDB tells of violations. It bounds recursion to 1,000 steps, so that what is
// long is made of its sequences (seq_1_to_…), which have their length in their name.
func statements() drivertest.Statements {
	st := drivertest.SQL(drivertest.Types{
		drivertest.Int:     {Name: "bigint", Kind: driver.KindInt},
		drivertest.Float:   {Name: "double", Kind: driver.KindFloat},
		drivertest.Text:    {Name: "longtext", Kind: driver.KindText},
		drivertest.Bytes:   {Name: "longblob", Kind: driver.KindBytes},
		drivertest.Bool:    {Name: "tinyint(1)", Kind: driver.KindBool},
		drivertest.Time:    {Name: "datetime(6)", Kind: driver.KindTime},
		drivertest.Date:    {Name: "date", Kind: driver.KindDate},
		drivertest.Decimal: {Name: "decimal(50,20)", Kind: driver.KindDecimal},
		drivertest.UUID:    {Name: "uuid", Kind: driver.KindUUID},
		drivertest.JSON:    {Name: "json", Kind: driver.KindJSON},
	})
	st.Transaction = append(st.Transaction, "begin work", "rollback to a", "/* hidden */ commit;", "/*!50001 commit */", "xa begin 'a'")
	st.Set = "SET SESSION sort_buffer_size = 123456"
	st.Setting = "SELECT @@sort_buffer_size"
	st.Series = "select seq as i, pad from (select ? as n, coalesce(?, '') as pad) a join seq_1_to_1000000000 on seq <= n order by seq"
	st.Slow = "select seq from seq_1_to_100000000000 where seq + 0 < 0"
	st.SlowWrite = "insert into items (id, name, n, note) select -1, 'slow', count(*), null from seq_1_to_100000000000 where seq + 0 >= 0"
	for what, told := range map[string]drivertest.Where{
		"a primary key that exists":       {Constraint: "PRIMARY"},
		"a unique name that exists":       {Constraint: "items_name"},
		"an update to a name that exists": {Constraint: "items_name"},
		"NULL where it's not allowed":     {Column: "name"},
		"a check that fails":              {Constraint: "items_n", Table: "items"},
		"a reference to nothing":          {Constraint: "parts_item", Table: "parts"},
		"removing what is referred to":    {Constraint: "parts_item", Table: "parts"},
	} {
		st.Violations[what].Told = told
	}
	return st
}
