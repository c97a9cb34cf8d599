package mariadb

import (
	"context"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

const (
	// sharedJobs is how many jobs are sent together at most, sharedLanes on how many sessions: the second is filled while
	// the first waits for its answers.
	sharedJobs  = 128
	sharedLanes = 2

	// singleJobs is how many jobs that are committed one by one are sent together at most: they wait for each other's commits.
	singleJobs = 16

	// flushBytes is from how many bytes on nothing is added to what is sent together. It has to fit into the buffers between
	// here and the server: while it's being sent nobody reads the answers, and a server that can't send them reads no more.
	flushBytes = 32 << 10
)

// Lanes implements driver.Batcher. Where nothing is kept prepared there are no batches.
func (b *backend) Lanes(kind driver.JobKind) (sessions, jobs int) {
	switch {
	case b.to.StatementCache < sharedJobs:
		return 0, 0
	case kind == driver.JobWrite:
		return b.Stats()[0].MaxOpenConnections, singleJobs
	}
	return sharedLanes, sharedJobs
}

// batch is jobs that run.
type batch struct {
	grouped bool // between START TRANSACTION and COMMIT
	jobs    []*driver.Job
	sts     []*prepared   // of the jobs
	open    []*driver.Job // that have run in the transaction, which isn't committed
	last    time.Time     // when the job before ended
	trip    netdriver.Trip
}

// RunBatch implements driver.BatchSession. The jobs are sent in one go, and each is answered by itself. Writes that may run again
// are in one transaction, and share its commit.
//
// MariaDB goes on after an error, but some errors (a deadlock) roll the whole transaction back, and what comes behind them is
// committed on its own: that can't be taken back and needn't be, for such writes may run again. What was rolled back waits
// again. The ping before COMMIT tells whether there still is a transaction then.
func (s *session) RunBatch(ctx context.Context, jobs []*driver.Job, encoded func()) {
	b := &s.batch
	b.reset()
	defer b.reset()
	if f := s.usable(ctx, driver.Prepare); f != nil {
		netdriver.FailJobs(jobs, f)
		return
	}
	s.StartCall(ctx)
	defer s.EndCall()
	b.grouped = jobs[0].Kind == driver.JobRepeatable
	if !s.prepareJobs(ctx, jobs) {
		return
	}
	s.sendJobs()
	encoded()
	if len(b.jobs) == 0 {
		return
	}
	f := s.flush(ctx)
	b.last = time.Now()
	mark := s.running.mark
	if f == nil && b.grouped {
		f = s.readOwn(ctx, mark)
	}
	for i := 0; f == nil && i < len(b.jobs); i++ {
		f = s.readJob(ctx, i, mark)
	}
	if f == nil && b.grouped {
		if f = s.readOwn(ctx, mark); f == nil && !s.inTransaction() {
			b.undone()
		}
	}
	if f == nil && b.grouped {
		f = s.readCommit(ctx, mark)
	}
	s.tx, s.running.behind = transaction{}, 0 // what settles the session reads all that is left of the batch
	if f != nil {
		if f.Sent && b.jobs[0].Kind != driver.JobRead {
			sent := *f
			sent.Verdict = driver.IfSafe // the COMMIT was, too
			f = &sent
		}
		netdriver.FailJobs(b.jobs, f)
	}
}

func (b *batch) reset() {
	clear(b.jobs[:cap(b.jobs)]) // also those that weren't sent
	clear(b.sts[:cap(b.sts)])
	clear(b.open[:cap(b.open)])
	*b = batch{jobs: b.jobs[:0], sts: b.sts[:0], open: b.open[:0], trip: b.trip}
}

// prepareJobs prepares what the jobs run. One that can't be prepared isn't part of the batch. It reports false if the session
// can't go on.
func (s *session) prepareJobs(ctx context.Context, all []*driver.Job) bool {
	b := &s.batch
	for _, j := range all {
		if !plain(j.Stmt.Verb) || len(j.Native) > maxKeptText {
			j.Outcome = driver.Alone
			continue
		}
		st, f := s.prepared(ctx, &j.Request)
		switch {
		case f != nil:
			j.Outcome, j.Err = driver.Failed, f
			if s.Broken != nil || s.Unsettled() {
				return false
			}
		case st == nil: // it can only be sent as text
			j.Outcome = driver.Alone
		default:
			b.jobs, b.sts = append(b.jobs, j), append(b.sts, st)
		}
	}
	return true
}

// plain reports whether a statement of a verb runs nothing but itself. Others may end the transaction that they are in, or run
// several, of which some can have been applied when one fails.
func plain(verb string) bool {
	switch verb {
	case "SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE":
		return true
	}
	return false
}

// sendJobs queues the jobs. What doesn't fit waits for the next batch.
func (s *session) sendJobs() {
	b := &s.batch
	s.cache.sendClosed(s.Conn)
	n, size := 0, 0
	for i, j := range b.jobs {
		if n > 0 && size > flushBytes {
			break
		}
		if !j.Take() {
			continue
		}
		if f := s.args.encode(j.Args); f != nil {
			j.Outcome, j.Err = driver.Failed, f
			continue
		}
		length := len(s.args.params.Values)
		if n > 0 && length > flushBytes || length > s.maxPacket {
			j.Outcome = driver.Alone
			continue
		}
		if b.grouped && n == 0 {
			s.SendQuery("START TRANSACTION")
		}
		s.SendExecute(b.sts[i].stmt, s.args.params)
		size += length + 32
		b.jobs[n], b.sts[n] = j, b.sts[i]
		n++
	}
	b.jobs, b.sts = b.jobs[:n], b.sts[:n]
	if b.grouped && n > 0 {
		s.SendPing()
		s.SendQuery("COMMIT")
	}
	s.running = running{phase: driver.Run}
	if n > 0 {
		s.running.stmt = b.jobs[0].Stmt
	}
}

// readOwn reads the answer to a command of the driver's own. That the server refuses it is no fault: START TRANSACTION that failed
// leaves the jobs to be committed one by one, which they say themselves.
func (s *session) readOwn(ctx context.Context, mark int64) *driver.Fault {
	stmt := s.batch.jobs[0].Stmt
	s.running = running{stmt: stmt, phase: driver.Run, mark: mark, behind: s.Awaited() - 1}
	_, f := s.answer(ctx)
	if f != nil && s.gone() {
		return f
	}
	return nil
}

// gone reports whether the fault of an answer is one after which none of the others can be read.
func (s *session) gone() bool { return s.Broken != nil || s.Awaited() > s.running.behind }

// readJob reads the answer to a job.
func (s *session) readJob(ctx context.Context, i int, mark int64) *driver.Fault {
	b := &s.batch
	j, st := b.jobs[i], b.sts[i]
	s.running = running{stmt: j.Stmt, text: j.Native, phase: driver.Run, mark: mark, behind: s.Awaited() - 1}
	if j.Query {
		s.rows.begin(context.Background(), st)
	}
	row, f := s.answer(ctx)
	for ; f == nil && row != nil; row, f = s.answer(ctx) {
		if !j.Query || j.Outcome != driver.Waiting {
			continue
		}
		if bad := s.rows.take(row); bad != nil {
			j.Outcome, j.Err = driver.Failed, bad
			continue
		}
		j.Columns = s.rows.plan.columns
		j.Keep(s.rows.Vals)
	}
	if j.Query {
		if j.Columns == nil && f == nil {
			j.Columns = s.rows.plan.columns
		}
		s.rows.drop()
	}
	now := time.Now()
	j.Took, b.last = now.Sub(b.last), now
	if i == 0 {
		j.Took = b.trip.Beyond(j.Took)
	}
	if f != nil {
		if s.gone() {
			return f
		}
		if j.Outcome, j.Err = driver.Failed, f; forgotten(f) {
			s.cache.drop(st)
			j.Outcome, j.Err = driver.Alone, nil
		}
		return nil
	}
	j.Result = s.running.result
	switch {
	case j.Outcome != driver.Waiting:
	case !b.grouped:
		j.Outcome = driver.Done
	case s.inTransaction():
		b.open = append(b.open, j)
	default: // an error has ended the transaction, and this was committed on its own
		b.undone()
		j.Outcome = driver.Done
	}
	return nil
}

// undone is for jobs whose transaction was rolled back: they wait again.
func (b *batch) undone() { b.open = b.open[:0] }

// readCommit reads the answer to COMMIT.
func (s *session) readCommit(ctx context.Context, mark int64) *driver.Fault {
	b := &s.batch
	s.running = running{stmt: b.jobs[0].Stmt, phase: driver.Run, mark: mark}
	if _, f := s.answer(ctx); f != nil {
		if !s.gone() { // refused: nobody knows for whose sake
			for _, j := range b.open {
				j.Outcome = driver.Alone
			}
			return nil
		}
		return f
	}
	for _, j := range b.open {
		j.Outcome = driver.Done
	}
	return nil
}
