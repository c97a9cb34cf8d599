package pgvalue

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

type (
	level  int16
	label  string
	stamp  time.Time
	uid    [16]byte
	labels []label
	valuer struct{ v any }
	point  struct{ X, Y int }
)

func (v valuer) Value() (sqldriver.Value, error) { return v.v, nil }

// quoted is text on its pointer only, as big.Int is.
type quoted struct{ s string }

func (q *quoted) MarshalText() ([]byte, error) { return []byte("<" + q.s + ">"), nil }

func ptr[T any](v T) *T { return &v }

func decimal(t testing.TB, s string) plinth.Decimal {
	t.Helper()
	d, err := plinth.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestArgumentsArriveAsTheDocumentedValue decodes what was encoded: in binary by this package, and what is sent as text is
// compared as it is.
func TestArgumentsArriveAsTheDocumentedValue(t *testing.T) {
	t.Parallel()
	id := uid{0xf4, 0x7a, 0xc1, 0x0b, 0x58, 0xcc, 0x43, 0x72, 0xa5, 0x67, 0x0e, 0x02, 0xb2, 0xc3, 0xd4, 0x79}
	const idText = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	at := time.Date(2024, 7, 1, 0, 30, 0, 123456789, time.FixedZone("", 9*3600))
	for _, c := range []struct {
		typ  string
		arg  any
		want any    // what is decoded from binary
		text string // or else what is sent as text
	}{
		{"int2", -5, int64(-5), ""}, {"int4", int8(5), int64(5), ""},
		{"int8", uint32(math.MaxUint32), int64(math.MaxUint32), ""},
		{"int8", uint64(math.MaxInt64), int64(math.MaxInt64), ""}, {"int8", level(7), int64(7), ""},
		{"int8", time.Hour, int64(time.Hour), ""},
		{"int4", true, int64(1), ""}, {"int4", 5.0, int64(5), ""}, {"int8", driver.Decimal("-12.00"), int64(-12), ""},
		{"int4", "17", int64(17), ""}, {"int4", " 17", nil, " 17"}, {"int4", ptr(17), int64(17), ""},
		{"int4", ptr(ptr(17)), int64(17), ""},
		{"int4", sql.Null[level]{V: 3, Valid: true}, int64(3), ""}, {"int4", valuer{int64(3)}, int64(3), ""},
		{"int4", big.NewInt(7), int64(7), ""},
		{"oid", 4294967295, int64(4294967295), ""}, {"xid8", uint64(math.MaxUint64), uint64(math.MaxUint64), ""},
		{"xid8", 5, int64(5), ""},
		{"bool", false, false, ""}, {"bool", 1, true, ""}, {"bool", "true", true, ""}, {"bool", "yes", nil, "yes"},
		{"bool", sql.NullBool{Bool: true, Valid: true}, true, ""},
		{"float8", 0.1, 0.1, ""}, {"float8", float32(0.5), 0.5, ""}, {"float8", 1 << 53, float64(1 << 53), ""},
		{"float8", "0.25", 0.25, ""},
		{"float8", math.Inf(1), math.Inf(1), ""}, {"float8", driver.Decimal("0.1"), 0.1, ""},
		{"float4", 0.1, float64(float32(0.1)), ""},
		{"float4", math.Inf(-1), math.Inf(-1), ""}, {"float4", 1 << 24, float64(1 << 24), ""},
		{"numeric", 10000, "10000", ""}, {"numeric", math.MinInt64, "-9223372036854775808", ""},
		{"numeric", uint64(math.MaxUint64), "18446744073709551615", ""},
		{"numeric", 0.1, "0.1", ""}, {"numeric", float32(0.1), "0.1", ""}, {"numeric", 1e21, "1000000000000000000000", ""},
		{"numeric", math.NaN(), "NaN", ""},
		{"numeric", math.Inf(-1), "-Infinity", ""}, {"numeric", decimal(t, "-1.50"), "-1.50", ""},
		{"numeric", ptr(decimal(t, "0.00")), "0.00", ""},
		{"numeric", sql.Null[plinth.Decimal]{V: decimal(t, "1"), Valid: true}, "1", ""},
		{"numeric", "+00012.50", "12.50", ""}, {"numeric", "1e5", nil, "1e5"},
		{"numeric", time.Second, "1000000000", ""}, {"numeric", true, "1", ""},
		{"numeric", big.NewRat(1, 2).FloatString(3), "0.500", ""},
		{"text", "ß", "ß", ""}, {"varchar", label("x"), "x", ""}, {"text", 5, "5", ""},
		{"text", uint64(math.MaxUint64), "18446744073709551615", ""},
		{"text", 0.1, "0.1", ""}, {"text", math.Inf(1), "Infinity", ""}, {"text", true, "true", ""},
		{"text", []byte("b"), "b", ""},
		{"text", at, "2024-07-01T00:30:00.123456789+09:00", ""}, {"text", decimal(t, "1.50"), "1.50", ""},
		{"text", &quoted{"x"}, "<x>", ""},
		{"text", quoted{"x"}, "<x>", ""}, {"text", point{1, 2}, `{"X":1,"Y":2}`, ""},
		{"text", netip.MustParseAddr("::1"), "::1", ""},
		{"char", "A", nil, "A"}, {"char", `\377`, nil, `\377`}, {"bytea", []byte{0, 255}, []byte{0, 255}, ""}, {"bytea", `\x00`, []byte(`\x00`), ""},
		{"bytea", "\xff\x00", []byte{255, 0}, ""},
		{"bytea", []byte{}, []byte{}, ""}, {"bytea", id, id[:], ""}, {"bytea", json.RawMessage("{}"), []byte("{}"), ""},
		{"date", at, utc(2024, 7, 1, 0, 0, 0, 0), ""}, {"date", stamp(at), utc(2024, 7, 1, 0, 0, 0, 0), ""},
		{"date", "2024-07-01", nil, "2024-07-01"},
		{"timestamptz", at, utc(2024, 6, 30, 15, 30, 0, 123456), ""},
		{"timestamp", at, utc(2024, 6, 30, 15, 30, 0, 123456), ""},
		{"timestamptz", utc(1969, 12, 31, 23, 59, 59, 999999), utc(1969, 12, 31, 23, 59, 59, 999999), ""},
		{"timestamptz", "infinity", nil, "infinity"},
		{"timestamptz", time.Time{}, utc(1, 1, 1, 0, 0, 0, 0), ""},
		{"timestamptz", &at, utc(2024, 6, 30, 15, 30, 0, 123456), ""},
		{"time", at, "00:30:00.123456", ""}, {"timetz", at, "00:30:00.123456+09", ""}, {"time", 24 * time.Hour, "24:00:00", ""},
		{"interval", -90 * time.Minute, "-01:30:00", ""}, {"interval", ptr(time.Hour), "01:00:00", ""},
		{"interval", "1 mon", nil, "1 mon"},
		{"interval", sql.Null[time.Duration]{V: time.Second, Valid: true}, "00:00:01", ""},
		{"uuid", idText, idText, ""}, {"uuid", strings.ToUpper(idText), idText, ""},
		{"uuid", "{" + idText + "}", nil, "{" + idText + "}"}, {"uuid", id, idText, ""},
		{"uuid", ptr(id), idText, ""}, {"uuid", id[:], idText, ""}, {"uuid", [16]byte(id), idText, ""},
		{"uuid", []byte(idText), idText, ""},
		{"json", `{"a":1}`, json.RawMessage(`{"a":1}`), ""}, {"jsonb", []byte(`[]`), json.RawMessage(`[]`), ""},
		{"jsonb", json.RawMessage(`1`), json.RawMessage(`1`), ""},
		{"jsonb", point{1, 2}, json.RawMessage(`{"X":1,"Y":2}`), ""},
		{"jsonb", []string{"a"}, json.RawMessage(`["a"]`), ""}, {"jsonb", 1.5, json.RawMessage("1.5"), ""},
		{"jsonb", map[string]any{"a": nil}, json.RawMessage(`{"a":null}`), ""},
		{"jsonb", true, json.RawMessage("true"), ""}, {"jsonb", 5, json.RawMessage("5"), ""},
		{"jsonb", utc(2024, 1, 1, 0, 0, 0, 0), json.RawMessage(`"2024-01-01T00:00:00Z"`), ""},
		{"jsonb", netip.MustParseAddr("::1"), json.RawMessage(`"::1"`), ""},
		{"jsonb", valuer{`{"v":1}`}, json.RawMessage(`{"v":1}`), ""},
		{"jsonb", &point{1, 2}, json.RawMessage(`{"X":1,"Y":2}`), ""},
		{"json", quoted{"x"}, json.RawMessage(`"\u003cx\u003e"`), ""},
		{"jsonb", decimal(t, "1.50"), json.RawMessage(`"1.50"`), ""},
		{"jsonb", driver.Decimal("1.50"), json.RawMessage(`1.50`), ""}, {"jsonb", float32(0.1), json.RawMessage(`0.1`), ""},
		{"inet", netip.MustParseAddr("10.0.0.1"), nil, "10.0.0.1"},
		{"cidr", netip.MustParsePrefix("10.0.0.0/8"), nil, "10.0.0.0/8"},
		{"cidr", &net.IPNet{IP: net.IP{10, 0, 0, 0}, Mask: net.CIDRMask(8, 32)}, nil, "10.0.0.0/8"},
		{"macaddr", net.HardwareAddr{1, 2, 3, 4, 5, 6}, nil, "01:02:03:04:05:06"},
		{"inet", net.IPv4(10, 0, 0, 1), nil, "10.0.0.1"}, {"bit", "101", nil, "101"}, {"money", 5, nil, "5"},
		{"int4range", "[1,2)", nil, "[1,2)"}, {"point", "(1,2)", nil, "(1,2)"},
		{"int8[]", []int64{1, -1}, []any{int64(1), int64(-1)}, ""}, {"int4[]", []int{1}, []any{int64(1)}, ""},
		{"int4[]", []int{}, []any{}, ""}, {"int2[]", [2]level{1, 2}, []any{int64(1), int64(2)}, ""},
		{"text[]", []string{"", `a"b`}, []any{"", `a"b`}, ""}, {"text[]", labels{"a"}, []any{"a"}, ""},
		{"text[]", []*string{nil, ptr("x")}, []any{nil, "x"}, ""},
		{"int4[]", []sql.NullInt32{{Int32: 5, Valid: true}, {}}, []any{int64(5), nil}, ""},
		{"int4[]", []any{1, nil, int8(3), 4.0}, []any{int64(1), nil, int64(3), int64(4)}, ""},
		{"int4[]", [][]int{{1, 2}, {3, 4}}, []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}, ""},
		{"int4[]", []any{[]int{1}, []any{nil}}, []any{[]any{int64(1)}, []any{nil}}, ""},
		{"int4[]", [][]int{{}, {}}, []any{}, ""}, {"bytea[]", [][]byte{{1}, nil, {}}, []any{[]byte{1}, nil, []byte{}}, ""},
		{"uuid[]", []uid{id}, []any{idText}, ""},
		{"numeric[]", []plinth.Decimal{decimal(t, "1.50")}, []any{"1.50"}, ""},
		{"numeric[]", []float64{0.1, math.NaN()}, []any{"0.1", "NaN"}, ""},
		{"float8[]", []float64{0.5}, []any{0.5}, ""}, {"int4[]", []string{"5"}, []any{int64(5)}, ""},
		{"int4[]", ptr([]int{5}), []any{int64(5)}, ""},
		{"timestamptz[]", []time.Time{at}, []any{utc(2024, 6, 30, 15, 30, 0, 123456)}, ""},
		{"interval[]", []time.Duration{time.Second}, []any{"00:00:01"}, ""},
		{"jsonb[]", []json.RawMessage{json.RawMessage("1")}, []any{json.RawMessage("1")}, ""},
		{"bool[]", []bool{true}, []any{true}, ""}, {"int2vector", []int{1, 2}, []any{int64(1), int64(2)}, ""},
		{"int4[]", []string{"5", " 6"}, nil, `{"5"," 6"}`}, {"date[]", []string{"today", `a"\`}, nil, `{"today","a\"\\"}`},
		{"inet[]", []any{netip.MustParseAddr("::1"), nil}, nil, `{"::1",NULL}`},
		{"box[]", []string{"(1,1),(0,0)", "x"}, nil, `{"(1,1),(0,0)";"x"}`}, {"char[]", [][]string{{"a"},
			{"b"}}, nil, `{{"a"},{"b"}}`}, {"int4[]", "{1,2}", nil, "{1,2}"}, {"inet[]", []string{}, nil, "{}"},
		{"int4[]", valuer{"{1,2}"}, nil, "{1,2}"}, {"inet[]", [][]string{{}}, nil, "{}"}, {"text[]", []byte("{a}"), nil, "{a}"},
	} {
		typ := typeNamed(t, c.typ)
		out, format, err := typ.Encode([]byte("before"), c.arg)
		src, ok := strings.CutPrefix(string(out), "before")
		switch {
		case err != nil || !ok:
			t.Errorf("a %T into %s: %q, %v", c.arg, c.typ, out, err)
		case c.want == nil && (format != Text || src != c.text):
			t.Errorf("a %T into %s: %q in format %d, want %q as text", c.arg, c.typ, src, format, c.text)
		case c.want != nil && format != Binary:
			t.Errorf("a %T into %s: %q in format %d, want %v in binary", c.arg, c.typ, src, format, c.want)
		case c.want != nil:
			v, err := typ.Decode([]byte(src), Binary, new(Arena))
			if err != nil || !sameAny(v.Any(), c.want) {
				t.Errorf("a %T into %s: %#v, %v; want %#v", c.arg, c.typ, v.Any(), err, c.want)
			}
		}
	}
}

func TestWhatIsNilIsNull(t *testing.T) {
	t.Parallel()
	for _, arg := range []any{
		nil, (*int)(nil), (*string)(nil), []byte(nil), json.RawMessage(nil), sql.NullString{},
		sql.Null[time.Duration]{}, (*time.Duration)(nil), (*time.Time)(nil),
		valuer{nil}, (*valuer)(nil), []int(nil), []string(nil), []any(nil), (*[]int)(nil),
		map[string]int(nil), (*point)(nil), (*quoted)(nil), sql.Null[*int]{Valid: true},
	} {
		for _, typ := range []string{"int4", "text", "jsonb", "json", "int4[]", "bytea", "uuid", "interval", "inet", "timestamptz"} {
			out, _, err := typeNamed(t, typ).Encode([]byte("before"), arg)
			if out != nil || err != nil {
				t.Errorf("%T into %s: %q, %v", arg, typ, out, err)
			}
		}
	}
	for _, typ := range []string{"text", "bytea", "json"} {
		if out, _, err := typeNamed(t, typ).Encode(nil, ""); out == nil || err != nil {
			t.Errorf("the empty text into %s is NULL, %v", typ, err)
		}
	}
}

func TestWhatDoesNotFitIsAFaultThatTeaches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  string
		arg  any
		want string
		hint string
	}{
		{"int2", 32768, "integer out of its range", "wider"},
		{"int4", int64(math.MinInt32) - 1, "integer out of its range", "$1::int8"}, {"oid", -1, "out of its range", ""},
		{"int8", uint64(math.MaxUint64), "beyond 9223372036854775807", "numeric"}, {"xid8", -1, "out of its range", ""},
		{"bool", 2, "out of its range", ""},
		{"int4", 1.5, "a float that isn't a whole number", "round"}, {"int4", math.NaN(), "isn't a whole number", ""},
		{"int8", 1e19, "a float out of its range", ""},
		{"int4", decimal(t, "1.5"), "a decimal that isn't a whole number", "round"},
		{"int4", decimal(t, "1e30"), "a decimal out of its range", ""},
		{"float8", 1<<53 + 1, "integer out of its range", ""}, {"float4", 1<<24 + 1, "integer out of its range", ""},
		{"float4", 1e300, "a float out of its range", "float8"},
		{"float8", uint64(math.MaxUint64), "integer beyond", ""}, {"float8", true, "a boolean", ""},
		{"bool", 1.0, "a float", ""},
		{"text", "a\x00b", "zero byte", "bytea"}, {"jsonb", "a\x00b", "zero byte", "bytea"},
		{"int4", "1\x00", "zero byte", ""}, {"text", []byte{0}, "zero byte", ""},
		{"text", "\xff", "valid UTF-8", "strings.ToValidUTF8"}, {"text", []byte{0xff}, "valid UTF-8", "bytea"},
		{"text[]", []string{"ok", "\xff"}, "element 2: text that isn't valid UTF-8", ""},
		{"timestamptz", 5, "an integer", "to_timestamp"}, {"date", 5, "an integer", "time.Time"},
		{"interval", 5, "an integer", "time.Duration"}, {"uuid", 5, "an integer", ""},
		{"bytea", 5, "an integer", ""}, {"bytea", 1.5, "a float", ""}, {"bytea", time.Now(), "a time.Time", ""},
		{"int8", time.Now(), "a time.Time", ""}, {"uuid", decimal(t, "1"), "a decimal", ""},
		{"timestamptz", time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), "out of its range", "294276"},
		{"date", time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), "out of its range", "4713 BC"},
		{"time", 25 * time.Hour, "outside of a day", "24"}, {"time", -time.Second, "outside of a day", ""},
		{"timetz", time.Second, "an integer", ""},
		{"jsonb", math.NaN(), "NaN or an infinity", "JSON"}, {"jsonb", make(chan int), "chan int", ""},
		{"jsonb", map[string]any{"c": make(chan int)}, "as JSON", ""},
		{"int4", []int{1}, "a []int", "= any($1)"}, {"int4", point{}, "a pgvalue.point", "Value method"},
		{"int4[]", 5, "a single number", "slice"}, {"int4[]", point{}, "a pgvalue.point", ""},
		{"int4[]", []int64{1, 1 << 40}, "element 2: an integer out of its range", "wider"}, {"int4[]", [][]int{{1},
			{1 << 40}}, "element 2: element 1: an integer", ""},
		{"int4[]", [][]int{{1}, {}}, "different lengths", "rectangular"},
		{"int4[]", []any{[]int{1}, 2}, "different lengths", ""}, {"int4[]", []any{[]int{1}, nil}, "different lengths", ""},
		{"int4[]", []any{1, []int{2}}, "element 2: a []int", ""},
		{"int4[]", [][][][][][][]int{{{{{{{1}}}}}}}, "more than 6 dimensions", ""},
		{"date[]", []any{time.Now(), "today"}, "some elements as text", "one Go type"},
		{"char", "ab", "more than one byte", "char(1)"}, {"char", "é", "more than one byte", ""}, {"char", 65, "an integer", ""},
		{"text", make(chan int), "chan int", ""}, {"int4", complex(1, 1), "complex128", ""},
		{"int4", valuer{make(chan int)}, "chan int", ""},
	} {
		out, _, err := typeNamed(t, c.typ).Encode(nil, c.arg)
		f, ok := errors.AsType[*driver.Fault](err)
		switch {
		case !ok || out != nil || f.Kind != driver.Argument || f.Sent || f.Phase != driver.Prepare:
			t.Errorf("a %T into %s: %q, %#v", c.arg, c.typ, out, err)
		case !strings.Contains(f.Error(), c.want) || !strings.Contains(f.Hint, c.hint):
			t.Errorf("a %T into %s: %q with hint %q, want %q with %q", c.arg, c.typ, f.Error(), f.Hint, c.want, c.hint)
		}
	}
}

func TestAFaultNamesTheColumnsTypeAndNeverTheValue(t *testing.T) {
	t.Parallel()
	for typ, arg := range map[string]any{
		"int2": 987654, "text": "secret\x00", "int4": 987654.5, "timestamptz": 987654, "int4[]": []int64{987654987654},
	} {
		_, _, err := typeNamed(t, typ).Encode(nil, arg)
		if err == nil || strings.Contains(err.Error(), "987654") || strings.Contains(err.Error(), "secret") ||
			!strings.Contains(err.Error(), strings.TrimSuffix(typ, "[]")) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestValuesBeyondAGigabyteAreRefused(t *testing.T) {
	t.Parallel()
	huge := make([]byte, maxValue+1) // never touched, so it takes no memory
	_, _, err := typeNamed(t, "bytea").Encode(nil, huge)
	if f, ok := errors.AsType[*driver.Fault](err); !ok || f.Kind != driver.TooLarge || f.Hint == "" {
		t.Error(err)
	}
}
