package cli

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on a terminal; without one the zero progress shows nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress returns a bar that is full at size bytes.
func newProgress(w io.Writer, size int64) progress {
	return progress{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionShowCount(),
		progressbar.OptionShowTotalBytes(true), progressbar.OptionUseIECUnits(true), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
	)}
}

// at moves the bar.
func (p progress) at(bytes int64) {
	if p.bar != nil {
		_ = p.bar.Set64(bytes) // its errors are about the drawing
	}
}

// finish takes the bar away.
func (p progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
