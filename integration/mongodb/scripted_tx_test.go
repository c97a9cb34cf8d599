package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/retry"
)

// txFault is what befalls a transfer, and what has to come of it.
type txFault struct {
	name    string
	plan    func(s *mongotest.Server) mongotest.Failure
	members int
	runs    int           // how often the function has to have run; 0: any number
	want    error         // nil: it succeeds and has moved; ErrOutcomeUnknown: either; else nothing has moved
	limit   time.Duration // of the context; 0: none
}

func plain(f mongotest.Failure) func(*mongotest.Server) mongotest.Failure {
	return func(*mongotest.Server) mongotest.Failure { return f }
}

// stepFaults befall the statements of a transfer.
func stepFaults() []txFault {
	var faults []txFault
	for i, step := range []struct {
		command string
		skip    int
	}{{"find", 0}, {"update", 0}, {"update", 1}, {"insert", 0}} {
		at := func(what string, runs int, want error, f mongotest.Failure) {
			f.Command, f.Skip = step.command, step.skip
			faults = append(faults, txFault{name: fmt.Sprintf("%s at step %d (%s)", what, i+1, step.command), plan: plain(f), runs: runs, want: want})
		}
		at("WriteConflict", 2, nil, mongotest.Failure{Code: 112})
		at("two WriteConflicts", 3, nil, mongotest.Failure{Code: 112, Times: 2})
		at("NoSuchTransaction", 2, nil, mongotest.Failure{Code: 251})
		at("any error of the label TransientTransactionError", 2, nil, mongotest.Failure{Code: 8, Labels: []string{"TransientTransactionError"}})
		at("SnapshotUnavailable", 2, nil, mongotest.Failure{Code: 246})
		at("a cut before", 2, nil, mongotest.Failure{Close: true})
		at("a cut after", 2, nil, mongotest.Failure{Close: true, Applied: true})
		at("overload", 2, nil, mongotest.Failure{Code: 462, Labels: []string{"RetryableError", "SystemOverloadedError"}})
		at("an error of no label", 1, plinth.ErrPermission, mongotest.Failure{Code: 13, Labels: []string{}})
		at("a document that isn't valid", 1, plinth.ErrCheck, mongotest.Failure{Code: 121, Labels: []string{}})
		for _, members := range []int{1, 3} {
			runs := 2
			if members == 1 && i == 0 {
				runs = 1 // the transaction begins with this command, after the election
			}
			faults = append(faults, txFault{name: fmt.Sprintf("an election among %d before step %d (%s)", members, i+1, step.command),
				members: members, runs: runs, plan: func(s *mongotest.Server) mongotest.Failure {
					return mongotest.Failure{Command: step.command, Skip: step.skip, Before: func() { elect(s) }}
				}})
		}
		faults = append(faults, txFault{name: fmt.Sprintf("silence until the deadline at step %d (%s)", i+1, step.command), runs: 1,
			want: plinth.ErrTimeout, limit: 3 * time.Second, plan: plain(mongotest.Failure{Command: step.command, Skip: step.skip, Block: time.Hour})})
	}
	return faults
}

// elect has another member become the primary or, where there is only one, that one anew. Transactions end by that.
func elect(s *mongotest.Server) {
	if len(s.Members()) > 1 {
		s.StepDown()
		return
	}
	s.Elect(s.Members()[0])
}

// commitFaults befall the commit.
func commitFaults() []txFault {
	const commit = "commitTransaction"
	unknown := []string{"UnknownTransactionCommitResult"}
	const soon = 3 * time.Second
	fault := func(name string, runs int, f mongotest.Failure) txFault {
		f.Command = commit
		return txFault{name: name, plan: plain(f), runs: runs}
	}
	faults := []txFault{
		fault("a commit that is cut before it's done", 1, mongotest.Failure{Close: true}),
		fault("a commit whose reply is cut", 1, mongotest.Failure{Close: true, Applied: true}),
		fault("a commit whose reply is cut five times", 1, mongotest.Failure{Close: true, Applied: true, Times: 5}),
		fault("a commit that is cut five times before it's done", 1, mongotest.Failure{Close: true, Times: 5}),
		fault("a commit of an unknown result that was done", 1, mongotest.Failure{Code: 91, Labels: unknown, Applied: true}),
		fault("a commit of an unknown result that wasn't done", 1, mongotest.Failure{Code: 91, Labels: unknown}),
		fault("a commit that too few servers have confirmed", 1, mongotest.Failure{ConcernCode: 64, Labels: unknown, Applied: true}),
		fault("a primary that isn't one any more for a moment", 1, mongotest.Failure{Code: 10107, Applied: true}),
	}
	for _, members := range []int{1, 3} {
		faults = append(faults, txFault{name: fmt.Sprintf("an election among %d before the commit", members), members: members, runs: 2,
			plan: func(s *mongotest.Server) mongotest.Failure {
				return mongotest.Failure{Command: commit, Before: func() { elect(s) }}
			}})
	}
	for _, f := range []txFault{
		{name: "all commits' replies are cut until the deadline", plan: plain(mongotest.Failure{Close: true, Applied: true, Times: -1})},
		{name: "all commits are cut until the deadline", plan: plain(mongotest.Failure{Close: true, Times: -1})},
		{name: "a commit that is silent until the deadline", plan: plain(mongotest.Failure{Block: time.Hour})},
		{name: "a commit that was done and is silent until the deadline", plan: plain(mongotest.Failure{Block: time.Hour, Applied: true})},
	} {
		planned := f.plan(nil)
		planned.Command = commit
		f.plan, f.limit, f.runs, f.want = plain(planned), soon, 1, plinth.ErrOutcomeUnknown
		faults = append(faults, f)
	}
	return faults
}

func TestATransferIsWholeWhateverBefallsIt(t *testing.T) {
	t.Parallel()
	for _, f := range append(stepFaults(), commitFaults()...) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for where, open := range map[string]func(*testing.T) *stage{
				"scripted": func(t *testing.T) *stage { return scriptedStage(t, max(1, f.members)) },
				"real":     realStage,
			} {
				t.Run(where, func(t *testing.T) { f.try(t, open(t)) })
			}
		})
	}
}

func (f txFault) try(t *testing.T, st *stage) {
	const amount, entry = 30, 7
	e := st.open(t)
	ctx := t.Context()
	if f.limit > 0 {
		if _, err := e.FetchOne(ctx, "db.accounts.find({_id: 1})"); err != nil { // the connection isn't in the time
			t.Fatal(err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.limit)
		defer cancel()
	}
	failure := f.plan(st.scripted)
	st.fail(t, failure)
	runs, err := transfer(ctx, e, entry, amount)
	if st.scripted != nil {
		if st.scripted.Heal() != 0 && failure.Times >= 0 {
			t.Error("the fault never came")
		}
	} else if off := st.failPoint(t.Context(), "off", nil); off != nil {
		t.Error(off)
	}
	if !errors.Is(err, f.want) || (f.want == nil) != (err == nil) {
		t.Errorf("%v, want %v", err, f.want)
	}
	if f.runs != 0 && runs != f.runs {
		t.Errorf("%d runs, want %d (%v)", runs, f.runs, err)
	}
	if st.scripted != nil { // what hangs there ends first, and what nobody ends any more as by its lifetime
		st.scripted.Await(t, "the commands' end", func() bool { return st.scripted.Busy() == 0 })
		if errors.Is(err, plinth.ErrOutcomeUnknown) {
			st.scripted.Expire()
		}
		st.scripted.Await(t, "the transactions' end", func() bool { return st.scripted.Transactions() == 0 })
	}
	done := st.moved(t, entry, amount)
	switch {
	case err == nil && !done:
		t.Error("it succeeded, and nothing has moved")
	case err != nil && !errors.Is(err, plinth.ErrOutcomeUnknown) && done:
		t.Errorf("it failed for certain, and has moved: %v", err)
	}
	// The engine works, and moves the same again.
	if _, err := transfer(t.Context(), e, entry+1, 1); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTransfersThatConflictAllHappenOnce(t *testing.T) {
	t.Parallel()
	for where, open := range map[string]func(*testing.T) *stage{
		"scripted": func(t *testing.T) *stage { return scriptedStage(t, 1) },
		"real":     realStage,
	} {
		t.Run(where, func(t *testing.T) {
			st := open(t)
			e := st.open(t, func(o *plinth.Options) {
				o.Retry.Attempts = -1
				o.Retry.Budget = retry.NewBudget(10_000)
			})
			const n = 20
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			results := make(chan error)
			for i := range n {
				go func() {
					_, err := transfer(ctx, e, i, 1)
					results <- err
				}()
			}
			for range n {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			if got := fmt.Sprint(st.documents("accounts")); got != fmt.Sprint([]any{account(1, 100-n), account(2, 100+n)}) {
				t.Error(got)
			}
			if entries := st.documents("entries"); len(entries) != n {
				t.Errorf("%d entries", len(entries))
			}
		})
	}
}
