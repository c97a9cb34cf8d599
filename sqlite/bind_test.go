package sqlite

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

type color string

func TestArgumentsAreStoredAsDocumented(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	berlin := time.FixedZone("CET", 3600)
	at := time.Date(2024, 2, 29, 1, 2, 3, 450_000_000, berlin)
	n, text, f, yes := 7, "p", 1.5, true
	n64 := int64(8)
	for _, c := range []struct {
		arg  any
		kind string
		want any
	}{
		{nil, "null", nil},
		{true, "integer", int64(1)},
		{false, "integer", int64(0)},
		{int(-1), "integer", int64(-1)},
		{int8(-8), "integer", int64(-8)},
		{int16(-16), "integer", int64(-16)},
		{int32(-32), "integer", int64(-32)},
		{int64(math.MinInt64), "integer", int64(math.MinInt64)},
		{uint(1), "integer", int64(1)},
		{uint8(8), "integer", int64(8)},
		{uint16(16), "integer", int64(16)},
		{uint32(math.MaxUint32), "integer", int64(math.MaxUint32)},
		{uint64(math.MaxInt64), "integer", int64(math.MaxInt64)},
		{float32(0.5), "real", 0.5},
		{math.MaxFloat64, "real", math.MaxFloat64},
		{math.Inf(-1), "real", math.Inf(-1)},
		{"grün \x00 ", "text", "grün \x00 "},
		{"", "text", ""},
		{[]byte{0, 1}, "blob", []byte{0, 1}},
		{[]byte{}, "blob", []byte{}},
		{[]byte(nil), "null", nil},
		{at, "text", "2024-02-29 00:02:03.45"},
		{&at, "text", "2024-02-29 00:02:03.45"},
		{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "text", "0000-01-01 00:00:00"},
		{driver.Decimal("1.10"), "text", "1.10"},
		{&n, "integer", int64(7)},
		{&n64, "integer", int64(8)},
		{&text, "text", "p"},
		{&f, "real", 1.5},
		{&yes, "integer", int64(1)},
		{(*int)(nil), "null", nil},
		{(*int64)(nil), "null", nil},
		{(*string)(nil), "null", nil},
		{(*float64)(nil), "null", nil},
		{(*bool)(nil), "null", nil},
		{(*time.Time)(nil), "null", nil},
		{color("red"), "text", "red"}, // driver.Simplify knows it
	} {
		got := all(t, s, "SELECT typeof(?1), ?1", c.arg)
		if want := [][]any{{c.kind, c.want}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%T %v: got %#v, want %#v", c.arg, c.arg, got, want)
		}
	}
}

func TestArgumentsThatCannotBeStoredAreRefused(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	for name, args := range map[string][]any{
		"an integer beyond int64": {1, uint64(math.MaxInt64) + 1},
		"NaN":                     {1, math.NaN()},
		"NaN of 32 bits":          {1, float32(math.NaN())},
		"a time after 9999":       {1, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a time before 0":         {1, time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a function":              {1, func() {}},
		"too few":                 {1},
		"too many":                {1, 2, 3},
	} {
		f := failing(t, s, driver.Argument, "SELECT ?, ?", args...)
		if f.Sent || f.Verdict != driver.Never {
			t.Errorf("%s: %+v", name, f)
		}
		if len(args) == 2 && !strings.HasPrefix(f.Error(), "argument 2: ") {
			t.Errorf("%s: the message doesn't say which argument: %s", name, f)
		}
	}
	if got := all(t, s, "SELECT ?, ?", 1, 2); !reflect.DeepEqual(got, [][]any{{int64(1), int64(2)}}) {
		t.Errorf("afterwards: %v", got)
	}
}

func TestTimesCompareWithSQLitesOwn(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for text, arg := range map[string]time.Time{
		"SELECT ? = datetime('2024-02-29 12:00:00')":              at,
		"SELECT ? > datetime('2024-02-29 12:00:00')":              at.Add(time.Nanosecond),
		"SELECT ? < datetime('2024-02-29 12:00:01')":              at.Add(999 * time.Millisecond),
		"SELECT datetime(?) = '2024-02-29 12:00:00'":              at.Add(5 * time.Millisecond),
		"SELECT datetime('now', '+1 minute') > ?":                 time.Now(),
		"SELECT unixepoch(?) = unixepoch('2024-02-29T12:00:00Z')": at,
	} {
		if got := one(t, s, text, arg); got != int64(1) {
			t.Errorf("%s with %v is %v", text, arg, got)
		}
	}
}

func TestAValueOf100MBWorksBothWays(t *testing.T) {
	s := write(t, newMemory(t))
	run(t, s, "CREATE TABLE t(a, b)")
	large := bytes.Repeat([]byte("0123456789abcdef"), 100<<20/16)
	insert := request("INSERT INTO t VALUES (?, ?)", large, "short")
	if _, err := s.Execute(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if got := one(t, s, "SELECT a FROM t").([]byte); !bytes.Equal(got, large) {
		t.Errorf("got %d bytes, want what was stored", len(got))
	}
}

func TestAValueBeyondTheLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	s.maxLength = 10
	for _, arg := range []any{strings.Repeat("x", 11), make([]byte, 11)} {
		if f := failing(t, s, driver.TooLarge, "SELECT ?", arg); f.Sent {
			t.Errorf("%T was sent", arg)
		}
	}
	failing(t, s, driver.TooLarge, "SELECT zeroblob(2000000000)")
}
