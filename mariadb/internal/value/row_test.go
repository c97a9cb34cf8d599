package value

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/arena"
)

// trackRow is a row as a SELECT of five columns brings it, two of them text.
func trackRow() (columns []Column, row []byte) {
	for _, d := range []Definition{
		{Type: typeLongLong}, {Type: typeVarString, Charset: 45}, {Type: typeVarString, Charset: 45}, {Type: typeLongLong}, {Type: typeDouble},
	} {
		columns = append(columns, NewColumn(d, ZeroIsError))
	}
	row = binary.LittleEndian.AppendUint64([]byte{0, 0}, 7)
	for _, s := range []string{"Track number 7", "Angus Young, Malcolm Young, Brian Johnson"} {
		row = append(append(row, byte(len(s))), s...)
	}
	row = binary.LittleEndian.AppendUint64(row, 343718)
	return columns, append(row, "\xae\x47\xe1\x7a\x14\xae\xef\x3f"...)
}

func TestARowIsReadInOnePass(t *testing.T) {
	t.Parallel()
	columns, row := trackRow()
	vals := make([]driver.Value, len(columns))
	if _, err := DecodeBinaryRow(row, columns, vals, new(arena.Arena)); err != nil {
		t.Fatal(err)
	}
	clear(row) // as the next packet would
	for i, want := range []any{int64(7), "Track number 7", "Angus Young, Malcolm Young, Brian Johnson", int64(343718), 0.99} {
		if got := vals[i].Any(); got != want {
			t.Errorf("column %d: %v, want %v", i, got, want)
		}
	}
}

func TestARowsLengthsAndNullsAreRead(t *testing.T) {
	t.Parallel()
	text := NewColumn(Definition{Type: typeVarString, Charset: 45}, ZeroIsError)
	for _, n := range []int{0, 1, 0xfa, 0xfb, 0xffff, 0x10000, 1 << 24} {
		row := append(appendLength([]byte{0, 0}, n), strings.Repeat("x", n)...)
		vals := make([]driver.Value, 1)
		if _, err := DecodeBinaryRow(row, []Column{text}, vals, new(arena.Arena)); err != nil || vals[0].IsNull() || len(vals[0].Text()) != n {
			t.Errorf("a text of %d bytes: %v, %v", n, vals[0].Kind(), err)
		}
		if column, err := DecodeBinaryRow(row[:len(row)-1], []Column{text}, vals, new(arena.Arena)); err == nil || column != -1 {
			t.Errorf("a text of %d bytes without its last: column %d, %v", n, column, err)
		}
	}
	columns := make([]Column, 20)
	for i := range columns {
		columns[i] = NewColumn([]Definition{{Type: typeTiny}, {Type: typeNull}, {Type: typeLong}, {Type: typeDateTime}}[i%4], ZeroIsError)
	}
	for null := range columns { // the bit of each column, in turn
		row := make([]byte, 1+(len(columns)+9)/8)
		row[1+(null+2)/8] = 1 << ((null + 2) % 8)
		for i := range columns {
			if src := []string{"\x05", "", "\x05\x00\x00\x00", "\x04\xe8\x07\x02\x1d"}[i%4]; i != null {
				row = append(row, src...)
			}
		}
		vals := make([]driver.Value, len(columns))
		if _, err := DecodeBinaryRow(row, columns, vals, new(arena.Arena)); err != nil {
			t.Fatal(err)
		}
		for i := range vals {
			if vals[i].IsNull() != (i == null || i%4 == 1) {
				t.Errorf("column %d is a %v, where %d is NULL", i, vals[i].Kind(), null)
			}
		}
	}
}

func TestWhatIsNoRowIsRefused(t *testing.T) {
	t.Parallel()
	columns, row := trackRow()
	vals := make([]driver.Value, len(columns))
	for n := range row {
		if column, err := DecodeBinaryRow(row[:n], columns, vals, new(arena.Arena)); err == nil || column != -1 {
			t.Errorf("%d of its bytes: column %d, %v", n, column, err)
		}
	}
	for what, row := range map[string]string{
		"a byte too many": string(row) + "\x00", "a text that ends after its length": "\x00\x00\x03",
		"a length that never ends": "\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff", "half a length": "\x00\x00\xfd\x01",
		"a length that is NULL": "\x00\x00\xfb", "a length that is an error": "\x00\x00\xff\x00\x00\x00",
	} {
		of := columns
		if len(row) < 20 {
			of = columns[1:2]
		}
		if column, err := DecodeBinaryRow([]byte(row), of, vals[:len(of)], new(arena.Arena)); err == nil || column != -1 {
			t.Errorf("%s: column %d, %v", what, column, err)
		}
	}
	uuid := NewColumn(Definition{Type: typeString, Charset: 45, ExtType: "uuid"}, ZeroIsError)
	if column, err := DecodeBinaryRow([]byte("\x00\x00\x01x\x01x"), []Column{columns[1], uuid}, vals[:2], new(arena.Arena)); err == nil || column != 1 {
		t.Errorf("a UUID of one byte: column %d, %v", column, err)
	}
}

// FuzzDecodeBinaryRow reads any bytes as a row of any columns: no panic, and no more bytes come out than came in, but for the
// text of a TIME.
func FuzzDecodeBinaryRow(f *testing.F) {
	_, row := trackRow()
	f.Add(row, []byte{typeLongLong, typeVarString, typeVarString, typeLongLong, typeDouble})
	f.Add([]byte("\x00\x08\x01\x04\xe8\x07\x02\x1d"), []byte{typeTiny, typeNull, typeDate, typeTime})
	f.Add([]byte("\x00\x00\xfc\x01\x00x\xfd\x01\x00\x00x\xfe\x01\x00\x00\x00\x00\x00\x00\x00x\x00"), []byte("\xfd\xfd\xfc\xf6"))
	f.Fuzz(func(t *testing.T, row, types []byte) {
		var columns []Column
		for _, typ := range types[:min(len(types), 32)] {
			columns = append(columns, NewColumn(Definition{Type: typ, Charset: 45}, ZeroIsNull))
		}
		vals := make([]driver.Value, len(columns))
		if _, err := DecodeBinaryRow(row, columns, vals, new(arena.Arena)); err != nil {
			return
		}
		size := 0
		for i := range vals {
			if s, ok := vals[i].Any().(string); ok && columns[i].class != clock {
				size += len(s)
			}
		}
		if size > len(row) {
			t.Errorf("%d bytes became %d", len(row), size)
		}
	})
}

func TestReadingARowAllocatesNothingButItsTexts(t *testing.T) { // not parallel: it measures
	columns, row := trackRow()
	vals := make([]driver.Value, len(columns))
	var a arena.Arena
	const n = 1000
	per := testing.AllocsPerRun(10, func() {
		a.Reset()
		for range n {
			if _, err := DecodeBinaryRow(row, columns, vals, &a); err != nil {
				t.Fatal(err)
			}
		}
	}) / n
	if per > 0.02 {
		t.Errorf("%v allocations a row, want its part of a chunk", per)
	}
}

func BenchmarkDecodeBinaryRow(b *testing.B) {
	columns, row := trackRow()
	vals := make([]driver.Value, len(columns))
	var a arena.Arena
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeBinaryRow(row, columns, vals, &a); err != nil {
			b.Fatal(err)
		}
	}
}
