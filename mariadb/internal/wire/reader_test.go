package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestAPacketIsFramedAsDocumented(t *testing.T) {
	t.Parallel()
	// The example of page com_stmt_prepare, and the bounds of a frame.
	c := fed(0, nil)
	c.SendPrepare("SELECT * FROM test_bind_result")
	if want := []byte("\x1f\x00\x00\x00\x16SELECT * FROM test_bind_result"); !bytes.Equal(c.out, want) {
		t.Errorf("got %q, want %q", c.out, want)
	}
	for _, test := range []struct {
		size  int
		heads []string
	}{
		{0, []string{"\x00\x00\x00\x05"}},
		{1, []string{"\x01\x00\x00\x05"}},
		{maxFrame - 1, []string{"\xfe\xff\xff\x05"}},
		{maxFrame, []string{"\xff\xff\xff\x05", "\x00\x00\x00\x06"}},
		{maxFrame + 1, []string{"\xff\xff\xff\x05", "\x01\x00\x00\x06"}},
		{2*maxFrame + 3, []string{"\xff\xff\xff\x05", "\xff\xff\xff\x06", "\x03\x00\x00\x07"}},
	} {
		payload := bytes.Repeat([]byte("0123456789abc"), test.size/13+1)[:test.size]
		out := packets(5, payload)
		rest := out
		for i, head := range test.heads {
			if got := string(rest[:4]); got != head {
				t.Errorf("%d bytes: header %d is %q, want %q", test.size, i, got, head)
			}
			rest = rest[min(len(rest), 4+maxFrame):]
		}
		r := reader{src: bytes.NewReader(out), max: maxCommand, seq: 5}
		if got, _, err := r.packet(); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes are read as %d bytes (%v)", test.size, len(got), err)
		}
		if got, want := r.seq, 5+byte(len(test.heads)); got != want {
			t.Errorf("%d bytes: the next number is %d, want %d", test.size, got, want)
		}
	}
}

func TestAReadGoesOnAfterEachTimeOut(t *testing.T) {
	t.Parallel()
	want := []string{"one", "", "three and a little more"}
	r := reader{src: &stutter{data: packets(0, []byte(want[0]), []byte(want[1]), []byte(want[2]))}, max: maxCommand}
	for _, w := range want {
		timeouts := 0
		for {
			p, _, err := r.packet()
			if timedOut(err) {
				timeouts++
				continue
			}
			if err != nil || string(p) != w {
				t.Fatalf("got %q, %v, want %q", p, err, w)
			}
			break
		}
		if timeouts != 4+len(w) {
			t.Errorf("%q took %d time-outs", w, timeouts)
		}
	}
	if _, _, err := r.packet(); !timedOut(err) {
		t.Errorf("got %v, want a time-out", err)
	}
	if _, _, err := r.packet(); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestFramesAreJoinedAcrossTimeOuts(t *testing.T) {
	t.Parallel()
	payload := bytes.Repeat([]byte("0123456789abc"), 2*maxFrame/13+9)
	out := packets(0, []byte("before"), payload, []byte("after"))
	cuts := &cutter{data: out, every: 1<<20 + 7}
	r := reader{src: cuts, max: maxCommand}
	for _, want := range [][]byte{[]byte("before"), payload, []byte("after")} {
		for {
			p, _, err := r.packet()
			if timedOut(err) {
				continue
			}
			if err != nil || !bytes.Equal(p, want) {
				t.Fatalf("got %d bytes, %v, want %d", len(p), err, len(want))
			}
			break
		}
	}
	r.relax()
	if r.buf != nil {
		t.Errorf("it keeps %d bytes", len(r.buf))
	}
}

// cutter times out after each so many bytes.
type cutter struct {
	data  []byte
	every int
	left  int
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.left == 0 {
		c.left = c.every
		return 0, errStutter
	}
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.left)], c.data)
	c.data, c.left = c.data[n:], c.left-n
	return n, nil
}

func TestPacketsOutOfOrderAreRefused(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"the first":           packets(1, []byte("x")),
		"the second":          append(packets(0, []byte("x")), packets(0, []byte("y"))...),
		"an empty one":        packets(3, nil),
		"an error in a frame": append(packets(0, make([]byte, maxFrame))[:4+maxFrame], packets(7, []byte{0xff, 1, 0})...),
	} {
		r := reader{src: bytes.NewReader(data), max: maxCommand}
		var err error
		for err == nil {
			_, _, err = r.packet()
		}
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v, want %v", name, err, ErrProtocol)
		}
	}
}

func TestAnErrorThatNobodyAskedForIsToldAndEndsTheConnection(t *testing.T) {
	t.Parallel()
	c := fed(serverCaps, packets(0, failure(1927, "Connection was killed")))
	c.SendPing()
	flush(t, c)
	_, err := c.ReadResult()
	var server *ServerError
	if !errors.As(err, &server) || server.Number != 1927 || c.Failed() == nil {
		t.Errorf("got %v, failed %v", err, c.Failed())
	}
	if err := c.Flush(); err == nil {
		t.Error("it can still be used")
	}
}

func TestMemoryGrowsOnlyByWhatArrives(t *testing.T) {
	t.Parallel()
	for _, arrived := range []int{0, 1, 100, readSize, 100_000, 1 << 20} {
		data := append([]byte{0xff, 0xff, 0xff, 0}, make([]byte, arrived)...)
		r := reader{src: bytes.NewReader(data), max: maxCommand}
		if _, _, err := r.packet(); err != io.ErrUnexpectedEOF {
			t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
		}
		if got, most := cap(r.buf), 2*len(data)+2*readSize; got > most {
			t.Errorf("after %d bytes the buffer has %d, want at most %d", len(data), got, most)
		}
	}
}

func TestAPacketLongerThanAcceptedIsRefusedAtItsHeader(t *testing.T) {
	t.Parallel()
	r := reader{src: bytes.NewReader([]byte{0, 0, 1, 0}), max: 1<<16 - 1}
	if _, _, err := r.packet(); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want %v", err, ErrProtocol)
	}
	r = reader{src: bytes.NewReader(packets(0, make([]byte, 1000))), max: 1000}
	if p, _, err := r.packet(); len(p) != 1000 || err != nil {
		t.Errorf("a packet as long as is accepted: %d bytes, %v", len(p), err)
	}
	r = reader{src: bytes.NewReader(packets(0, make([]byte, maxFrame+2))), max: maxFrame + 1}
	if _, _, err := r.packet(); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want %v", err, ErrProtocol)
	}
}
