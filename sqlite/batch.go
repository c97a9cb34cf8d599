package sqlite

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// groupSize is how many writes share a commit at most: what they hold is held until it's over.
const groupSize = 256

// Lanes implements driver.Batcher. Writes share a commit, which is most of what one costs; reads would only wait for each other.
func (b *backend) Lanes(kind driver.JobKind) (sessions, jobs int) {
	if kind == driver.JobRead || b.writer == nil {
		return 0, 0
	}
	return 1, groupSize
}

// RunBatch implements driver.BatchSession: group commit. Each job is a statement of its own in one transaction, and has run
// when that is committed.
//
// No savepoint is needed around a job. A statement that fails undoes itself and leaves those before it alone, and with a conflict
// clause that says otherwise (FAIL) it leaves behind what it would have left behind outside of a transaction; see
// https://www.sqlite.org/lang_conflict.html. Where an error ends the whole transaction (ROLLBACK, a full disk) the jobs
// before it are undone through no fault of theirs, and wait again.
//
// What has begun is interrupted only when nobody waits for any of the jobs: it would undo what others wrote.
func (s *session) RunBatch(ctx context.Context, jobs []*driver.Job, _ func()) {
	if err := s.Begin(ctx, driver.TxOptions{}); err != nil {
		failAll(jobs, err)
		return
	}
	last := time.Now()
	for _, j := range jobs {
		if !j.Take() {
			continue
		}
		err := s.runJob(ctx, j)
		now := time.Now()
		j.Took, last = now.Sub(last), now
		if err != nil {
			j.Outcome, j.Err = driver.Failed, err
		} else if j.Outcome == driver.Waiting {
			j.Outcome = driver.Done
		}
		if s.TxState() != driver.TxOpen {
			for _, before := range jobs {
				if before.Outcome == driver.Done {
					before.Outcome = driver.Waiting
				}
			}
			_ = s.End(ctx, false)
			return
		}
	}
	if err := s.End(ctx, true); err != nil {
		var done []*driver.Job
		for _, j := range jobs {
			if j.Outcome == driver.Done {
				done = append(done, j)
			}
		}
		if f, ok := err.(*driver.Fault); ok && deferred(f) && len(done) > 1 {
			for _, j := range done {
				j.Outcome = driver.Alone
			}
			return
		}
		failAll(done, err)
	}
}

// deferred reports whether a COMMIT was refused for a constraint that is checked there (DEFERRABLE INITIALLY DEFERRED): nothing
// is applied, and which statement has violated it shows when each runs by itself.
func deferred(f *driver.Fault) bool { return slices.Contains(codes(f.Code), "19") }

func failAll(jobs []*driver.Job, err error) {
	for _, j := range jobs {
		j.Outcome, j.Err = driver.Failed, err
	}
}

// runJob runs one statement, and keeps its rows.
func (s *session) runJob(ctx context.Context, j *driver.Job) (err error) {
	if !j.Query {
		j.Result, err = s.Execute(ctx, &j.Request)
		return err
	}
	rows, err := s.Query(ctx, &j.Request)
	if err != nil {
		return err
	}
	j.Columns = rows.Columns()
	for {
		row, err := rows.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			_, _ = rows.Close(ctx)
			return err
		}
		j.Keep(row)
	}
	j.Result, err = rows.Close(ctx)
	return err
}
