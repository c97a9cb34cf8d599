package value

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// TestBothProtocolsGiveTheSameValue has the bytes of https://mariadb.com/kb/en/resultset-row/, as MariaDB 10.11 sends them. A
// text that is "" is the same as the binary form.
func TestBothProtocolsGiveTheSameValue(t *testing.T) {
	t.Parallel()
	integer, decimal, text, boolean := driver.IntValue, driver.DecimalValue, driver.TextValue, driver.BoolValue
	tiny := Definition{Type: typeTiny, Length: 4}
	flagged := func(d Definition, flags uint16) Definition { d.Flags = flags; return d }
	number := func(typ byte) Definition { return Definition{Type: typ, Charset: 63, Length: 20} }
	uns := func(typ byte) Definition { return flagged(number(typ), flagUnsigned) }
	str := Definition{Type: typeVarString, Charset: 45}
	for _, c := range []struct {
		d           Definition
		binary, txt string
		want        driver.Value
	}{
		{tiny, "\xfb", "-5", integer(-5)}, {tiny, "\x80", "-128", integer(-128)},
		{flagged(tiny, flagUnsigned), "\xff", "255", integer(255)},
		{Definition{Type: typeTiny, Length: 1}, "\x01", "1", boolean(true)},
		{Definition{Type: typeTiny, Length: 1}, "\x00", "0", boolean(false)},
		{Definition{Type: typeTiny, Length: 1}, "\x02", "2", integer(2)},
		{Definition{Type: typeTiny, Length: 1}, "\xff", "-1", integer(-1)},
		{Definition{Type: typeTiny, Length: 1, Flags: flagUnsigned}, "\x01", "1", integer(1)},
		{flagged(tiny, flagUnsigned|1<<6), "\x07", "007", integer(7)},
		{number(typeShort), "\x00\x80", "-32768", integer(math.MinInt16)},
		{uns(typeShort), "\xff\xff", "65535", integer(math.MaxUint16)},
		{number(typeInt24), "\x00\x00\x80\xff", "-8388608", integer(-8388608)},
		{uns(typeInt24), "\xff\xff\xff\x00", "16777215", integer(16777215)},
		{number(typeLong), "\x00\x00\x00\x80", "-2147483648", integer(math.MinInt32)},
		{uns(typeLong), "\xff\xff\xff\xff", "4294967295", integer(math.MaxUint32)},
		{number(typeLongLong), "\x00\x00\x00\x00\x00\x00\x00\x80", "-9223372036854775808", integer(math.MinInt64)},
		{uns(typeLongLong), "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615", driver.UintValue(math.MaxUint64)},
		{uns(typeLongLong), "\x05\x00\x00\x00\x00\x00\x00\x00", "5", integer(5)},
		{uns(typeYear), "\xe8\x07", "2024", integer(2024)}, {uns(typeYear), "\x00\x00", "0000", integer(0)},
		{number(typeFloat), "\x85\xeb\xf6\x42", "123.46", driver.FloatValue(float64(float32(123.46)))},
		{number(typeDouble), "\x9a\x99\x99\x99\x99\x99\xb9\x3f", "0.1", driver.FloatValue(0.1)},
		{number(typeDouble), "\x01\x00\x00\x00\x00\x00\x00\x00", "5e-324", driver.FloatValue(math.SmallestNonzeroFloat64)},
		{number(typeNewDecimal), "-12.50", "", decimal("-12.50")},
		{number(typeNewDecimal), "-1234.50", "", decimal("-1234.50")}, // as many bytes as a double
		{number(typeNewDecimal), "0.00", "", decimal("0.00")},
		{number(typeNewDecimal), "00000012.50", "", decimal("12.50")},
		{number(typeNewDecimal), "0000", "", decimal("0")},
		{number(typeNewDecimal), "00.5", "", decimal("0.5")},
		{Definition{Type: typeBit, Length: 1}, "\x01", "", boolean(true)},
		{Definition{Type: typeBit, Length: 1}, "\x00", "", boolean(false)},
		{Definition{Type: typeBit, Length: 8}, "\x81", "", integer(0x81)},
		{Definition{Type: typeBit, Length: 12}, "\x08\x01", "", integer(0x801)},
		{Definition{Type: typeBit, Length: 64}, "\x80\x00\x00\x00\x00\x00\x00\x01", "", driver.UintValue(1<<63 | 1)},

		{number(typeDate), "\xe8\x07\x02\x1d", "2024-02-29", driver.DateValue(utc(2024, 2, 29, 0, 0, 0, 0))},
		{number(typeDate), "\x00\x00\x01\x01", "0000-01-01", driver.DateValue(utc(0, 1, 1, 0, 0, 0, 0))},
		{number(typeDate), "\x0f\x27\x0c\x1f", "9999-12-31", driver.DateValue(utc(9999, 12, 31, 0, 0, 0, 0))},
		{number(typeDateTime), "\xe8\x07\x02\x1d", "2024-02-29 00:00:00", driver.TimeValue(utc(2024, 2, 29, 0, 0, 0, 0))},
		{number(typeDateTime), "\xe8\x07\x02\x1d\x01\x02\x03", "2024-02-29 01:02:03", driver.TimeValue(utc(2024, 2, 29, 1,
			2, 3, 0))},
		{number(typeDateTime), "\xe8\x07\x02\x1d\x01\x02\x03\x20\xa1\x07\x00", "2024-02-29 01:02:03.500",
			driver.TimeValue(utc(2024, 2, 29, 1, 2, 3, 500000))},
		{number(typeTimestamp), "\xb2\x07\x01\x01\x00\x00\x01", "1970-01-01 00:00:01", driver.TimeValue(utc(1970, 1, 1, 0,
			0, 1, 0))},
		{number(typeTimestamp), "\xf6\x07\x01\x13\x03\x0e\x07\x3f\x42\x0f\x00", "2038-01-19 03:14:07.999999",
			driver.TimeValue(utc(2038, 1, 19, 3, 14, 7, 999999))},
		{number(typeDateTime), "\x0f\x27\x0c\x1f\x17\x3b\x3b\x3f\x42\x0f\x00", "9999-12-31 23:59:59.999999",
			driver.TimeValue(utc(9999, 12, 31, 23, 59, 59, 999999))},

		{number(typeTime), "\x00\x00\x00\x00\x00\x0a\x00\x00", "10:00:00", text("10:00:00")},
		{number(typeTime), "", "00:00:00", text("00:00:00")}, {number(typeTime), "", "00:00:00.000", text("00:00:00")},
		{number(typeTime), "\x00\x00\x00\x00\x00\x01\x02\x03", "01:02:03", text("01:02:03")},
		{number(typeTime), "\x01\x22\x00\x00\x00\x16\x3b\x3b", "-838:59:59", text("-838:59:59")},
		{number(typeTime), "\x00\x00\x00\x00\x00\x17\x3b\x3b", "23:59:59", text("23:59:59")},
		{number(typeTime), "\x00\x00\x00\x00\x00\x01\x02\x03\x20\xa1\x07\x00", "01:02:03.500", text("01:02:03.5")},
		{number(typeTime), "\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00", "-00:00:00.000001", text("-00:00:00.000001")},
		{number(typeTime), "\x00\x04\x00\x00\x00\x04\x00\x00", "100:00:00", text("100:00:00")},

		{str, "é", "", text("é")}, {str, "a\x00b", "", text("a\x00b")},
		{Definition{Type: typeString, Charset: 45, Flags: flagSet}, "x,y", "", text("x,y")},
		{Definition{Type: typeString, Charset: 45, ExtType: "inet6"}, "::1", "", text("::1")},
		{Definition{Type: typeVarString, Charset: 63}, "\xff\x00", "", driver.BytesValue([]byte{0xff, 0})},
		{Definition{Type: typeGeometry, Charset: 63}, "\x00\x00\x00\x00\x01", "", driver.BytesValue([]byte{0, 0, 0, 0, 1})},
		{Definition{Type: typeBlob, Charset: 45, ExtFormat: "json"}, `{"a": 1}`, "", driver.JSONValue(`{"a": 1}`)},
		{Definition{Type: typeJSON, Charset: 63}, `[]`, "", driver.JSONValue(`[]`)},
		{Definition{Type: typeString, Charset: 45, ExtType: "uuid"}, "f47ac10b-58cc-4372-a567-0e02b2c3d479", "",
			driver.UUIDValue("f47ac10b-58cc-4372-a567-0e02b2c3d479")},
	} {
		column := NewColumn(c.d, ZeroIsError)
		txt := c.txt
		if txt == "" {
			txt = c.binary
		}
		inRow := func(src []byte, a *arena.Arena) (driver.Value, error) {
			row := []byte{0, 0}
			if column.size == 0 {
				row = append(row, byte(len(src)))
			}
			vals := make([]driver.Value, 1)
			_, err := DecodeBinaryRow(append(row, src...), []Column{column}, vals, a)
			return vals[0], err
		}
		decodes(t, column.Type+" in a row", inRow, c.binary, c.want)
		decodes(t, column.Type+" in binary", column.DecodeBinary, c.binary, c.want)
		decodes(t, column.Type+" in text", column.DecodeText, txt, c.want)
	}
	for _, d := range []Definition{{Type: typeVarString, Charset: 45}, {Type: typeBlob,
		Charset: 63}} { // what is empty isn't NULL
		column := NewColumn(d, ZeroIsError)
		if v, err := column.DecodeBinary([]byte{}, new(arena.Arena)); err != nil || v.IsNull() {
			t.Errorf("an empty %s: %v %v", column.Type, v.Kind(), err)
		}
	}
}

func TestNullIsNullInEveryType(t *testing.T) {
	t.Parallel()
	for typ := range 256 {
		c := NewColumn(Definition{Type: byte(typ)}, ZeroIsError)
		b, err := c.DecodeBinary(nil, new(arena.Arena))
		x, errText := c.DecodeText(nil, new(arena.Arena))
		if !b.IsNull() || !x.IsNull() || err != nil || errText != nil {
			t.Errorf("%s: %v %v, %v %v", c.Type, b.Kind(), err, x.Kind(), errText)
		}
	}
}

func TestADateThatNoCalendarHasIsWhatTheOptionSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ         byte
		binary, txt string
	}{
		{typeDate, "", "0000-00-00"}, {typeDate, "\x00\x00\x00\x00", "0000-00-00"},
		{typeDate, "\xe8\x07\x00\x00", "2024-00-00"},
		{typeDate, "\xe8\x07\x02\x00", "2024-02-00"}, {typeDate, "\xe8\x07\x02\x1e", "2024-02-30"},
		{typeDate, "\xe7\x07\x02\x1d", "2023-02-29"},
		{typeDate, "\x6c\x07\x02\x1d", "1900-02-29"}, {typeDate, "\xe8\x07\x04\x1f", "2024-04-31"},
		{typeDate, "\xe8\x07\x00\x05", "2024-00-05"},
		{typeDateTime, "", "0000-00-00 00:00:00"}, {typeTimestamp, "", "0000-00-00 00:00:00.000000"},
		{typeDateTime, "\xe8\x07\x00\x00\x01\x02\x03", "2024-00-00 01:02:03"},
	} {
		d := Definition{Type: c.typ}
		zero := driver.TimeValue(utc(1, 1, 1, 0, 0, 0, 0))
		if c.typ == typeDate {
			zero = driver.DateValue(utc(1, 1, 1, 0, 0, 0, 0))
		}
		for option, want := range map[ZeroDates]driver.Value{ZeroIsNull: driver.NullValue(), ZeroIsZero: zero} {
			column := NewColumn(d, option)
			decodes(t, column.Type, column.DecodeBinary, c.binary, want)
			decodes(t, column.Type, column.DecodeText, c.txt, want)
		}
		column := NewColumn(d, ZeroIsError)
		_, inBinary := column.DecodeBinary([]byte(c.binary), new(arena.Arena))
		_, inText := column.DecodeText([]byte(c.txt), new(arena.Arena))
		for _, err := range []error{inBinary, inText} {
			var f *driver.Fault
			if !errors.As(err, &f) || f.Kind != driver.Scan || f.Evict || !strings.Contains(f.Hint, "zero_dates=null") {
				t.Errorf("%s %s: %v", column.Type, c.txt, err)
			}
		}
	}
	if v := driver.DaysValue(zeroDay); !v.Time().IsZero() {
		t.Errorf("the zero day is %v", v.Time())
	}
}

// TestEachDayHasItsNumber compares daysOf with package time.
func TestEachDayHasItsNumber(t *testing.T) {
	t.Parallel()
	next := utc(0, 1, 1, 0, 0, 0, 0)
	for next.Year() < 10000 {
		at := next
		next = time.Unix(at.Unix()+86400, 0).UTC()
		year, month, day := at.Date()
		if got, ok := daysOf(year, int(month), day); !ok || got != at.Unix()/86400 {
			t.Fatalf("%v: %d %v, want %d", at, got, ok, at.Unix()/86400)
		}
		if _, ok := daysOf(year, int(month), day+1); ok != (next.Day() != 1) {
			t.Fatalf("the day after %v: %v", at, ok)
		}
	}
}

func TestWhatNoServerSendsIsAnErrorThatEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ    byte
		binary []string
		text   []string
	}{
		{typeTiny, []string{"", "12"}, []string{"", "x", "128", "1.5", "-129"}},
		{typeLongLong, []string{"1234567", "123456789"}, []string{"9223372036854775808"}},
		{typeYear, []string{"1"}, []string{"-1", "99999"}}, {typeFloat, []string{"123"}, []string{"x", "1e99"}},
		{typeDouble, []string{"1234"}, []string{"1e999", ""}},
		{typeNewDecimal, []string{"", "-", ".", "1.5.1", "1-", "NaN", "1e5"}, nil},
		{typeBit, []string{"", "123456789"}, nil},
		{typeDate, []string{"1", "\xe8\x07\x0d\x01", "\xe8\x07\x01\x20", "\x10\x27\x01\x01"},
			[]string{"", "2024-02-2", "2024/02/29", "2024-13-01", "2024-01-32", "202x-01-01", "20240-01-01", "-024-01-01"}},
		{typeDateTime, []string{"12345", "\xe8\x07\x01\x01\x18\x00\x00", "\xe8\x07\x01\x01\x00\x3c\x00",
			"\xe8\x07\x01\x01\x00\x00\x3c",
			"\xe8\x07\x01\x01\x00\x00\x00\x40\x42\x0f\x00"},
			[]string{"2024-01-01 24:00:00", "2024-01-01 00:60:00", "2024-01-01T00:00:00", "2024-01-01 00:00:00.",
				"2024-01-01 00:00:00.1234567",
				"2024-01-01 00:00:00x5", "2024-01-01 00-00-00", "2024-01-01 00-00:00", "2024-01-01 00:00-00", "2024-01-01 00:00:0",
				"2024-01-01 0:00"}},
		{typeTime, []string{"1", "\x00\x00\x00\x00\x00\x18\x00\x00", "\x00\x00\x00\x00\x00\x00\x3c\x00",
			"\x00\x00\x00\x00\x00\x00\x00\x00\x40\x42\x0f\x00"},
			[]string{"", "1:00:00", "01:00", "01:00:00.", "01:0x:00", "--01:00:00", "01:00:00.1234567", "01:00:00x1", "01:00:00.1x"}},
	} {
		column := NewColumn(Definition{Type: c.typ, Length: 12}, ZeroIsNull)
		check := func(src string, v driver.Value, err error) {
			var f *driver.Fault
			if !errors.As(err, &f) || !f.Evict || !v.IsNull() || len(src) > 3 && strings.Contains(f.Error(), src) {
				t.Errorf("%s %q: %v, %v", column.Type, src, v.Any(), err)
			}
		}
		for _, src := range c.binary {
			v, err := column.DecodeBinary([]byte(src), new(arena.Arena))
			check(src, v, err)
		}
		for _, src := range c.text {
			v, err := column.DecodeText([]byte(src), new(arena.Arena))
			check(src, v, err)
		}
	}
	uuid := NewColumn(Definition{Type: typeString, Charset: 45, ExtType: "uuid"}, ZeroIsError)
	for _, decode := range []func([]byte, *arena.Arena) (driver.Value, error){uuid.DecodeBinary, uuid.DecodeText} {
		if v, err := decode([]byte("f47ac10b"), new(arena.Arena)); err == nil {
			t.Errorf("a short uuid is %v", v.Any())
		}
	}
}
