package suite

import (
	"encoding/json"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
)

// UTC is time.Date in UTC, to the microsecond.
func UTC(year, month, day, hour, minute, second, us int) time.Time {
	return time.Date(year, time.Month(month), day, hour, minute, second, us*1000, time.UTC)
}

// Decimal reads a decimal.
func Decimal(t testing.TB, digits string) plinth.Decimal {
	t.Helper()
	d, err := plinth.ParseDecimal(digits)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ComeBack writes rows into the table everything, by Execute and, with other ids, by ExecuteMany, and wants all of them back as they
// were. JSON compares decimals by their digits, and times by their zone.
func ComeBack[T any](t *testing.T, e *plinth.Engine, insert string, withID func(row T, id int64) T, rows ...T) {
	t.Helper()
	text := func(row T) string {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var want []string
	numbered := func() iter.Seq[[]any] {
		var all [][]any
		for _, row := range rows {
			row = withID(row, int64(len(want)+1))
			want, all = append(want, text(row)), append(all, []any{row})
		}
		return slices.Values(all)
	}
	for args := range numbered() {
		if _, err := e.Execute(t.Context(), insert, args...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.ExecuteMany(t.Context(), insert, numbered()); err != nil {
		t.Fatal(err)
	}
	got, err := plinth.All[T](t.Context(), e, "select * from everything order by id")
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %v", len(got), len(want), err)
	}
	for i, row := range got {
		if text := text(row); text != want[i] {
			t.Errorf("got  %s\nwant %s", text, want[i])
		}
	}
}
