package mongodb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/pool"
)

// desk is a session that is given batches.
type desk struct {
	*testing.T
	backend driver.Backend
	session driver.BatchSession
}

// newDesk opens one, at a server that has two documents: items 0 and things 0.
func newDesk(t *testing.T, s *mongotest.Server) *desk {
	t.Helper()
	b, err := mongodb.NewBackend(optionsOf(t, s.URL()), driver.Host{
		Pool:      pool.Options{MaxOpenConns: 2, AcquireTimeout: 10 * time.Second},
		OnConnect: func(context.Context, driver.Session) error { return nil },
		Opened:    func(context.Context, string, time.Duration, error) {},
		Closed:    func(string, pool.Reason) {},
		Leaked:    func(pool.Holder, bool) {},
		Login:     func(context.Context) (user, password string, err error) { return "", "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	sess, err := b.Acquire(t.Context(), driver.Need{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sess.Release(driver.Keep)
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	d := &desk{T: t, backend: b, session: sess.(driver.BatchSession)}
	d.outcomes(d.run(d.job("db.items.insertOne({_id: ?})", 0)), "done 1")
	d.outcomes(d.run(d.job("db.things.insertOne({_id: ?})", 0)), "done 1")
	return d
}

func (d *desk) job(text string, args ...any) *driver.Job {
	d.Helper()
	st, err := d.backend.Compile(text)
	if err != nil {
		d.Fatal(err)
	}
	_, flat, err := st.Binder.Bind(args)
	if err != nil {
		d.Fatal(err)
	}
	j := &driver.Job{Kind: driver.JobWrite}
	j.Request = driver.Request{Stmt: st, Native: text, Args: flat}
	return j
}

// run runs jobs, as the dispatcher does.
func (d *desk) run(jobs ...*driver.Job) []*driver.Job {
	d.Helper()
	for _, j := range jobs {
		j.State.CompareAndSwap(driver.JobTaken, driver.JobQueued) // it was left waiting
		if j.State.CompareAndSwap(driver.JobQueued, driver.JobRunning) {
			j.Begin()
		}
	}
	told := 0
	d.session.RunBatch(d.Context(), jobs, func() { told++ })
	if told == 0 {
		d.Error("the batch never said that the arguments were read")
	}
	return jobs
}

// outcomes compares how jobs ended.
func (d *desk) outcomes(jobs []*driver.Job, want ...string) {
	d.Helper()
	var got []string
	for _, j := range jobs {
		s := []string{"waiting", "done", "failed", "alone"}[j.Outcome]
		switch j.Outcome {
		case driver.Done:
			s += fmt.Sprint(" ", j.Result.RowsAffected)
		case driver.Failed:
			f, ok := j.Err.(*driver.Fault) //nolint:errorlint // it's what the seam says
			if !ok {
				d.Fatalf("%T: %v", j.Err, j.Err)
			}
			s += fmt.Sprintf(" %v sent=%t verdict=%v", f.Kind, f.Sent, f.Verdict)
		}
		got = append(got, s)
	}
	if !slices.Equal(got, want) {
		d.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// ids are those of the documents in items, in their order.
func ids(s *mongotest.Server) string {
	var all []string
	for _, doc := range s.Documents("items") {
		all = append(all, fmt.Sprint(doc[0].Value))
	}
	return strings.Join(all, " ")
}

func TestABatchInsertsWhatIsAlikeAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	s := mongotest.Start(t)
	d := newDesk(t, s)
	before := len(s.Commands("insert"))
	given := d.job("db.items.insertOne({_id: 99})")
	given.State.Store(driver.JobOver)
	asked := d.job("db.items.insertOne({_id: 98})")
	asked.Query = true
	large := d.job("db.items.insertOne({_id: 97, text: ?})", strings.Repeat("x", 2<<20))
	jobs := d.run(
		d.job("db.items.updateOne({_id: 0}, {$set: {n: 1}})"),
		given,
		d.job("db.items.insertOne({_id: ?})", 1),
		d.job("db.things.insertOne({_id: ?})", 1),
		d.job("db.items.insertOne({_id: ?})", 0),
		d.job("db.items.insertOne({_id: ?})", 1),
		d.job("db.items.insertOne({_id: ?}, {comment: 'x'})", 96),
		asked,
		large,
		d.job("db.items.insertMany([{_id: 95}])"),
		d.job("db.items.insertOne({_id: ?, n: 1})", 2),
	)
	d.outcomes(jobs, "alone", "waiting", "done 1", "waiting", "failed unique constraint sent=true verdict=never", "failed unique constraint sent=true verdict=never", "waiting",
		"alone", "alone", "alone", "done 1")
	if n := len(s.Commands("insert")) - before; n != 1 {
		t.Errorf("%d commands were sent", n)
	}
	if got := ids(s); got != "0 1 2" {
		t.Errorf("items are %s", got)
	}
	if f := jobs[4].Err.(*driver.Fault); f.Code != "11000" || f.Table != "items" || strings.Contains(f.Error(), "dup key") { //nolint:errorlint,forcetypeassert // as above
		t.Errorf("%+v", f)
	}
	d.outcomes(d.run(jobs[6]), "done 1") // with its comment, which is nobody else's
	comment := s.Commands("insert")[before+1].Document.Lookup("comment")
	if text, _ := comment.StringValueOK(); text != "x" {
		t.Errorf("its comment is %v", comment)
	}
}

func TestABatchSaysOfEachJobWhatBecameOfItAfterAFault(t *testing.T) {
	t.Parallel()
	all := func(outcome string) []string { return []string{outcome, outcome, outcome} }
	unavailable := all("failed unavailable sent=true verdict=if safe")
	for name, c := range map[string]struct {
		fault mongotest.Failure
		want  []string
		there string
	}{
		"a lost reply, repeated by the library": {
			mongotest.Failure{Applied: true, Close: true}, []string{"done 1", "failed unique constraint sent=true verdict=never", "done 1"}, "0 1 2",
		},
		"two lost replies": {
			mongotest.Failure{Applied: true, Close: true, Times: 2}, []string{"done 1", "failed unique constraint sent=true verdict=never", "done 1"}, "0 1 2",
		},
		"three lost replies": {mongotest.Failure{Applied: true, Close: true, Times: 3}, unavailable, "0 1 2"},
		"nothing arrives":    {mongotest.Failure{Close: true, Times: -1}, unavailable, "0"},
		"a write concern that isn't met": {
			mongotest.Failure{ConcernCode: 64},
			[]string{
				"failed outcome unknown sent=true verdict=if safe", "failed unique constraint sent=true verdict=never",
				"failed outcome unknown sent=true verdict=if safe",
			}, "0 1 2",
		},
		"too slow, when some may be written": {
			mongotest.Failure{Applied: true, Code: 50}, all("failed timeout sent=true verdict=if safe"), "0 1 2",
		},
		"a primary that isn't one any more": {
			mongotest.Failure{Code: 10107, Times: -1, Labels: []string{"RetryableWriteError"}}, unavailable, "0",
		},
		"and says that it has written nothing": {
			mongotest.Failure{Code: 10107, Times: -1, Labels: []string{"RetryableWriteError", "NoWritesPerformed"}},
			all("failed unavailable sent=true verdict=again"), "0",
		},
		"a lost reply, and then one that says so": {mongotest.Failure{Applied: true, Close: true}, unavailable, "0 1 2"},
		"refused when it was read":                {mongotest.Failure{Code: 2}, all("alone"), "0"},
		"not permitted":                           {mongotest.Failure{Code: 13}, all("failed permission denied sent=true verdict=never"), "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mongotest.Start(t)
			d := newDesk(t, s)
			fault := c.fault
			fault.Command = "insert"
			s.Fail(fault)
			if strings.HasPrefix(name, "a lost reply, and then") {
				s.Fail(mongotest.Failure{Command: "insert", Code: 10107, Times: -1, Labels: []string{"RetryableWriteError", "NoWritesPerformed"}})
			}
			d.outcomes(d.run(d.job("db.items.insertOne({_id: 1})"), d.job("db.items.insertOne({_id: 0})"), d.job("db.items.insertOne({_id: 2})")), c.want...)
			if got := ids(s); got != c.there {
				t.Errorf("items are %s", got)
			}
			s.Heal()
			d.outcomes(d.run(d.job("db.items.insertOne({_id: 3})")), "done 1")
		})
	}
}

func TestABatchReadsArgumentsBeforeItIsSent(t *testing.T) {
	t.Parallel()
	s := mongotest.Start(t)
	d := newDesk(t, s)
	bytes := []byte("before")
	j := d.job("db.items.insertOne({_id: 1, bytes: ?})", bytes)
	j.State.Store(driver.JobRunning)
	j.Begin()
	d.session.RunBatch(t.Context(), []*driver.Job{j}, func() { copy(bytes, "after!") })
	d.outcomes([]*driver.Job{j}, "done 1")
	if kept := s.Documents("items")[1][1].Value.(bson.Binary); string(kept.Data) != "before" { //nolint:forcetypeassert // it was bytes
		t.Errorf("%q was inserted", kept.Data)
	}
}
