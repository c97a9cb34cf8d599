package plinth

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/internal/lanes"
)

// job is one attempt of a call in a batch. The call is its caller's, who may give the job up and go on with the call; so
// what a lane finds out stays in the job until it ends.
type job struct {
	driver.Job
	item  lanes.Item[*job] // its place in the queue
	c     *call
	st    *state    // of the target that it runs on
	set   *settings // what it's made with there
	ctx   context.Context
	batch *batch      // that it's in, once a driver has it
	over  func(error) // see newJob

	refused error // by the target that the engine has gone to meanwhile

	queued, taken, acquired, executed time.Time
}

// newJob returns a call's attempt as a job. over is told once how it ended, with what a session's verb would have returned.
func newJob(ctx context.Context, c *call, over func(error)) *job {
	j := &job{c: c, st: c.st, set: c.set, ctx: ctx, over: over, queued: time.Now()}
	j.item.Job = j
	j.Request, j.Kind, j.Query = c.req, c.kind(), c.op == hook.Query
	if j.Kind == driver.JobRead {
		j.Limit = maxKeptValues
	}
	return j
}

// maxKeptValues bounds what a read's job keeps: a larger result is read as it comes, by a call of its own.
const maxKeptValues = 1 << 16

// batch is what runs on a session together.
type batch struct {
	encoded chan struct{} // closed when no argument will be looked at any more
	live    atomic.Int64  // jobs that somebody waits for
	cancel  context.CancelFunc
}

// leave counts one down who waits for the batch. If nobody does it may be cancelled.
func (b *batch) leave() {
	if b.live.Add(-1) == 0 {
		b.cancel()
	}
}

// group is whose queue the job goes through.
func (j *job) group() *lanes.Group[*job] { return j.c.eng.pipeline.groups[j.Kind] }

// queue queues the job.
func (j *job) queue() {
	j.group().Put(&j.item)
	j.dropIfOver()
}

// dropIfOver takes a job that was just queued out again if it had been given up before it was there.
func (j *job) dropIfOver() {
	if j.State.Load() == driver.JobOver {
		j.group().Remove(&j.item)
	}
}

// errAlone ends a job that has to run as a call of its own.
var errAlone = errors.New("the statement has to run by itself")

// ran ends a job that a driver has run.
func (j *job) ran() {
	switch j.Outcome {
	case driver.Done:
		j.end(nil)
	case driver.Failed:
		j.end(j.Err)
	default:
		j.end(errAlone)
	}
}

// end ends a job, unless it has ended already.
func (j *job) end(err error) {
	if j.State.Swap(driver.JobOver) == driver.JobOver {
		return
	}
	if j.batch != nil {
		j.batch.leave()
	}
	c := j.c
	c.st, c.set, c.ran = j.st, j.set, j.Outcome == driver.Large
	if !j.taken.IsZero() {
		c.ev.Queue, c.began, c.acquired, c.executed = j.taken.Sub(j.queued), j.taken, j.acquired, j.executed
	}
	if err == nil {
		c.result = j.Result
		if j.Query {
			c.rows = &kept{job: &j.Job}
		} else {
			c.ev.Rows = j.Result.RowsAffected
		}
	}
	j.over(err)
}

// notSent is the fault of what waited to be sent when its context ended.
func notSent(ctx context.Context) *driver.Fault {
	return &driver.Fault{Kind: contextKind(ctx.Err()), Phase: driver.Acquire, Err: context.Cause(ctx)}
}

// giveUp ends a job whose context has ended, without telling over, and returns why; nil if it has ended already. What was
// sent goes on: its neighbours are in the same batch.
func (j *job) giveUp() error {
	f := notSent(j.ctx)
	for {
		switch state := j.State.Load(); state {
		case driver.JobOver:
			return nil
		case driver.JobTaken:
			if !j.State.CompareAndSwap(state, driver.JobOver) {
				continue
			}
			j.batch.leave()   // if nobody waits any longer, what runs is cancelled
			<-j.batch.encoded // from then on the arguments are the caller's again
			if f.Phase, f.Sent = driver.Run, true; j.Kind != driver.JobRead {
				f.Verdict = driver.IfSafe
			}
			return f
		default:
			if !j.State.CompareAndSwap(state, driver.JobOver) {
				continue
			}
			if state == driver.JobRunning {
				j.batch.leave()
			}
			j.group().Remove(&j.item)
			return f
		}
	}
}

// kept are the rows of a job, all of which are there.
type kept struct {
	job *driver.Job
	row int // that is next
}

// Columns implements driver.Rows.
func (k *kept) Columns() []driver.Column { return k.job.Columns }

// Next implements driver.Rows.
func (k *kept) Next(context.Context) ([]driver.Value, error) {
	if k.row == k.job.Rows {
		return nil, io.EOF
	}
	n := len(k.job.Columns)
	at := k.row * n
	k.row++
	return k.job.Values[at : at+n : at+n], nil
}

// Close implements driver.Rows.
func (k *kept) Close(context.Context) (driver.Result, error) { return k.job.Result, nil }

// slowTime is from how long a statement counts as slow, by its last runs: it isn't run in a batch, whose others would wait for it.
const slowTime = 5 * time.Millisecond

// learn takes note of how long a run took. The runs before count less and less.
func (s *statement) learn(took time.Duration) {
	was := s.cost.Load()
	s.cost.Store(was + (int64(took)-was)/8)
}

// large takes note that a run returned too much for a batch: the next ones are calls of their own.
func (s *statement) large() { s.cost.Store(int64(100 * slowTime)) }

func (s *statement) slow() bool { return s.cost.Load() > int64(slowTime) }
