package mongodb

import (
	"context"
	"errors"
	"reflect"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	// insertJobs is how many documents are inserted together at most, insertLanes on how many sessions: the next are encoded
	// while the server has those before. (On FerretDB two did better than one or four.)
	insertJobs  = 256
	insertLanes = 2

	// insertBytes is from how many bytes on nothing is added to what is sent together. With one more document of that size it is
	// far below what the library would divide: a server takes messages of 48 MB.
	insertBytes = 1 << 20
)

// Lanes implements driver.Batcher. Inserts share a command, and with it a round trip and a commit. Of reads no command takes two.
func (b *backend) Lanes(kind driver.JobKind) (sessions, jobs int) {
	if kind == driver.JobRead {
		return 0, 0
	}
	return min(insertLanes, b.Stats()[0].MaxOpenConnections), insertJobs
}

// inserts are jobs that travel as one unordered insert.
type inserts struct {
	first *lang.Command // the others differ in their documents alone
	jobs  []*driver.Job
	docs  []bson.Raw
	size  int
}

// RunBatch implements driver.BatchSession. The first insertOne takes those along that go into the same collection in the same way;
// the others wait for the next batch. As the insert is unordered a document that the server refuses leaves its neighbours alone,
// and is named by its index.
//
// Of several updates or deletes in one command the answer only tells the sum, so those run as calls of their own; and so does what
// is asked for its answer's documents.
func (s *session) RunBatch(ctx context.Context, jobs []*driver.Job, encoded func()) {
	b := s.collect(ctx, jobs)
	encoded()
	if len(b.jobs) == 0 {
		return
	}
	c := s.begin(ctx)
	c.write = true
	o := &b.first.Options
	fill := lister[options.InsertManyOptions](func(i *options.InsertManyOptions) error {
		ordered := false
		i.Ordered, i.BypassDocumentValidation, i.Comment = &ordered, o.BypassValidation, o.Comment
		return nil
	})
	if _, err := s.collection(b.first).InsertMany(c, b.docs, fill); err != nil {
		s.failInserts(c, b, err)
	}
	for _, j := range b.jobs {
		if j.Outcome == driver.Waiting {
			j.Outcome, j.Result = driver.Done, driver.Result{RowsAffected: 1}
		}
	}
}

// collect takes the jobs that can be sent together, and encodes their documents.
func (s *session) collect(ctx context.Context, jobs []*driver.Job) *inserts {
	b := &inserts{jobs: make([]*driver.Job, 0, len(jobs)), docs: make([]bson.Raw, 0, len(jobs))}
	for _, j := range jobs {
		st, ok := j.Stmt.Binder.(statement)
		if !ok || st.Statement.Verb != lang.InsertOne || j.Query {
			j.Outcome = driver.Alone
			continue
		}
		if b.size > insertBytes || b.first != nil && b.first.Collection != st.Collection || !j.Take() {
			continue
		}
		cmd, f := s.command(ctx, &j.Request)
		if f != nil {
			j.Outcome, j.Err = driver.Failed, f
			continue
		}
		if cmd.Options.MaxTime != nil { // its own, not its neighbours'
			j.Outcome = driver.Alone
			continue
		}
		if b.first != nil && !alike(&b.first.Options, &cmd.Options) {
			continue
		}
		doc, err := bson.Marshal(cmd.Documents[0])
		if err != nil || len(doc) > insertBytes { // by itself it fails as it always does
			j.Outcome = driver.Alone
			continue
		}
		if b.first == nil {
			b.first = cmd
		}
		b.jobs, b.docs, b.size = append(b.jobs, j), append(b.docs, doc), b.size+len(doc)
	}
	return b
}

// alike reports whether two inserts may be one.
func alike(a, b *lang.Options) bool {
	if a.WriteConcern == nil && b.WriteConcern == nil && a.BypassValidation == nil && b.BypassValidation == nil &&
		a.Comment == nil && b.Comment == nil {
		return true
	}
	return reflect.DeepEqual(a, b)
}

// failInserts gives each job that failed its fault.
func (s *session) failInserts(c *call, b *inserts, err error) {
	e, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || len(e.WriteErrors) == 0 && e.WriteConcernError == nil {
		s.failAll(c, b, err)
		return
	}
	for _, w := range e.WriteErrors {
		if w.Index < 0 || w.Index >= len(b.jobs) {
			continue
		}
		j := b.jobs[w.Index]
		j.Outcome = driver.Failed
		j.Err = s.fault(c, driver.Run, mongo.WriteException{WriteErrors: mongo.WriteErrors{w.WriteError}})
	}
	if e.WriteConcernError == nil {
		return
	}
	f := s.fault(c, driver.Run, mongo.WriteException{WriteConcernError: e.WriteConcernError, Labels: e.Labels})
	for _, j := range b.jobs {
		if j.Outcome == driver.Waiting {
			j.Outcome, j.Err = driver.Failed, f
		}
	}
}

// failAll is for an insert that ended without a word on its documents.
//
// The server may have written some of them by then. Each part of an insert that the library repeats keeps its number, so nothing is
// written twice by that; but nobody else may repeat it, unless the server says that it has written nothing
// (https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md, NoWritesPerformed).
func (s *session) failAll(c *call, b *inserts, err error) {
	f := s.fault(c, driver.Run, err)
	several := len(b.jobs) > 1
	if several && refused(f.Kind) && (f.Code != "" || !f.Sent) { // as a whole, when it was read: because of one of them
		for _, j := range b.jobs {
			j.Outcome = driver.Alone
		}
		return
	}
	if several && f.Sent && !noWrites(f) && (f.Verdict == driver.Again || f.Kind == driver.Timeout || f.Kind == driver.Canceled) {
		f.Verdict = driver.IfSafe
	}
	for _, j := range b.jobs {
		j.Outcome, j.Err = driver.Failed, f
	}
}

// refused reports whether an error of this kind is about what a command says, and so comes before anything is done.
func refused(kind driver.Kind) bool {
	switch kind {
	case driver.Invalid, driver.Syntax, driver.TooLarge, driver.Argument:
		return true
	}
	return false
}

// noWrites reports whether the server says that it has written nothing.
func noWrites(f *driver.Fault) bool {
	e, ok := errors.AsType[*ServerError](f.Err)
	return ok && (e.is(labelNoWrites) || e.is(labelOverloaded) && e.is(labelRetry))
}
