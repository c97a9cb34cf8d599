package netdriver

import "sync"

// Buffers keeps the buffers of bulk loads for the next ones: growing them anew makes garbage of three times their size. The zero
// value is ready, and is safe for concurrent use.
type Buffers struct{ spare sync.Pool }

// maxKeptBuffer bounds what is kept of a load with large rows.
const maxKeptBuffer = 2 << 20

type buffer struct {
	bytes []byte
	ends  []int
}

// Take returns empty buffers for rows and for where they begin or end.
func (b *Buffers) Take() ([]byte, []int) {
	if kept, ok := b.spare.Get().(*buffer); ok {
		return kept.bytes[:0], kept.ends[:0]
	}
	return nil, nil
}

// Keep takes them back. Nobody uses them any more.
func (b *Buffers) Keep(bytes []byte, ends []int) {
	if cap(bytes) > 0 && cap(bytes) <= maxKeptBuffer {
		b.spare.Put(&buffer{bytes, ends})
	}
}
