package wire

import (
	"io"
	"slices"
)

const (
	readSize = 16 << 10 // what the buffer begins with
	keepSize = 64 << 10 // what an idle connection keeps of its buffers
)

// reader takes packets from a connection: page 0-packet. A packet of 16 MiB and more comes in frames, which
// are joined. A read that fails leaves all as it was: the next call goes on.
type reader struct {
	src io.Reader
	max int // bytes of a packet

	buf       []byte // buf[:end] has arrived
	start     int    // where the packet that is being joined begins, without its headers
	have      int    // bytes of it joined so far
	next, end int    // buf[next:end] isn't looked at yet
	seq       byte   // of the next frame
}

// packet returns the next packet without headers, valid until the next call. The sequence numbers have to go up by one,
// but for an error packet: a server that ends a session sends it unasked.
func (r *reader) packet() (p []byte, unasked bool, err error) {
	for {
		if r.have == 0 {
			r.start = r.next
		}
		if err := r.fill(4); err != nil {
			return nil, false, err
		}
		h := r.buf[r.next:]
		n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
		switch {
		case r.have+n > r.max:
			return nil, false, broken("a packet is longer than is accepted")
		case h[3] == r.seq:
		case r.have > 0 || n == 0:
			return nil, false, broken("a packet is out of order")
		default:
			if err := r.fill(5); err != nil {
				return nil, false, err
			}
			if r.buf[r.next+4] != replyError {
				return nil, false, broken("a packet is out of order")
			}
			unasked = true
		}
		if err := r.fill(4 + n); err != nil {
			return nil, false, err
		}
		if r.have == 0 {
			r.start = r.next + 4
		} else {
			copy(r.buf[r.start+r.have:], r.buf[r.next+4:r.next+4+n])
		}
		r.have += n
		r.next += 4 + n
		r.seq++
		if n < maxFrame {
			p = r.buf[r.start : r.start+r.have : r.start+r.have]
			r.have = 0
			return p, unasked, nil
		}
	}
}

// fill reads until n bytes from next on are there. The buffer grows by what has arrived, not by what a header claims.
func (r *reader) fill(n int) error {
	for r.end-r.next < n {
		if r.start > 0 && (r.end == len(r.buf) || r.have == 0 && r.next == r.end) {
			r.compact()
		}
		if r.end == len(r.buf) {
			r.buf = slices.Grow(r.buf, max(readSize, len(r.buf)))
			r.buf = r.buf[:cap(r.buf)]
		}
		got, err := r.src.Read(r.buf[r.end:])
		r.end += got
		if err != nil && r.end-r.next < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// compact moves what is still needed to the buffer's beginning.
func (r *reader) compact() {
	joined := copy(r.buf, r.buf[r.start:r.start+r.have])
	rest := copy(r.buf[joined:], r.buf[r.next:r.end])
	r.start, r.next, r.end = 0, joined, joined+rest
}

// relax gives a large buffer back when it's empty.
func (r *reader) relax() {
	if r.have == 0 && r.next == r.end && len(r.buf) > keepSize {
		r.buf, r.start, r.next, r.end = nil, 0, 0, 0
	}
}
