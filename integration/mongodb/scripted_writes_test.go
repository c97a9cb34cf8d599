package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/plinthtest"
)

// write is a write that does more when it's done again. n counts the calls.
type write struct {
	command string // that it sends
	prepare string
	call    func(ctx context.Context, e *plinth.Engine, n int) error
	// applied is how often the calls were applied, by what is in the collection.
	applied func(docs []bson.D) int
}

func writes() map[string]write {
	execute := func(ctx context.Context, e *plinth.Engine, statement string, args ...any) error {
		_, err := e.Execute(ctx, statement, args...)
		return err
	}
	counter := func(docs []bson.D) int { return int(docs[0][1].Value.(int32)) }
	// one document for each call, wherever it's written with an _id of the server's or the driver's making
	count := func(docs []bson.D) int { return len(docs) }
	return map[string]write{
		"insertOne": {"insert", "", func(ctx context.Context, e *plinth.Engine, n int) error {
			return execute(ctx, e, "db.things.insertOne({n: ?})", n)
		}, count},
		"insertMany": {"insert", "", func(ctx context.Context, e *plinth.Engine, n int) error {
			return execute(ctx, e, "db.things.insertMany([{n: ?}, {n: ?}, {n: ?}])", n, n, n)
		}, func(docs []bson.D) int { return len(docs) / 3 }},
		"the command insert": {"insert", "", func(ctx context.Context, e *plinth.Engine, n int) error {
			return execute(ctx, e, `{"insert": "things", "documents": [{"n": ?}]}`, n)
		}, count},
		"updateOne": {"update", "db.things.insertOne({_id: 1, n: 0})", func(ctx context.Context, e *plinth.Engine, _ int) error {
			return execute(ctx, e, "db.things.updateOne({_id: 1}, {$inc: {n: 1}})")
		}, counter},
		"findOneAndUpdate": {"findAndModify", "db.things.insertOne({_id: 1, n: 0})", func(ctx context.Context, e *plinth.Engine, _ int) error {
			_, err := e.FetchOne(ctx, "db.things.findOneAndUpdate({_id: 1}, {$inc: {n: 1}})")
			return err
		}, counter},
		"updateMany": {"update", "db.things.insertOne({_id: 1, n: 0})", func(ctx context.Context, e *plinth.Engine, _ int) error {
			return execute(ctx, e, "db.things.updateMany({_id: 1}, {$inc: {n: 1}})") // which nobody but the caller may repeat
		}, counter},
		"deleteOne": {"delete", many, func(ctx context.Context, e *plinth.Engine, _ int) error {
			return execute(ctx, e, "db.things.deleteOne({n: 0})")
		}, func(docs []bson.D) int { return 600 - len(docs) }},
	}
}

// many has 600 documents made.
const many = "many"

func (w write) begin(t *testing.T, e *plinth.Engine) {
	t.Helper()
	var err error
	switch w.prepare {
	case "":
	case many:
		_, err = e.ExecuteMany(t.Context(), "db.things.insertOne({n: 0})", func(yield func([]any) bool) {
			for range 600 {
				if !yield(nil) {
					return
				}
			}
		})
	default:
		_, err = e.Execute(t.Context(), w.prepare)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// losses is how often each write loses a reply: 200 times in the long form, a tenth of it else.
func losses() int {
	if suite.InFull() {
		return 200
	}
	return 20
}

// TestSoakAWriteWhoseReplyIsLostIsAppliedOnce loses the reply to each write, and in every third round those to its repetitions.
func TestSoakAWriteWhoseReplyIsLostIsAppliedOnce(t *testing.T) {
	t.Parallel()
	rounds := losses()
	for _, retried := range []bool{true, false} {
		for name, w := range writes() {
			t.Run(fmt.Sprintf("%s, retryWrites=%t", name, retried), func(t *testing.T) {
				t.Parallel()
				st := scriptedStage(t, 1)
				e := openEngine(t, st.url+fmt.Sprintf("&retryWrites=%t", retried))
				w.begin(t, e)
				unknown, repeated := 0, 0
				before := w.applied(st.documents("things"))
				for round := range rounds {
					lost := 1
					if round%3 == 0 {
						lost = 3
					}
					st.scripted.Fail(mongotest.Failure{Command: w.command, Applied: true, Close: true, Times: lost})
					err := w.call(t.Context(), e, round)
					if left := st.scripted.Heal(); left == 0 && lost == 3 {
						repeated++
					}
					switch {
					case errors.Is(err, plinth.ErrOutcomeUnknown):
						unknown++
					case err != nil:
						t.Fatalf("round %d: %v", round, err)
					}
				}
				if got := w.applied(st.documents("things")) - before; got != rounds {
					t.Errorf("%d calls were applied %d times", rounds, got)
				}
				t.Logf("%d replies lost, 0 applied twice, %d unknown, %d lost each time", rounds, unknown, repeated)
			})
		}
	}
}

// TestSoakAReplyThatTheNetworkLostIsAppliedOnce is the same by a proxy, on every server there is.
func TestSoakAReplyThatTheNetworkLostIsAppliedOnce(t *testing.T) {
	t.Parallel()
	rounds := losses()
	for where, open := range map[string]func(*testing.T) *stage{
		"scripted": func(t *testing.T) *stage { return scriptedStage(t, 1) },
		"real":     realStage,
		"FerretDB": ferretStage,
	} {
		for name, w := range writes() {
			t.Run(where+" "+name, func(t *testing.T) {
				t.Parallel()
				st := open(t)
				direct := st.open(t)
				w.begin(t, direct)
				proxy := plinthtest.NewProxy(t, strings.Split(hostsOf(st.url), ",")[0])
				e := openEngine(t, directly(proxy.URL(oneHost(st.url))))
				before := w.applied(st.documents("things"))
				unknown := 0
				for round := range rounds {
					dropped := proxy.Stats().Dropped
					proxy.DropReply(plinthtest.Drop{Containing: w.command + "\x00", End: plinthtest.End(round % 2)})
					err := w.call(t.Context(), e, round)
					switch {
					case errors.Is(err, plinth.ErrOutcomeUnknown):
						unknown++
					case err != nil:
						t.Fatalf("round %d: %v", round, err)
					}
					if proxy.Stats().Dropped != dropped+1 {
						t.Fatalf("round %d: no reply was lost", round)
					}
				}
				if got := w.applied(st.documents("things")) - before; got != rounds {
					t.Errorf("%d calls were applied %d times", rounds, got)
				}
				t.Logf("%d replies lost, 0 applied twice, %d unknown", rounds, unknown)
			})
		}
	}
}

func hostsOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	hosts, _, _ := strings.Cut(rest, "/")
	return hosts[strings.LastIndexByte(hosts, '@')+1:]
}

// oneHost leaves the first host of several.
func oneHost(url string) string {
	hosts := hostsOf(url)
	return strings.Replace(url, hosts, strings.Split(hosts, ",")[0], 1)
}

// directly keeps the driver from looking for the set's members past the proxy.
func directly(url string) string {
	if strings.Contains(url, "?") {
		return url + "&directConnection=true"
	}
	return url + "?directConnection=true"
}

func TestAWriteIsAppliedOnceByTheMemberThatIsElectedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, w := range writes() {
		if name == "updateMany" {
			continue // nobody repeats it
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := scriptedStage(t, 3)
			e := st.open(t)
			w.begin(t, e)
			before := w.applied(st.documents("things"))
			const n = 20
			for round := range n {
				elected := mongotest.Failure{Command: w.command, Before: st.scripted.StepDown}
				lost := mongotest.Failure{Command: w.command, Applied: true, Close: true} // it's done, and the connection ends
				for _, f := range [][]mongotest.Failure{{elected}, {lost}, {elected, elected}, {lost, elected}, {elected, lost}}[round%5] {
					st.scripted.Fail(f)
				}
				ctx, cancel := t.Context(), func() {}
				if round%2 == 0 { // the library repeats otherwise what has a deadline
					ctx, cancel = context.WithTimeout(ctx, time.Minute)
				}
				err := w.call(ctx, e, round)
				cancel()
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if left := st.scripted.Heal(); left > 0 {
					t.Errorf("round %d: %d faults never came", round, left)
				}
			}
			for range 3 { // one more than it takes
				st.scripted.Fail(mongotest.Failure{Command: w.command, Before: st.scripted.StepDown})
			}
			sent := len(st.scripted.Commands(w.command))
			err := w.call(t.Context(), e, n)
			if !errors.Is(err, plinth.ErrOutcomeUnknown) || !strings.Contains(fmt.Sprint(err), "three times") {
				t.Errorf("three elections: %v", err)
			}
			if got := len(st.scripted.Commands(w.command)) - sent; got != 3 {
				t.Errorf("three elections: it was sent %d times", got)
			}
			if got := w.applied(st.documents("things")) - before; got != n {
				t.Errorf("%d calls were applied %d times", n, got)
			}
		})
	}
}

// TestErrorsOfAWriteAreRepeatedOnlyWhereThatIsSafe checks code and label against what came of the write.
func TestErrorsOfAWriteAreRepeatedOnlyWhereThatIsSafe(t *testing.T) {
	t.Parallel()
	overload := []string{"RetryableError", "SystemOverloadedError"}
	for _, c := range []struct {
		name    string
		failure mongotest.Failure
		want    error // nil: success
	}{
		{"ShutdownInProgress", mongotest.Failure{Code: 91}, nil},
		{"PrimarySteppedDown", mongotest.Failure{Code: 189}, nil},
		{"InterruptedDueToReplStateChange after it was done", mongotest.Failure{Code: 11602, Applied: true}, nil},
		{"overload", mongotest.Failure{Code: 462, Labels: overload}, nil},
		{"overload three times", mongotest.Failure{Code: 462, Labels: overload, Times: 3}, nil},
		{"Unauthorized", mongotest.Failure{Code: 13}, plinth.ErrPermission},
		{"fewer servers than asked for", mongotest.Failure{Applied: true, ConcernCode: 64, Labels: []string{}}, plinth.ErrOutcomeUnknown},
	} {
		for _, name := range []string{"insertOne", "updateOne", "deleteOne", "findOneAndUpdate"} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				w := writes()[name]
				st := scriptedStage(t, 1)
				e := st.open(t)
				w.begin(t, e)
				before := w.applied(st.documents("things"))
				failure := c.failure // the tests beside have the same
				failure.Command = w.command
				st.scripted.Fail(failure)
				err := w.call(t.Context(), e, 1)
				if st.scripted.Heal() != 0 {
					t.Error("the fault never came")
				}
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("%v, want %v", err, c.want)
				}
				want := 1
				if c.want != nil && !c.failure.Applied {
					want = 0
				}
				if got := w.applied(st.documents("things")) - before; got != want {
					t.Errorf("applied %d times, want %d (%v)", got, want, err)
				}
			})
		}
	}
}

func TestADuplicateKeyNamesIndexAndKey(t *testing.T) {
	t.Parallel()
	st := scriptedStage(t, 1)
	e := st.open(t)
	for _, statement := range []string{"db.people.createIndex({email: 1}, {unique: true})", "db.people.insertOne({email: 'a@b.c'})"} {
		if _, err := e.Execute(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range []string{
		"db.people.insertOne({email: ?})", "db.people.updateOne({_id: 1}, {$set: {email: ?}}, {upsert: true})",
		"db.people.findOneAndUpdate({_id: 1}, {$set: {email: ?}}, {upsert: true})",
	} {
		_, err := e.Execute(t.Context(), statement, "a@b.c")
		var failed *plinth.Error
		if !errors.As(err, &failed) || !errors.Is(err, plinth.ErrUnique) || failed.Constraint != "email_1" || failed.Table != "people" ||
			failed.Column != "email" {
			t.Errorf("%s: %v (%+v)", statement, err, failed)
		}
	}
}

func TestALostCursorIsAnErrorAndNeverAnEnd(t *testing.T) {
	t.Parallel()
	st := scriptedStage(t, 1)
	e := st.open(t)
	if _, err := e.ExecuteMany(t.Context(), "db.things.insertOne({_id: ?})", func(yield func([]any) bool) {
		for i := 0; i < 50 && yield([]any{i}); i++ {
		}
	}); err != nil {
		t.Fatal(err)
	}
	const find = "db.things.find({}).batchSize(10)"
	rows, err := e.Query(t.Context(), find)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		if n++; n == 10 {
			st.scripted.LoseCursors()
		}
	}
	var failed *plinth.Error
	if err := errors.Join(rows.Err(), rows.Close()); !errors.As(err, &failed) || failed.Code != "43" {
		t.Errorf("%d rows, then %v", n, err)
	}
	for _, f := range []mongotest.Failure{{Code: 43}, {Close: true}, {Close: true, Applied: true}, {Code: 11602}, {Code: 462,
		Labels: []string{"RetryableError", "SystemOverloadedError"}}} {
		f.Command, f.Skip = "getMore", 1
		st.scripted.Fail(f)
		got, err := e.FetchAll(t.Context(), find)
		if err == nil && len(got) != 50 {
			t.Errorf("%+v: %d rows without an error", f, len(got))
		}
		if st.scripted.Heal() != 0 {
			t.Errorf("%+v never came", f)
		}
	}
	st.scripted.LoseCursors() // those that nobody could end, because the connection was cut
	// Who stops early ends the cursor.
	if rows, err = e.Query(t.Context(), find); err != nil || !rows.Next() || rows.Close() != nil {
		t.Fatal(err)
	}
	st.scripted.Await(t, "the cursors' end", func() bool { return st.scripted.Cursors() == 0 })
}

func TestAReadIsAskedForAgain(t *testing.T) {
	t.Parallel()
	st := scriptedStage(t, 3)
	e := st.open(t)
	for _, f := range []mongotest.Failure{
		{Close: true}, {Close: true, Applied: true}, {Code: 10107}, {Code: 13435}, {Code: 91}, {Before: st.scripted.StepDown},
		{Code: 462, Labels: []string{"RetryableError", "SystemOverloadedError"}, Times: 2},
	} {
		for command, statement := range map[string]string{
			"find": "db.accounts.find({_id: 2})", "aggregate": "db.accounts.aggregate([{$match: {_id: 2}}])",
			"distinct": "db.accounts.distinct('balance')",
		} {
			f.Command = command
			st.scripted.Fail(f)
			rows, err := e.FetchAll(t.Context(), statement)
			if err != nil || len(rows) != 1 {
				t.Errorf("%s, %+v: %v %v", command, f, rows, err)
			}
			if st.scripted.Heal() != 0 {
				t.Errorf("%s, %+v never came", command, f)
			}
		}
	}
}

// TestTransactionsOnAServerThatStandsAloneSayWhy keeps the error from being the server's own, which comes with the first write.
func TestTransactionsOnAServerThatStandsAloneSayWhy(t *testing.T) {
	t.Parallel()
	s := mongotest.Start(t, mongotest.Standalone())
	e, err := mongodb.Open(t.Context(), plinth.Options{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer closeEngine(t, e)
	err = e.InTx(t.Context(), func(context.Context, *plinth.Tx) error { return nil })
	if !errors.Is(err, plinth.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), "replica set") {
		t.Error(err)
	}
}
