package postgres_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/suite"
)

func sameAny(a, b any) bool {
	if f, ok := a.(float64); ok && math.IsNaN(f) {
		f, ok = b.(float64)
		return ok && math.IsNaN(f)
	}
	return reflect.DeepEqual(a, b)
}

const uuidText = "f47ac10b-58cc-4372-a567-0e02b2c3d479"

// TestEachTypeBecomesItsDocumentedValue reads a literal of each type, and arguments that stand for the same value. A literal
// may be used as an argument, too.
func TestEachTypeBecomesItsDocumentedValue(t *testing.T) {
	e := open(t)
	execute(t, e, "create extension citext", "create extension hstore",
		"create type mood as enum ('sad', 'it''s ok', 'très bien')", "create domain price as numeric(10,2) check (value >= 0)",
		"create domain tags as text[]", "create type pair as (n int, t text)", "create type span as range (subtype = float8)")
	var long = make([]byte, 100_000)
	for i := range long {
		long[i] = byte(i)
	}
	id := [16]byte{0xf4, 0x7a, 0xc1, 0x0b, 0x58, 0xcc, 0x43, 0x72, 0xa5, 0x67, 0x0e, 0x02, 0xb2, 0xc3, 0xd4, 0x79}
	for _, c := range []struct {
		typ, literal string
		want         any
		args         []any
	}{
		{"bool", "true", true, []any{true, 1, new(true)}}, {"bool", "no", false, []any{false, 0}},
		{"int2", "-32768", int64(math.MinInt16), []any{math.MinInt16, int16(math.MinInt16), -32768.0}},
		{"int4", "2147483647", int64(math.MaxInt32), []any{math.MaxInt32, uint64(math.MaxInt32)}},
		{"int8", "-9223372036854775808", int64(math.MinInt64), []any{int64(math.MinInt64), decimal(t, "-9223372036854775808")}},
		{"oid", "4294967295", int64(math.MaxUint32), []any{uint32(math.MaxUint32)}},
		{"xid8", "18446744073709551615", uint64(math.MaxUint64), []any{uint64(math.MaxUint64)}},
		{"float4", "0.1", float64(float32(0.1)), []any{0.1, float32(0.1), decimal(t, "0.1")}},
		{"float8", "0.1", 0.1, []any{0.1, decimal(t, "0.1")}},
		{"float8", "NaN", math.NaN(), []any{math.NaN()}}, {"float8", "-Infinity", math.Inf(-1), []any{math.Inf(-1)}},
		{"float8", "5e-324", math.SmallestNonzeroFloat64, []any{math.SmallestNonzeroFloat64}},
		{"numeric", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890",
			[]any{decimal(t, "12345678901234567890.12345678901234567890")}},
		{"numeric", "0.000", "0.000", []any{decimal(t, "0.000")}},
		{"numeric", "-100000000", "-100000000", []any{-100000000, -1e8}},
		{"numeric", "NaN", "NaN", []any{math.NaN()}}, {"numeric", "-Infinity", "-Infinity", []any{math.Inf(-1)}},
		{"numeric(10,2)", "5", "5.00", []any{5, decimal(t, "5"), "4.999"}},
		{"text", "Ünï🏳️‍🌈\\", "Ünï🏳️‍🌈\\", []any{[]byte("Ünï🏳️‍🌈\\")}}, {"text", "5", "5", []any{5, int8(5)}},
		{"text", "", "", []any{[]byte{}}}, {"bpchar(3)", "a", "a  ", nil}, {"varchar(3)", "abc", "abc", nil},
		{"name", "n", "n", nil},
		{`"char"`, "A", "A", nil}, {`"char"`, "", "", nil}, {"citext", "Ab", "Ab", nil}, {"xml", "<a/>", "<a/>", nil},
		{"bytea", "plain", []byte("plain"), []any{[]byte("plain")}},
		{"date", "2024-02-29", utc(2024, 2, 29, 0, 0, 0, 0), []any{utc(2024, 2, 29, 23, 0, 0, 0)}},
		{"date", "0044-03-15 BC", utc(-43, 3, 15, 0, 0, 0, 0), []any{utc(-43, 3, 15, 0, 0, 0, 0)}},
		{"date", "5874897-12-31", utc(5874897, 12, 31, 0, 0, 0, 0), []any{utc(5874897, 12, 31, 0, 0, 0, 0)}},
		{"date", "infinity", "infinity", nil}, {"timestamp", "-infinity", "-infinity", nil},
		{"timestamptz", "infinity", "infinity", nil},
		{"timestamp", "2024-02-29 23:59:59.999999", utc(2024, 2, 29, 23, 59, 59, 999999), []any{utc(2024, 2, 29, 23, 59, 59, 999999)}},
		{"timestamptz", "2024-02-29 23:59:59.5+05:30", utc(2024, 2, 29, 18, 29, 59, 500000),
			[]any{utc(2024, 2, 29, 18, 29, 59, 500000).In(time.FixedZone("", 7200))}},
		{"timestamptz", "4713-11-24 00:00:00+00 BC", utc(-4712, 11, 24, 0, 0, 0, 0), []any{utc(-4712, 11, 24, 0, 0, 0, 0)}},
		{"timestamptz", "294276-12-31 23:59:59.999999+00", utc(294276, 12, 31, 23, 59, 59, 999999), []any{utc(294276, 12, 31, 23, 59, 59, 999999)}},
		{"time", "24:00:00", "24:00:00", []any{24 * time.Hour}},
		{"time", "04:05:06.7", "04:05:06.7", []any{utc(1, 1, 1, 4, 5, 6, 700000)}},
		{"timetz", "04:05:06+05:30", "04:05:06+05:30", []any{time.Date(2024, 1, 1, 4, 5, 6, 0, time.FixedZone("", 5*3600+1800))}},
		{"interval", "1 year 2 mons -3 days -04:05:06.7", "1 year 2 mons -3 days -04:05:06.7", nil},
		{"interval", "-01:30:00", "-01:30:00", []any{-90 * time.Minute, new(-90 * time.Minute)}},
		{"uuid", uuidText, uuidText, []any{id, id[:], new(id)}},
		{"json", `{"a": [1, null]}`, json.RawMessage(`{"a": [1, null]}`), []any{json.RawMessage(`{"a": [1, null]}`)}},
		{"jsonb", `{"a": 1}`, json.RawMessage(`{"a": 1}`), []any{map[string]int{"a": 1}, struct {
			A int `json:"a"`
		}{1}}},
		{"jsonb", `"text"`, json.RawMessage(`"text"`), nil},
		{"jsonb", "1.50", json.RawMessage("1.50"), []any{json.RawMessage("1.50")}},
		{"inet", "10.0.0.1", "10.0.0.1", []any{netip.MustParseAddr("10.0.0.1"), net.IPv4(10, 0, 0, 1)}},
		{"inet", "::1/64", "::1/64", []any{netip.MustParsePrefix("::1/64")}},
		{"cidr", "10.0.0.0/8", "10.0.0.0/8", []any{netip.MustParsePrefix("10.0.0.0/8")}},
		{"macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03", []any{net.HardwareAddr{8, 0, 0x2b, 1, 2, 3}}},
		{"bit(3)", "101", "101", nil}, {"varbit", "", "", nil}, {"money", "1.50", "$1.50", []any{decimal(t, "1.50")}},
		{"int4range", "[1,5)", "[1,5)", nil}, {"tstzmultirange", "{}", "{}", nil}, {"span", "[0.5,1]", "[0.5,1]", nil},
		{"point", "(1,2)", "(1,2)", nil}, {"tsvector", "'a':1", "'a':1", nil}, {"pg_lsn", "0/1", "0/1", nil},
		{"jsonpath", `$."a"`, `$."a"`, nil},
		{"regclass", "pg_type", "pg_type", nil}, {"hstore", `"a"=>"b"`, `"a"=>"b"`, nil},
		{"pair", `(1,"a b")`, `(1,"a b")`, nil},
		{"mood", "it's ok", "it's ok", nil}, {"price", "5.5", "5.50", []any{5.5, decimal(t, "5.5")}},
		{"tags", "{a}", []any{"a"}, []any{[]string{"a"}}},
		{"int4[]", "{}", []any{}, []any{[]int{}, [0]int{}}},
		{"int4[]", "{1,NULL}", []any{int64(1), nil}, []any{[]*int{new(1), nil}, []any{int8(1), nil}}},
		{"int8[]", "{{1,2},{3,4}}", []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}, []any{[][]int{{1, 2},
			{3, 4}}}},
		{"int4[]", "[5:6]={1,2}", []any{int64(1), int64(2)}, []any{[]int{1, 2}}},
		{"text[]", `{"a,b","\"\\",NULL,"NULL",""}`, []any{"a,b", `"\`, nil, "NULL", ""}, []any{[]any{"a,b", `"\`, nil, "NULL", ""}}},
		{"mood[]", `{sad,"it's ok"}`, []any{"sad", "it's ok"}, []any{[]string{"sad", "it's ok"}}},
		{"price[]", "{1,2.5}", []any{"1.00", "2.50"}, []any{[]plinth.Decimal{decimal(t, "1"), decimal(t, "2.5")}}},
		{"citext[]", "{A,NULL}", []any{"A", nil}, []any{[]any{"A", nil}}},
		{"pair[]", `{"(1,a)"}`, []any{"(1,a)"}, []any{[]string{"(1,a)"}}},
		{"inet[]", "{10.0.0.1,::1}", []any{"10.0.0.1", "::1"}, []any{[]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}}},
		{"box[]", "{(1,1),(0,0);(3,3),(2,2)}", []any{"(1,1),(0,0)", "(3,3),(2,2)"}, []any{[]string{"(1,1),(0,0)", "(3,3),(2,2)"}}},
		{"uuid[]", "{" + uuidText + "}", []any{uuidText}, []any{[][16]byte{id}}},
		{"timestamptz[]", `{"2024-01-01 00:00:00+00",infinity}`, []any{utc(2024, 1, 1, 0, 0, 0, 0), "infinity"}, nil},
		{"date[]", "{2024-01-01}", []any{utc(2024, 1, 1, 0, 0, 0, 0)}, []any{[]time.Time{utc(2024, 1, 1, 0, 0, 0, 0)}, []string{"2024-01-01"}}},
		{"numeric[]", "{1.50,NaN}", []any{"1.50", "NaN"}, []any{[]any{decimal(t, "1.50"), math.NaN()}}},
		{"bytea[]", `{"\\x00ff"}`, []any{[]byte{0, 255}}, []any{[][]byte{{0, 255}}}},
		{"jsonb[]", `{"{\"a\": 1}"}`, []any{json.RawMessage(`{"a": 1}`)}, nil},
		{"interval[]", "{1 day,00:00:01}", []any{"1 day", "00:00:01"}, []any{[]string{"1 day", "00:00:01"}}},
		{"bool[]", "{t,f}", []any{true, false}, []any{[]bool{true, false}}},
		{"hstore[]", `{"\"a\"=>\"b\""}`, []any{`"a"=>"b"`}, nil},
		{"int2vector", "1 2", []any{int64(1), int64(2)}, []any{[]int{1, 2}}}, {"oidvector", "1", []any{int64(1)}, nil},
	} {
		for i, arg := range append([]any{c.literal}, c.args...) {
			row, err := e.FetchOne(t.Context(), "select ?::"+c.typ+" as v", arg)
			if err != nil {
				t.Errorf("%s from a %T: %v", c.typ, arg, err)
				continue
			}
			if got, _ := row.Value("v"); !sameAny(got, c.want) {
				t.Errorf("%s from a %T: %#v, want %#v", c.typ, arg, got, c.want)
			}
			if i > 0 {
				continue
			}
			for _, null := range []any{nil, (*string)(nil), sql.NullInt64{}} {
				row, err := e.FetchOne(t.Context(), "select ?::"+c.typ+" as v", null)
				if err != nil || !row.IsNull("v") {
					t.Errorf("%s from a nil %T: %v, %v", c.typ, null, row, err)
				}
			}
		}
	}
	for _, digits := range []string{strings.Repeat("9", 131072) + "." + strings.Repeat("9", 16383), "-0." + strings.Repeat("0", 16382) + "1"} {
		got, err := plinth.One[plinth.Decimal](t.Context(), e, "select ?::numeric", decimal(t, digits))
		if err != nil || got.String() != digits {
			t.Errorf("a numeric of %d digits: %v", len(digits), err)
		}
	}
	row, err := e.FetchOne(t.Context(), "select ?::bytea as v, octet_length(?::bytea) as n", long, long)
	if got, _ := row.Value("v"); err != nil || !reflect.DeepEqual(got, long) {
		t.Errorf("100,000 bytes: %v", err)
	}
}

// TestValuesAreWhatTheServerWritesAsText makes values of every size on the server and compares them with its own text for them,
// in binary and, from within an array that has no binary format, as text.
func TestValuesAreWhatTheServerWritesAsText(t *testing.T) {
	e := open(t)
	const r, count = "(random() - 0.5)", 2000
	for typ, random := range map[string]string{
		"numeric": fmt.Sprintf("(%s * 10::numeric ^ (random() * 60 - 30)::int)::numeric", r),
		"interval": fmt.Sprintf("make_interval(months => (%[1]s * 10 ^ (random() * 8)::int)::int, days => (%[1]s * 10 ^ (random() * 8)::int)::int, "+
			"secs => (%[1]s * 10 ^ (random() * 9)::int)) * (random() * 3)::int", r),
		"time":        "('00:00'::time + random() * interval '1 day')",
		"timetz":      "(('00:00'::time + random() * interval '1 day')::text || (array['+00', '-08', '+05:30', '-00:00:01', '+14'])[ceil(random() * 5)::int])::timetz",
		"uuid":        "gen_random_uuid()",
		"int2":        fmt.Sprintf("(%s * 65535)::int2", r),
		`"char"`:      "chr((random() * 126 + 1)::int)::\"char\"",
		"date":        fmt.Sprintf("('0001-01-01'::date + (%s * 1000000)::int)", r),
		"timestamp":   fmt.Sprintf("('0001-01-01'::timestamp + %s * interval '8000 years')", r),
		"timestamptz": fmt.Sprintf("('1970-01-01 00:00+00'::timestamptz + %s * interval '8000 years')", r),
	} {
		t.Run(typ, func(t *testing.T) {
			text := "v::text"
			switch typ {
			case "date":
				text = "to_char(v, 'YYYY-MM-DD BC')"
			case "timestamp":
				text = "to_char(v, 'YYYY-MM-DD HH24:MI:SS.US BC')"
			case "timestamptz":
				text = "to_char(v at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US BC')"
			}
			err := e.With(t.Context(), func(c *plinth.Conn) error {
				for _, set := range []string{"set IntervalStyle = postgres", "set TimeZone = 'America/St_Johns'"} {
					if _, err := c.Execute(t.Context(), set); err != nil {
						return err
					}
				}
				rows, err := c.FetchAll(t.Context(), fmt.Sprintf("select v, %s as text from (select %s as v from generate_series(1, %d)) as made", text, random, count))
				for _, row := range rows {
					v, _ := row.Value("v")
					want, _ := row.Value("text")
					if at, ok := v.(time.Time); ok {
						year, era := at.Year(), "AD"
						if year <= 0 {
							year, era = 1-year, "BC"
						}
						v = fmt.Sprintf("%04d-%02d-%02d", year, at.Month(), at.Day()) + map[bool]string{true: "", false: at.Format(" 15:04:05.000000")}[typ == "date"] + " " + era
					}
					if typ == "int2" {
						v = fmt.Sprint(v)
					}
					if v != want {
						t.Errorf("%v, and %v by the server", v, want)
					}
				}
				if len(rows) != count {
					t.Errorf("%d rows", len(rows))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestColumnsHaveTheNamesOfTheCatalog asks for a NULL of each type that the server comes with.
func TestColumnsHaveTheNamesOfTheCatalog(t *testing.T) {
	e := open(t)
	type row struct{ Name, SQL string }
	types, err := plinth.All[row](t.Context(), e, `select case when typcategory = 'A' and typname like '\_%' then substr(typname, 2) || '[]' else typname end as name,
		quote_ident(typname) as sql from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm')`)
	if err != nil || len(types) < 150 {
		t.Fatalf("%d types, %v", len(types), err)
	}
	for _, typ := range types {
		rows, err := e.Query(t.Context(), "select null::"+typ.SQL)
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		if got := rows.ColumnTypes()[0].Type; got != typ.Name {
			t.Errorf("%s is called %s", typ.Name, got)
		}
		rows.Close()
	}
}

type everything struct {
	ID       int64
	Flag     bool
	Small    int16
	Ratio    float64
	Price    plinth.Decimal
	Note     *string
	Data     []byte
	Day      time.Time
	At       time.Time
	Took     time.Duration
	Alarm    time.Duration
	Key      [16]byte
	Doc      map[string]any
	Tags     []string
	Numbers  [][]int32
	Prices   []plinth.Decimal
	Maybe    []*int
	Steps    []time.Duration
	Addr     netip.Addr
	Net      netip.Prefix
	Mood     string
	Span     string
	Optional sql.Null[time.Duration]
}

func TestAStructGoesInAndComesOutTheSame(t *testing.T) {
	e := open(t)
	execute(t, e, "create type mood as enum ('sad', 'ok')",
		`create table everything (id bigint primary key, flag bool, small int2, ratio float8, price numeric, note text, data bytea, day date,
		at timestamptz, took interval, alarm time, key uuid, doc jsonb, tags text[], numbers int4[][], prices numeric[], maybe int8[],
		steps interval[], addr inet, net cidr, mood mood, span int4range, optional interval)`)
	full := everything{
		Flag: true, Small: -5, Ratio: math.Pi, Price: decimal(t, "12.50"), Note: new("ß"), Data: []byte{0, 255}, Day: utc(2024, 2, 29, 0, 0, 0, 0),
		At: utc(2024, 2, 29, 12, 0, 0, 5), Took: -90*time.Minute + time.Microsecond, Alarm: 7 * time.Hour, Key: [16]byte{1, 2, 15: 3},
		Doc: map[string]any{"a": []any{1.5, nil}}, Tags: []string{"a", `"b",`, ""}, Numbers: [][]int32{{1, 2}, {3, 4}},
		Prices: []plinth.Decimal{decimal(t, "1.50")}, Maybe: []*int{nil, new(5)}, Steps: []time.Duration{time.Second, -time.Hour},
		Addr: netip.MustParseAddr("::1"), Net: netip.MustParsePrefix("10.0.0.0/8"), Mood: "ok", Span: "[1,5)",
		Optional: sql.Null[time.Duration]{V: time.Hour, Valid: true},
	}
	empty := everything{
		Price: decimal(t, "0"), Day: utc(1, 1, 1, 0, 0, 0, 0), At: utc(1, 1, 1, 0, 0, 0, 0), Addr: netip.MustParseAddr("0.0.0.0"),
		Net: netip.MustParsePrefix("0.0.0.0/0"), Mood: "sad", Span: "empty", Data: []byte{}, Tags: []string{}, Doc: map[string]any{},
	}
	const insert = `insert into everything values (:id, :flag, :small, :ratio, :price, :note, :data, :day, :at, :took, :alarm, :key, :doc,
		:tags, :numbers, :prices, :maybe, :steps, :addr, :net, :mood, :span, :optional)`
	suite.ComeBack(t, e, insert, func(row everything, id int64) everything { row.ID = id; return row }, full, empty)
}
