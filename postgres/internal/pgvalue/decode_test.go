package pgvalue

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/plinthdb/plinth/driver"
)

// typeNamed returns a built-in type by its name.
func typeNamed(t testing.TB, name string) *Type {
	t.Helper()
	for id := range uint32(10_000) {
		if typ := Builtin(id); typ != nil && typ.Name == name {
			return typ
		}
	}
	t.Fatalf("no type is called %s", name)
	return nil
}

func utc(year, month, day, hour, minute, second, us int) time.Time {
	return time.Date(year, time.Month(month), day, hour, minute, second, us*1000, time.UTC)
}

func TestTextBecomesTheDocumentedValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ, text string
		want      driver.Value
	}{
		{"bool", "t", driver.BoolValue(true)},
		{"bool", "f", driver.BoolValue(false)},
		{"int2", "-32768", driver.IntValue(math.MinInt16)},
		{"int8", "-9223372036854775808", driver.IntValue(math.MinInt64)},
		{"oid", "4294967295", driver.IntValue(math.MaxUint32)},
		{"xid8", "18446744073709551615", driver.UintValue(math.MaxUint64)},
		{"float8", "NaN", driver.FloatValue(math.NaN())},
		{"float8", "-Infinity", driver.FloatValue(math.Inf(-1))},
		{"float4", "0.1", driver.FloatValue(float64(float32(0.1)))},
		{"numeric", "1.50", driver.DecimalValue("1.50")},
		{"numeric", "NaN", driver.DecimalValue("NaN")},
		{"text", "", driver.TextValue("")},
		{"bpchar", "a  ", driver.TextValue("a  ")},
		{"char", "", driver.TextValue("")},
		{"char", `\377`, driver.TextValue(`\377`)},
		{"bytea", `\x00ff`, driver.BytesValue([]byte{0, 255})},
		{"bytea", `\x`, driver.BytesValue([]byte{})},
		{"bytea", `a\000\\b\377`, driver.BytesValue([]byte{'a', 0, '\\', 'b', 255})},
		{"date", "2024-02-29", driver.DateValue(utc(2024, 2, 29, 0, 0, 0, 0))},
		{"date", "0044-03-15 BC", driver.DateValue(utc(-43, 3, 15, 0, 0, 0, 0))},
		{"date", "5874897-12-31", driver.DateValue(utc(5874897, 12, 31, 0, 0, 0, 0))},
		{"date", "infinity", driver.TextValue("infinity")},
		{"timestamp", "2024-02-29 23:59:59.999999", driver.TimeValue(utc(2024, 2, 29, 23, 59, 59, 999999))},
		{"timestamp", "4713-11-24 00:00:00 BC", driver.TimeValue(utc(-4712, 11, 24, 0, 0, 0, 0))},
		{"timestamp", "-infinity", driver.TextValue("-infinity")},
		{"timestamptz", "2024-02-29 23:59:59.5+05:30", driver.TimeValue(utc(2024, 2, 29, 18, 29, 59, 500000))},
		{"timestamptz", "1900-01-01 00:00:00-00:00:01", driver.TimeValue(utc(1900, 1, 1, 0, 0, 1, 0))},
		{"timestamptz", "294276-12-31 23:59:59.999999+00", driver.TimeValue(utc(294276, 12, 31, 23, 59, 59, 999999))},
		{"timestamptz", "0001-12-31 19:03:58-04:56:02 BC", driver.TimeValue(utc(1, 1, 1, 0, 0, 0, 0))},
		{"time", "24:00:00", driver.TextValue("24:00:00")},
		{"timetz", "04:05:06.789-08", driver.TextValue("04:05:06.789-08")},
		{"uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479", driver.UUIDValue("f47ac10b-58cc-4372-a567-0e02b2c3d479")},
		{"json", `{"a": 1}`, driver.JSONValue(`{"a": 1}`)},
		{"jsonb", `{"a": 1}`, driver.JSONValue(`{"a": 1}`)},
		{"inet", "192.168.1.1/24", driver.TextValue("192.168.1.1/24")},
		{"money", "$1,000.00", driver.TextValue("$1,000.00")},
		{"int4range", "[1,10)", driver.TextValue("[1,10)")},
		{"int4[]", "{}", driver.NestedValue([]any{})},
		{"int4[]", "{1,NULL,-3}", driver.NestedValue([]any{int64(1), nil, int64(-3)})},
		{"int4[]", "[0:1][3:4]={{1,2},{3,NULL}}", driver.NestedValue([]any{[]any{int64(1), int64(2)}, []any{int64(3), nil}})},
		{"text[]", `{a,"",NULL,"NULL","a,b","{\"x\\y\"}",n}`, driver.NestedValue([]any{"a", "", nil, "NULL", "a,b", `{"x\y"}`, "n"})},
		{"box[]", "{(1,1),(0,0);(3,3),(2,2)}", driver.NestedValue([]any{"(1,1),(0,0)", "(3,3),(2,2)"})},
		{"bytea[]", `{"\\x00","\\xff"}`, driver.NestedValue([]any{[]byte{0}, []byte{255}})},
		{"timestamptz[]", `{"2024-01-01 00:00:00+00",infinity}`, driver.NestedValue([]any{utc(2024, 1, 1, 0, 0, 0, 0), "infinity"})},
		{"int2vector", "1 2", driver.NestedValue([]any{int64(1), int64(2)})},
		{"oidvector", "", driver.NestedValue([]any{})},
	} {
		decodes(t, typeNamed(t, c.typ), []byte(c.text), Text, new(Arena), c.want)
	}
}

func TestBinaryBecomesTheDocumentedValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ, hex string
		want     driver.Value
	}{
		{"char", "00", driver.TextValue("")},
		{"char", "41", driver.TextValue("A")},
		{"char", "ff", driver.TextValue(`\377`)},
		{"xid8", "ffffffffffffffff", driver.UintValue(math.MaxUint64)},
		{"float4", "7fc00000", driver.FloatValue(math.NaN())},
		{"float8", "fff0000000000000", driver.FloatValue(math.Inf(-1))},
		{"numeric", "0000 0000 0000 0003", driver.DecimalValue("0.000")},
		{"numeric", "0001 0001 4000 0002 0001", driver.DecimalValue("-10000.00")},
		{"numeric", "0001 fffe 0000 000a 000c", driver.DecimalValue("0.0000001200")},
		{"numeric", "0000 0000 c000 0000", driver.DecimalValue("NaN")},
		{"numeric", "0000 0000 d000 0000", driver.DecimalValue("Infinity")},
		{"numeric", "0000 0000 f000 0000", driver.DecimalValue("-Infinity")},
		{"numeric", "0001 7fff 0000 0000 0001", driver.DecimalValue("1" + strings.Repeat("0000", 32767))},
		{"date", "7fffffff", driver.TextValue("infinity")},
		{"date", "80000000", driver.TextValue("-infinity")},
		{"date", "ffffffff", driver.DateValue(utc(1999, 12, 31, 0, 0, 0, 0))},
		{"timestamp", "7fffffffffffffff", driver.TextValue("infinity")},
		{"timestamptz", "8000000000000000", driver.TextValue("-infinity")},
		{"timestamptz", "ffffffffffffffff", driver.TimeValue(utc(1999, 12, 31, 23, 59, 59, 999999))},
		{"time", "000000141dd76000", driver.TextValue("24:00:00")},
		{"timetz", "0000000000000001 00007080", driver.TextValue("00:00:00.000001-08")},
		{"timetz", "0000000000000000 ffffb1f7", driver.TextValue("00:00:00+05:32:57")},
		{"jsonb", "017b7d", driver.JSONValue("{}")},
		{"int4[]", "00000000 00000000 00000017", driver.NestedValue([]any{})},
		{"int2vector", "00000001 00000000 00000015 00000001 00000000 00000002 0007", driver.NestedValue([]any{int64(7)})},
		{"text[]", "00000001 00000001 00000019 00000002 00000005 00000000 ffffffff", driver.NestedValue([]any{"", nil})},
		{"int4[]", "00000002 00000000 00000017 00000001 00000001 00000002 00000001 00000004 00000001 00000004 00000002",
			driver.NestedValue([]any{[]any{int64(1), int64(2)}})},
	} {
		src, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		decodes(t, typeNamed(t, c.typ), src, Binary, new(Arena), c.want)
	}
}

func TestNullIsNullInEachFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []int16{Text, Binary} {
		if v, err := Builtin(23).Decode(nil, format, new(Arena)); err != nil || !v.IsNull() {
			t.Errorf("format %d: %v, %v", format, v.Any(), err)
		}
	}
}

// TestIntervalsLookTheSameInEachStyle has the examples of the documentation's table "Interval Output Style Examples", and
// what PostgreSQL 15 prints for others.
func TestIntervalsLookTheSameInEachStyle(t *testing.T) {
	t.Parallel()
	const hour = 3600e6
	for want, c := range map[string]struct {
		span
		styles []string // sql_standard, postgres_verbose, iso_8601
	}{
		"1 year 2 mons":            {span{0, 0, 14}, []string{"1-2", "@ 1 year 2 mons", "P1Y2M"}},
		"3 days 04:05:06":          {span{4*hour + 306e6, 3, 0}, []string{"3 4:05:06", "@ 3 days 4 hours 5 mins 6 secs", "P3DT4H5M6S"}},
		"00:00:00":                 {span{}, []string{"0", "@ 0", "PT0S"}},
		"-3 days -04:05:06":        {span{-4*hour - 306e6, -3, 0}, []string{"-3 4:05:06", "@ 3 days 4 hours 5 mins 6 secs ago", "P-3DT-4H-5M-6S"}},
		"-00:00:00.5":              {span{-5e5, 0, 0}, []string{"-0:00:00.5", "@ 0.5 secs ago", "PT-0.5S"}},
		"1 day":                    {span{0, 1, 0}, []string{"1 0:00:00", "@ 1 day", "P1D"}},
		"100:00:00.000001":         {span{100*hour + 1, 0, 0}, []string{"100:00:00.000001", "@ 100 hours 0.000001 secs", "PT100H0.000001S"}},
		"-1 mons":                  {span{0, 0, -1}, []string{"-0-1", "@ 1 mon ago", "P-1M"}},
		"1 mon -1 days":            {span{0, -1, 1}, []string{"+0-1 -1 +0:00:00", "@ 1 mon -1 days", "P1M-1D"}},
		"-1 years +1 day":          {span{0, 1, -12}, []string{"-1-0 +1 +0:00:00", "@ 1 year -1 days ago", "P-1Y1D"}},
		"1 mon -00:00:01":          {span{-1e6, 0, 1}, []string{"+0-1 +0 -0:00:01", "@ 1 mon -1 sec", "P1MT-1S"}},
		"-1 days +00:00:01":        {span{1e6, -1, 0}, []string{"+0-0 -1 +0:00:01", "@ 1 day -1 sec ago", "P-1DT1S"}},
		"1 year -04:00:00.5":       {span{-4*hour - 5e5, 0, 12}, []string{"+1-0 +0 -4:00:00.5", "@ 1 year -4 hours -0.5 secs", "P1YT-4H-0.5S"}},
		"infinity":                 {span{math.MaxInt64, math.MaxInt32, math.MaxInt32}, nil},
		"-infinity":                {span{math.MinInt64, math.MinInt32, math.MinInt32}, nil},
		"-2562047788:00:54.775808": {span{math.MinInt64, 0, 0}, nil},
		"-1 years -2 mons +3 days -04:05:06": {
			span{-4*hour - 306e6, 3, -14}, []string{"-1-2 +3 -4:05:06", "@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago", "P-1Y-2M3DT-4H-5M-6S"},
		},
	} {
		src := binary.BigEndian.AppendUint64(nil, uint64(c.us))
		src = binary.BigEndian.AppendUint32(src, uint32(c.days))
		src = binary.BigEndian.AppendUint32(src, uint32(c.months))
		typ := typeNamed(t, "interval")
		decodes(t, typ, src, Binary, new(Arena), driver.TextValue(want))
		if c.us != math.MinInt64 || c.days != 0 {
			for _, text := range append(c.styles, want) {
				decodes(t, typ, []byte(text), Text, new(Arena), driver.TextValue(want))
			}
		}
	}
}

func TestIntervalsAreReadByPgtypeAsTheSame(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pg, typ := pgtype.NewMap(), typeNamed(t, "interval")
	for range rounds() {
		want := pgtype.Interval{Microseconds: integer(r) / 1000, Days: int32(integer(r)), Months: int32(integer(r)), Valid: true}
		src, err := pg.Encode(typ.OID, pgtype.BinaryFormatCode, want, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := typ.Decode(src, Binary, new(Arena))
		if err != nil {
			t.Fatal(err)
		}
		var got pgtype.Interval
		if err := pg.Scan(typ.OID, pgtype.TextFormatCode, []byte(v.Text()), &got); err != nil || got != want {
			t.Fatalf("%q: %+v, %v; want %+v", v.Text(), got, err, want)
		}
		decodes(t, typ, []byte(v.Text()), Text, new(Arena), v)
	}
}

func TestBytesThatAreNoValueAreAFaultThatEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ    string
		format int16
		src    string
	}{
		{"bool", Binary, ""}, {"bool", Text, "true"}, {"int4", Binary, "\x00"}, {"int4", Text, "x"},
		{"int8", Binary, "1234567"},
		{"float8", Text, "x"}, {"numeric", Binary, "\x00\x01\x00\x00\x00\x00\x00\x00"}, {"numeric", Binary, "short"},
		{"numeric", Text, ""},
		{"numeric", Binary, "\x00\x00\x00\x00\x12\x34\x00\x00"},
		{"numeric", Binary, "\x00\x01\x00\x00\x00\x00\x00\x00\x27\x10"},
		{"numeric", Binary, "\x00\x00\x00\x00\x00\x00\x40\x00"}, {"bytea", Text, `\xf`}, {"bytea", Text, `\9`},
		{"bytea", Text, `\999`},
		{"date", Text, "29.02.2024"}, {"date", Text, "2024-02-29 00:00:00"}, {"date", Text, "24-02-29"},
		{"timestamp", Text, "2024-02-29"},
		{"timestamp", Text, "Thu 29 Feb 23:59:59 2024"}, {"timestamptz", Text, "2024-02-29 10:00:00"},
		{"timestamptz", Text, "2024-02-29 10:00:00+x"},
		{"time", Binary, "\x7f\x00\x00\x00\x00\x00\x00\x00"}, {"uuid", Binary, "12"}, {"uuid", Text, "12"},
		{"jsonb", Binary, ""}, {"jsonb", Binary, "\x02{}"},
		{"interval", Text, "soon"}, {"interval", Text, ""}, {"interval", Text, "1 parsec"}, {"interval", Text, "P"},
		{"interval", Text, "P1X"},
		{"int4[]", Binary, ""}, {"int4[]", Text, ""}, {"int4[]", Text, "{1"}, {"int4[]", Text, "{1,}"},
		{"int4[]", Text, "{1}x"}, {"int4[]", Text, "{x}"},
		{"text[]", Text, `{"a`}, {"text[]", Text, `{"a"b}`}, {"text[]", Text, `{a\`}, {"int4[]", Text, "{{{{{{{1}}}}}}}"},
		{"int4[]", Binary, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x7f\xff\xff\xff\x00\x00\x00\x01"},
		{"int4[]", Binary, "\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x17"},
		{"int4[]", Binary, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05\x00"},
		{"oidvector", Text, "1 x"},
	} {
		v, err := typeNamed(t, c.typ).Decode([]byte(c.src), c.format, new(Arena))
		f, ok := errors.AsType[*driver.Fault](err)
		if !ok || !f.Evict || !f.Sent || f.Phase != driver.Fetch || !v.IsNull() || !strings.Contains(f.Error(), c.typ) {
			t.Errorf("%s %q: %v, %v", c.typ, c.src, v.Any(), err)
		}
	}
}

func TestNamedTypesAreWhatTheCatalogSays(t *testing.T) {
	t.Parallel()
	decode := func(typ *Type, text string) any {
		v, err := typ.Decode([]byte(text), typ.ResultFormat(), new(Arena))
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
		}
		return v.Any()
	}
	mood := Named(90001, "mood", 'e', 'E', nil)
	moods := Named(90002, "_mood", 'b', 'A', mood)
	money := Named(90003, "price", 'd', 'N', Builtin(1700))
	unknown := Named(90004, "hstore", 'b', 'U', nil)
	citexts := Named(90006, "_citext", 'b', 'A', Named(90005, "citext", 'b', 'S', nil))
	shapes := Named(90008, "_geometry", 'b', 'A', Named(90007, "geometry", 'b', 'U', nil).WithDelimiter(':'))
	tags := Named(90009, "tags", 'd', 'A', Builtin(1009))
	for _, c := range []struct {
		typ       *Type
		name      string
		format    int16
		src, want any
	}{
		{mood, "mood", Binary, "ok", "ok"},
		{money, "price", Binary, "\x00\x01\x00\x00\x00\x00\x00\x01\x00\x05", "5.0"},
		{unknown, "hstore", Text, `"a"=>"b"`, `"a"=>"b"`},
		{citexts, "citext[]", Text, "{A,NULL}", []any{"A", nil}},
		{shapes, "geometry[]", Text, "{0101:0102}", []any{"0101", "0102"}},
		{tags, "tags", Binary, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19", []any{}},
		{moods, "mood[]", Binary, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19", []any{}},
	} {
		if c.typ.Name != c.name || c.typ.ResultFormat() != c.format {
			t.Errorf("%s in format %d, want %s in %d", c.typ.Name, c.typ.ResultFormat(), c.name, c.format)
		}
		if got := decode(c.typ, c.src.(string)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, want %#v", c.name, got, c.want)
		}
	}
	if Builtin(90001) != nil || Builtin(0) != nil || Builtin(1007).Name != "int4[]" {
		t.Error("Builtin lists what it can't know")
	}
}
