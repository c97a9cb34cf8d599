package pgvalue

import (
	"testing"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
)

// fuzzed are the types that the fuzz targets choose from: all built-in ones.
func fuzzed() []*Type {
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
	types := fuzzed()
	for i := range types {
		for _, src := range []string{
			"", "t", "1", "\x00\x00\x00\x01", "12345678", "{1,NULL,\"a\\\"b\"}", "[0:1]={{1},{2}}", "2024-02-29 10:00:00.5+05:30 BC",
			"1 year 2 mons -3 days +04:05:06.7",
			"P1Y2M3DT4H5M6.5S", "@ 1 mon -2 secs ago", "-1-2 +3 -4:05:06", "\\x00ff", "a\\000\\\\", "infinity", "NaN",
			"\x00\x02\x00\x01\x40\x00\x00\x02\x00\x01\x00\x02",
			"\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x17\x00\x00\x00\x01" +
				"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x07",
		} {
			f.Add(uint16(i), false, []byte(src))
			f.Add(uint16(i), true, []byte(src))
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, isBinary bool, src []byte) {
		typ, format := types[int(n)%len(types)], Text
		if isBinary {
			format = Binary
		}
		var a Arena
		v, err := typ.Decode(src, format, &a)
		if err != nil {
			if !v.IsNull() {
				t.Errorf("%s: a value with an error", typ.Name)
			}
			return
		}
		switch x := v.Any().(type) {
		case string:
			if len(x) > 8*len(src)+64 && v.Kind() != driver.KindDecimal || v.Kind() == driver.KindDecimal && len(x) > 150_000 {
				t.Errorf("%s: %d bytes became %d", typ.Name, len(src), len(x))
			}
		case []byte:
			if len(x) > len(src) {
				t.Errorf("%s: %d bytes became %d", typ.Name, len(src), len(x))
			}
		case []any:
			if countOf(x) > len(src)+1 {
				t.Errorf("%s: %d bytes became %d elements", typ.Name, len(src), countOf(x))
			}
		}
	})
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
	types := fuzzed()
	for i := range types {
		for _, s := range []string{"", "1", "-0012.50", "true", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "NaN",
			"1e400", "a\x00", "\xff", "{1,2}", "99999999999999999999"} {
			f.Add(uint16(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, n uint16, s string) {
		typ := types[int(n)%len(types)]
		out, format, err := typ.Encode(nil, s)
		switch {
		case err != nil:
			return
		case out == nil:
			t.Errorf("%s: %q is NULL", typ.Name, s)
		case format == Text && string(out) != s:
			t.Errorf("%s: %q became %q", typ.Name, s, out)
		case format == Binary:
			if _, err := typ.Decode(out, Binary, new(Arena)); err != nil && (typ.class != plain || utf8.ValidString(s)) {
				t.Errorf("%s: %q became %x, which can't be decoded: %v", typ.Name, s, out, err)
			}
		}
	})
}
