// Package arena copies the bytes of the values of many rows into few pieces of memory.
package arena

import "unsafe"

// The sizes of an Arena's chunks. The first holds the strings of a point select; the last bounds what one short string
// that the caller keeps can pin.
const (
	firstChunk = 128
	lastChunk  = 8 << 10
	// large is the size from which a value gets memory of its own, so that it wastes no rest of a chunk.
	large = lastChunk / 4
)

// Arena copies the bytes of values into shared chunks, so that the texts of many rows cost few allocations. Memory that
// it gave out is never used again, so values may be kept for as long as one likes. The zero Arena is ready to use, by
// one goroutine at a time.
type Arena struct {
	rest []byte // of the current chunk: length 0
	next int    // size of the next chunk
}

// Reset begins with small chunks again. Call it before each result, so that its values share no chunk with another's.
func (a *Arena) Reset() { *a = Arena{} }

// Bytes returns a copy of src that has no room behind it.
func (a *Arena) Bytes(src []byte) []byte {
	n := len(src)
	if n == 0 {
		return []byte{} // not nil, which would be NULL
	}
	if n >= large {
		b := make([]byte, n)
		copy(b, src)
		return b
	}
	if n > cap(a.rest) {
		a.next = min(max(2*a.next, firstChunk), lastChunk)
		a.rest = make([]byte, 0, max(a.next, n))
	}
	b := append(a.rest, src...)
	a.rest = b[n:]
	return b[:n:n]
}

// Text returns a copy of src.
func (a *Arena) Text(src []byte) string {
	b := a.Bytes(src)
	return unsafe.String(unsafe.SliceData(b), len(b))
}
