package cli

import (
	"context"
	"io"
)

// input is standard input that stops when the context ends, which is when somebody at a terminal presses Ctrl-C instead of
// typing on. The read that waits then is left behind; the process is about to end.
type input struct {
	ctx  context.Context
	from io.Reader
	buf  []byte
}

type read struct {
	n   int
	err error
}

// Read implements io.Reader.
func (i *input) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	if i.buf == nil {
		i.buf = make([]byte, 64<<10)
	}
	buf := i.buf[:min(len(p), len(i.buf))]
	done := make(chan read, 1)
	go func() {
		n, err := i.from.Read(buf)
		done <- read{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, buf[:r.n]), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}
