package pgvalue

import (
	"testing"

	"github.com/plinthdb/plinth/driver"
)

// everyType returns the built-in types, of which the fuzz targets try each.
func everyType() []*Type {
	var all []*Type
	for id := range uint32(7000) {
		if t := Builtin(id); t != nil {
			all = append(all, t)
		}
	}
	return all
}

// FuzzDecode decodes any bytes as any type: no panic, and what comes out doesn't need much more memory than its bytes,
// unless it is a numeric, whose exponent may stand for 131,072 digits.
func FuzzDecode(f *testing.F) {
	types := everyType()
	for _, src := range []string{
		"", "t", "1", "\x00\x00\x00\x01", "12345678", "{1,NULL,\"a\\\"b\"}", "[0:1]={{1},{2}}", "2024-02-29 10:00:00.5+05:30 BC",
		"1 year 2 mons -3 days +04:05:06.7",
		"P1Y2M3DT4H5M6.5S", "@ 1 mon -2 secs ago", "-1-2 +3 -4:05:06", "\\x00ff", "a\\000\\\\", "infinity", "NaN",
		"\x00\x02\x00\x01\x40\x00\x00\x02\x00\x01\x00\x02",
		"\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x17\x00\x00\x00\x01" +
			"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x07",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, typ := range types {
			decodeAny(t, typ, src, Text)
			decodeAny(t, typ, src, Binary)
		}
	})
}

func decodeAny(t *testing.T, typ *Type, src []byte, format int16) {
	var a Arena
	v, err := typ.Decode(src, format, &a)
	if err != nil {
		if !v.IsNull() {
			t.Errorf("%s: a value with an error", typ.Name)
		}
		return
	}
	most, got := len(src)+1, 0
	switch x := v.Any().(type) {
	case string:
		if most, got = 8*len(src)+64, len(x); v.Kind() == driver.KindDecimal {
			most = 150_000
		}
	case []byte:
		got = len(x)
	case []any:
		got = countOf(x)
	}
	if got > most {
		t.Errorf("%s in format %d: %d bytes became %d bytes or elements", typ.Name, format, len(src), got)
	}
}

func countOf(list []any) int {
	n := len(list)
	for _, x := range list {
		if inner, ok := x.([]any); ok {
			n += countOf(inner)
		}
	}
	return n
}

// FuzzEncodeText sends any text to any type: what is binary then can be decoded, and what is text is that text.
func FuzzEncodeText(f *testing.F) {
	types := everyType()
	for _, s := range []string{
		"", "1", "-0012.50", "true", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "NaN", "1e400", "a\x00", "\xff", "{1,2}", "99999999999999999999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, typ := range types {
			out, format, err := typ.Encode(nil, s)
			switch {
			case err != nil:
			case out == nil:
				t.Errorf("%s: %q is NULL", typ.Name, s)
			case format == Text && string(out) != s:
				t.Errorf("%s: %q became %q", typ.Name, s, out)
			case format == Binary:
				if _, err := typ.Decode(out, Binary, new(Arena)); err != nil {
					t.Errorf("%s: %q became %x, which can't be decoded: %v", typ.Name, s, out, err)
				}
			}
		}
	})
}
