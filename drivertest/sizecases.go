package drivertest

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

func sizeCases() []testCase {
	return []testCase{
		{name: "a value of 1 MB goes there and back", run: megabyte},
		{name: "a value of 100 MB goes there and back", run: hugeValue, alone: true},
		{name: "100,000 rows stream in bounded memory", run: streaming, alone: true},
		{name: "a statement of 100,000 characters", run: longStatement},
	}
}

// pattern returns n bytes that don't repeat with a power of two.
func pattern(n int) []byte { return bytes.Repeat([]byte("0123456789abcdefghijklm"), n/23+1)[:n] }

func megabyte(t *testing.T, s *suite) {
	for _, f := range []Family{Text, Bytes} {
		k := s.keep(t, f)
		want := pattern(1 << 20)
		var arg any = want
		if f == Text {
			arg = string(want)
		}
		id := k.put(t, arg)
		got := must[[]byte](t)(plinth.One[[]byte](t.Context(), k, k.Select, id))
		equal(t, "the same "+string(f), bytes.Equal(got, want), true)
	}
}

func hugeValue(t *testing.T, s *suite) {
	size := s.Limits.Huge
	if testing.Short() || !s.full { // once is enough, and more time than all else takes
		size /= 10
	}
	k := s.keep(t, Bytes)
	want := pattern(size)
	id := k.put(t, want)
	got := must[[]byte](t)(plinth.One[[]byte](t.Context(), k, k.Select, id))
	equal(t, "the same bytes", bytes.Equal(got, want), true)
	done(t)(k.Execute(t.Context(), k.Insert, id+1, []byte("small"))) // none the worse for it
}

// streaming reads some 50 MB of rows and looks at the memory in use on the way.
func streaming(t *testing.T, s *suite) {
	s.need(t, "Series", s.Statements.Series)
	d := s.open(t)
	const count, bound = 100_000, 12 << 20
	pad := strings.Repeat("x", 500)
	type row struct {
		I   int
		Pad string
	}
	var stats runtime.MemStats
	inUse := func() uint64 {
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := inUse()
	n := 0
	for r, err := range plinth.Each[row](t.Context(), d, d.Series, count, pad) {
		ok(t, err)
		if n++; r.I != n || len(r.Pad) != len(pad) {
			t.Fatalf("row %d is number %d with %d characters", n, r.I, len(r.Pad))
		}
		if n%25_000 == 0 {
			if now := inUse(); now > before+bound {
				t.Errorf("after %d rows %d MB more memory is in use than before", n, (now-before)>>20)
			}
		}
	}
	equal(t, "rows", n, count)
}

func longStatement(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	text := d.List + strings.Repeat(" ", 100_000)
	for range 2 {
		equal(t, "rows", len(must[[]plinth.Row](t)(d.FetchAll(t.Context(), text))), 1)
	}
}
