package mongodb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/plinthtest"
)

// tokenStage is a stage with the collection of tokens. Its two accounts are what a token's work changes.
func tokenStage(t *testing.T, st *stage) *plinth.Engine {
	t.Helper()
	e := st.open(t)
	if err := plinth.CreateTokens(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// replicaSets runs a test on the scripted replica set, and on the real one if there is any.
func replicaSets(t *testing.T, test func(t *testing.T, st *stage)) {
	t.Helper()
	t.Parallel()
	t.Run("scripted", func(t *testing.T) { t.Parallel(); test(t, scriptedStage(t, 1)) })
	t.Run("real", func(t *testing.T) { t.Parallel(); test(t, realStage(t)) })
}

// give moves 1 from account 1 to account 2 and notes it, without looking whether that was done before.
func give(ctx context.Context, tx *plinth.Tx, token string) (string, error) {
	for _, step := range []struct {
		text string
		args []any
	}{
		{"db.accounts.updateOne({_id: 1}, {$inc: {balance: -1}})", nil},
		{"db.accounts.updateOne({_id: 2}, {$inc: {balance: 1}})", nil},
		{"db.entries.insertOne({token: ?})", []any{token}},
	} {
		if _, err := tx.Execute(ctx, step.text, step.args...); err != nil {
			return "", err
		}
	}
	return "done " + token, nil
}

func once(ctx context.Context, e *plinth.Engine, token string, opts ...plinth.TxOptions) (string, bool, error) {
	return plinth.ExactlyOnce(ctx, e, token, func(ctx context.Context, tx *plinth.Tx) (string, error) { return give(ctx, tx, token) }, opts...)
}

// given fails the test unless each token's work is there once, and the accounts say so, too.
func (st *stage) given(t *testing.T, tokens ...string) {
	t.Helper()
	there := map[string]int{}
	for _, doc := range st.documents("entries") {
		there[fmt.Sprint(doc[1].Value)]++
	}
	for _, token := range tokens {
		if there[token] != 1 {
			t.Errorf("token %.20s is there %d times", token, there[token])
		}
		delete(there, token)
	}
	if len(there) > 0 {
		t.Errorf("nobody asked for %v", there)
	}
	want := fmt.Sprint([2]int{100 - len(tokens), 100 + len(tokens)})
	accounts := st.documents("accounts")
	if got := fmt.Sprint([2]any{accounts[0][1].Value, accounts[1][1].Value}); got != want {
		t.Errorf("accounts %s, want %s", got, want)
	}
}

func TestATokensWorkIsAppliedOnce(t *testing.T) {
	for name, o := range map[string]plinth.TxOptions{"default": {}, "snapshot": {Isolation: plinth.RepeatableRead}, "read committed": {Isolation: plinth.ReadCommitted}} {
		t.Run(name, func(t *testing.T) {
			replicaSets(t, func(t *testing.T, st *stage) {
				e := tokenStage(t, st)
				tokens := []string{"order 1"}
				for i := range 3 {
					got, already, err := once(t.Context(), e, "order 1", o)
					if err != nil || got != "done order 1" || already != (i > 0) {
						t.Fatalf("call %d: %q, %v, %v", i, got, already, err)
					}
				}
				for i := range 10 {
					tokens = append(tokens, fmt.Sprint("many ", i))
				}
				var all sync.WaitGroup
				var first atomic.Int64
				for range 8 {
					all.Go(func() {
						for _, token := range tokens[1:] {
							for { // all of them change the same two documents: who has lost too often comes again
								got, already, err := once(t.Context(), e, token, o)
								if errors.Is(err, plinth.ErrSerialization) || errors.Is(err, plinth.ErrLocked) {
									continue
								}
								if err != nil || got != "done "+token {
									t.Errorf("%q, %v", got, err)
								}
								if !already {
									first.Add(1)
								}
								break
							}
						}
					})
				}
				all.Wait()
				if first.Load() != 10 {
					t.Errorf("%d callers were the first of a token, want 10", first.Load())
				}
				st.given(t, tokens...)
			})
		})
	}
}

func TestTokensAreComparedByteByByte(t *testing.T) {
	replicaSets(t, func(t *testing.T, st *stage) {
		e := tokenStage(t, st)
		for i, token := range []string{
			"a", "A", "a ", " a", "ä", "a\u0308", "a\x00b", "a\x00", "a\\", `\x61`, strings.Repeat("x", 255), "ß", "ss", "🙂", "'", "$where", "{$gt: 1}",
		} {
			for again := range 2 {
				got, already, err := plinth.ExactlyOnce(t.Context(), e, token, func(context.Context, *plinth.Tx) (int, error) { return i, nil })
				if err != nil || already != (again == 1) || got != i {
					t.Errorf("token %q: %v, %v, %v", token, got, already, err)
				}
			}
		}
		text := "ü🙂\x00\n\\'$set" + strings.Repeat("x", 60_000)
		for range 2 {
			got, _, err := plinth.ExactlyOnce(t.Context(), e, "text", func(context.Context, *plinth.Tx) (string, error) { return text, nil })
			if err != nil || got != text {
				t.Errorf("%.20q, %v", got, err)
			}
		}
		for again := range 2 {
			_, already, err := plinth.ExactlyOnce(t.Context(), e, "nothing", func(context.Context, *plinth.Tx) (struct{}, error) { return struct{}{}, nil })
			if err != nil || already != (again == 1) {
				t.Errorf("without a result: %v, %v", already, err)
			}
		}
	})
}

func TestTokensAreMadeByManyAtOnceAndPruned(t *testing.T) {
	replicaSets(t, func(t *testing.T, st *stage) {
		e := st.open(t)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := plinth.CreateTokens(t.Context(), e); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		old := time.Now().Add(-2 * time.Hour)
		if _, err := e.ExecuteMany(t.Context(), "db.plinth_tokens.insertOne({_id: ?, created_at: ?})", func(yield func([]any) bool) {
			for i := 0; i < 1200 && yield([]any{fmt.Sprint("old ", i), old}); i++ {
			}
		}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := once(t.Context(), e, "new"); err != nil {
			t.Fatal(err)
		}
		if n, err := plinth.PruneTokens(t.Context(), e, 3*time.Hour); n != 0 || err != nil {
			t.Errorf("of three hours: %d, %v", n, err)
		}
		if n, err := plinth.PruneTokens(t.Context(), e, 90*time.Minute+500*time.Millisecond); n != 1200 || err != nil {
			t.Errorf("of an hour and a half: %d, %v", n, err)
		}
		if left := st.documents("plinth_tokens"); len(left) != 1 || left[0][0].Value != "new" {
			t.Errorf("left are %d", len(left))
		}
	})
}

// Each fault befalls one of a call's commands: the token's update, the work's two updates and insert, the result's update,
// and the commit.
func TestATokensWorkIsAppliedOnceWhateverBefallsIt(t *testing.T) {
	unknown := []string{"UnknownTransactionCommitResult"}
	transient := []string{"TransientTransactionError"}
	faults := map[string]mongotest.Failure{
		"a conflict":             {Code: 112},
		"a transient error":      {Code: 8, Labels: transient},
		"a cut before":           {Close: true},
		"a cut after":            {Close: true, Applied: true},
		"cuts before":            {Close: true, Times: 2},
		"cuts after":             {Close: true, Applied: true, Times: 2},
		"a primary that is none": {Code: 10107},
	}
	steps := map[string]mongotest.Failure{
		"token": {Command: "update"}, "work": {Command: "update", Skip: 1}, "insert": {Command: "insert"},
		"result": {Command: "update", Skip: 3}, "commit": {Command: "commitTransaction"},
	}
	test := func(name string, f mongotest.Failure) {
		t.Run(name, func(t *testing.T) {
			replicaSets(t, func(t *testing.T, st *stage) {
				e := tokenStage(t, st)
				st.fail(t, f)
				got, _, err := once(t.Context(), e, "x")
				if err != nil || got != "done x" {
					t.Errorf("%q, %v", got, err)
				}
				got, already, err := once(t.Context(), e, "x")
				if err != nil || !already || got != "done x" {
					t.Errorf("again: %q, %v, %v", got, already, err)
				}
				st.given(t, "x")
			})
		})
	}
	for step, at := range steps {
		for what, f := range faults {
			f.Command, f.Skip = at.Command, at.Skip
			test(what+" at the "+step, f)
		}
	}
	const commit = "commitTransaction"
	test("a commit of an unknown result that was done", mongotest.Failure{Command: commit, Code: 91, Labels: unknown, Applied: true})
	test("a commit of an unknown result that wasn't done", mongotest.Failure{Command: commit, Code: 91, Labels: unknown})
	test("a commit that too few servers have confirmed", mongotest.Failure{Command: commit, ConcernCode: 64, Labels: unknown, Applied: true})
}

// What a COMMIT has come to that is silent until the context ends the next call finds out.
func TestACommitThatNobodyAnswersIsFoundByItsToken(t *testing.T) {
	for name, applied := range map[string]bool{"done": true, "not done": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := scriptedStage(t, 1)
			e := tokenStage(t, st)
			st.scripted.Fail(mongotest.Failure{Command: "commitTransaction", Close: true, Applied: applied, Times: -1})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, _, err := once(ctx, e, "x"); !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("error %v", err)
			}
			st.scripted.Heal()
			st.scripted.Expire() // as the server does by itself in a minute, if the engine's roll-back hasn't reached it
			got, already, err := once(t.Context(), e, "x")
			if err != nil || already != applied || got != "done x" {
				t.Errorf("%q, %v, %v", got, already, err)
			}
			st.given(t, "x")
		})
	}
}

func TestWhoMeetsARunningCallIsToldSo(t *testing.T) {
	replicaSets(t, func(t *testing.T, st *stage) {
		other := tokenStage(t, st)
		e := st.open(t, func(o *plinth.Options) { o.Retry.Attempts = 1 })
		inside, leave := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			first := true
			_, _, err := plinth.ExactlyOnce(t.Context(), other, "x", func(ctx context.Context, tx *plinth.Tx) (string, error) {
				if first {
					close(inside)
				}
				first = false
				<-leave
				return give(ctx, tx, "x")
			})
			done <- err
		}()
		<-inside
		_, already, err := once(t.Context(), e, "x")
		if !errors.Is(err, plinth.ErrLocked) || errors.Is(err, plinth.ErrOutcomeUnknown) || already {
			t.Errorf("%v, %v", already, err)
		}
		close(leave)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got, already, err := once(t.Context(), e, "x"); err != nil || !already || got != "done x" {
			t.Errorf("%q, %v, %v", got, already, err)
		}
		st.given(t, "x")
	})
}

func TestAServerThatStandsAloneKeepsNoTokens(t *testing.T) {
	t.Parallel()
	s := mongotest.Start(t, mongotest.Standalone())
	e := openEngine(t, s.URL())
	_, already, err := once(t.Context(), e, "x")
	for call, err := range map[string]error{"CreateTokens": plinth.CreateTokens(t.Context(), e), "ExactlyOnce": err} {
		if !errors.Is(err, plinth.ErrUnsupported) || already || !strings.Contains(fmt.Sprint(err), "replica set") {
			t.Errorf("%s: %v, %v", call, already, err)
		}
	}
	if written := s.Commands("create", "createIndexes", "insert", "update"); len(written) > 0 {
		t.Errorf("%v were sent", written)
	}
}

// The long form is the fault bench's.
func TestTokensAreAppliedOnceThoughEveryConnectionIsCut(t *testing.T) {
	t.Parallel()
	st := scriptedStage(t, 1)
	tokenStage(t, st)
	proxy := plinthtest.NewProxy(t, st.scripted.Primary().Addr())
	proxy.OnConnect(func(int) plinthtest.Plan {
		path := plinthtest.Path{Cut: &plinthtest.Cut{After: rand.Int64N(10_000), End: plinthtest.End(rand.IntN(2))}}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: path}
		}
		return plinthtest.Plan{ToClient: path}
	})
	e := openEngine(t, "mongodb://"+proxy.Addr()+"/test?directConnection=true")
	var tokens []string
	for i := range 30 {
		tokens = append(tokens, fmt.Sprint("cut ", i))
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(tokens); i = next.Add(1) - 1 {
				for {
					got, _, err := once(t.Context(), e, tokens[i])
					if err == nil {
						if got != "done "+tokens[i] {
							t.Errorf("%s came back with %q", tokens[i], got)
						}
						break
					}
					if t.Context().Err() != nil {
						return
					}
				}
			}
		})
	}
	all.Wait()
	if proxy.Stats().Cuts == 0 {
		t.Error("nothing was cut")
	}
	st.given(t, tokens...)
}
