package plinthtest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// What a lane keeps at most before it reads no more: little, so that a sender notices a slow receiver as it would without a
// proxy; much if bytes are delayed, so that the delay doesn't limit throughput.
const (
	maxQueued  = 64 << 10
	maxDelayed = 64 << 20
)

// lane is one direction of a link: a goroutine reads into its queue, another writes from it.
type lane struct {
	link  *link
	dir   Direction
	other *lane
	deaf  atomic.Bool // the destination takes no more bytes; they're read and dropped
	done  atomic.Bool // the source has ended in an orderly way, and everything was forwarded

	toReader, toWriter chan struct{} // of capacity 1: something has changed

	// mu guards the following. It's held briefly, and below it no other lock is taken.
	mu       sync.Mutex
	set      Path // but for Cut
	cutAt    int64
	cutBy    End
	claimed  int64 // bytes forwarded or being written now
	queue    []chunk
	queued   int       // bytes in queue
	free     time.Time // when a throttled lane has sent what it took
	pieceDue time.Time // when the piece that a throttled lane is sending has been sent; zero: none
}

// chunk is what was read in one go, or the end of the source.
type chunk struct {
	bytes []byte
	due   time.Time
	err   error
	lost  bool
}

func newLane(l *link, dir Direction, set Path) *lane {
	ln := &lane{link: l, dir: dir, set: set, cutAt: -1, toReader: make(chan struct{}, 1), toWriter: make(chan struct{}, 1)}
	if set.Cut != nil {
		ln.cutAt, ln.cutBy = set.Cut.After, set.Cut.End
	}
	return ln
}

// kick wakes both goroutines.
func (ln *lane) kick() {
	for _, c := range []chan struct{}{ln.toReader, ln.toWriter} {
		select {
		case c <- struct{}{}:
		default: // it's awake already
		}
	}
}

// read queues what src sends until that ends or the link is over; then it reads on to src's end, see endSide.
func (ln *lane) read(src net.Conn) {
	buf := make([]byte, 32<<10)
	for ln.waitForRoom() {
		n, err := src.Read(buf)
		if n > 0 && ln.isDropped() {
			ln.swallowed(n)
			ln.link.waitForQuiet(true)
		} else if n > 0 {
			if ln.dir == ToClient {
				ln.link.spoken.Store(true)
			}
			ln.push(chunk{bytes: bytes.Clone(buf[:n])})
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded): // set by waitForQuiet
			ln.link.endDrop()
			_ = src.SetReadDeadline(time.Time{})
		case ln.isDropped() && ln.link.endDrop():
			return
		default:
			ln.push(chunk{err: err})
			return
		}
	}
	_, _ = io.Copy(io.Discard, src)
}

// waitForRoom returns true when more may be read, false when the link is over.
func (ln *lane) waitForRoom() bool {
	for {
		ln.mu.Lock()
		limit := maxQueued
		if ln.set.Delay > 0 || ln.set.Jitter > 0 {
			limit = maxDelayed
		}
		ok := ln.queued < limit && ln.hole() != Hold
		ln.mu.Unlock()
		ok = ok || ln.isDropped()
		if ln.link.ctx.Err() != nil {
			return false
		}
		if ok {
			return true
		}
		select {
		case <-ln.toReader:
		case <-ln.link.ctx.Done():
		}
	}
}

// hole returns what happens to bytes now; mu is held.
func (ln *lane) hole() Hole {
	if ln.link.hung.Load() {
		return Swallow
	}
	return ln.set.Hole
}

// isDropped reports whether what comes from the source belongs to a reply that is dropped.
func (ln *lane) isDropped() bool { return ln.dir == ToClient && ln.link.isDropping() }

func (ln *lane) push(c chunk) {
	ln.mu.Lock()
	c.due = time.Now().Add(ln.set.Delay)
	if ln.set.Jitter > 0 {
		c.due = c.due.Add(rand.N(ln.set.Jitter))
	}
	if n := len(ln.queue); n > 0 && c.due.Before(ln.queue[n-1].due) {
		c.due = ln.queue[n-1].due
	}
	ln.queue = append(ln.queue, c)
	ln.queued += len(c.bytes)
	ln.mu.Unlock()
	ln.kick()
}

func (ln *lane) swallowed(n int) {
	ln.link.p.count.swallowed[ln.dir].Add(int64(n))
	ln.link.p.notify()
}

// write forwards to dst what is queued until the source has ended or the link is over.
func (ln *lane) write(dst net.Conn) {
	count := &ln.link.p.count.forwarded[ln.dir]
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c, ok := ln.next(timer)
		switch {
		case !ok:
			return
		case c.err != nil:
			ln.link.ended(ln, c.err, dst)
			return
		case c.lost:
			ln.swallowed(len(c.bytes))
			continue
		case ln.deaf.Load():
			continue
		}
		if ln.dir == ToServer {
			ln.link.sending(c.bytes)
		}
		count.Add(int64(len(c.bytes))) // before anybody can have received them
		n, err := dst.Write(c.bytes)
		if err != nil {
			count.Add(int64(n - len(c.bytes)))
			ln.link.refused(ln)
		}
		ln.link.p.notify()
	}
}

// next waits for what is to be forwarded next; false if the link is over.
func (ln *lane) next(timer *time.Timer) (chunk, bool) {
	for {
		c, wait := ln.take()
		if ln.link.ctx.Err() != nil {
			return chunk{}, false
		}
		if wait == 0 {
			return c, true
		}
		var due <-chan time.Time
		if wait != untilChanged {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-ln.toWriter:
		case <-ln.link.ctx.Done():
		}
	}
}

// untilChanged is take's answer when only a change can end the wait.
const untilChanged = -1

// take takes what may be forwarded now, or says how long to wait if nothing changes until then.
func (ln *lane) take() (c chunk, wait time.Duration) {
	if ln.cutIsDue() {
		return chunk{}, untilChanged
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.queue) == 0 {
		return chunk{}, untilChanged
	}
	head, hole := &ln.queue[0], ln.hole()
	if hole == Hold || hole == Swallow && head.err != nil {
		return chunk{}, untilChanged
	}
	if wait := time.Until(head.due); wait > 0 {
		return chunk{}, wait
	}
	if hole == Swallow {
		c := ln.pop(len(head.bytes))
		c.lost = true
		return c, 0
	}
	if head.err != nil {
		return ln.pop(0), 0
	}
	n, wait := ln.throttle(head)
	if wait > 0 {
		return chunk{}, wait
	}
	if ln.cutAt >= 0 {
		n = min(n, int(ln.cutAt-ln.claimed))
	}
	ln.claimed += int64(n)
	return ln.pop(n), 0
}

// pop takes n bytes, or the end, from the front of the queue; mu is held.
func (ln *lane) pop(n int) chunk {
	head := &ln.queue[0]
	c := chunk{bytes: head.bytes[:n], due: head.due, err: head.err}
	ln.queued -= n
	if head.bytes = head.bytes[n:]; len(head.bytes) == 0 {
		ln.queue[0] = chunk{}
		ln.queue = ln.queue[1:]
	}
	select {
	case ln.toReader <- struct{}{}:
	default:
	}
	return c
}

// throttle returns how many bytes of head may be forwarded now, or how long to wait; mu is held. A piece passes when the
// time that it takes has gone by; pieces are of about 10 ms.
func (ln *lane) throttle(head *chunk) (n int, wait time.Duration) {
	n = len(head.bytes)
	if ln.set.Rate <= 0 {
		return n, 0
	}
	n = min(n, max(1, ln.set.Rate/100))
	if ln.pieceDue.IsZero() {
		start := ln.free
		if start.Before(head.due) {
			start = head.due
		}
		ln.pieceDue = start.Add(time.Duration(n) * time.Second / time.Duration(ln.set.Rate))
	}
	if wait := time.Until(ln.pieceDue); wait > 0 {
		return 0, wait
	}
	ln.free, ln.pieceDue = ln.pieceDue, time.Time{}
	return n, 0
}

// cutIsDue cuts the link if as many bytes have been forwarded as were to be, and reports whether it did.
func (ln *lane) cutIsDue() bool {
	ln.mu.Lock()
	due, by := ln.cutAt >= 0 && ln.claimed >= ln.cutAt, ln.cutBy
	if due {
		ln.cutAt = -1
	}
	ln.mu.Unlock()
	if due {
		ln.link.cut(by)
	}
	return due
}

// ready reports whether nothing in this lane keeps the link from its server.
func (ln *lane) ready() bool {
	if ln.cutIsDue() {
		return false
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return !ln.link.hung.Load() && (ln.dir == ToClient || ln.set.Hole == Open)
}
