package pgvalue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// TestDecodingAllocates says what a value costs: nothing, or its part of a chunk.
func TestDecodingAllocates(t *testing.T) {
	for _, c := range []struct {
		typ  string
		src  string
		want float64
	}{
		{"bool", "\x01", 0}, {"int2", "\x01\x02", 0}, {"int4", "\x01\x02\x03\x04", 0}, {"int8", "12345678", 0},
		{"float4", "1234", 0}, {"float8", "12345678", 0},
		{"date", "\x00\x00\x12\x34", 0}, {"timestamp", "\x00\x02345678", 0}, {"timestamptz", "\x00\x02345678", 0},
		{"oid", "1234", 0}, {"xid8", "12345678", 0},
		{"text", "some text of a usual length", 0.005}, {"numeric", "\x00\x01\x00\x00\x00\x00\x00\x02\x12\x34", 0.002},
		{"uuid", "0123456789abcdef", 0.006},
		{"jsonb", "\x01{}", 0.001}, {"bytea", "bytes", 0.002}, {"interval", "\x00\x00\x00\x00012345678901", 0.01},
		{"time", "\x00\x00\x00\x0012345", 0.003},
	} {
		typ, src := typeNamed(t, c.typ), []byte(strings.Clone(c.src))
		if n := typ.class.size(); n > 0 {
			src = src[:n]
		}
		var a Arena
		const n = 10_000
		per := testing.AllocsPerRun(1, func() {
			a.Reset()
			for range n {
				if _, err := typ.Decode(src, Binary, &a); err != nil {
					t.Fatal(err)
				}
			}
		}) / n
		if per > c.want {
			t.Errorf("%s: %v allocations a value, want at most %v", c.typ, per, c.want)
		}
	}
}

// TestEncodingAllocatesNothing holds for what arguments are mostly of.
func TestEncodingAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 1024)
	for _, c := range []struct {
		typ string
		arg any
	}{
		{"int4", 1_000_000}, {"int8", int64(1_000_000)}, {"text", "text"}, {"bytea", []byte("bytes")}, {"float8", 1.5},
		{"bool", true}, {"text", 1_000_000},
		{"timestamptz", utc(2024, 1, 1, 0, 0, 0, 0)}, {"uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479"}, {"jsonb", "{}"},
		{"numeric", driver.Decimal("1234567.89")},
		{"int8[]", []int64{1, 2, 3}}, {"text[]", []string{"a", "b"}}, {"interval", time.Hour}, {"numeric", 1_000_000},
	} {
		typ := typeNamed(t, c.typ)
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := typ.Encode(buf, c.arg); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("a %T into %s: %v allocations", c.arg, c.typ, n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ typ, src string }{
		{"int8", "12345678"}, {"text", "some text of a usual length"}, {"timestamptz", "\x00\x02345678"},
		{"numeric", "\x00\x02\x00\x00\x00\x00\x00\x02\x12\x34\x12\x34"},
		{"uuid", "0123456789abcdef"}, {"date", "\x00\x00\x12\x34"},
	} {
		b.Run(c.typ, func(b *testing.B) {
			typ, src := typeNamed(b, c.typ), []byte(c.src)
			var a Arena
			b.ReportAllocs()
			for b.Loop() {
				if _, err := typ.Decode(src, Binary, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	buf := make([]byte, 0, 1024)
	for _, c := range []struct {
		typ string
		arg any
	}{{"int8", 1_000_000}, {"text", "text"}, {"timestamptz", utc(2024, 1, 1, 0, 0, 0, 0)},
		{"numeric", decimal(b, "12.50")}, {"int8[]", []int64{1, 2, 3}}} {
		b.Run(fmt.Sprintf("%T", c.arg), func(b *testing.B) {
			typ := typeNamed(b, c.typ)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := typ.Encode(buf, c.arg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
