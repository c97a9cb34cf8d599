package scan

import (
	"testing"
	"time"
)

func TestParseTimeReadsWhatTheDatabasesWrite(t *testing.T) {
	t.Parallel()
	utc := func(y, mo, d, h, mi, s, ns int) time.Time {
		return time.Date(y, time.Month(mo), d, h, mi, s, ns, time.UTC)
	}
	for in, want := range map[string]time.Time{
		"2024-05-06":                    utc(2024, 5, 6, 0, 0, 0, 0),
		"2024-02-29":                    utc(2024, 2, 29, 0, 0, 0, 0),
		"0001-01-01":                    utc(1, 1, 1, 0, 0, 0, 0),
		"2024-05-06 07:08":              utc(2024, 5, 6, 7, 8, 0, 0),
		"2024-05-06 07:08:09":           utc(2024, 5, 6, 7, 8, 9, 0),
		"2024-05-06T07:08:09Z":          utc(2024, 5, 6, 7, 8, 9, 0),
		"2024-05-06 07:08:09.5":         utc(2024, 5, 6, 7, 8, 9, 5e8),
		"2024-05-06 07:08:09.123456":    utc(2024, 5, 6, 7, 8, 9, 123456000),
		"2024-05-06 07:08:09.123456789": utc(2024, 5, 6, 7, 8, 9, 123456789),
		"2024-05-06 07:08:09+00":        utc(2024, 5, 6, 7, 8, 9, 0),
		"2024-05-06 07:08:09+02":        utc(2024, 5, 6, 5, 8, 9, 0),
		"2024-05-06 07:08:09.5-03:30":   utc(2024, 5, 6, 10, 38, 9, 5e8),
		"2024-05-06T07:08+02:00":        utc(2024, 5, 6, 5, 8, 0, 0),
		"1883-11-18 12:03:58-04:56:02":  utc(1883, 11, 18, 17, 0, 0, 0), // PostgreSQL, local mean time
		"2024-12-31 23:59:59":           utc(2024, 12, 31, 23, 59, 59, 0),
	} {
		got, ok := parseTime(in)
		if !ok || !got.Equal(want) {
			t.Errorf("parseTime(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
	if got, _ := parseTime("2024-05-06 07:08:09+02"); got.Hour() != 7 {
		t.Errorf("the offset is lost: %v", got)
	}
	for _, in := range []string{"2024-05-06", "2024-05-06 07:08:09", "2024-05-06 07:08:09Z", "2024-05-06 07:08:09-00:00"} {
		if got, _ := parseTime(in); got.Location() != time.UTC {
			t.Errorf("parseTime(%q) is in %v, want UTC", in, got.Location())
		}
	}
}

func TestParseTimeRefusesTheRest(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "2024", "2024-05", "2024-5-6", "24-05-06", "2024-05-06 ", "2024-05-06 7:08", "2024-05-06 07", "2024-05-06 07:08:9",
		"2023-02-29", "2024-04-31", "0000-00-00", "2024-00-01", "2024-01-00", "2024-13-01", "2024-05-06 24:00", "2024-05-06 07:60",
		"2024-05-06 07:08:60", "2024-05-06 07:08:09.", "2024-05-06 07:08:09.1234567890", "2024-05-06 07:08:09x", "2024-05-06 07:08:09 +02",
		"2024-05-06 07:08:09+", "2024-05-06 07:08:09+2", "2024-05-06 07:08:09+24", "2024-05-06 07:08:09+02:60", "2024-05-06 07:08:09ZZ",
		"2024-05-06x07:08", "2024/05/06", "infinity", "2024-05-06 BC", "07:08:09", "2024-05-06Z", "x024-05-06", "2024-0é-06", "20240-5-06",
	} {
		if got, ok := parseTime(in); ok {
			t.Errorf("parseTime(%q) = %v, want a refusal", in, got)
		}
	}
}

// FuzzParseTime holds parseTime against the standard library, which knows the forms one by one.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2024-05-06", "2024-05-06 07:08:09.5+02:00", "2024-05-06T07:08Z", "0000-00-00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTime(s)
		if !ok {
			return
		}
		again, ok := parseTime(got.Format("2006-01-02T15:04:05.999999999Z07:00:00"))
		if !ok || !again.Equal(got) {
			t.Fatalf("%q is %v, which reads back as %v, %v", s, got, again, ok)
		}
		for _, layout := range []string{
			time.DateOnly, "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04Z07",
			"2006-01-02T15:04Z07", "2006-01-02 15:04:05Z07", "2006-01-02T15:04:05Z07", "2006-01-02 15:04Z07:00", "2006-01-02T15:04Z07:00",
			"2006-01-02 15:04:05Z07:00", time.RFC3339, "2006-01-02 15:04Z07:00:00", "2006-01-02T15:04Z07:00:00",
			"2006-01-02 15:04:05Z07:00:00", "2006-01-02T15:04:05Z07:00:00",
		} {
			if want, err := time.Parse(layout, s); err == nil && want.Equal(got) {
				return
			}
		}
		t.Fatalf("%q is %v, but time.Parse knows no such form", s, got)
	})
}
