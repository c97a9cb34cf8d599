package mariadb_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/stdsql"
)

const uuidText = "f47ac10b-58cc-4372-a567-0e02b2c3d479"

// TestEachTypeBecomesItsDocumentedValue writes the text of a value and arguments that stand for the same into a column of each
// type, and reads them.
func TestEachTypeBecomesItsDocumentedValue(t *testing.T) {
	e := open(t)
	nines := strings.Repeat("9", 35) + "." + strings.Repeat("9", 30)
	id := [16]byte{0xf4, 0x7a, 0xc1, 0x0b, 0x58, 0xcc, 0x43, 0x72, 0xa5, 0x67, 0x0e, 0x02, 0xb2, 0xc3, 0xd4, 0x79}
	point := []byte("\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40")
	for _, c := range []struct {
		typ  string
		want any
		args []any
	}{
		{"boolean", true, []any{true, 1, "1"}}, {"tinyint(1)", false, []any{false, 0, new(false)}},
		{"tinyint(1)", int64(-5), []any{-5}},
		{"tinyint", int64(-128), []any{-128, int8(-128), "-128", -128.0}},
		{"tinyint unsigned", int64(255), []any{uint8(255)}},
		{"tinyint(3) zerofill", int64(7), []any{7}},
		{"smallint", int64(math.MinInt16), []any{math.MinInt16}},
		{"smallint unsigned", int64(math.MaxUint16), []any{math.MaxUint16}},
		{"mediumint", int64(-1 << 23), []any{-1 << 23}}, {"mediumint unsigned", int64(1<<24 - 1), []any{1<<24 - 1}},
		{"int", int64(math.MinInt32), []any{math.MinInt32, "-2147483648"}},
		{"int unsigned", int64(math.MaxUint32), []any{uint32(math.MaxUint32)}},
		{"bigint", int64(math.MinInt64), []any{int64(math.MinInt64), decimal(t, "-9223372036854775808")}},
		{"bigint unsigned", uint64(math.MaxUint64), []any{uint64(math.MaxUint64), "18446744073709551615"}},
		{"bigint unsigned", int64(5), []any{uint64(5), 5}},
		{"float", float64(float32(0.1)), []any{0.1, float32(0.1), decimal(t, "0.1")}},
		{"float", 16777217.0 - 1, []any{16777216}},
		{"double", 0.1, []any{0.1, "0.1"}}, {"double", math.SmallestNonzeroFloat64, []any{math.SmallestNonzeroFloat64}},
		{"double", -math.MaxFloat64, []any{-math.MaxFloat64}},
		{"decimal(65,30)", nines, []any{decimal(t, nines), nines}},
		{"decimal(10,2)", "5.00", []any{5, decimal(t, "5"), 5.0, decimal(t, "4.999")}},
		{"decimal(5,0)", "-0", nil}, {"decimal(10,2) zerofill", "12.50", []any{decimal(t, "12.5")}},
		{"bit", true, []any{true, 1, []byte{1}}}, {"bit(12)", int64(0x801), []any{0x801, []byte{8, 1}}},
		{"bit(64)", uint64(math.MaxUint64), []any{uint64(math.MaxUint64)}},
		{"year", int64(2024), []any{2024, "2024"}}, {"year", int64(0), []any{"0000"}},
		{"date", utc(2024, 2, 29, 0, 0, 0, 0), []any{"2024-02-29", utc(2024, 2, 29, 23, 59, 59, 0)}},
		{"date", utc(9999, 12, 31, 0, 0, 0, 0), []any{"9999-12-31"}},
		{"date", utc(0, 1, 1, 0, 0, 0, 0), []any{"0000-01-01", utc(0, 1, 1, 0, 0, 0, 0)}},
		{"datetime(6)", utc(2024, 2, 29, 23, 59, 59, 999999), []any{utc(2024, 2, 29, 23, 59, 59, 999999),
			"2024-02-29 23:59:59.999999",
			utc(2024, 2, 29, 23, 59, 59, 999999).In(time.FixedZone("", 7200)), utc(2024, 2, 29, 23, 59, 59, 999999).Add(999)}},
		{"datetime", utc(1, 1, 1, 0, 0, 0, 0), []any{time.Time{}}},
		{"datetime(3)", utc(2024, 2, 29, 1, 2, 3, 500000), []any{utc(2024, 2, 29, 1, 2, 3, 500999)}},
		{"timestamp(6) null", utc(2038, 1, 19, 3, 14, 7, 999999), []any{utc(2038, 1, 19, 3, 14, 7, 999999)}},
		{"timestamp null", utc(1970, 1, 1, 0, 0, 1, 0), []any{utc(1970, 1, 1, 0, 0, 1, 0)}},
		{"time", "-838:59:59", []any{"-838:59:59"}},
		{"time", "00:00:00", []any{0, "0:0"}},
		{"time(6)", "-00:00:00.000001", []any{"-00:00:00.000001"}},
		{"bigint", int64(5e9), []any{5 * time.Second, new(5 * time.Second)}},
		{"time(3)", "01:30:00.5", []any{"01:30:00.5"}},
		{"time(6)", "838:59:59.999999", []any{"838:59:59.999999"}},
		{"time(6)", "04:05:06.7", []any{"04:05:06.7", utc(2024, 1, 1, 4, 5, 6, 700000)}},
		{"char(3)", "a", []any{"a", "a  ", []byte("a")}},
		{"varchar(20)", "Ünï🏳️‍🌈\\' ", []any{"Ünï🏳️‍🌈\\' ", []byte("Ünï🏳️‍🌈\\' ")}},
		{"varchar(9)", "a\x00b", []any{"a\x00b"}},
		{"varchar(9)", "", []any{"", []byte{}}}, {"varchar(9)", "1.5", []any{1.5, "1.5"}},
		{"text character set latin1", "é€", []any{"é€"}},
		{"tinytext", "é", []any{"é"}}, {"longtext", strings.Repeat("é", 200_000), []any{strings.Repeat("é", 200_000)}},
		{"binary(3)", []byte{0, 1, 0}, []any{[]byte{0, 1}}},
		{"varbinary(9)", []byte{0xff, 0}, []any{[]byte{0xff, 0}}}, {"varbinary(9)", []byte("é"), []any{"é"}},
		{"blob", []byte{}, []any{[]byte{}, ""}}, {"longblob", make([]byte, 100_000), []any{make([]byte, 100_000)}},
		{"enum('a','it''s')", "it's", []any{"it's", 2}}, {"set('x','y','z')", "x,z", []any{"x,z", "z,x", 5}},
		{"set('x')", "", []any{""}},
		{"json", json.RawMessage(`{"a": [1, null]}`), []any{`{"a": [1, null]}`, json.RawMessage(`{"a": [1, null]}`), []byte(`{"a": [1, null]}`)}},
		{"json", json.RawMessage(`{"a":1}`), []any{map[string]int{"a": 1}}},
		{"json", json.RawMessage(`[1,2]`), []any{[]int{1, 2}, [2]int8{1, 2}}},
		{"json", json.RawMessage(`"text"`), []any{`"text"`}},
		{"uuid", uuidText, []any{uuidText, id, id[:], strings.ToUpper(uuidText)}},
		{"inet6", "::1", []any{"::1", netip.MustParseAddr("::1"), netip.IPv6Loopback()}},
		{"inet4", "10.0.0.1", []any{netip.MustParseAddr("10.0.0.1")}}, {"point", point, []any{point}},
		{"geometry", point, []any{point}},
	} {
		execute(t, e, "create or replace table v (n int auto_increment primary key, v "+c.typ+") character set utf8mb4")
		for _, arg := range c.args {
			if _, err := e.Execute(t.Context(), "insert into v (v) values (?), (?)", arg, nil); err != nil {
				t.Errorf("%s from a %T: %v", c.typ, arg, err)
				continue
			}
		}
		rows, err := e.FetchAll(t.Context(), "select v from v order by n")
		if err != nil || len(rows) != 2*len(c.args) {
			t.Errorf("%s: %d rows, %v", c.typ, len(rows), err)
			continue
		}
		for i, arg := range c.args {
			if got, _ := rows[2*i].Value("v"); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s from a %T: %.100v, want %.100v", c.typ, arg, got, c.want)
			}
			if !rows[2*i+1].IsNull("v") {
				t.Errorf("%s isn't NULL", c.typ)
			}
		}
	}
}

// TestColumnsAreCalledAsInCreateTable asks for the type of a column of each type.
func TestColumnsAreCalledAsInCreateTable(t *testing.T) {
	e := open(t)
	for _, typ := range []string{
		"tinyint(1)", "tinyint", "tinyint unsigned", "smallint", "smallint unsigned", "mediumint", "mediumint unsigned",
		"int", "int unsigned", "bigint",
		"bigint unsigned", "float", "double", "decimal", "bit", "year", "date", "time", "datetime", "timestamp", "char",
		"varchar", "binary", "varbinary",
		"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "enum", "set", "json",
		"uuid", "inet6", "inet4",
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
	} {
		sized := typ
		switch typ {
		case "varchar", "varbinary":
			sized += "(9)"
		case "enum", "set":
			sized += "('a')"
		}
		execute(t, e, "create or replace table v (v "+sized+")")
		rows, err := e.Query(t.Context(), "select v from v")
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		if got := rows.ColumnTypes()[0].Type; got != typ {
			t.Errorf("%s is called %s", typ, got)
		}
		rows.Close()
	}
}

type everything struct {
	ID       int64
	Flag     bool
	Small    int8
	Big      uint64
	Ratio    float64
	Price    plinth.Decimal
	Note     *string
	Data     []byte
	Day      time.Time
	At       time.Time
	Took     time.Duration
	Key      [16]byte
	Doc      map[string]any
	Addr     netip.Addr
	Mood     string
	Bits     uint16
	Optional sql.Null[time.Duration]
	Digit    int // of a TINYINT(1)
}

func TestAStructGoesInAndComesOutTheSame(t *testing.T) {
	e := open(t)
	execute(t, e, `create table everything (id bigint primary key, flag bool, small tinyint, big bigint unsigned, ratio double, price decimal(20,2),
		note text, data blob, day date, at datetime(6), took time(6), `+"`key`"+` uuid, doc json, addr inet6, mood enum('sad','ok'), bits bit(16),
		optional bigint, digit tinyint(1))`)
	full := everything{
		Flag: true, Small: -5, Big: math.MaxUint64, Ratio: math.Pi, Price: decimal(t, "12.50"), Note: new("ß"),
		Data: []byte{0, 255},
		Day:  utc(2024, 2, 29, 0, 0, 0, 0), At: utc(2024, 2, 29, 12, 0, 0, 5), Took: -90*time.Minute + time.Microsecond,
		Key: [16]byte{1, 2, 15: 3},
		Doc: map[string]any{"a": []any{1.5, nil}}, Addr: netip.MustParseAddr("2001:db8::1"), Mood: "ok", Bits: 0xfffe,
		Optional: sql.Null[time.Duration]{V: time.Hour, Valid: true}, Digit: 1,
	}
	empty := everything{
		Price: decimal(t, "0.00"), Day: utc(1, 1, 1, 0, 0, 0, 0), At: utc(1, 1, 1, 0, 0, 0, 0),
		Addr: netip.MustParseAddr("::"),
		Mood: "sad", Data: []byte{}, Doc: map[string]any{}, Digit: 7,
	}
	const insert = `insert into everything values (:id, :flag, :small, :big, :ratio, :price, :note, :data, :day, :at, sec_to_time(:took * 0.000000001), :key, :doc, :addr,
		:mood, :bits, :optional, :digit)`
	suite.ComeBack(t, e, insert, func(row everything, id int64) everything { row.ID = id; return row }, full, empty)
}

func TestZeroDatesAreWhatTheOptionSays(t *testing.T) {
	url := servers.MariaDB(t).Database(t)
	strict := openURL(t, url)
	execute(t, strict, "create table days (n int, v date)", "insert into days values (1, '0000-00-00'), (2, '2024-02-00'), (3, '2024-02-29')")
	_, err := plinth.All[*time.Time](t.Context(), strict, "select v from days order by n")
	if !errors.Is(err, plinth.ErrScan) || !strings.Contains(err.Error(), "zero_dates") {
		t.Errorf("without the option: %v", err)
	}
	if n, err := plinth.One[int](t.Context(), strict, "select count(*) from days"); n != 3 || err != nil {
		t.Errorf("the session is of use: %d %v", n, err)
	}
	if s, err := plinth.One[string](t.Context(), strict, "select cast(v as char) from days where n = 2"); s != "2024-02-00" || err != nil {
		t.Errorf("as text: %q %v", s, err)
	}
	for option, want := range map[string][]*time.Time{
		"null": {nil, nil, new(utc(2024, 2, 29, 0, 0, 0, 0))}, "zero": {{}, {}, new(utc(2024, 2, 29, 0, 0, 0, 0))},
	} {
		e := openURL(t, url+"&zero_dates="+option)
		got, err := plinth.All[*time.Time](t.Context(), e, "select v from days order by n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", option, got, err)
		}
	}
}

// TestAnArgumentThatMariaDBWouldChangeIsRefused sends nothing of what the server would quietly make something else of.
func TestAnArgumentThatMariaDBWouldChangeIsRefused(t *testing.T) {
	e := open(t)
	for _, arg := range []any{math.NaN(), math.Inf(1), "\xff", utc(10000, 1, 1, 0, 0, 0, 0), decimal(t,
		strings.Repeat("9", 66))} {
		_, err := e.FetchOne(context.Background(), "select ? as v", arg)
		if !errors.Is(err, plinth.ErrArgument) || !strings.Contains(err.Error(), "argument 1") {
			t.Errorf("a %T: %v", arg, err)
		}
	}
}

// TestATinyintOfOneDigitIsABooleanAndANumber reads one as each, also through database/sql, which makes no number of a bool.
func TestATinyintOfOneDigitIsABooleanAndANumber(t *testing.T) {
	e := open(t)
	execute(t, e, "create table flags (n int, v boolean)", "insert into flags values (1, true), (2, 0), (3, 5)")
	numbers, err := plinth.All[int8](t.Context(), e, "select v from flags order by n")
	if want := []int8{1, 0, 5}; err != nil || !reflect.DeepEqual(numbers, want) {
		t.Errorf("%v, want %v: %v", numbers, want, err)
	}
	flags, err := plinth.All[bool](t.Context(), e, "select v from flags where n < 3 order by n")
	if want := []bool{true, false}; err != nil || !reflect.DeepEqual(flags, want) {
		t.Errorf("%v, want %v: %v", flags, want, err)
	}
	if _, err := plinth.One[bool](t.Context(), e, "select v from flags where n = 3"); !errors.Is(err, plinth.ErrScan) {
		t.Errorf("5 as a bool: %v", err)
	}
	db := stdsql.OpenDB(e)
	defer db.Close() //nolint:errcheck // the engine is closed with the test
	var number int
	var flag bool
	if err := db.QueryRowContext(t.Context(), "select v, v from flags where n = 1").Scan(&number, &flag); err != nil || number != 1 || !flag {
		t.Errorf("by database/sql: %d, %v: %v", number, flag, err)
	}
}

// TestADurationGoesIntoATimeByAnExactProduct shows what docs/types.md says to write, to TIME's limits.
func TestADurationGoesIntoATimeByAnExactProduct(t *testing.T) {
	e := open(t)
	execute(t, e, "create table spans (n int auto_increment primary key, v time(6))")
	spans := []time.Duration{0, time.Microsecond, -time.Microsecond, 90*time.Minute + 500*time.Millisecond, 839*time.Hour - time.Microsecond,
		-839*time.Hour + time.Microsecond, 26*time.Hour + 999999*time.Microsecond, 4999 * time.Microsecond}
	for _, d := range spans {
		if _, err := e.Execute(t.Context(), "insert into spans (v) values (sec_to_time(? * 0.000000001))", d); err != nil {
			t.Errorf("%v: %v", d, err)
		}
	}
	got, err := plinth.All[time.Duration](t.Context(), e, "select v from spans order by n")
	if err != nil || !reflect.DeepEqual(got, spans) {
		t.Errorf("got  %v\nwant %v: %v", got, spans, err)
	}
}
