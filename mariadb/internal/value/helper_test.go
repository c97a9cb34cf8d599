package value

import (
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

func utc(year, month, day, hour, minute, second, us int) time.Time {
	return time.Date(year, time.Month(month), day, hour, minute, second, us*1000, time.UTC)
}

// same compares values by their kind and what they hold.
func same(a, b driver.Value) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case driver.KindBytes:
		return string(a.Bytes()) == string(b.Bytes())
	case driver.KindTime, driver.KindDate:
		return a.Time().Equal(b.Time()) && a.Time().Location() == b.Time().Location()
	case driver.KindJSON:
		return a.Text() == b.Text()
	}
	return a.Any() == b.Any()
}

// decodes tries both a value and that nothing of src is kept.
func decodes(t *testing.T, what string, decode func([]byte, *arena.Arena) (driver.Value, error), src string,
	want driver.Value) {
	t.Helper()
	read := []byte(src)
	got, err := decode(read, new(arena.Arena))
	clear(read) // as the next packet would
	if err != nil || !same(got, want) {
		t.Errorf("%s %x: a %v %v (%v), want a %v %v", what, src, got.Kind(), got.Any(), err, want.Kind(), want.Any())
	}
}
