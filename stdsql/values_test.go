package stdsql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	seam "github.com/plinthdb/plinth/driver"
)

func TestValuesAreWhatDatabaseSQLKnows(t *testing.T) {
	t.Parallel()
	noon := time.Date(2024, 5, 6, 12, 0, 0, 123456000, time.UTC)
	for name, c := range map[string]struct {
		engine string
		of     string
		in     seam.Value
		want   driver.Value
	}{
		"NULL":                       {postgres, "text", seam.NullValue(), nil},
		"boolean":                    {postgres, "bool", seam.BoolValue(true), true},
		"integer":                    {postgres, "int4", seam.IntValue(-5), int64(-5)},
		"beyond int64":               {"mariadb", "bigint unsigned", seam.UintValue(math.MaxUint64), "18446744073709551615"},
		"float":                      {postgres, "float8", seam.FloatValue(0.5), 0.5},
		"decimal":                    {postgres, "numeric", seam.DecimalValue("10.50"), "10.50"},
		"text":                       {postgres, "text", seam.TextValue("2024-05-06"), "2024-05-06"},
		"bytes":                      {postgres, "bytea", seam.BytesValue([]byte{0, 1}), []byte{0, 1}},
		"time":                       {postgres, "timestamptz", seam.TimeValue(noon), noon},
		"date":                       {postgres, "date", seam.DateValue(noon), noon.Truncate(24 * time.Hour)},
		"UUID":                       {postgres, "uuid", seam.UUIDValue("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
		"JSON":                       {postgres, "jsonb", seam.JSONValue(`{"a": 1}`), []byte(`{"a": 1}`)},
		"array":                      {postgres, "_int4", seam.NestedValue([]any{int64(1), nil}), "{1,NULL}"},
		"array elsewhere":            {"sqlite", "", seam.NestedValue([]any{int64(1), nil}), []byte("[1,null]")},
		"document":                   {postgres, "", seam.NestedValue(map[string]any{"a": 1}), []byte(`{"a":1}`)},
		"SQLite's DATETIME":          {"sqlite", "DateTime", seam.TextValue("2024-05-06 12:00:00.123456"), noon},
		"SQLite's DATE":              {"sqlite", "DATE", seam.TextValue("2024-05-06"), noon.Truncate(24 * time.Hour)},
		"SQLite's, not a time":       {"sqlite", "TIMESTAMP", seam.TextValue("soon"), "soon"},
		"a time in SQLite's TEXT":    {"sqlite", "TEXT", seam.TextValue("2024-05-06"), "2024-05-06"},
		"SQLite's TIMESTAMP integer": {"sqlite", "TIMESTAMP", seam.IntValue(5), int64(5)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&rows{engine: c.engine}).value(&c.in, c.of)
			if err != nil || !reflect.DeepEqual(got, c.want) || !driver.IsValue(got) {
				t.Errorf("%#v, %v; want %#v", got, err, c.want)
			}
		})
	}
}

// The right side is what PostgreSQL 17 prints for that array.
func TestArraysAreWrittenAsPostgreSQLDoes(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 120000000, time.FixedZone("", 3600))
	for _, c := range []struct {
		of   string
		in   []any
		want string
	}{
		{"_int8", nil, `{}`},
		{"_int8", []any{int64(1), int64(-2), nil}, `{1,-2,NULL}`},
		{"_int8", []any{[]any{int64(1), int64(2)}, []any{int64(3), nil}}, `{{1,2},{3,NULL}}`},
		{"_float8", []any{1.5, math.Inf(1), math.Inf(-1), math.NaN(), 1e30}, `{1.5,Infinity,-Infinity,NaN,1e+30}`},
		{"_bool", []any{true, false}, `{t,f}`},
		{"_text", []any{"a", "", "NULL", "null", "a b", "a,b", `q"q`, `b\b`, "{", "tab\t", "nbsp\u00a0", "ünï"},
			`{a,"","NULL","null","a b","a,b","q\"q","b\\b","{","tab` + "\t" + `",nbsp` + "\u00a0" + `,ünï}`},
		{"_numeric", []any{"10.50", "-1"}, `{10.50,-1}`},
		{"_bytea", []any{[]byte{0xde, 0xad}, []byte{}}, `{"\\xdead","\\x"}`},
		{"_date", []any{at}, `{2024-05-06}`},
		{"_timestamp", []any{at}, `{"2024-05-06 07:08:09.12"}`},
		{"_timestamptz", []any{at, at.UTC()}, `{"2024-05-06 07:08:09.12+01:00","2024-05-06 06:08:09.12+00:00"}`},
		{"jsonb[]", []any{map[string]any{"a": 1}}, `{"{\"a\":1}"}`},
	} {
		if got := arrayText(c.in, c.of); got != c.want {
			t.Errorf("%s: %s, want %s", c.of, got, c.want)
		}
	}
}

func TestSavepointTextsAreTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SAVEPOINT a":                      "0 a true",
		" savepoint\n_a1 ; ":               "0 _a1 true",
		"RELEASE SAVEPOINT a":              "1 a true",
		"release a":                        "1 a true",
		"ROLLBACK TO SAVEPOINT sp0xc00012": "2 sp0xc00012 true",
		"Rollback To a;":                   "2 a true",
		"SAVEPOINT savepoint":              "0 savepoint true",
		"ROLLBACK":                         "0  false",
		"ROLLBACK TO":                      "0  false",
		"ROLLBACK TRANSACTION TO a":        "0  false",
		"RELEASE":                          "0  false",
		"SAVEPOINT":                        "0  false",
		"SAVEPOINT 1a":                     "0  false",
		`SAVEPOINT "a"`:                    "0  false",
		"SAVEPOINT a; DROP TABLE b":        "0  false",
		"SAVEPOINT a--b":                   "0  false",
		"SELECT 1":                         "0  false",
		"":                                 "0  false",
	} {
		op, name, is := savepoint(text)
		if !is {
			op, name = 0, ""
		}
		if got := fmt.Sprint(op, " ", name, " ", is); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestBadConnIsHiddenAndTheRestIsNot(t *testing.T) {
	t.Parallel()
	inner := fmt.Errorf("%w: %w", driver.ErrBadConn, &seam.Fault{Kind: seam.OutcomeUnknown})
	err := hide(fmt.Errorf("outside: %w", inner))
	var f *seam.Fault
	if errors.Is(err, driver.ErrBadConn) || !errors.Is(err, seam.OutcomeUnknown) || !errors.As(err, &f) {
		t.Errorf("%#v", err)
	}
	plain := errors.New("plain")
	if hide(plain) != plain || hide(nil) != nil {
		t.Error("an error that isn't bad was changed")
	}
}

func TestPgxOptionsAmongTheArgumentsAreRemoved(t *testing.T) {
	t.Parallel()
	var c conn
	type QueryExecMode int32 // of another package
	if err := c.CheckNamedValue(&driver.NamedValue{Value: QueryExecMode(1)}); err != nil {
		t.Errorf("an argument of that name: %v", err)
	}
}
