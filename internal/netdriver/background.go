package netdriver

import (
	"context"
	"sync"
	"time"
)

// background is what nobody waits for, but Close for a moment. It's ready after begin.
type background struct {
	life context.Context // of what goes on there
	end  context.CancelFunc
	use  context.Context // for as long as somebody may borrow a session
	shut context.CancelFunc

	mu   sync.Mutex
	n    int           // how much goes on
	idle chan struct{} // closed when nothing does; nil if nobody waits for that
}

func (b *background) begin() {
	b.life, b.end = context.WithCancel(context.Background())
	b.use, b.shut = context.WithCancel(b.life)
}

// aside runs f in the background, and ends its context after d at the latest, or with life.
func (b *background) aside(life context.Context, d time.Duration, f func(context.Context)) {
	b.mu.Lock()
	b.n++
	b.mu.Unlock()
	go func() {
		ctx, cancel := context.WithTimeout(life, d)
		defer cancel()
		f(ctx)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.n--; b.n == 0 && b.idle != nil {
			close(b.idle)
			b.idle = nil
		}
	}()
}

// quiet waits until nothing goes on in the background.
func (b *background) quiet(ctx context.Context) {
	b.mu.Lock()
	if b.n == 0 {
		b.mu.Unlock()
		return
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}
