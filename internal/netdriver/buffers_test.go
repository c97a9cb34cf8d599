package netdriver

import "testing"

func TestBuffersAreLentEmptyAndLargeOnesAreNotKept(t *testing.T) {
	t.Parallel()
	var b Buffers
	b.Keep(append(make([]byte, 0, 8), "rows"...), append(make([]int, 0, 8), 1, 2))
	if bytes, ends := b.Take(); len(bytes) != 0 || len(ends) != 0 {
		t.Errorf("lent with %d bytes and %d ends", len(bytes), len(ends))
	}
	b = Buffers{}
	b.Keep(make([]byte, 0, maxKeptBuffer+1), nil)
	if bytes, _ := b.Take(); cap(bytes) != 0 {
		t.Errorf("%d bytes were kept", cap(bytes))
	}
}
