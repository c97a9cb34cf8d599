package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

const (
	// sharedJobs is how many jobs share a transaction at most, sharedLanes on how many sessions: one is enough to keep a
	// server's process busy, and the second is filled while the first waits for its answers.
	sharedJobs  = 256
	sharedLanes = 2

	// singleJobs is how many jobs that are transactions of their own are sent together at most. More of them would wait for each
	// other's commits, which on several sessions become one.
	singleJobs = 16

	// flushBytes is from how many bytes on nothing is added to what is sent together. It has to fit into the buffers between
	// here and the server: while it's being sent nobody reads the answers, and a server that can't send them reads no more.
	flushBytes = 32 << 10
)

// Lanes implements driver.Batcher. Behind PgBouncer, which may spread what is sent together over several servers, and where nothing
// is kept prepared there are no batches.
func (b *backend) Lanes(kind driver.JobKind) (sessions, jobs int) {
	switch {
	case b.to.PgBouncer, b.to.StatementCache < sharedJobs:
		return 0, 0
	case kind == driver.JobWrite:
		return b.Stats()[0].MaxOpenConnections, singleJobs
	}
	return sharedLanes, sharedJobs
}

// RunBatch implements driver.BatchSession. The jobs are sent in one go. Of those that may run again many share one Sync, and with it
// a transaction and its commit; when one of them fails, the server undoes those before it and skips those behind it, up to the
// Sync, and they wait again. The others have a Sync each.
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
	b.share = 1
	if jobs[0].Kind != driver.JobWrite {
		b.share = s.back.failures.share()
	}
	if !s.prepareJobs(ctx, jobs) {
		return
	}
	s.encodeJobs()
	encoded()
	if len(b.jobs) == 0 {
		return
	}
	f := s.flush(ctx, len(b.ends))
	b.mark, b.last = s.running.mark, time.Now()
	if f == nil {
		f = s.readJobs(ctx)
	}
	if f != nil {
		netdriver.FailJobs(b.jobs[b.settled:], f)
	}
	if jobs[0].Kind != driver.JobWrite {
		s.back.failures.saw(b.settled, len(b.failed)+b.clashed)
	}
	s.reprepare()
}

// jobs are a batch that runs.
type jobs struct {
	share   int // jobs that have a Sync, and so a transaction, in common
	jobs    []*driver.Job
	sts     []*prepared // of the jobs
	ends    []int       // where in jobs there is a Sync
	sync    int         // the one of ends that is answered next
	at      int         // the job that is being answered
	settled int         // jobs whose Sync is answered
	mark    int64       // bytes that had been written before them
	last    time.Time   // when the job before ended
	failed  []refusedJob
	clashed int // jobs beside one that has met another transaction
}

// refusedJob is a job that the server has refused.
type refusedJob struct {
	job   *driver.Job
	st    *prepared
	fault *driver.Fault
	bound bool
}

func (b *jobs) reset() {
	clear(b.jobs[:cap(b.jobs)]) // also those that weren't sent
	clear(b.sts[:cap(b.sts)])
	clear(b.failed[:cap(b.failed)])
	*b = jobs{jobs: b.jobs[:0], sts: b.sts[:0], ends: b.ends[:0], failed: b.failed[:0]}
}

// prepareJobs prepares what the jobs run. One that can't be prepared fails, and isn't part of the batch. It reports false if the
// session can't go on.
func (s *session) prepareJobs(ctx context.Context, all []*driver.Job) bool {
	b := &s.batch
	for _, j := range all {
		if !joins(j) {
			j.Outcome = driver.Alone
			continue
		}
		st, f := s.prepared(ctx, &j.Request)
		if f != nil {
			j.Outcome, j.Err = driver.Failed, f
			if s.Broken != nil || s.Unsettled() || s.status != 'I' {
				return false
			}
			continue
		}
		b.jobs, b.sts = append(b.jobs, j), append(b.sts, st)
	}
	return true
}

// joins reports whether a job's statement can be part of a batch: others may end the transaction they are in, refuse to be in
// one, or copy.
func joins(j *driver.Job) bool {
	switch j.Stmt.Verb {
	case "SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "MERGE":
		return len(j.Native) <= maxKeptText
	}
	return false
}

// encodeJobs writes the jobs' messages. What isn't written waits for the next batch.
func (s *session) encodeJobs() {
	b := &s.batch
	s.out = s.cache.appendClosed(s.out[:0])
	n := 0
	for i, j := range b.jobs {
		if n > 0 && len(s.out) > flushBytes {
			break
		}
		if !j.Take() {
			continue
		}
		start, st := len(s.out), b.sts[i]
		out, f := appendBind(s.out, st, j.Args)
		if f != nil {
			s.out = out[:start]
			if j.Outcome, j.Err = driver.Failed, f; st.cached && f.Kind == driver.Argument { // its parameters may be of other types by now
				j.Outcome, j.Err = driver.Alone, nil
			}
			continue
		}
		if n > 0 && len(out) > 2*flushBytes {
			s.out, j.Outcome = out[:start], driver.Alone
			continue
		}
		s.out = appendExecute(out)
		b.jobs[n], b.sts[n] = j, st
		if n++; n%b.share == 0 {
			s.out, b.ends = appendSync(s.out), append(b.ends, n)
		}
	}
	b.jobs, b.sts = b.jobs[:n], b.sts[:n]
	switch {
	case n == 0:
		s.cache.reclose()
	case n%b.share != 0:
		s.out, b.ends = appendSync(s.out), append(b.ends, n)
	}
	s.running = running{phase: driver.Run}
	if n > 0 {
		s.running.stmt = b.jobs[0].Stmt
	}
}

// answering makes the job that is answered next what the session knows as running.
func (s *session) answering() {
	b := &s.batch
	s.running = running{phase: driver.Run, mark: b.mark}
	if b.at < len(b.jobs) {
		j := b.jobs[b.at]
		s.running.stmt, s.running.text = j.Stmt, j.Native
		if st := b.sts[b.at]; j.Query && st.columns != nil {
			j.Columns = st.columns
			s.rows.begin(context.Background(), st)
			s.rows.Open = false
		}
	}
}

// readJobs reads the answers. A fault is of the connection, or says that nobody waits for them any longer.
func (s *session) readJobs(ctx context.Context) *driver.Fault {
	b := &s.batch
	s.answering()
	for s.owed > 0 {
		msg, err := s.Receive()
		if err != nil {
			if err = s.TimedOut(err); err == nil {
				continue
			}
			if err == netdriver.ErrNoAnswer {
				return s.unanswered(ctx)
			}
			return s.lostJobs(ctx, err)
		}
		if b.at == b.ends[b.sync] && answersJob(msg) {
			return s.Unusable(ctx, &driver.Fault{Kind: driver.Unknown, Phase: driver.Run, Verdict: driver.IfSafe, Sent: true, Evict: true,
				Err: fmt.Errorf("the server sent a %T too many", msg)})
		}
		switch m := msg.(type) {
		case *pgproto3.DataRow:
			s.row = m
			s.takeRow(m)
		case *pgproto3.CommandComplete:
			j, now := b.jobs[b.at], time.Now()
			j.Result.RowsAffected = rowsAffected(m.CommandTag)
			j.Took, b.last = now.Sub(b.last), now
			if b.at == 0 {
				j.Took = s.trip.Beyond(j.Took)
			}
			if b.at++; b.at < b.ends[b.sync] { // else what comes next is the commit, which the job may fail at
				s.answering()
			}
		case *pgproto3.ErrorResponse:
			s.refused(ctx, m)
		case *pgproto3.ReadyForQuery:
			s.owed--
			s.status = m.TxStatus
			s.settleJobs(ctx)
			b.sync++
			if s.answering(); s.owed == 0 && s.in.big {
				s.shed()
			}
		default:
			if f := s.aside(ctx, msg); f != nil {
				return f
			}
		}
	}
	return nil
}

// answersJob reports whether a message is of a job's own answer.
func answersJob(msg pgproto3.BackendMessage) bool {
	switch msg.(type) {
	case *pgproto3.DataRow, *pgproto3.CommandComplete:
		return true
	}
	return false
}

// takeRow keeps a row of the job that is answered.
func (s *session) takeRow(m *pgproto3.DataRow) {
	j := s.batch.jobs[s.batch.at]
	if !j.Query || j.Outcome != driver.Waiting {
		return
	}
	if f := s.rows.take(m); f != nil {
		j.Outcome, j.Err = driver.Failed, f
		return
	}
	j.Keep(s.rows.Vals)
}

// settleJobs decides about the jobs up to a Sync that was answered.
func (s *session) settleJobs(ctx context.Context) {
	b := &s.batch
	failure := s.running.failure
	if failure == nil && s.running.alone {
		failure = s.unreplicated(ctx)
	}
	end := b.ends[b.sync]
	for i := b.settled; i < end; i++ {
		j := b.jobs[i]
		switch {
		case failure == nil:
			if j.Outcome == driver.Waiting {
				j.Outcome = driver.Done
			}
		case i == b.at, end-b.settled == 1:
			j.Outcome, j.Err = driver.Failed, failure
			b.failed = append(b.failed, refusedJob{j, b.sts[i], failure, s.running.bound})
			if failure.Kind == driver.Deadlock || failure.Kind == driver.Serialization {
				b.clashed += end - b.settled - 1
			}
		case b.at == end: // the commit failed, and nobody knows for whose sake
			j.Outcome = driver.Alone
		case j.Outcome != driver.Failed:
			j.Outcome = driver.Waiting
		}
	}
	b.settled, b.at = end, end
}

// lostJobs is the fault of the jobs whose answers haven't come when the connection broke. If the server had refused one, that one
// is settled, and so are those that share its transaction. If it has said that it ends the session, what came behind wasn't run.
func (s *session) lostJobs(ctx context.Context, err error) *driver.Fault {
	b := &s.batch
	refused, ended := s.running.refusal(), s.Broken != nil
	f := s.lost(ctx, driver.Run, err)
	if !refused || b.sync == len(b.ends) {
		return f
	}
	s.settleJobs(ctx)
	if s.running.failure = nil; ended {
		return s.Useless(driver.Run)
	}
	return s.lost(ctx, driver.Run, err)
}

// reprepare is for jobs that were refused because what was prepared doesn't fit its tables any more: they run again, by
// themselves.
func (s *session) reprepare() {
	for _, r := range s.batch.failed {
		s.running = running{phase: driver.Run, bound: r.bound}
		if s.outdated(r.st, r.fault) {
			r.job.Outcome, r.job.Err = driver.Alone, nil
		}
	}
}

// failureRate is how often jobs that share a transaction fail. Each failure undoes the others, which run again: the more often
// that happens, the fewer shall share one. What has met another transaction's locks counts with all that it shared its own with,
// for the more share one, the more it locks: two large ones would meet again and again, and a deadlock takes PostgreSQL
// deadlock_timeout, a second, to see.
type failureRate struct {
	perMillion atomic.Int64
}

// share returns how many jobs shall share a transaction: so many that most transactions have no failure.
func (r *failureRate) share() int {
	rate := r.perMillion.Load()
	if rate == 0 {
		return sharedJobs
	}
	return int(max(1, min(sharedJobs, 700_000/rate)))
}

// saw takes note of how a batch went. The jobs before count less and less.
func (r *failureRate) saw(jobs, failed int) {
	const memory = 1000 // jobs
	was := r.perMillion.Load()
	r.perMillion.Store(was + (int64(failed)*1_000_000-was*int64(jobs))/(memory+int64(jobs)))
}
