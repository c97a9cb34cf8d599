package value

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// TestDecodingAllocates says what a value costs: nothing, or its part of a chunk.
func TestDecodingAllocates(t *testing.T) {
	for _, c := range []struct {
		d           Definition
		binary, txt string
		want        float64
	}{
		{Definition{Type: typeTiny, Length: 1}, "\x01", "1", 0}, {Definition{Type: typeLong}, "1234", "1234567", 0},
		{Definition{Type: typeLongLong, Flags: flagUnsigned}, "12345678", "18446744073709551615", 0},
		{Definition{Type: typeFloat}, "1234", "0.5", 0}, {Definition{Type: typeDouble}, "12345678", "0.5", 0},
		{Definition{Type: typeYear}, "\xe8\x07", "2024", 0},
		{Definition{Type: typeBit, Length: 9}, "\x01\x02", "\x01\x02", 0},
		{Definition{Type: typeDate}, "\xe8\x07\x02\x1d", "2024-02-29", 0},
		{Definition{Type: typeDateTime}, "\xe8\x07\x02\x1d\x01\x02\x03\x20\xa1\x07\x00", "2024-02-29 01:02:03.500", 0},
		{Definition{Type: typeTime}, "\x00\x00\x00\x00\x00\x01\x02\x03\x20\xa1\x07\x00", "01:02:03.500", 0.003},
		{Definition{Type: typeNewDecimal}, "12.50", "12.50", 0.002},
		{Definition{Type: typeVarString, Charset: 45}, "some text of a usual length", "some text of a usual length", 0.005},
		{Definition{Type: typeBlob, Charset: 63}, "bytes", "bytes", 0.002},
	} {
		column := NewColumn(c.d, ZeroIsError)
		binary, txt := []byte(c.binary), []byte(c.txt)
		var a arena.Arena
		const n = 10_000
		per := testing.AllocsPerRun(1, func() {
			a.Reset()
			for range n / 2 {
				_, err := column.DecodeBinary(binary, &a)
				_, errText := column.DecodeText(txt, &a)
				if err != nil || errText != nil {
					t.Fatal(err, errText)
				}
			}
		}) / n
		if per > c.want {
			t.Errorf("%s: %v allocations a value, want at most %v", column.Type, per, c.want)
		}
	}
}

// TestAppendingAllocatesNothing holds for what arguments are mostly of.
func TestAppendingAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 1024)
	at := utc(2024, 1, 1, 0, 0, 0, 1)
	for _, arg := range []any{
		1_000_000, int64(1_000_000), uint64(1 << 63), true, 1.5, "text", []byte("bytes"), at, time.Hour,
		driver.Decimal("1234567.89"),
		json.RawMessage("{}"), nil,
	} {
		if n := testing.AllocsPerRun(100, func() {
			if _, _, _, err := Append(buf, arg); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("a %T: %v allocations", arg, n)
		}
	}
}

func BenchmarkDecodeBinary(b *testing.B) {
	for _, c := range []struct {
		d   Definition
		src string
	}{
		{Definition{Type: typeLongLong}, "12345678"},
		{Definition{Type: typeVarString, Charset: 45}, "some text of a usual length"},
		{Definition{Type: typeDateTime}, "\xe8\x07\x02\x1d\x01\x02\x03\x20\xa1\x07\x00"},
		{Definition{Type: typeNewDecimal}, "1234.50"},
	} {
		column, src := NewColumn(c.d, ZeroIsError), []byte(c.src)
		b.Run(column.Type, func(b *testing.B) {
			var a arena.Arena
			b.ReportAllocs()
			for b.Loop() {
				if _, err := column.DecodeBinary(src, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
