package arena

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestValuesInTheArenaKeepTheirBytes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var a Arena
	var texts []string
	var want [][]byte
	buf := make([]byte, 20_000) // written over each time, as a read buffer is
	for i := range 5000 {
		n := r.IntN(100)
		if i%100 == 0 {
			n = r.IntN(len(buf))
		}
		for j := range n {
			buf[j] = byte(r.Uint32())
		}
		if i%1000 == 999 {
			a.Reset()
		}
		texts, want = append(texts, a.Text(buf[:n])), append(want, bytes.Clone(buf[:n]))
	}
	for i := range texts {
		if texts[i] != string(want[i]) {
			t.Fatalf("text %d is another", i)
		}
	}
}

func TestBytesOfTheArenaHaveNoRoomForAnother(t *testing.T) {
	t.Parallel()
	var a Arena
	first, second := a.Bytes([]byte("first")), a.Bytes([]byte("second"))
	_ = append(first, "!!!"...)
	if string(second) != "second" || cap(first) != len(first) {
		t.Errorf("%q, with capacity %d for %d", second, cap(first), len(first))
	}
}

func TestASmallResultTakesASmallChunkAndAKeptTextNoMoreThanALargeOne(t *testing.T) {
	t.Parallel()
	var a Arena
	a.Text([]byte("x"))
	if got := 1 + cap(a.rest); got != firstChunk {
		t.Errorf("the first chunk has %d bytes, want %d", got, firstChunk)
	}
	for range 10_000 {
		a.Text([]byte("some text of a usual length"))
		if cap(a.rest) > lastChunk {
			t.Fatalf("a chunk of more than %d bytes", cap(a.rest))
		}
	}
	before := unsafe.SliceData(a.rest)
	if a.Text(make([]byte, large)); unsafe.SliceData(a.rest) != before {
		t.Error("a large value took room in a chunk")
	}
}
