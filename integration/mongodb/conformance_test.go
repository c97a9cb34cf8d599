package mongodb_test

import (
	"cmp"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mongodb"
)

// TestConformanceOfFerretDB runs the suite on FerretDB in files: in memory its updates wait for themselves.
func TestConformanceOfFerretDB(t *testing.T) {
	url := cmp.Or(os.Getenv("TRY_FERRET"), servers.FerretDB(t, servers.Durable()).URL())
	st := drivertest.MongoDB()
	delete(st.Store, drivertest.Decimal) // FerretDB drops the connection
	for _, v := range st.Violations {    // nor does it say which index it is
		v.Told = drivertest.Where{Table: "items"}
	}
	delete(st.Violations, "an update to a name that exists") // code 1 there
	var databases atomic.Int64
	drivertest.Run(t, drivertest.Harness{
		Opener: func(t testing.TB) driver.Opener {
			o := optionsOf(t, url)
			o.Database = fmt.Sprintf("conformance_%d_%d", time.Now().UnixNano(), databases.Add(1))
			return opener(o)
		},
		Statements: st,
		Limits: drivertest.Limits{
			ZeroByte: true, Precision: time.Millisecond, NoSavepoints: true, NoTransactions: true, Documents: true, OwnUnit: true,
			LosesUpdates: true, Huge: 10_000_000,
		},
		Serial: driver.TxOptions{Isolation: driver.RepeatableRead},
	})
}

func opener(o mongodb.Options) driver.Opener {
	return func(h driver.Host) (driver.Backend, error) { return mongodb.NewBackend(o, h) }
}
