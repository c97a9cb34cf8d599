package cli

import (
	"context"
	"io"
	"os"
)

// openInput opens a file, or standard input for "-". It returns the name that messages say, and the size, -1 where that isn't
// known.
func openInput(ctx context.Context, a *app, file string) (in io.ReadCloser, name string, size int64, err error) {
	if file == "-" {
		return io.NopCloser(&input{ctx: ctx, from: a.stdin}), "standard input", -1, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, "", 0, usagef("", "%w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = usagef("", "%w", err)
	case info.IsDir():
		err = usagef("", "%s is a directory", file)
	}
	if err != nil {
		_ = f.Close() // nothing was done with it
		return nil, "", 0, err
	}
	size = -1
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return f, file, size, nil
}

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
