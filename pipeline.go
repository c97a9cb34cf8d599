package plinth

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/lanes"
)

// pipeline is the engine's dispatcher: it has statements of many callers run together, in batches that the driver makes of
// them. A statement goes through it if it's a call of its own (no transaction, no pinned connection), changes no settings and no
// schema, and isn't known to be slow.
type pipeline struct {
	eng    *Engine
	calls  bool         // blocking calls go through it, too
	active atomic.Int64 // blocking calls that run; the only one takes the direct path
	groups [driver.JobKinds]*lanes.Group[*job]
	alone  *lanes.Group[func()] // what runs as a call of its own, of those who don't wait for it
}

// aloneLanes is how many statements that nobody waits for run as calls of their own at once, at most.
const aloneLanes = 64

// newPipeline returns the dispatcher for an engine whose first target is backend's.
func newPipeline(e *Engine, backend driver.Backend) *pipeline {
	p := &pipeline{eng: e, calls: e.options.Pipeline}
	p.alone = lanes.New(aloneLanes, 1, func(work []func()) { work[0]() })
	b, ok := backend.(driver.Batcher)
	if !ok {
		return p
	}
	for kind := range p.groups {
		if sessions, jobs := b.Lanes(driver.JobKind(kind)); sessions > 0 {
			p.groups[kind] = lanes.New(sessions, jobs, p.run)
		}
	}
	return p
}

// PipelineStats are those of the dispatcher, which runs statements of many callers in batches.
type PipelineStats struct {
	Queued     int   // statements that wait now
	Running    int   // in batches that run now
	Batches    int64 // run so far
	Statements int64 // in them
	Largest    int   // statements in a batch
}

func (p *pipeline) stats() (sum PipelineStats) {
	for _, g := range p.groups {
		if g == nil {
			continue
		}
		s := g.Stats()
		sum.Queued += s.Queued
		sum.Running += s.Running
		sum.Batches += s.Chunks
		sum.Statements += s.Jobs
		sum.Largest = max(sum.Largest, s.Largest)
	}
	alone := p.alone.Stats()
	sum.Queued += alone.Queued
	sum.Running += alone.Running
	return sum
}

// wait returns when nothing is queued or running, or ctx has ended.
func (p *pipeline) wait(ctx context.Context) {
	for _, g := range p.groups {
		if g != nil {
			_ = g.Wait(ctx)
		}
	}
	_ = p.alone.Wait(ctx)
}

// kind returns what may be done with a call's statement.
func (c *call) kind() driver.JobKind {
	switch {
	case c.stmt.Access == driver.Read:
		return driver.JobRead
	case c.safe:
		return driver.JobRepeatable
	}
	return driver.JobWrite
}

// takes reports whether a call's next attempt can be part of a batch.
func (p *pipeline) takes(ctx context.Context, c *call) bool {
	return c.hold == nil && (c.op == hook.Query || c.op == hook.Execute) && c.stmt.Class == driver.Ordinary &&
		!c.lonely && !c.ran && !c.set.readOnly && !c.stmt.slow() && p.groups[c.kind()] != nil && p.eng.heldTx(ctx) == nil
}

// enter counts a blocking call, and reports whether it's to join others. One that is alone is faster by itself.
func (p *pipeline) enter(ctx context.Context, c *call) bool {
	if !p.calls || c.hold != nil {
		return false
	}
	c.counted = true
	return p.active.Add(1) > 1 && p.takes(ctx, c)
}

// leave ends what enter has begun.
func (p *pipeline) leave(c *call) {
	if c.counted {
		c.counted = false
		p.active.Add(-1)
	}
}

// together runs a blocking call's attempt in a batch. It returns errAlone if that can't be.
func (p *pipeline) together(ctx context.Context, c *call) error {
	var result error
	done := make(chan struct{})
	j := newJob(ctx, c, func(err error) { result = err; close(done) })
	p.groups[j.Kind].Put(j)
	select {
	case <-done:
		return result
	case <-ctx.Done():
	}
	if err := j.giveUp(); err != nil {
		c.ev.Queue = time.Since(j.queued)
		return err
	}
	<-done
	return result
}

// run is what a lane does with the jobs it has taken.
func (p *pipeline) run(jobs []*job) {
	taken := time.Now()
	live := jobs[:0:len(jobs)]
	for _, j := range jobs {
		if j.ctx.Err() == nil {
			live = append(live, j)
		} else if err := j.giveUp(); err != nil {
			j.tell(err)
		}
	}
	for len(live) > 0 {
		sess, admitted, again := p.session(live)
		if !again {
			if sess != nil {
				p.runOn(sess, admitted, taken)
			}
			return
		}
		live = admitted
	}
}

// session borrows a session for jobs. Those that its target doesn't admit end, and so do all if there is none to be had;
// again means that the engine has gone to another target meanwhile.
func (p *pipeline) session(jobs []*job) (sess driver.Session, admitted []*job, again bool) {
	st := p.eng.state.Load()
	need := driver.Need{Access: driver.Read}
	admitted = jobs[:0:len(jobs)]
	for _, j := range jobs {
		if j.st.target != st.target {
			j.st, j.set = st, p.eng.under(j.c.asked, st)
			now := call{eng: p.eng, st: j.st, set: j.set, op: j.c.op, stmt: j.c.stmt}
			if err := now.admit(); err != nil {
				j.end(err)
				continue
			}
		}
		if j.c.need.Access == driver.Write {
			need.Access = driver.Write
		}
		need.Timeout = j.set.acquire
		admitted = append(admitted, j)
	}
	if len(admitted) == 0 {
		return nil, nil, false
	}
	sess, err := st.backend.Acquire(context.Background(), need)
	if err == nil {
		return sess, admitted, false
	}
	if f, ok := asFault(err); ok && f.Kind == driver.Closed && !p.eng.closing.Load() && p.eng.state.Load().target != st.target {
		return nil, admitted, true
	}
	for _, j := range admitted {
		j.end(err)
	}
	return nil, nil, false
}

// runOn runs jobs on a session, and queues those again that were left waiting.
func (p *pipeline) runOn(sess driver.Session, jobs []*job, taken time.Time) {
	acquired := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := &batch{encoded: make(chan struct{}), cancel: cancel}
	b.live.Store(int64(len(jobs)))
	running, seam := jobs[:0:len(jobs)], make([]*driver.Job, 0, len(jobs))
	for _, j := range jobs {
		j.batch, j.taken, j.acquired = b, taken, acquired
		if j.State.CompareAndSwap(driver.JobQueued, driver.JobRunning) {
			j.Begin()
			running, seam = append(running, j), append(seam, &j.Job)
		} else {
			b.leave()
		}
	}
	if len(running) == 0 {
		sess.Release(driver.Keep)
		return
	}
	encoded := sync.OnceFunc(func() { close(b.encoded) })
	sess.(driver.BatchSession).RunBatch(ctx, seam, encoded)
	encoded()
	release(sess, running)
	executed, progress := time.Now(), false
	var waiting []*job
	for _, j := range running {
		j.executed = executed
		if j.Outcome == driver.Waiting {
			waiting = append(waiting, j)
			continue
		}
		progress = true
		j.c.stmt.learn(j.Took)
		switch j.Outcome {
		case driver.Done:
			j.end(nil)
		case driver.Failed:
			j.end(j.Err)
		default:
			j.end(errAlone)
		}
	}
	p.again(waiting, progress)
}

// again queues jobs that a batch has left waiting, unless none of it came to an end: then each runs by itself.
func (p *pipeline) again(waiting []*job, progress bool) {
	back := waiting[:0:len(waiting)]
	for _, j := range waiting {
		switch {
		case !progress:
			j.end(errAlone)
		case j.State.CompareAndSwap(driver.JobRunning, driver.JobQueued), j.State.CompareAndSwap(driver.JobTaken, driver.JobQueued):
			back = append(back, j)
		}
	}
	if len(back) > 0 {
		p.groups[back[0].Kind].PutBack(back)
	}
}

// release gives a session back that jobs ran on.
func release(sess driver.Session, jobs []*job) {
	worst := fate(sess, nil, nil)
	for _, j := range jobs {
		if f, ok := asFault(j.Err); ok && f.Evict {
			worst = driver.Destroy
		}
	}
	sess.Release(worst)
}
