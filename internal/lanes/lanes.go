// Package lanes runs queued jobs in chunks on a bounded number of goroutines. What arrives while all lanes are busy is what the
// next free one takes together, so chunks grow with the load and nobody waits for a chunk to fill.
//
// A lane lives as long as it finds jobs: an idle group has no goroutine.
package lanes

import (
	"context"
	"runtime"
	"sync"
)

// Group is a queue and the lanes that empty it. Its methods may be called by any number of goroutines.
type Group[J any] struct {
	run func([]J)

	mu     sync.Mutex
	most   int           // lanes
	limit  int           // of them with those that were lent
	lent   int           // beyond most, for as long as others are stuck
	chunk  int           // jobs at once
	ends   Item[J]       // of the queue, which is a ring: its next is the first, its prev the last
	queued int           // jobs
	busy   int           // lanes
	taken  int           // jobs in chunks that run
	quiet  chan struct{} // closed when nothing is queued or running; nil if nobody waits for that
	stats  Stats
}

// Item is a job and its place in a queue, from which it can be taken again. It must not be copied or queued twice at a time.
type Item[J any] struct {
	Job J

	prev, next *Item[J]    // nil: not in the queue
	stop       func() bool // watching the context of PutUntil
}

// Stats are what a group has done.
type Stats struct {
	Queued  int   // jobs that wait now
	Running int   // jobs in chunks that run now
	Lanes   int   // that run now
	Chunks  int64 // run so far
	Jobs    int64 // in them; one that was put back counts again
	Largest int   // jobs in a chunk
}

// New returns a group of at most so many lanes, which run takes chunks of at most so many jobs. run is called by several
// goroutines at once, and the slice is its own until it returns.
func New[J any](most, chunk int, run func([]J)) *Group[J] {
	g := &Group[J]{run: run, most: max(most, 1), limit: max(most, 1), chunk: max(chunk, 1)}
	g.ends.prev, g.ends.next = &g.ends, &g.ends
	return g
}

// Put queues a job. It doesn't block.
func (g *Group[J]) Put(it *Item[J]) {
	g.mu.Lock()
	g.insert(it, &g.ends)
	start := g.hire()
	g.mu.Unlock()
	if start {
		go g.lane()
	}
}

// PutUntil queues a job until ctx ends: unless a lane has taken it by then it's taken out, and gone is called on a goroutine of
// its own.
func (g *Group[J]) PutUntil(ctx context.Context, it *Item[J], gone func()) {
	g.Put(it)
	stop := context.AfterFunc(ctx, func() {
		if g.Remove(it) {
			gone()
		}
	})
	g.mu.Lock()
	queued := it.next != nil
	if queued {
		it.stop = stop
	}
	g.mu.Unlock()
	if !queued {
		stop()
	}
}

// PutBack queues jobs before all others.
func (g *Group[J]) PutBack(items []*Item[J]) {
	g.mu.Lock()
	first := g.ends.next
	for _, it := range items {
		g.insert(it, first)
	}
	start := len(items) > 0 && g.hire()
	g.mu.Unlock()
	if start {
		go g.lane()
	}
}

// Remove takes a job out of the queue. It reports false if it isn't there: a lane has taken it.
func (g *Group[J]) Remove(it *Item[J]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if it.next == nil {
		return false
	}
	g.unlink(it)
	return true
}

// insert queues it before another.
func (g *Group[J]) insert(it, before *Item[J]) {
	it.prev, it.next = before.prev, before
	it.prev.next, before.prev = it, it
	g.queued++
}

func (g *Group[J]) unlink(it *Item[J]) {
	it.prev.next, it.next.prev = it.next, it.prev
	it.prev, it.next = nil, nil
	g.queued--
}

// hire reports whether another lane has to start.
func (g *Group[J]) hire() bool {
	if g.busy >= g.lanes() {
		return false
	}
	g.busy++
	return true
}

func (g *Group[J]) lane() {
	var chunk []J
	ended := false
	defer func() {
		if !ended { // run has ended its goroutine
			g.ran(chunk)
			go g.lane()
		}
	}()
	for {
		if chunk = g.take(chunk); len(chunk) == 0 {
			ended = true
			return
		}
		g.run(chunk)
		g.ran(chunk)
		g.gather()
	}
}

// gather lets those go on who waited for the jobs that have just run: if they have others, together they are one chunk.
func (g *Group[J]) gather() {
	n := -1
	for range 8 {
		runtime.Gosched()
		g.mu.Lock()
		before := n
		n = g.queued
		enough := n == before || n >= g.chunk
		g.mu.Unlock()
		if enough {
			return
		}
	}
}

func (g *Group[J]) ran(chunk []J) {
	g.mu.Lock()
	g.taken -= len(chunk)
	g.mu.Unlock()
	clear(chunk)
}

// take moves the next jobs into chunk, a fair part for each lane that has nothing to do. Without any the lane is over.
func (g *Group[J]) take(chunk []J) []J {
	g.mu.Lock()
	defer g.mu.Unlock()
	free := max(g.lanes()-g.busy, 0) + 1 // itself, too
	n := min((g.queued+free-1)/free, g.chunk)
	chunk = chunk[:0]
	for range n {
		it := g.ends.next
		g.unlink(it)
		if it.stop != nil {
			it.stop()
		}
		chunk = append(chunk, it.Job)
	}
	g.taken += n
	if n == 0 {
		g.busy--
		if g.busy == 0 && g.quiet != nil {
			close(g.quiet)
			g.quiet = nil
		}
		return chunk
	}
	g.stats.Chunks++
	g.stats.Jobs += int64(n)
	g.stats.Largest = max(g.stats.Largest, n)
	return chunk
}

// lanes returns how many there may be now.
func (g *Group[J]) lanes() int { return max(g.most, min(g.most+g.lent, g.limit)) }

// Resize changes the number of lanes, up to how many may be lent, and the size of the chunks. Lanes that are too many end when
// no jobs are queued.
func (g *Group[J]) Resize(most, limit, chunk int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most, g.limit, g.chunk = max(most, 1), limit, max(chunk, 1)
}

// Lend adds a lane until Return, as far as the limit allows that: one that runs is stuck.
func (g *Group[J]) Lend() {
	g.mu.Lock()
	g.lent++
	start := g.queued > 0 && g.hire()
	g.mu.Unlock()
	if start {
		go g.lane()
	}
}

// Return takes back a lane that was lent. Each Lend has one, which may come before it.
func (g *Group[J]) Return() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lent--
}

// Stats returns the statistics as they are now.
func (g *Group[J]) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Queued, s.Running, s.Lanes = g.queued, g.taken, g.busy
	return s
}

// Wait returns when nothing is queued or running, or with ctx's error when it ends before.
func (g *Group[J]) Wait(ctx context.Context) error {
	g.mu.Lock()
	if g.busy == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.quiet == nil {
		g.quiet = make(chan struct{})
	}
	quiet := g.quiet
	g.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
