package driver

import (
	"context"
	"sync/atomic"
	"time"
)

// Batcher is a Backend that runs the statements of many callers together: in one round trip, or with one commit. It is asked
// for once, when the target is opened. Its sessions are BatchSessions.
type Batcher interface {
	// Lanes returns on how many sessions at once batches of jobs of a kind do best, and how many jobs a batch may have. Where
	// jobs of that kind gain nothing together both are 0: each of them runs as a call of its own.
	Lanes(kind JobKind) (sessions, jobs int)
}

// BatchSession is a Session that runs batches.
type BatchSession interface {
	// RunBatch runs jobs of one kind, outside of any transaction. When it returns each job's Outcome is set, and at least one
	// isn't Waiting unless ctx has ended. It calls Take on each job before it looks at its arguments, and leaves those out
	// whose Take says no. From the first Take on it waits for nobody until it has called encoded, which says that
	// no job's arguments will be looked at again. Where a job's arguments are read while it runs it needn't: its return says the
	// same. Before that nothing may be applied that the session's destruction doesn't undo: an argument's method may panic.
	//
	// A job's failure is its own: the others are run all the same, or left waiting. When ctx ends nobody waits for any of
	// the jobs any longer, so what runs may be cancelled; it ends for no other reason.
	RunBatch(ctx context.Context, jobs []*Job, encoded func())
}

// JobKind says what may be done with a job.
type JobKind uint8

// The kinds of jobs.
const (
	JobRead       JobKind = iota // reads; may run again
	JobRepeatable                // writes, but to run it twice does no harm: its caller said so
	JobWrite                     // must run once
	JobKinds      int     = iota
)

// Job is one statement of a batch.
type Job struct {
	State atomic.Uint32 // a JobState; whoever moves it on has the job

	Request
	Kind  JobKind
	Query bool // its rows are wanted
	Limit int  // of values kept, and of bytes 64 times as many; a result of more is Large. 0: none

	kept int // bytes of texts and the like

	Outcome Outcome
	Columns []Column
	Values  []Value // of all rows, one row after the other; they own their memory
	Rows    int
	Result  Result
	Err     error         // a *Fault, of a job that failed
	Took    time.Duration // from the end of the job before it to its own, as far as that is known
}

// JobState is where a job stands. Its caller may give it up at any time: then it's JobOver, and a driver that has it
// goes on with it for nobody.
type JobState = uint32

// The states of a job.
const (
	JobQueued  JobState = iota
	JobRunning          // a driver has it
	JobTaken            // and reads its arguments, or has read them
	JobOver
)

// Take says that the job's arguments will be read now. It reports false if the job was given up.
func (j *Job) Take() bool { return j.State.CompareAndSwap(JobRunning, JobTaken) }

// Outcome is how a job ended.
type Outcome uint8

// The outcomes.
const (
	Waiting Outcome = iota // it wasn't run, or was undone for no fault of its own: it can be queued again
	Done                   // it was run and, if it writes, is committed
	Failed                 // Err says why, and by its verdict and Sent whether something may have been applied
	Alone                  // it has to run as a call of its own: nothing of it was applied
	Large                  // the same, but it was run: it reads, and has returned more than its Limit
)

// Begin makes the job ready for a run: what an earlier one left is dropped.
func (j *Job) Begin() {
	clear(j.Values)
	j.Outcome, j.Columns, j.Values, j.Rows, j.Result, j.Err, j.Took, j.kept = Waiting, nil, j.Values[:0], 0, Result{}, nil, 0, 0
}

// Keep adds a row, and reports false if the job has more than its Limit by now.
func (j *Job) Keep(row []Value) bool {
	if j.Outcome == Large {
		return false
	}
	if j.Limit > 0 {
		for i := range row {
			j.kept += row[i].size()
		}
		if len(j.Values)+len(row) > j.Limit || j.kept > 64*j.Limit {
			j.Outcome, j.Values, j.Rows = Large, nil, 0
			return false
		}
	}
	j.Values = append(j.Values, row...)
	j.Rows++
	return true
}

// size returns how many bytes a value has beyond itself.
func (v *Value) size() int {
	if v.ptr == nil {
		return 0
	}
	return int(v.num)
}
