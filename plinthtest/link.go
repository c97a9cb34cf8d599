package plinthtest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one client's connection and the one to the server: two lanes.
type link struct {
	p        *Proxy
	ctx      context.Context // ends when the link is over
	client   net.Conn
	up, down *lane
	hung     atomic.Bool
	spoken   atomic.Bool      // the server has sent something since the client did
	own      *drop            // of the plan
	watches  map[*drop]*watch // of the goroutine that writes to the server only

	mu       sync.Mutex
	over     context.CancelFunc // nil once it was called
	server   net.Conn           // nil until dialled
	dropping *drop
	replied  bool // the reply that is dropped has begun
}

func newLink(p *Proxy, client net.Conn, plan Plan) *link {
	l := &link{p: p, client: client}
	l.ctx, l.over = context.WithCancel(p.ctx)
	l.up, l.down = newLane(l, ToServer, plan.ToServer), newLane(l, ToClient, plan.ToClient)
	l.up.other, l.down.other = l.down, l.up
	if plan.Drop != nil {
		l.own = &drop{Drop: *plan.Drop}
	}
	return l
}

// run returns when both connections are closed.
func (l *link) run() {
	var lanes sync.WaitGroup
	lanes.Go(func() { l.up.read(l.client) })
	if server, err := l.connect(); err == nil {
		lanes.Go(func() { l.down.read(server) })
		lanes.Go(func() { l.up.write(server) })
		l.down.write(l.client)
	} else if l.ctx.Err() == nil {
		l.p.count.unanswered.Add(1)
		l.end(RST, RST)
	}
	lanes.Wait()
	l.end(FIN, FIN) // if both lanes came to their ends
	l.close()
	l.p.closed(l)
}

// connect dials the server as soon as no fault keeps the link from it.
func (l *link) connect() (net.Conn, error) {
	for !l.up.ready() || !l.down.ready() {
		select {
		case <-l.up.toWriter:
		case <-l.down.toWriter:
		case <-l.ctx.Done():
			return nil, l.ctx.Err()
		}
	}
	server, err := l.p.dial(l.ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		<-l.ctx.Done() // finish is about to end it
		return nil, errors.Join(l.ctx.Err(), server.Close())
	}
	l.server = server
	return server, nil
}

// change changes the lanes of dir by by, under their locks: of both directions at once, so that no request passes whose
// answer doesn't.
func (l *link) change(dir Direction, by func(*lane)) {
	for _, ln := range []*lane{l.up, l.down} {
		ln.mu.Lock()
		defer ln.mu.Unlock()
		if ln.dir&dir != 0 {
			by(ln)
			ln.kick()
		}
	}
}

// cut ends the link as a fault.
func (l *link) cut(how End) {
	if how == Hang {
		l.hang(&l.p.count.cuts)
	} else if l.finish(&l.p.count.cuts) {
		l.endSides(how, how)
	}
}

// end ends the link without counting a fault.
func (l *link) end(client, server End) {
	if l.finish(nil) {
		l.endSides(client, server)
	}
}

// hang lets nothing pass from now on.
func (l *link) hang(count *atomic.Int64) {
	if l.hung.Swap(true) {
		return
	}
	count.Add(1)
	l.p.notify()
	l.up.kick()
	l.down.kick()
}

// finish makes the link over, and reports whether it wasn't. Everything is counted before a side can notice.
func (l *link) finish(count *atomic.Int64) bool {
	l.mu.Lock()
	over := l.over
	l.over = nil
	l.mu.Unlock()
	if over == nil {
		return false
	}
	if count != nil {
		count.Add(1)
	}
	over()
	l.p.count.open.Add(-1)
	l.p.notify()
	return true
}

func (l *link) endSides(client, server End) {
	endSide(l.client, client)
	l.mu.Lock()
	conn := l.server
	l.mu.Unlock()
	if conn != nil {
		endSide(conn, server)
	}
}

// endSide ends one connection. After FIN the lane that reads it goes on until the other side has ended it, too:
// closing it with bytes unread would make the operating system reset it.
func endSide(conn net.Conn, how End) {
	if how == FIN {
		_ = conn.SetWriteDeadline(time.Unix(1, 0)) // ends a write under way
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
			return
		}
	} else if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// close closes both connections, over or not.
func (l *link) close() {
	l.end(RST, RST)
	l.mu.Lock()
	conn := l.server
	l.mu.Unlock()
	_ = l.client.Close()
	if conn != nil {
		_ = conn.Close()
	}
}

// ended is told by the goroutine that writes in ln that ln's source has ended by err, and that all before was forwarded.
func (l *link) ended(ln *lane, err error, dst net.Conn) {
	ln.done.Store(true)
	switch {
	case !errors.Is(err, io.EOF): // a reset: it's passed on
		l.end(RST, RST)
	case ln.other.deaf.Load(): // the source takes no more bytes either: it's gone
		if ln.dir == ToServer {
			l.end(RST, FIN)
		} else {
			l.end(FIN, RST)
		}
	default:
		if half, ok := dst.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		} else {
			l.end(FIN, FIN)
		}
	}
}

// refused is told by the goroutine that writes in ln that its destination takes no more bytes. If that may have said
// something before, it's heard first.
func (l *link) refused(ln *lane) {
	if ln.deaf.Store(true); ln.other.done.Load() {
		l.end(RST, RST)
	}
}
