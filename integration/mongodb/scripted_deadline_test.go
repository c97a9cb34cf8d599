package mongodb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/plinthtest"
)

// deadlineVerbs are the calls that take a context. dark makes the server unreachable, and is called once.
func deadlineVerbs() map[string]func(ctx context.Context, e *plinth.Engine, dark func()) error {
	begun := func(ctx context.Context, e *plinth.Engine, f func(tx *plinth.Tx) error, dark func()) error {
		tx, err := e.Begin(ctx)
		if err != nil {
			dark()
			return err
		}
		defer tx.Rollback(ctx) //nolint:errcheck // it has ended
		if _, err := tx.Execute(ctx, "db.accounts.updateOne({_id: 1}, {$inc: {balance: 1}})"); err != nil {
			dark()
			return err
		}
		dark()
		return f(tx)
	}
	return map[string]func(ctx context.Context, e *plinth.Engine, dark func()) error{
		"Execute": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			_, err := e.Execute(ctx, "db.entries.insertOne({_id: 1})")
			return err
		},
		"FetchOne": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			_, err := e.FetchOne(ctx, "db.accounts.find({_id: 1})")
			return err
		},
		"FetchAll": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			_, err := e.FetchAll(ctx, "db.accounts.aggregate([{$match: {_id: 1}}])")
			return err
		},
		"All": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			_, err := plinth.All[plinth.Row](ctx, e, "db.accounts.find({})")
			return err
		},
		"Each": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			for _, err := range plinth.Each[plinth.Row](ctx, e, "db.accounts.find({})") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Query, and its rows": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			rows, err := e.Query(ctx, "db.accounts.find({}).batchSize(1)")
			dark()
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			return rows.Close()
		},
		"ExecuteMany": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			_, err := e.ExecuteMany(ctx, "db.entries.insertOne({_id: ?})", func(yield func([]any) bool) {
				for i := 1; i < 100 && yield([]any{i}); i++ {
				}
			})
			return err
		},
		"ExecuteScript": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			return e.ExecuteScript(ctx, strings.NewReader("db.entries.insertOne({_id: 1}); db.entries.insertOne({_id: 2})"))
		},
		"InTx": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.Execute(ctx, "db.entries.insertOne({_id: 1})")
				return err
			})
		},
		"a statement in a transaction": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			return begun(ctx, e, func(tx *plinth.Tx) error {
				_, err := tx.FetchOne(ctx, "db.accounts.find({_id: 1})")
				return err
			}, dark)
		},
		"Commit": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			return begun(ctx, e, func(tx *plinth.Tx) error { return tx.Commit(ctx) }, dark)
		},
		"Rollback": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			return begun(ctx, e, func(tx *plinth.Tx) error { return tx.Rollback(ctx) }, dark)
		},
		"Ping": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			_, err := e.Ping(ctx)
			return err
		},
		"TestConnection": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			return e.TestConnection(ctx)
		},
		"Connect": func(ctx context.Context, e *plinth.Engine, dark func()) error {
			dark()
			return e.Connect(ctx)
		},
	}
}

// darkness is a way in which a server isn't to be reached.
type darkness struct {
	name string
	from bool // the beginning, before a connection is made
	make func(p *plinthtest.Proxy)
}

func darknesses() []darkness {
	var all []darkness
	for _, from := range []bool{true, false} {
		when := "in between"
		if from {
			when = "from the beginning"
		}
		for name, make := range map[string]func(*plinthtest.Proxy){
			"nobody listens":         func(p *plinthtest.Proxy) { _ = p.Refuse(); p.Cut(plinthtest.RST) },
			"silence, bytes held":    func(p *plinthtest.Proxy) { p.Blackhole(plinthtest.Both, plinthtest.Hold) },
			"silence, bytes lost":    func(p *plinthtest.Proxy) { p.Blackhole(plinthtest.Both, plinthtest.Swallow) },
			"replies are lost":       func(p *plinthtest.Proxy) { p.Blackhole(plinthtest.ToClient, plinthtest.Swallow) },
			"cut, and silence after": func(p *plinthtest.Proxy) { p.Blackhole(plinthtest.Both, plinthtest.Hold); p.Cut(plinthtest.RST) },
		} {
			all = append(all, darkness{name + " " + when, from, make})
		}
	}
	return all
}

// TestEveryVerbReturnsByItsDeadline calls each verb while the server isn't to be reached. It has to return soon after its
// deadline; within 100 ms of it where the machine itself was no later than 10 ms meanwhile and nothing else ran
// (PLINTH_SOAK).
func TestEveryVerbReturnsByItsDeadline(t *testing.T) {
	const limit = 300 * time.Millisecond
	clock := suite.WatchClock(t)
	var mu sync.Mutex
	var lates []time.Duration
	var work sync.WaitGroup
	jobs := make(chan func())
	for range 4 {
		work.Go(func() {
			for job := range jobs {
				job()
			}
		})
	}
	for verb, call := range deadlineVerbs() {
		for _, d := range darknesses() {
			jobs <- func() {
				st := scriptedStage(t, 1)
				proxy := plinthtest.NewProxy(t, st.scripted.Members()[0].Addr())
				e, err := mongodb.Open(t.Context(), plinth.Options{URL: directly(proxy.URL(st.url)), QueryLog: quiet()})
				if err != nil {
					t.Error(err)
					return
				}
				defer closeEngine(t, e)
				dark := func() { d.make(proxy) }
				if d.from {
					dark()
					dark = func() {}
				} else if _, err := e.FetchOne(t.Context(), "db.accounts.find({_id: 1})"); err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				err = call(ctx, e, dark)
				late := time.Since(start) - limit
				noise := clock.Late(start, time.Now())
				strict := suite.InFull() && noise < 10*time.Millisecond
				if late > time.Second+10*noise || strict && late > 100*time.Millisecond {
					t.Errorf("%s, %s: returned %v after its deadline: %v; the machine was %v late", verb, d.name, late, err, noise)
				}
				// A Rollback that can't be told is one all the same: the server undoes what nobody commits. Connect is content with
				// the connection it has. Where the dark came after the deadline the call may have been done.
				if err == nil && verb != "Rollback" && (verb != "Connect" || d.from) && (d.from || late < -limit/2) {
					t.Errorf("%s, %s: it succeeded", verb, d.name)
				}
				mu.Lock()
				lates = append(lates, late)
				mu.Unlock()
				if err := proxy.Heal(); err != nil {
					t.Error(err)
				}
				proxy.Cut(plinthtest.RST)
				again, cancelAgain := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancelAgain()
				if _, err := e.FetchOne(again, "db.accounts.find({_id: 1})"); err != nil {
					t.Errorf("%s, %s: afterwards: %v", verb, d.name, err)
				}
			}
		}
	}
	close(jobs)
	work.Wait()
	slices.Sort(lates)
	if len(lates) > 0 {
		at := func(p int) string { return fmt.Sprint(lates[(len(lates)-1)*p/100].Round(100 * time.Microsecond)) }
		t.Logf("%d calls, after their deadline by: half %s, p99 %s, at most %s; the machine itself %v", len(lates), at(50), at(99), at(100),
			clock.Late(time.Time{}, time.Now()))
	}
}
