package plinth

import (
	"context"
	"errors"
	"slices"
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
	on     [driver.JobKinds]atomic.Bool // the target runs batches of them
	alone  *lanes.Group[func()]         // what runs as a call of its own, of those who don't wait for it
	always bool                         // also a caller who is alone joins batches

	followed atomic.Pointer[state] // that the groups were made fit for
	changing sync.Mutex            // held to change it
}

// aloneLanes is how many statements that nobody waits for run as calls of their own at once, at most.
const aloneLanes = 64

// newPipeline returns the dispatcher for an engine that has its first target.
func newPipeline(e *Engine) *pipeline {
	p := &pipeline{eng: e, calls: e.options.Pipeline}
	p.alone = lanes.New(aloneLanes, 1, func(work []func()) { work[0]() })
	for kind := range p.groups {
		p.groups[kind] = lanes.New(1, 1, p.run)
	}
	st := e.state.Load()
	_, p.always = st.backend.(interface{ BatchesAlways() })
	p.follow(st)
	return p
}

// follow makes the groups fit for a target, which may be another one than before, or have a pool of another size.
func (p *pipeline) follow(st *state) {
	if p.followed.Load() == st {
		return
	}
	p.changing.Lock()
	defer p.changing.Unlock()
	b, ok := st.backend.(driver.Batcher)
	for kind, g := range p.groups {
		sessions, jobs, most := 0, 0, 0
		if ok {
			sessions, jobs = b.Lanes(driver.JobKind(kind))
			most, _ = b.Lanes(driver.JobWrite)
		}
		if p.on[kind].Store(sessions > 0); sessions > 0 {
			g.Resize(sessions, most, jobs)
		}
	}
	p.followed.Store(st)
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
		_ = g.Wait(ctx)
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
	p.follow(p.eng.state.Load())
	return c.hold == nil && (c.op == hook.Query || c.op == hook.Execute) && c.stmt.Class == driver.Ordinary &&
		!c.lonely && !c.ran && !c.set.readOnly && !c.stmt.slow() && p.on[c.kind()].Load() && p.eng.heldTx(ctx) == nil
}

// enter counts a blocking call, and reports whether it's to join others. One that is alone is faster by itself.
func (p *pipeline) enter(ctx context.Context, c *call) bool {
	if !p.calls || c.hold != nil {
		return false
	}
	c.counted = true
	return (p.active.Add(1) > 1 || p.always) && p.takes(ctx, c)
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
	j.queue()
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
		if j.ctx.Err() == nil { // else it's given up by whoever watches its context
			live = append(live, j)
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
	p.follow(st)
	need := driver.Need{Access: driver.Read, Timeout: jobs[0].set.acquire}
	admitted = jobs[:0:len(jobs)]
	var refused []*job
	for _, j := range jobs {
		if j.st.target != st.target {
			j.st, j.set = st, p.eng.under(j.c.asked, st)
			now := call{eng: p.eng, st: j.st, set: j.set, op: j.c.op, stmt: j.c.stmt}
			if j.refused = now.admit(); j.refused == nil && (j.set.readOnly || !p.on[j.Kind].Load()) {
				j.refused = errAlone
			}
			if j.refused != nil {
				refused = append(refused, j)
				continue
			}
		}
		if j.c.need.Access == driver.Write {
			need.Access = driver.Write
		}
		if j.set.acquire != need.Timeout { // nobody is to be refused for the sake of another's shorter one
			need.Timeout = 0
		}
		admitted = append(admitted, j)
	}
	each(refused, func(j *job) { j.end(j.refused) })
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
	each(admitted, func(j *job) { j.end(p.eng.explained(j.c.asked, err)) })
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
	stalled := time.AfterFunc(stallTime, p.groups[running[0].Kind].Lend)
	defer func() {
		if !stalled.Stop() {
			p.groups[running[0].Kind].Return()
		}
		executed := time.Now()
		for _, j := range running {
			j.executed = executed
		}
		p.settle(running)
	}()
	p.drive(ctx, sess, b, running, seam)
}

// drive has a session run jobs. If a method of an argument panics or ends the goroutine before anything was sent, each job runs
// by itself, where that happens to nobody but its own caller.
func (p *pipeline) drive(ctx context.Context, sess driver.Session, b *batch, jobs []*job, seam []*driver.Job) {
	encoded := sync.OnceFunc(func() { close(b.encoded) })
	returned := false
	defer func() {
		if returned {
			return
		}
		bad := &driver.Fault{Kind: driver.Unknown, Phase: driver.Run, Sent: true, Verdict: driver.IfSafe, Evict: true,
			Err: errors.New("a panic or runtime.Goexit left the batch that ran it")}
		v := recover()
		select {
		case <-b.encoded:
			if v != nil {
				p.eng.panicked(ctx, "batch", v)
			}
		default:
			bad = nil
		}
		encoded()
		for _, j := range jobs {
			if bad == nil {
				j.Outcome = driver.Alone
			} else if j.Outcome == driver.Waiting {
				j.Outcome, j.Err = driver.Failed, bad
			}
		}
		sess.Release(driver.Destroy)
	}()
	sess.(driver.BatchSession).RunBatch(ctx, seam, encoded)
	returned = true
	encoded()
	release(sess, jobs)
}

// settle tells the jobs of a batch how they ended, and queues those again that were left waiting.
func (p *pipeline) settle(jobs []*job) {
	var waiting []*job
	over := jobs[:0:len(jobs)]
	for _, j := range jobs {
		switch j.Outcome {
		case driver.Waiting:
			waiting = append(waiting, j)
			continue
		case driver.Done:
			j.c.stmt.learn(j.Took)
		case driver.Large:
			j.c.stmt.large()
		}
		over = append(over, j)
	}
	p.again(waiting, len(over) > 0)
	each(over, (*job).ran)
}

// stallTime is after how long a batch is taken to be stuck, behind a lock or a slow statement: until it's over there may be
// another one beside it.
const stallTime = 4 * slowTime

// each calls f for each job, also if one of those who are told by it ends the goroutine.
func each(jobs []*job, f func(*job)) {
	next := 0
	defer func() {
		if next < len(jobs) {
			rest := slices.Clone(jobs[next:]) // the lane, too, goes on elsewhere
			go each(rest, f)
		}
	}()
	for next < len(jobs) {
		next++
		f(jobs[next-1])
	}
}

// again queues jobs that a batch has left waiting, unless none of it came to an end: then each runs by itself.
func (p *pipeline) again(waiting []*job, progress bool) {
	if !progress {
		each(waiting, func(j *job) { j.end(errAlone) })
		return
	}
	var back []*lanes.Item[*job]
	for _, j := range waiting {
		if j.State.CompareAndSwap(driver.JobRunning, driver.JobQueued) || j.State.CompareAndSwap(driver.JobTaken, driver.JobQueued) {
			back = append(back, &j.item)
		}
	}
	if len(back) > 0 {
		back[0].Job.group().PutBack(back)
	}
	for _, it := range back {
		it.Job.dropIfOver()
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
