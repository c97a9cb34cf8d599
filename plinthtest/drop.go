package plinthtest

import (
	"bytes"
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// drop is an armed Drop, for whoever takes it first.
type drop struct {
	Drop
	taken atomic.Bool
}

// watch is how far one connection has come to what a Drop describes.
type watch struct {
	flights int    // 0: Containing isn't found yet
	tail    []byte // of the flight, until it's found: the beginning of Containing may be at its end
}

// meets reports whether b, which the client sends next, belongs to the flight that d describes. fresh says that a flight
// begins with it.
func (w *watch) meets(d *Drop, b []byte, fresh bool) bool {
	switch {
	case w.flights == 0:
		if fresh {
			w.tail = nil
		}
		w.tail = append(w.tail, b...)
		if bytes.Contains(w.tail, []byte(d.Containing)) {
			w.flights, w.tail = 1, nil
		} else {
			w.tail = bytes.Clone(w.tail[max(0, len(w.tail)-len(d.Containing)+1):])
		}
	case fresh:
		w.flights++
	}
	return w.flights >= max(d.Flight, 1)
}

// sending is told of what is about to be written to the server, by the goroutine that does it, and starts a drop that it
// meets.
func (l *link) sending(b []byte) {
	fresh := l.spoken.Swap(false)
	if l.isDropping() {
		l.waitForQuiet(false) // the request isn't over
		return
	}
	if l.own == nil && l.p.armed.Load() == 0 {
		l.watches = nil
		return
	}
	l.p.mu.Lock()
	drops := l.p.drops
	l.p.mu.Unlock()
	if l.own != nil {
		drops = append([]*drop{l.own}, drops...)
	}
	var met *drop
	for _, d := range drops {
		w := l.watches[d]
		if w == nil {
			w = new(watch)
			if l.watches == nil {
				l.watches = make(map[*drop]*watch)
			}
			l.watches[d] = w
		}
		if w.meets(&d.Drop, b, fresh) && met == nil && !d.taken.Swap(true) {
			met = d
		}
	}
	if met == nil {
		return
	}
	l.p.disarm(met)
	l.mu.Lock()
	l.dropping = met
	l.mu.Unlock()
	l.down.kick()
}

func (l *link) isDropping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropping != nil
}

// disarm takes away the plan's drop, unless it has begun.
func (l *link) disarm() {
	if l.own != nil {
		l.own.taken.Store(true)
	}
}

// disarm takes d from those that are armed.
func (p *Proxy) disarm(d *drop) {
	p.mu.Lock()
	p.drops = slices.DeleteFunc(slices.Clone(p.drops), func(o *drop) bool { return o == d })
	p.armed.Store(int32(len(p.drops)))
	p.mu.Unlock()
	p.notify()
}

// waitForQuiet is told that bytes of the request that loses its reply, or of that reply, are passing. Once there's a
// reply, reading from the server times out when it's over.
func (l *link) waitForQuiet(reply bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.replied = l.replied || reply; l.replied && l.over != nil {
		_ = l.server.SetReadDeadline(time.Now().Add(cmp.Or(l.dropping.Quiet, DefaultQuiet)))
	}
}

// endDrop ends the link of which a reply was dropped, and reports whether it's over.
func (l *link) endDrop() bool {
	l.mu.Lock()
	end := l.dropping.End
	l.mu.Unlock()
	if end == Hang {
		l.hang(&l.p.count.dropped)
		return false
	}
	if l.finish(&l.p.count.dropped) {
		l.endSides(end, FIN)
	}
	return true
}
