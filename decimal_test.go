package plinth

import (
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func TestParseDecimalReadsPlainAndExponentForms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "-0.00": "0.00", "1.50": "1.50", "+1.50": "1.50", "-12.5": "-12.5", ".5": "0.5", "5.": "5",
		"007": "7", "-0.001": "-0.001", "00.100": "0.100", "1e3": "1000", "1E-3": "0.001", "1.25e1": "12.5", "1.25e+5": "125000",
		"0e5": "0", "0e-2": "0.00", "-1.5e-1": "-0.15", "12e-1": "1.2",
		"999999999999999999":                  "999999999999999999",
		"9223372036854775807":                 "9223372036854775807",
		"-9223372036854775808":                "-9223372036854775808",
		"9223372036854775808":                 "9223372036854775808",
		"-123456789012345678901234567890.123": "-123456789012345678901234567890.123",
		"0.000000000000000000000000000001":    "0.000000000000000000000000000001",
		"12345678901234567e5":                 "1234567890123456700000",
		"1e16384":                             "1" + strings.Repeat("0", 16384),
		strings.Repeat("9", 131072):           strings.Repeat("9", 131072),
		"0." + strings.Repeat("1", 16383):     "0." + strings.Repeat("1", 16383),
	} {
		got, err := ParseDecimal(in)
		if err != nil || got.String() != want {
			t.Errorf("ParseDecimal(%.40q) = %.40s, %v; want %.40s", in, got, err, want)
		}
	}
}

func TestParseDecimalRefusesTheRestWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	for in, why := range map[string]string{
		"": "digits", ".": "digits", "-": "digits", "abc": "digits", "1.2.3": "digits", "1,5": "digits", " 1": "digits",
		"0x10": "digits", "1_000": "digits", "--1": "digits", "e5": "digits", ".e5": "digits", "½": "digits",
		"1e": "exponent", "1e1.5": "exponent", "1e16385": "exponent", "1e-16385": "exponent", "1ee5": "exponent",
		"1e99999999999999999999": "exponent", "1e000000001": "exponent",
		"NaN": "NaN and infinity", "-Infinity": "NaN and infinity", "inf": "NaN and infinity",
		strings.Repeat("9", 131073):        "131,072 digits",
		"0." + strings.Repeat("1", 16384):  "16,383 after",
		strings.Repeat("0", 200000):        "more digits",
		"1e-16384":                         "16,383 after",
		strings.Repeat("9", 131072) + "e1": "131,072 digits",
	} {
		_, err := ParseDecimal(in)
		if !errors.Is(err, driver.Invalid) || !strings.Contains(err.Error(), why) {
			t.Errorf("ParseDecimal(%.40q): error %v; want one that says %q", in, err, why)
		}
	}
	if _, err := ParseDecimal("4711abc"); strings.Contains(err.Error(), "4711") {
		t.Errorf("the error shows the value: %v", err)
	}
}

func TestDecimalsCompareByValueNotByScale(t *testing.T) {
	t.Parallel()
	ascending := []string{"-1e30", "-9223372036854775809", "-9223372036854775808", "-1.01", "-1", "-0.5", "0", "0.001", "0.01", "1",
		"1.5", "9223372036854775807", "9223372036854775807.5", "9223372036854775808", "1e30"}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			if i != j {
				want = 1 - 2*b2i(i < j)
			}
			if got := parse(t, a).Cmp(parse(t, b)); got != want {
				t.Errorf("%s.Cmp(%s) = %d, want %d", a, b, got, want)
			}
		}
		if got, want := parse(t, a).Sign(), parse(t, a).Cmp(Decimal{}); got != want {
			t.Errorf("%s.Sign() = %d, want %d", a, got, want)
		}
	}
	if !parse(t, "1.0").Equal(parse(t, "1.00")) || parse(t, "1.0").Equal(parse(t, "1.01")) {
		t.Error("Equal doesn't go by the value")
	}
	if !parse(t, "0.00").IsZero() || !(Decimal{}).IsZero() || parse(t, "0.01").IsZero() {
		t.Error("IsZero doesn't go by the value")
	}
}

func TestDecimalGivesTheNearestFloatAndSaysWhetherItIsExact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		f     float64
		exact bool
	}{
		"0": {0, true}, "1.5": {1.5, true}, "-0.25": {-0.25, true}, "0.1": {0.1, false}, "9007199254740993": {9007199254740992, false},
		"1e400": {math.Inf(1), false},
	} {
		if f, exact := parse(t, in).Float64(); f != want.f || exact != want.exact {
			t.Errorf("%s.Float64() = %v, %v; want %v, %v", in, f, exact, want.f, want.exact)
		}
	}
	if got := parse(t, "-1.50").Rat(); got.Cmp(big.NewRat(-3, 2)) != 0 {
		t.Errorf("Rat of -1.50 is %s", got)
	}
}

func TestDecimalIsAStringInJSONAndTakesNumbersToo(t *testing.T) {
	t.Parallel()
	type item struct{ Price Decimal }
	out, err := json.Marshal(item{parse(t, "1.50")})
	if err != nil || string(out) != `{"Price":"1.50"}` {
		t.Errorf("Marshal = %s, %v", out, err)
	}
	for in, want := range map[string]string{
		`{"Price":"1.50"}`: "1.50", `{"Price":1.50}`: "1.50", `{"Price":1e2}`: "100", `{"Price":null}`: "7", `{"Price":"\u0031"}`: "1",
	} {
		got := item{DecimalFromInt(7)}
		if err := json.Unmarshal([]byte(in), &got); err != nil || got.Price.String() != want {
			t.Errorf("Unmarshal of %s = %s, %v; want %s", in, got.Price, err, want)
		}
	}
	got := item{DecimalFromInt(7)}
	for _, in := range []string{`{"Price":"x"}`, `{"Price":true}`, `{"Price":[]}`} {
		if err := json.Unmarshal([]byte(in), &got); !errors.Is(err, driver.Invalid) || got.Price.String() != "7" {
			t.Errorf("Unmarshal of %s = %s, %v; want an error, and the old value", in, got.Price, err)
		}
	}
}

func TestDecimalIsAScannerAndAValuer(t *testing.T) {
	t.Parallel()
	var _ sql.Scanner = (*Decimal)(nil)
	for _, c := range []struct {
		src  any
		want string
	}{
		{"1.50", "1.50"}, {[]byte("1.50"), "1.50"}, {int64(-3), "-3"}, {uint64(math.MaxUint64), "18446744073709551615"},
		{9.99, "9.99"}, {123456789.123456, "123456789.123456"}, {1e21, "1000000000000000000000"},
	} {
		var d Decimal
		if err := d.Scan(c.src); err != nil || d.String() != c.want {
			t.Errorf("Scan(%v) = %s, %v; want %s", c.src, d, err, c.want)
		}
		if v, err := d.Value(); err != nil || v != sqldriver.Value(c.want) {
			t.Errorf("Value = %v, %v; want %s", v, err, c.want)
		}
	}
	for want, src := range map[string]any{"sql.Null": nil, "bool": true, "digits": "x", "infinity": math.Inf(1)} {
		d := DecimalFromInt(7)
		if err := d.Scan(src); !errors.Is(err, driver.Invalid) || !strings.Contains(err.Error(), want) || d.String() != "7" {
			t.Errorf("Scan(%v) = %s, %v; want an error that says %q, and the old value", src, d, err, want)
		}
	}
}

func TestDecimalIsBoundAsADecimal(t *testing.T) {
	t.Parallel()
	d := parse(t, "1.50")
	for _, in := range []any{d, &d, sql.Null[Decimal]{V: d, Valid: true}} {
		if got, err := driver.Simplify(in); err != nil || got != driver.Decimal("1.50") {
			t.Errorf("Simplify(%T) = %#v, %v; want a driver.Decimal", in, got, err)
		}
	}
}

func TestSmallDecimalsNeedNoMemory(t *testing.T) {
	d := parse(t, "1234.50")
	if n := testing.AllocsPerRun(100, func() {
		e, err := ParseDecimal("1234.5")
		if err != nil || e.Sign() != 1 || d.scale != 2 || d.Cmp(d) != 0 {
			t.Fatal("wrong", e, err)
		}
	}); n != 0 {
		t.Errorf("parsing and comparing takes %v allocations, want none", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = d.String() }); n > 1 {
		t.Errorf("String takes %v allocations, want 1", n)
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", ".5", "5.", "1e-3", "123456789012345678901.5", "NaN", "1e16384", "-0.00", "1.2.3", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			if !errors.Is(err, driver.Invalid) || d.scale != 0 || !d.IsZero() {
				t.Fatalf("ParseDecimal(%q) = %v, %v", s, d, err)
			}
			return
		}
		if want, ok := new(big.Rat).SetString(s); !ok || d.Rat().Cmp(want) != 0 {
			t.Fatalf("ParseDecimal(%q) = %s, math/big reads %s", s, d, want)
		}
		again, err := ParseDecimal(d.String())
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Fatalf("%q became %s, which reads back as %v, %v", s, d, again, err)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON Decimal
		if err := json.Unmarshal(text, &fromJSON); err != nil || !reflect.DeepEqual(fromJSON, d) {
			t.Fatalf("%s as JSON reads back as %v, %v", d, fromJSON, err)
		}
	})
}

func parse(t testing.TB, s string) Decimal {
	t.Helper()
	d, err := ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
