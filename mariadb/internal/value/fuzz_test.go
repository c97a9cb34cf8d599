package value

import (
	"testing"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// FuzzDecode decodes any bytes as any column: no panic, and what comes out is no larger than what came, but for the text of a
// TIME.
func FuzzDecode(f *testing.F) {
	for _, src := range []string{
		"", "1", "\x01", "12", "1234", "12345678", "2024-02-29", "0000-00-00 00:00:00", "2024-02-29 01:02:03.500",
		"-838:59:59.999999",
		"\xe8\x07\x02\x1d\x01\x02\x03\x20\xa1\x07\x00", "\x01\xff\xff\xff\xff\x16\x3b\x3b\x3f\x42\x0f\x00", "00012.50", "{}",
		"f47ac10b-58cc-4372-a567-0e02b2c3d479", "1e5", "18446744073709551615",
	} {
		f.Add([]byte(src), byte(typeDateTime), uint16(0), uint16(binaryCharset), uint32(1))
	}
	f.Add([]byte("\x02"), byte(typeTiny), uint16(flagUnsigned), uint16(binaryCharset), uint32(4))
	f.Fuzz(func(t *testing.T, src []byte, typ byte, flags, charset uint16, length uint32) {
		d := Definition{Type: typ, Flags: flags, Charset: charset, Length: length}
		for _, d.ExtType = range []string{"", "uuid"} {
			for _, d.ExtFormat = range []string{"", "json"} {
				for _, zero := range []ZeroDates{ZeroIsError, ZeroIsNull, ZeroIsZero} {
					c := NewColumn(d, zero)
					check(t, c.Type, src, c.DecodeBinary)
					check(t, c.Type, src, c.DecodeText)
				}
			}
		}
	})
}

func check(t *testing.T, name string, src []byte, decode func([]byte, *arena.Arena) (driver.Value, error)) {
	v, err := decode(src, new(arena.Arena))
	if err != nil {
		if !v.IsNull() {
			t.Errorf("%s: a value with an error", name)
		}
		return
	}
	size := 0
	switch x := v.Any().(type) {
	case string:
		size = len(x)
	case []byte:
		size = len(x)
	}
	if size > max(len(src), len("-103079215103:59:59.999999")) {
		t.Errorf("%s: %d bytes became %d", name, len(src), size)
	}
}

// FuzzAppendText sends any text: it's refused, or there as it was.
func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "1", "-12.50", "1e5", "a\x00", "\xff", "NaN", "1e-70",
		"0.0000000000000000000000000000000000000000000000000000000000000000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, arg := range []any{s, driver.Decimal(s), []byte(s)} {
			out, typ, _, err := Append(nil, arg)
			if text, ok := arg.(string); ok && (err == nil) != utf8.ValidString(text) {
				t.Errorf("%q: %v", s, err)
			}
			if head := appendLength(nil, len(s)); err == nil && (typ == typeNull || string(out) != string(head)+s) {
				t.Errorf("%T %q became %x", arg, s, out)
			}
		}
	})
}
