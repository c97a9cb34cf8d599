package value

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func ptr[T any](v T) *T { return &v }

// exact is a decimal as its libraries have them.
type exact string

func (e exact) Value() (sqldriver.Value, error) { return string(e), nil }
func (e exact) Rat() *big.Rat                   { return nil }

type mood string

// TestEachArgumentHasTheBytesOfTheProtocol has the forms of https://mariadb.com/kb/en/com_stmt_execute/#binary-parameter-encoding.
func TestEachArgumentHasTheBytesOfTheProtocol(t *testing.T) {
	t.Parallel()
	const noon = "\x07\xe8\x07\x02\x1d\x0c\x00\x00"
	const five = "\x05\x00\x00\x00\x00\x00\x00\x00"
	east := time.FixedZone("", 5*3600+1800)
	for _, c := range []struct {
		arg  any
		typ  byte
		want string
	}{
		{nil, typeNull, ""}, {(*int)(nil), typeNull, ""}, {[]byte(nil), typeNull, ""},
		{json.RawMessage(nil), typeNull, ""},
		{sql.NullString{}, typeNull, ""}, {(*time.Duration)(nil), typeNull, ""},
		{sql.Null[time.Duration]{}, typeNull, ""},
		{5, typeLongLong, five}, {int8(5), typeLongLong, five}, {int16(5), typeLongLong, five},
		{int32(5), typeLongLong, five},
		{int64(5), typeLongLong, five}, {uint(5), typeLongLong, five}, {uint8(5), typeLongLong, five},
		{uint16(5), typeLongLong, five},
		{uint32(5), typeLongLong, five}, {uint64(5), typeLongLong, five}, {ptr(5), typeLongLong, five},
		{time.Month(5), typeLongLong, five},
		{-1, typeLongLong, "\xff\xff\xff\xff\xff\xff\xff\xff"},
		{uint64(math.MaxInt64), typeLongLong, "\xff\xff\xff\xff\xff\xff\xff\x7f"},
		{true, typeTiny, "\x01"}, {false, typeTiny, "\x00"},
		{0.1, typeDouble, "\x9a\x99\x99\x99\x99\x99\xb9\x3f"},
		{float32(0.5), typeDouble, "\x00\x00\x00\x00\x00\x00\xe0\x3f"},
		{"é", typeVarString, "\x02é"}, {"", typeVarString, "\x00"}, {"a\x00b", typeVarString, "\x03a\x00b"},
		{mood("x"), typeVarString, "\x01x"},
		{strings.Repeat("x", 250), typeVarString, "\xfa" + strings.Repeat("x", 250)},
		{strings.Repeat("x", 251), typeVarString, "\xfc\xfb\x00" + strings.Repeat("x", 251)},
		{strings.Repeat("x", 1<<16), typeVarString, "\xfd\x00\x00\x01" + strings.Repeat("x", 1<<16)},
		{strings.Repeat("x", 1<<24), typeVarString, "\xfe\x00\x00\x00\x01\x00\x00\x00\x00" + strings.Repeat("x", 1<<24)},
		{[]byte{0xff, 0}, typeBlob, "\x02\xff\x00"}, {[]byte{}, typeBlob, "\x00"},
		{[4]byte{1, 2, 3, 4}, typeBlob, "\x04\x01\x02\x03\x04"},
		{json.RawMessage(`{}`), typeVarString, "\x02{}"}, {map[string]int{"a": 1}, typeVarString, "\x07" + `{"a":1}`},
		{[]int{1, 2}, typeVarString, "\x05[1,2]"}, {netip.MustParseAddr("::1"), typeVarString, "\x03::1"},
		{utc(2024, 2, 29, 12, 0, 0, 0), typeDateTime, noon},
		{utc(2024, 2, 29, 12, 0, 0, 0).In(east), typeDateTime, noon},
		{ptr(utc(2024, 2, 29, 12, 0, 0, 0)), typeDateTime, noon},
		{utc(2024, 2, 29, 12, 0, 0, 500000).Add(999), typeDateTime, "\x0b\xe8\x07\x02\x1d\x0c\x00\x00\x20\xa1\x07\x00"},
		{time.Time{}, typeDateTime, "\x07\x01\x00\x01\x01\x00\x00\x00"},
		{utc(9999, 12, 31, 23, 59, 59, 0), typeDateTime, "\x07\x0f\x27\x0c\x1f\x17\x3b\x3b"},
		{5 * time.Nanosecond, typeLongLong, five}, {ptr(5 * time.Nanosecond), typeLongLong, five},
		{sql.Null[time.Duration]{V: 5, Valid: true}, typeLongLong, five},
		{driver.Decimal("-12.50"), typeNewDecimal, "\x06-12.50"}, {driver.Decimal("1e-3"), typeNewDecimal, "\x041e-3"},
		{driver.Decimal(".5"), typeNewDecimal, "\x02.5"}, {exact("0.10"), typeNewDecimal, "\x040.10"},
		{driver.Decimal("00" + strings.Repeat("9", 65)), typeNewDecimal, "\x4300" + strings.Repeat("9", 65)},
	} {
		out, typ, unsigned, err := Append([]byte("before"), c.arg)
		if err != nil || typ != c.typ || string(out) != "before"+c.want || unsigned {
			t.Errorf("%T: type %#x, unsigned %v, %.100q (%v); want type %#x, %.100q", c.arg, typ, unsigned, out, err, c.typ, c.want)
		}
		if n := Size(typ, []byte(c.want+"what follows")); n != len(c.want) {
			t.Errorf("%T: %.100q has the size %d", c.arg, c.want, n)
		}
	}
	out, typ, unsigned, err := Append(nil, uint64(math.MaxUint64))
	if err != nil || typ != typeLongLong || !unsigned || string(out) != "\xff\xff\xff\xff\xff\xff\xff\xff" {
		t.Errorf("the largest integer: type %#x, unsigned %v, %x (%v)", typ, unsigned, out, err)
	}
}

func TestAnArgumentThatWouldChangeIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arg  any
		says string
	}{
		{math.NaN(), "NaN"}, {math.Inf(-1), "infinite"}, {float32(math.Inf(1)), "infinite"},
		{"secret\xff", "strings.ToValidUTF8"}, {json.RawMessage("\xff"), "UTF-8"}, {mood("\xff"), "UTF-8"},
		{utc(10000, 1, 1, 0, 0, 0, 0), "9999"}, {utc(-1, 12, 31, 0, 0, 0, 0), "9999"},
		{utc(0, 1, 1, 0, 0, 0, 0).In(time.FixedZone("", 3600)).Add(-time.Nanosecond), "9999"},
		{driver.Decimal("secret"), "isn't a number"}, {driver.Decimal(""), "isn't a number"},
		{driver.Decimal("."), "isn't a number"},
		{driver.Decimal("NaN"), "nil for NULL"}, {driver.Decimal("--1"), "isn't a number"},
		{driver.Decimal("1e"), "isn't a number"}, {driver.Decimal("1.x"), "isn't a number"},
		{driver.Decimal("1.x"), "isn't a number"}, {driver.Decimal("1e99999999999999999999"), "isn't a number"},
		{driver.Decimal(strings.Repeat("9", 66)), "65 digits"},
		{driver.Decimal("1." + strings.Repeat("0", 65)), "65 digits"},
		{driver.Decimal("1e65"), "65 digits"}, {driver.Decimal("1e-66"), "65 digits"},
		{driver.Decimal("1e9999"), "65 digits"},
		{make(chan int), "chan int"}, {complex(1, 2), "complex128"},
	} {
		out, _, _, err := Append([]byte("before"), c.arg)
		var f *driver.Fault
		if !errors.As(err, &f) || f.Kind != driver.Argument || string(out) != "before" {
			t.Errorf("%T: %q, %v", c.arg, out, err)
			continue
		}
		if text := f.Error() + " " + f.Hint; !strings.Contains(text, c.says) || strings.Contains(text, "secret") {
			t.Errorf("%T: %s; want %q in it, and not the value", c.arg, text, c.says)
		}
	}
}

// TestWhatIsSentComesBack sends values as arguments and reads the bytes as a column of the argument's type.
func TestWhatIsSentComesBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arg  any
		want driver.Value
	}{
		{int64(math.MinInt64), driver.IntValue(math.MinInt64)},
		{uint64(math.MaxUint64), driver.UintValue(math.MaxUint64)},
		{math.MaxFloat64, driver.FloatValue(math.MaxFloat64)},
		{utc(2024, 2, 29, 1, 2, 3, 4), driver.TimeValue(utc(2024, 2, 29, 1, 2, 3, 4))},
		{utc(0, 1, 1, 0, 0, 0, 0), driver.TimeValue(utc(0, 1, 1, 0, 0, 0, 0))},
		{driver.Decimal("-0.50"), driver.DecimalValue("-0.50")},
	} {
		out, typ, unsigned, err := Append(nil, c.arg)
		if err != nil {
			t.Errorf("%T: %v", c.arg, err)
			continue
		}
		d := Definition{Type: typ, Charset: binaryCharset, Length: 20}
		if unsigned {
			d.Flags = flagUnsigned
		}
		column := NewColumn(d, ZeroIsError)
		if column.size == 0 { // a length in front
			out = out[1:]
		}
		decodes(t, column.Type, column.DecodeBinary, string(out), c.want)
	}
}
