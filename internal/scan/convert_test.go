package scan

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// Types as applications have them.
type (
	userID  int64
	level   string
	stamp   time.Time
	rawID   [4]byte
	secret  []byte
	prefs   struct{ Theme string }
	looseID [16]byte // as uuid.UUID, without its Scan
	color   int      // a number in Go, a word or a number in the database
	points  struct{ list []int }
	packed  struct{ n byte }
	echo    struct{ got any }
	picky   struct{}
)

func (id *looseID) UnmarshalText(b []byte) error {
	b = bytes.ReplaceAll(b, []byte("-"), nil)
	if len(b) != 32 {
		return fmt.Errorf("invalid UUID %q", b)
	}
	if _, err := hex.Decode(id[:], b); err != nil {
		return fmt.Errorf("invalid UUID %q", b)
	}
	return nil
}

func (id *looseID) UnmarshalBinary(b []byte) error {
	if copy(id[:], b) != 16 || len(b) != 16 {
		return errors.New("a UUID has 16 bytes")
	}
	return nil
}

func (c *color) UnmarshalText(b []byte) error {
	if string(b) != "red" {
		return fmt.Errorf("no color %q", b)
	}
	*c = 1
	return nil
}

func (p *points) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &p.list) }
func (p *packed) UnmarshalBinary(b []byte) error {
	if len(b) != 1 {
		return errors.New("one byte")
	}
	p.n = b[0]
	return nil
}
func (e *echo) Scan(src any) error { e.got = src; return nil }
func (picky) Scan(src any) error   { return fmt.Errorf("don't like %v", src) }

var (
	noon    = time.Date(2024, 5, 6, 12, 0, 0, 5000, time.UTC)
	day     = time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)
	null    = driver.NullValue()
	tooMuch = uint64(math.MaxInt64) + 1
)

const uuidText = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

var uuidBytes = looseID{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

// fails is what is expected of a conversion that must not work: words of the message and of the hint.
type fails struct{ message, hint string }

func ptr[T any](v T) *T { return &v }

func TestConversions(t *testing.T) {
	t.Parallel()
	integer, number, text := driver.IntValue, driver.FloatValue, driver.TextValue
	decimal, doc, uuid := driver.DecimalValue, driver.JSONValue, driver.UUIDValue
	bin, when, date := func(s string) driver.Value { return driver.BytesValue([]byte(s)) }, driver.TimeValue, driver.DateValue
	for _, c := range []struct {
		v    driver.Value
		want any // the value, whose type is the destination's; for fails see dst
		dst  any // a value of the destination's type
	}{
		// NULL
		{null, (*int)(nil), nil},
		{null, (*userID)(nil), nil},
		{null, (**int)(nil), nil},
		{null, []byte(nil), nil},
		{null, secret(nil), nil},
		{null, json.RawMessage(nil), nil},
		{null, map[string]int(nil), nil},
		{null, []string(nil), nil},
		{null, sql.NullString{}, nil},
		{null, sql.Null[userID]{}, nil},
		{null, echo{}, nil},
		{null, fails{"is NULL; the destination is int", "use *int or sql.Null[int], or coalesce()"}, 0},
		{null, fails{"is NULL", "use *scan.userID"}, userID(0)},
		{null, fails{"is NULL", "*string"}, ""},
		{null, fails{"is NULL", "*time.Time"}, noon},
		{null, fails{"is NULL", "*scan.prefs"}, prefs{}},
		{null, fails{"is NULL", "*scan.looseID"}, looseID{}},
		{null, fails{"is NULL", "*scan.color"}, color(0)},
		{null, fails{"is NULL that its Scan method refused", "*scan.picky"}, picky{}},

		// integers
		{integer(-7), int64(-7), nil},
		{integer(-7), -7, nil},
		{integer(-7), userID(-7), nil},
		{integer(-7), ptr(userID(-7)), nil},
		{integer(-7), ptr(ptr(-7)), nil},
		{integer(127), int8(127), nil},
		{integer(-32768), int16(-32768), nil},
		{integer(math.MaxInt32), int32(math.MaxInt32), nil},
		{integer(255), uint8(255), nil},
		{integer(65535), uint16(65535), nil},
		{integer(math.MaxUint32), uint32(math.MaxUint32), nil},
		{integer(7), uint(7), nil},
		{integer(1e9), time.Second, nil},
		{text("-3 days +04:05:06.5"), -3*24*time.Hour + 4*time.Hour + 5*time.Minute + 6500*time.Millisecond, nil},
		{text("1 day"), 24 * time.Hour, nil},
		{text("-838:59:59"), -(839*time.Hour - time.Second), nil}, // MariaDB's longest
		{text("24:00:00"), ptr(24 * time.Hour), nil},
		{text("infinity"), fails{"is a time without end", "nullif()"}, noon},
		{text("00:00:00.000001"), sql.Null[time.Duration]{V: time.Microsecond, Valid: true}, nil},
		{text("106751 days 23:47:16.854775"), 106751*24*time.Hour + 23*time.Hour + 47*time.Minute + 16854775*time.Microsecond, nil},
		{text("106751 days 23:47:17"), fails{"out of its range", ""}, time.Hour},
		{text("-178000000 days"), fails{"out of its range", ""}, time.Hour},
		{text("-2562047788:00:54.775807"), fails{"out of its range", ""}, time.Hour},
		{text("1 year 2 mons"), fails{"an interval with months", "extract(epoch"}, time.Hour},
		{text("-1 mons +1 day"), fails{"an interval with months", "string"}, time.Hour},
		{text(""), fails{"isn't a duration", "3 days 04:05:06"}, time.Hour},
		{text("infinity"), fails{"isn't a duration", ""}, time.Hour},
		{text("5"), fails{"isn't a duration", ""}, time.Hour},
		{text("x days"), fails{"isn't a duration", ""}, time.Hour},
		{text("1 day 04:60:00"), fails{"isn't a duration", ""}, time.Hour},
		{text("04:05"), fails{"isn't a duration", ""}, time.Hour},
		{text("04:05:06-08"), fails{"isn't a duration", ""}, time.Hour},
		{null, fails{"is NULL", "*time.Duration"}, time.Hour},
		{integer(2), color(2), nil},
		{integer(128), fails{"is an integer out of its range; the destination is int8", "wider"}, int8(0)},
		{integer(-32769), fails{"out of its range", ""}, int16(0)},
		{integer(math.MaxInt32 + 1), fails{"out of its range", ""}, int32(0)},
		{integer(256), fails{"out of its range", ""}, uint8(0)},
		{integer(-1), fails{"out of its range", ""}, uint64(0)},
		{driver.UintValue(tooMuch), tooMuch, nil},
		{driver.UintValue(math.MaxUint64), uint(math.MaxUint64), nil},
		{driver.UintValue(tooMuch), fails{"an integer out of its range", ""}, int64(0)},
		{driver.UintValue(tooMuch), fails{"an integer out of its range", ""}, uint32(0)},
		{number(7), 7, nil},
		{number(-7), int8(-7), nil},
		{number(1 << 62), int64(1 << 62), nil},
		{number(1 << 63), uint64(1 << 63), nil},
		{number(7.5), fails{"a float that isn't a whole number", "round it"}, 0},
		{number(7.5), fails{"a float that isn't a whole number", ""}, uint(0)},
		{number(1 << 63), fails{"a float out of its range", ""}, int64(0)},
		{number(-1 << 63), int64(math.MinInt64), nil},
		{number(-1 << 64), fails{"a float out of its range", ""}, int64(0)},
		{number(-1), fails{"a float out of its range", ""}, uint64(0)},
		{number(1 << 64), fails{"a float out of its range", ""}, uint64(0)},
		{number(math.Inf(1)), fails{"out of its range", ""}, int64(0)},
		{number(math.NaN()), fails{"isn't a whole number", ""}, int64(0)},
		{number(300), fails{"out of its range", ""}, int8(0)},
		{decimal("12"), 12, nil},
		{decimal("-12.00"), int8(-12), nil},
		{decimal("1.2E+1"), 12, nil},
		{decimal("1200E-2"), uint(12), nil},
		{decimal("0E+6000"), 0, nil},
		{decimal("-0"), uint(0), nil},
		{decimal("-9223372036854775808"), int64(math.MinInt64), nil},
		{decimal("18446744073709551615"), uint64(math.MaxUint64), nil},
		{decimal("12.50"), fails{"a decimal that isn't a whole number", "plinth.Decimal"}, 0},
		{decimal("NaN"), fails{"a decimal that isn't a whole number", ""}, 0},
		{decimal("9223372036854775808"), fails{"a decimal out of its range", ""}, int64(0)},
		{decimal("-9223372036854775809"), fails{"a decimal out of its range", ""}, int64(0)},
		{decimal("18446744073709551616"), fails{"a decimal out of its range", ""}, uint64(0)},
		{decimal("1E+6000"), fails{"a decimal out of its range", ""}, 0},
		{decimal("-1"), fails{"a decimal out of its range", ""}, uint8(0)},
		{decimal("1E+99999999999999999999"), fails{"a decimal out of its range", ""}, 0},
		{text("7"), fails{"is text; the destination is int", "CAST it"}, 0},
		{text("7"), fails{"is text", "CAST it"}, uint8(0)},
		{driver.BoolValue(true), 1, nil},
		{driver.BoolValue(false), uint8(0), nil},
		{when(noon), fails{"is a time", ""}, int64(0)},
		{bin("7"), fails{"is bytes", ""}, 0},

		// booleans
		{driver.BoolValue(true), true, nil},
		{integer(0), false, nil},
		{integer(1), true, nil},
		{integer(2), fails{"an integer other than 0 and 1", "x <> 0"}, false},
		{integer(-1), fails{"an integer other than 0 and 1", ""}, false},
		{number(1), fails{"is a float; the destination is bool", ""}, false},
		{text("true"), fails{"is text; the destination is bool", "CAST"}, false},

		// floats
		{number(0.1), 0.1, nil},
		{number(0.5), float32(0.5), nil},
		{number(math.Inf(-1)), float32(math.Inf(-1)), nil},
		{integer(1 << 53), float64(1 << 53), nil},
		{integer(-1 << 24), float32(-1 << 24), nil},
		{decimal("0.1"), 0.1, nil},
		{decimal("Infinity"), math.Inf(1), nil},
		{integer(1<<53 + 1), fails{"an integer that it may not hold exactly", "2^53"}, 0.0},
		{driver.UintValue(tooMuch), fails{"an integer that it may not hold exactly", "2^53"}, 0.0},
		{integer(1<<24 + 1), fails{"an integer that it may not hold exactly", "2^24"}, float32(0)},
		{number(1e39), fails{"a float out of its range; the destination is float32", "wider"}, float32(0)},
		{decimal("1e39"), fails{"a decimal out of its range", ""}, float32(0)},
		{decimal("1e400"), fails{"a decimal out of its range", ""}, 0.0},
		{text("0.1"), fails{"is text", "CAST"}, 0.0},

		// text
		{text("héllo"), "héllo", nil},
		{text(""), "", nil},
		{text("high"), level("high"), nil},
		{uuid(uuidText), uuidText, nil},
		{decimal("1.50"), "1.50", nil},
		{doc(`{"a":1}`), `{"a":1}`, nil},
		{bin("\xff"), "\xff", nil},
		{when(noon), "2024-05-06T12:00:00.000005Z", nil},
		{date(noon), "2024-05-06", nil},
		{integer(7), fails{"is an integer; the destination is string", "CAST it to text in the statement, or use a type for integer"}, ""},
		{number(7), fails{"is a float", "CAST it to text"}, ""},
		{driver.BoolValue(true), fails{"is a boolean", "CAST it to text"}, level("")},
		{driver.NestedValue([]any{}), fails{"is a nested value", ""}, ""},

		// bytes
		{bin("\x00\xff"), []byte("\x00\xff"), nil},
		{bin(""), []byte{}, nil},
		{driver.BytesValue(nil), []byte{}, nil},
		{text("abc"), []byte("abc"), nil},
		{text("abc"), secret("abc"), nil},
		{doc("{}"), []byte("{}"), nil},
		{bin("abcd"), rawID{'a', 'b', 'c', 'd'}, nil},
		{bin("abc"), fails{"is bytes of another length", "[]byte"}, rawID{}},
		{text("abcd"), fails{"is text", ""}, rawID{}},
		{uuid(uuidText), [16]byte(uuidBytes), nil},
		{uuid(uuidText[:35]), fails{"is a UUID; the destination is [16]uint8", "uuid.UUID"}, [16]byte{}},
		{uuid(uuidText[:35] + "x"), fails{"is a UUID", "uuid.UUID"}, [16]byte{}},
		{uuid(uuidText), fails{"is a UUID", "uuid.UUID"}, [15]byte{}},
		{integer(7), fails{"is an integer; the destination is []uint8", ""}, []byte{}},
		{uuid(uuidText), fails{"is a UUID", ""}, []byte{}},

		// times
		{when(noon), noon, nil},
		{when(noon), stamp(noon), nil},
		{when(noon), ptr(noon), nil},
		{date(noon), day, nil},
		{text("2024-05-06"), day, nil},
		{text("2024-05-06"), stamp(day), nil},
		{text("2024-05-06 12:00:00.000005"), noon, nil},
		{text("6 May 2024"), fails{"is text that isn't a date and time", "2006-01-02 15:04:05"}, time.Time{}},
		{integer(1714996800), fails{"is an integer; the destination is time.Time", "datetime(x, 'unixepoch')"}, time.Time{}},
		{number(2460437.0), fails{"is a float; the destination is scan.stamp", "time.Unix"}, stamp{}},

		// sql.Null and its kin follow the rules of what is in them
		{text("x"), sql.NullString{String: "x", Valid: true}, nil},
		{integer(7), sql.NullInt32{Int32: 7, Valid: true}, nil},
		{integer(7), sql.Null[userID]{V: 7, Valid: true}, nil},
		{driver.UintValue(tooMuch), sql.Null[uint64]{V: tooMuch, Valid: true}, nil},
		{text("2024-05-06"), sql.NullTime{Time: day, Valid: true}, nil},
		{text("2024-05-06"), sql.Null[time.Time]{V: day, Valid: true}, nil},
		{text("2024-05-06"), ptr(sql.Null[time.Time]{V: day, Valid: true}), nil},
		{doc(`["a"]`), sql.Null[[]string]{V: []string{"a"}, Valid: true}, nil},
		{text("7"), fails{"is text; the destination is sql.NullInt64", ""}, sql.NullInt64{}},
		{integer(7), fails{"is an integer; the destination is sql.Null[string]", ""}, sql.Null[string]{}},

		// Scan gets what database/sql would give it
		{integer(7), echo{int64(7)}, nil},
		{driver.UintValue(tooMuch), echo{"9223372036854775808"}, nil},
		{number(0.5), echo{0.5}, nil},
		{driver.BoolValue(true), echo{true}, nil},
		{bin("x"), echo{[]byte("x")}, nil},
		{text("x"), echo{"x"}, nil},
		{decimal("1.50"), echo{"1.50"}, nil},
		{uuid(uuidText), echo{uuidText}, nil},
		{doc("{}"), echo{"{}"}, nil},
		{when(noon), echo{noon}, nil},
		{driver.NestedValue(map[string]any{"a": []any{int64(1)}}), echo{`{"a":[1]}`}, nil},
		{driver.NestedValue([]any{math.NaN()}), fails{"a nested value that its MarshalJSON method refused", ""}, echo{}},
		{text("x"), fails{"is text that its Scan method refused; the destination is scan.picky", "wrapped"}, picky{}},

		// UnmarshalText and UnmarshalBinary
		{uuid(uuidText), uuidBytes, nil},
		{text(uuidText), uuidBytes, nil},
		{text(uuidText), ptr(uuidBytes), nil},
		{driver.BytesValue(uuidBytes[:]), uuidBytes, nil},
		{bin("abc"), fails{"is bytes that its UnmarshalBinary method refused", "wrapped"}, looseID{}},
		{text("nope"), fails{"is text that its UnmarshalText method refused", "wrapped"}, looseID{}},
		{text("10.0.0.1"), netip.MustParseAddr("10.0.0.1"), nil},
		{decimal("123456789012345678901"), *bigInt("123456789012345678901"), nil},
		{integer(5), *bigInt("5"), nil},
		{driver.UintValue(tooMuch), *bigInt("9223372036854775808"), nil},
		{number(1e15), *bigInt("1000000000000000"), nil},
		{bin("12"), *bigInt("12"), nil},
		{driver.BoolValue(true), fails{"is a boolean", ""}, big.Int{}},
		{text("red"), color(1), nil},
		{text("blue"), fails{"its UnmarshalText method refused", ""}, color(0)},
		{when(noon), struct{ time.Time }{noon}, nil},
		{bin("\x07"), packed{7}, nil},
		{bin("ab"), fails{"its UnmarshalBinary method refused", ""}, packed{}},

		// JSON
		{doc(`{"a": 1}`), json.RawMessage(`{"a": 1}`), nil},
		{text(`[1]`), json.RawMessage(`[1]`), nil},
		{bin(`[1]`), json.RawMessage(`[1]`), nil},
		{text(`[1`), fails{"is text that isn't JSON", "[]byte"}, json.RawMessage{}},
		{integer(1), fails{"is an integer", ""}, json.RawMessage{}},
		{doc(`{"Theme":"dark"}`), prefs{"dark"}, nil},
		{doc(`{"Theme":"dark"}`), ptr(prefs{"dark"}), nil},
		{text(`{"Theme":"dark"}`), map[string]string{"Theme": "dark"}, nil},
		{bin(`[1,2]`), []int{1, 2}, nil},
		{doc(`[1,2]`), [2]int{1, 2}, nil},
		{doc(`[1,2]`), points{[]int{1, 2}}, nil},
		{doc(`{"Theme":4711}`), fails{"is JSON with another type at byte 13 where Go has string", "json.RawMessage"}, prefs{}},
		{text(`[1`), fails{"is text, read as JSON, with a syntax error at byte 2", ""}, []int{}},
		{doc(`{}`), fails{"is JSON with another type at byte 1", ""}, points{}},
		{integer(1), fails{"is an integer; the destination is []int", ""}, []int{}},

		// any
		{integer(7), any(int64(7)), nil},
		{doc("{}"), any(json.RawMessage("{}")), nil},
		{decimal("1.50"), any("1.50"), nil},
	} {
		dst := c.dst
		if dst == nil {
			dst = c.want
		}
		typ := reflect.TypeOf(dst)
		t.Run(fmt.Sprintf("%s into %s", c.v.Kind(), typ), func(t *testing.T) {
			got := reflect.New(typ)
			err := Assign(&c.v, got.Interface())
			if want, ok := c.want.(fails); ok {
				checkFault(t, err, want.message, want.hint)
				return
			}
			if err != nil || !reflect.DeepEqual(got.Elem().Interface(), c.want) {
				t.Fatalf("got %#v, %v; want %#v", got.Elem().Interface(), err, c.want)
			}
		})
	}
	t.Run("anything into any", func(t *testing.T) {
		for _, v := range []driver.Value{null, integer(7), number(0.5), text("x"), bin("x"), when(noon), doc("{}"), driver.NestedValue([]any{"x"})} {
			got := any("old")
			if err := Assign(&v, &got); err != nil || !reflect.DeepEqual(got, v.Any()) {
				t.Errorf("%s: got %#v, %v", v.Kind(), got, err)
			}
		}
	})
}

// checkFault checks that err is a fault of kind Scan with these words, and that it has something to try.
func checkFault(t *testing.T, err error, message, hint string) {
	t.Helper()
	var f *driver.Fault
	if !errors.As(err, &f) || f.Kind != driver.Scan || f.Phase != driver.Fetch {
		t.Fatalf("error %#v isn't a Scan fault", err)
	}
	if !strings.Contains(f.Error(), message) || !strings.Contains(f.Hint, hint) || f.Hint == "" {
		t.Errorf("got %q, hint %q; want %q, hint %q", f, f.Hint, message, hint)
	}
}

func bigInt(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

func TestErrorsNeverShowTheValue(t *testing.T) {
	t.Parallel()
	const canary = "4711"
	for _, v := range []driver.Value{
		driver.TextValue(canary), driver.IntValue(4711), driver.FloatValue(4711.4711), driver.DecimalValue("4711.4711"),
		driver.BytesValue([]byte(canary)), driver.JSONValue(`{"4711":4711`), driver.JSONValue(`{"Theme":4711,"4711":1}`), driver.UUIDValue(canary),
		driver.NestedValue([]any{int64(4711), "4711"}), driver.NestedValue(map[string]any{"4711": "4711", "theme": int64(4711)}),
	} {
		for _, dst := range []any{
			new(int8), new(bool), new(float32), new(string), new([]int8), new(time.Time), new(looseID), new(color), new(picky), new(prefs),
			new(map[string]int8), new(json.RawMessage), new(sql.NullBool), new(big.Int), new(netip.Addr), new(rawID), new(*userID), new(points),
		} {
			err := Assign(&v, dst)
			var f *driver.Fault
			if errors.As(err, &f) && strings.Contains(f.Error()+f.Hint, canary) {
				t.Errorf("%s into %T: %s (%s)", v.Kind(), dst, f, f.Hint)
			}
		}
	}
}

func TestErrorsOfMethodsAreWrappedThoughNotShown(t *testing.T) {
	t.Parallel()
	v := driver.JSONValue(`[1,`)
	err := Assign(&v, new([]int))
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("%v doesn't wrap the decoder's error", err)
	}
}

func TestAssignRefusesWhatIsNoDestination(t *testing.T) {
	t.Parallel()
	type loop *loop
	v := driver.IntValue(1)
	for want, dst := range map[string]any{
		"into a int, which isn't a pointer": 1, "into a <nil>": nil, "through a nil *int64": (*int64)(nil), "through a nil *scan.userID": (*userID)(nil),
		"the Go type chan int": new(chan int), "the Go type func()": new(func()), "the Go type complex128": new(complex128), "the Go type error": new(error),
		"the Go type uintptr": new(uintptr), "the Go type *chan int": new(*chan int), "the Go type scan.loop": new(loop), "sql.Null[chan int]": new(sql.Null[chan int]),
	} {
		checkFault(t, Assign(&v, dst), want, "")
	}
}

func TestRowNamesTheColumnThatDoesNotFit(t *testing.T) {
	t.Parallel()
	cols := columns("id", "age")
	var id int64
	var age int
	if err := Row(cols, []driver.Value{driver.IntValue(5), driver.IntValue(44)}, []any{&id, &age}); err != nil || id != 5 || age != 44 {
		t.Fatalf("got %d, %d, %v", id, age, err)
	}
	err := Row(cols, []driver.Value{driver.IntValue(5), null}, []any{&id, &age})
	checkFault(t, err, "column 2 (age) is NULL; the destination is int", "use *int")
	var f *driver.Fault
	if errors.As(err, &f) && f.Column != "age" {
		t.Errorf("the fault names column %q", f.Column)
	}
	checkFault(t, Row(cols, []driver.Value{null, null}, []any{&id}), "the row has 2 columns, but there are 1 destinations", "one pointer a column")
	checkFault(t, Row(cols, []driver.Value{driver.IntValue(5), null}, []any{&id, age}), "column 2 (age) can't be read into a int", "&x")
}
