package driver_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func TestDaysAreTheDateThatTheyLeadTo(t *testing.T) {
	t.Parallel()
	for _, days := range []int64{0, 1, -1, 19782, -719528, -2_000_000, 2_932_896, 2_145_042_905} {
		at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(days))
		got, want := driver.DaysValue(days), driver.DateValue(at)
		if !reflect.DeepEqual(got, want) || !got.Time().Equal(at) {
			t.Errorf("%d days: %v, want %v", days, got.Time(), at)
		}
	}
}
