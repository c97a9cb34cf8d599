package plinthtest

import (
	"fmt"
	"time"
)

// Direction is where bytes go. Both is a set of the two.
type Direction uint8

// The directions.
const (
	ToServer Direction = 1 << iota // from the client to the server
	ToClient                       // from the server to the client
	Both     = ToServer | ToClient
)

// String returns "ToServer", "ToClient" or "Both".
func (d Direction) String() string {
	switch d {
	case ToServer:
		return "ToServer"
	case ToClient:
		return "ToClient"
	case Both:
		return "Both"
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// End is how a connection is ended. Whichever it is, what waits in the proxy to be forwarded is lost.
type End uint8

// The ends.
const (
	// RST resets both sides, as a host does that knows nothing of the connection: their reads and writes fail. What was
	// forwarded before can still be read first (on Linux), but for what didn't fit in the receiver's buffer.
	RST End = iota
	// FIN ends both sides in an orderly way, as a process does that exits: each reads what was forwarded before, then
	// io.EOF. What it still writes is discarded.
	FIN
	// Hang lets nothing pass any more and leaves both sides open, as a lost network does: what they write, and that they
	// close, is seen by nobody. It lasts until Cut or Close.
	Hang
)

// String returns "RST", "FIN" or "Hang".
func (e End) String() string {
	switch e {
	case RST:
		return "RST"
	case FIN:
		return "FIN"
	case Hang:
		return "Hang"
	}
	return fmt.Sprintf("End(%d)", uint8(e))
}

// Hole is what a blackhole does with the bytes that it doesn't forward.
type Hole uint8

// The holes.
const (
	// Open is no blackhole.
	Open Hole = iota
	// Hold keeps the bytes for Release. They aren't read from the sender either, so that its writes block once the
	// buffers of the operating system are full.
	Hold
	// Swallow reads the bytes and loses them for good: the sender's writes succeed for ever.
	Swallow
)

// Cut is an end at a byte.
type Cut struct {
	// After is how many bytes are forwarded: exactly these, and with the last of them the end comes. 0: the connection is
	// accepted and ended, and the server isn't dialled.
	After int64
	End   End
}

// Drop says which reply is lost. The zero Drop takes the reply to what any client sends next.
//
// A flight is what a client sends until the server speaks: usually a request, or several in one go. Once the flight that
// Drop describes begins to pass to the server, nothing that the server sends reaches the client any more. When the
// server's answer has begun and neither side has sent anything for Quiet, the client's side is ended by End. The server's
// side is ended by FIN, and read to its end, so that what the server is still doing is done.
type Drop struct {
	// Containing is what the client's bytes must contain, such as "insert into", to be counted as the first flight. It can
	// only be seen without TLS, and where the client sends its text: a statement prepared before travels as its name.
	// Empty: any bytes do.
	Containing string
	// Flight is which flight loses its reply, counted on one connection from the one that Containing found: 0 and 1 are that
	// one, 2 is the next. A client that prepares a statement first sends its text in flight 1 and executes it in 2.
	Flight int
	// Quiet is how long both sides must have been silent after the answer began. 0: DefaultQuiet.
	Quiet time.Duration
	// End is the client's: RST, FIN, or Hang, which leaves both sides open.
	End End
}

// DefaultQuiet is Drop's Quiet unless it says something else. Servers write an answer in one go, or in pieces within
// microseconds.
const DefaultQuiet = 5 * time.Millisecond

// Path is what befalls the bytes of one direction of a connection. The zero Path forwards all of them at once.
type Path struct {
	Delay  time.Duration // each piece leaves this long after it came, so throughput stays as it is
	Jitter time.Duration // adds a random part of this to each Delay; the order stays
	Rate   int           // bytes a second at most; 0: any number
	Hole   Hole
	Cut    *Cut
}

// Plan is what befalls a connection. The zero Plan forwards everything.
type Plan struct {
	ToServer, ToClient Path
	Drop               *Drop // of this connection only
}

// over returns the path p over the one below: what p leaves zero is below's.
func (p Path) over(below Path) Path {
	if p.Delay == 0 && p.Jitter == 0 {
		p.Delay, p.Jitter = below.Delay, below.Jitter
	}
	if p.Rate == 0 {
		p.Rate = below.Rate
	}
	if p.Hole == Open {
		p.Hole = below.Hole
	}
	if p.Cut == nil {
		p.Cut = below.Cut
	}
	return p
}

// CutAfter ends every connection as soon as n more bytes have been forwarded in dir: of an open connection n from now,
// of one opened later n from its start; exactly n reach the other side. Each direction of Both has its own count. It
// stays set for new connections until it's set again; n below 0 takes it away.
func (p *Proxy) CutAfter(dir Direction, n int64, end End) {
	p.change(dir, func(s *Path) {
		if s.Cut = nil; n >= 0 {
			s.Cut = &Cut{After: n, End: end}
		}
	}, func(l *lane) {
		if l.cutAt = -1; n >= 0 {
			l.cutAt, l.cutBy = l.claimed+n, end
		}
	})
}

// Delay lets every piece of bytes leave d after it came, plus a random part of jitter, on all connections. Throughput
// isn't limited, up to 64 MiB on their way. 0 and 0 take it away for what comes from now on.
func (p *Proxy) Delay(dir Direction, d, jitter time.Duration) {
	set := func(s *Path) { s.Delay, s.Jitter = d, jitter }
	p.change(dir, set, func(l *lane) { set(&l.set) })
}

// Throttle lets at most bytesPerSecond pass on each connection. 0 takes it away.
func (p *Proxy) Throttle(dir Direction, bytesPerSecond int) {
	set := func(s *Path) { s.Rate = bytesPerSecond }
	p.change(dir, set, func(l *lane) { set(&l.set); l.pieceDue = time.Time{} })
}

// Blackhole lets nothing pass in dir on any connection, until Release. New connections are accepted and not answered;
// while ToServer is a hole they aren't made to the server either. That a side closes its connection isn't seen by the other
// before Release, whatever the hole. A write that is under way may still arrive. Hole Open is Release.
func (p *Proxy) Blackhole(dir Direction, h Hole) {
	set := func(s *Path) { s.Hole = h }
	p.change(dir, set, func(l *lane) { set(&l.set) })
}

// Release ends Blackhole: what was held passes. A stream of which bytes were swallowed goes on behind the gap.
func (p *Proxy) Release(dir Direction) { p.Blackhole(dir, Open) }

// DropReply arms one loss of a reply: the first connection whose client sends what d describes loses it, the others go
// on. Called n times it drops n replies, in the order of the calls where they describe the same.
func (p *Proxy) DropReply(d Drop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = append(p.drops, &drop{Drop: d})
	p.armed.Store(int32(len(p.drops)))
}

// OnConnect asks plan about each new connection: n counts them from 1. What the Plan leaves zero is as the proxy is set.
// plan is called before the server is dialled, by one goroutine at a time. nil asks no more.
func (p *Proxy) OnConnect(plan func(n int) Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
}

// Cut ends all open connections now and returns how many. Those that hang are ended, too; with Hang all hang.
func (p *Proxy) Cut(end End) int {
	links := p.links()
	for _, l := range links {
		l.cut(end)
	}
	return len(links)
}

// Heal takes every fault away, that is all that was set since the start: the proxy accepts and forwards. Connections
// that were cut stay cut, those that hang stay so.
func (p *Proxy) Heal() error {
	p.mu.Lock()
	p.plan, p.drops = nil, nil
	p.armed.Store(0)
	p.mu.Unlock()
	p.change(Both, func(s *Path) { *s = Path{} }, func(l *lane) { l.set, l.cutAt, l.pieceDue = Path{}, -1, time.Time{} })
	for _, l := range p.links() {
		l.disarm()
	}
	return p.Accept()
}

// change sets the settings for new connections by set, and those of the open connections by now, under their lock.
func (p *Proxy) change(dir Direction, set func(*Path), now func(*lane)) {
	p.mu.Lock()
	if dir&ToServer != 0 {
		set(&p.toServer)
	}
	if dir&ToClient != 0 {
		set(&p.toClient)
	}
	p.mu.Unlock()
	for _, l := range p.links() {
		l.change(dir, now)
	}
}
