package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/mongotest"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/plinthtest"
)

// mongoDB is the scripted replica set of mongotest, in this process: what is measured is the engine, not a server of MongoDB's.
func mongoDB() *product { return &product{name: "MongoDB", scripted: true, open: mongodb.Open} }

func mongoTrials() []trial {
	on := []*product{mongoDB()}
	return []trial{
		{
			name: "mongo-once", title: "MongoDB: exactly once, with every connection cut", on: on, run: mongoOnce,
			did: "On a scripted replica set, not a real server: eight goroutines each apply a transfer between two of ten accounts " +
				"(an insert and two updates) by `plinth.ExactlyOnce`, 500 in all. A proxy cuts every connection after a random number of " +
				"bytes, in either direction. Who gets an error calls again with the same token until there is none.",
		},
		{
			name: "mongo-reply", title: "MongoDB: the reply to a write is lost", on: on, run: mongoReplies,
			did: "On the scripted replica set: the write is done, and its connection ends instead of a reply, 200 times in each form. A " +
				"write of one document, or an insert of several, the client library sends twice more under the same number, by which " +
				"the server knows it. So most are resolved. Where those replies are lost as well (every second time), " +
				"nobody can know.",
		},
		{
			name: "mongo-commit", title: "MongoDB: the reply to COMMIT is lost", on: on, run: mongoCommits,
			did: "On the scripted replica set: commitTransaction is done, and its connection ends instead of a reply, 1,000 times. The engine " +
				"sends it again until the server tells. Each fourth time all replies are lost until the call's deadline of 50 ms.",
		},
	}
}

// scripted is a set with a ledger in documents.
type scripted struct {
	*ledger.Ledger
	b      *bench
	server *mongotest.Server
	e      *plinth.Engine
}

const mongoAccounts, mongoOpening = 10, 1000

// queued is how many documents there are to be deleted.
const queued = 300

// lostTime is the deadline of a call all of whose COMMITs' replies are lost.
const lostTime = 50 * time.Millisecond

// scriptedSet starts a replica set; through returns the URL that the engine goes by.
func (b *bench) scriptedSet(ctx context.Context, through func(addr string) (string, error), set ...func(*plinth.Options)) (*scripted, error) {
	server, err := mongotest.Listen()
	if err != nil {
		return nil, err
	}
	b.later(func() error { server.Close(); return nil })
	direct, err := b.engine(ctx, server.URL())
	if err != nil {
		return nil, err
	}
	if err := plinth.CreateTokens(ctx, direct); err != nil {
		return nil, err
	}
	for id := range mongoAccounts {
		if _, err := direct.Execute(ctx, "db.account.insertOne({_id: ?, balance: ?})", id, mongoOpening); err != nil {
			return nil, err
		}
	}
	if _, err := direct.ExecuteMany(ctx, "db.queue.insertOne({token: ?})", func(yield func([]any) bool) {
		for i := 0; i < queued && yield([]any{-1 - i}); i++ {
		}
	}); err != nil {
		return nil, err
	}
	if err := direct.Close(ctx); err != nil {
		return nil, err
	}
	url := server.URL()
	if through != nil {
		if url, err = through(server.Primary().Addr()); err != nil {
			return nil, err
		}
	}
	e, err := b.engine(ctx, url, set...)
	return &scripted{ledger.Empty(), b, server, e}, err
}

// transfer moves money between two accounts under a token.
func transfer(ctx context.Context, q plinth.Querier, token int64) error {
	from := rand.IntN(mongoAccounts)
	to, amount := (from+1+rand.IntN(mongoAccounts-1))%mongoAccounts, rand.IntN(100)
	if _, err := q.Execute(ctx, "db.entry.insertOne({token: ?, debit: ?, credit: ?, amount: ?})", token, from, to, amount); err != nil {
		return err
	}
	if _, err := q.Execute(ctx, "db.account.updateOne({_id: ?}, {$inc: {balance: ?}})", from, -amount); err != nil {
		return err
	}
	_, err := q.Execute(ctx, "db.account.updateOne({_id: ?}, {$inc: {balance: ?}})", to, amount)
	return err
}

func (s *scripted) once(ctx context.Context, token int64) (already bool, err error) {
	got, already, err := plinth.ExactlyOnce(ctx, s.e, fmt.Sprint("transfer-", token), func(ctx context.Context, tx *plinth.Tx) (int64, error) {
		return 3 * token, transfer(ctx, tx, token)
	})
	if err == nil && got != 3*token {
		return already, fmt.Errorf("token %d came back with the result %d, want %d", token, got, 3*token)
	}
	return already, err
}

// tally is what several sets have in common.
type tally struct {
	mu    sync.Mutex
	sum   ledger.Tally
	wrong int // accounts that don't hold what their entries say
	err   error
}

// figure is the tally's.
func (t *tally) figure(what, more string) figure {
	saw := t.sum.String()
	if t.wrong > 0 {
		saw += fmt.Sprintf("; %d accounts don't hold what their entries say", t.wrong)
	}
	if more != "" {
		saw += "; " + more
	}
	return figure{what: what, saw: saw, target: "missing 0, twice 0, refused and there 0", ok: t.err == nil && t.wrong == 0}
}

// count counts the tokens in a server itself, and holds its accounts against them.
func (t *tally) count(s *scripted) {
	there := map[int64]int{}
	balance := map[int64]int64{}
	number := func(v any) int64 {
		if n, ok := v.(int32); ok {
			return int64(n)
		}
		n, _ := v.(int64)
		return n
	}
	for _, doc := range s.server.Documents("entry") { // _id, token, debit, credit, amount
		there[number(doc[1].Value)]++
		if len(doc) > 4 {
			balance[number(doc[2].Value)] -= number(doc[4].Value)
			balance[number(doc[3].Value)] += number(doc[4].Value)
		}
	}
	sum, err := s.Held(there)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, doc := range s.server.Documents("account") {
		if number(doc[1].Value) != mongoOpening+balance[number(doc[0].Value)] {
			t.wrong++
		}
	}
	t.sum = t.sum.Plus(sum)
	t.err = errors.Join(t.err, err)
}

// atOnce is how many sets there are at a time: after each connection that it loses, the client library doesn't ask a server
// again for half a second.
const atOnce = 20

// spread does something n times, on as many sets as there are at a time, each time on one that has nothing else to do.
func (b *bench) spread(ctx context.Context, what string, n int, do func(ctx context.Context, s *scripted, round int) error, end func(*scripted)) error {
	sets := make(chan *scripted, atOnce)
	for range min(atOnce, n) {
		s, err := b.scriptedSet(ctx, nil, poolOf(1))
		if err != nil {
			return err
		}
		sets <- s
	}
	err := b.all(ctx, what, cap(sets), n, func(ctx context.Context, round int) error {
		s := <-sets
		defer func() { sets <- s }()
		return do(ctx, s, round)
	})
	close(sets)
	for s := range sets {
		end(s)
	}
	return err
}

func mongoOnce(ctx context.Context, b *bench) ([]figure, error) {
	var proxy *plinthtest.Proxy
	s, err := b.scriptedSet(ctx, func(addr string) (url string, err error) {
		if proxy, err = plinthtest.Listen(addr); err != nil {
			return "", err
		}
		b.later(proxy.Close)
		return "mongodb://" + proxy.Addr() + "/" + mongotest.Database + "?directConnection=true", nil
	}, poolOf(ledger.Writers))
	if err != nil {
		return nil, err
	}
	proxy.OnConnect(func(int) plinthtest.Plan {
		path := plinthtest.Path{Cut: &plinthtest.Cut{After: rand.Int64N(10_000), End: plinthtest.End(rand.IntN(2))}}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: path}
		}
		return plinthtest.Plan{ToClient: path}
	})
	n := b.times(500)
	var took insistence
	err = b.all(ctx, "transactions", ledger.Writers, n, func(ctx context.Context, _ int) error {
		token := s.Next()
		return took.insist(ctx, s.Ledger, token, func(ctx context.Context, _ bool) (bool, error) {
			already, err := s.once(ctx, token)
			if errors.Is(err, plinth.ErrSerialization) { // too many change the same accounts
				err = fmt.Errorf("%w: %w", plinth.ErrLocked, err)
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // while the breaker is open nobody else makes it wait
			}
			return already, err
		})
	})
	if err != nil {
		return nil, err
	}
	var t tally
	t.count(s)
	return []figure{t.figure(fmt.Sprintf("%d transactions", n), fmt.Sprintf("%d connections cut; %v", proxy.Stats().Cuts, &took))}, nil
}

// mongoForm is a way to write, and the command that does it.
type mongoForm struct {
	name, command string
	call          func(ctx context.Context, e *plinth.Engine, token int64) error
	applied       func(s *scripted) int
}

func mongoForms() []mongoForm {
	execute := func(text string) func(context.Context, *plinth.Engine, int64) error {
		return func(ctx context.Context, e *plinth.Engine, token int64) error {
			_, err := e.Execute(ctx, text, token)
			return err
		}
	}
	entries := func(s *scripted) int { return len(s.server.Documents("entry")) }
	return []mongoForm{
		{"insertOne", "insert", execute("db.entry.insertOne({token: ?})"), entries},
		{"updateOne", "update", execute("db.account.updateOne({_id: 0}, {$inc: {balance: 1}, $set: {last: ?}})"), func(s *scripted) int {
			n, _ := s.server.Documents("account")[0][1].Value.(int32)
			return int(n) - mongoOpening
		}},
		{"deleteOne", "delete", execute("db.queue.deleteOne({token: {$lt: ?}})"), func(s *scripted) int {
			return queued - len(s.server.Documents("queue"))
		}},
		{"insertMany", "insert", execute("db.entry.insertMany([{token: ?}, {token: -1}])"), func(s *scripted) int { return entries(s) / 2 }},
		{"ExecuteMany", "commitTransaction", func(ctx context.Context, e *plinth.Engine, token int64) error {
			_, err := e.ExecuteMany(ctx, "db.entry.insertOne({token: ?})", func(yield func([]any) bool) { _ = yield([]any{token}) && yield([]any{-1}) })
			return err
		}, func(s *scripted) int { return entries(s) / 2 }},
	}
}

func mongoReplies(ctx context.Context, b *bench) ([]figure, error) {
	n := b.times(200)
	var figures []figure
	for _, form := range mongoForms() {
		var mu sync.Mutex
		unknown, resolved, applied := 0, 0, 0
		var others []string
		err := b.spread(ctx, form.name, n, func(ctx context.Context, s *scripted, round int) error {
			s.server.Fail(mongotest.Failure{Command: form.command, Applied: true, Close: true, Times: 1 + round%2*2})
			err := form.call(ctx, s.e, s.Next())
			s.server.Heal()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				resolved++
			case !plain(err):
				unknown++
			default:
				others = append(others, err.Error())
			}
			return nil
		}, func(s *scripted) { applied += form.applied(s) })
		if err != nil {
			return nil, err
		}
		f := figure{
			what: form.name, target: "0 twice, 0 missing, 0 other errors", ok: applied == n && len(others) == 0 && resolved+unknown == n,
			saw: fmt.Sprintf("%d replies lost at least once, %d applied twice, %d missing; %d resolved, %d reported as unknown, %d other errors",
				n, max(0, applied-n), max(0, n-applied), resolved, unknown, len(others)),
		}
		if len(others) > 0 {
			f.saw += ": " + strings.Join(others[:1], "")
		}
		figures = append(figures, f)
	}
	return figures, nil
}

func mongoCommits(ctx context.Context, b *bench) ([]figure, error) {
	n := b.times(1_000)
	rounds := n
	// lose has the replies lost of one call, and says whether of all its COMMITs, until its deadline.
	lose := func(ctx context.Context, s *scripted, round int) (context.Context, context.CancelFunc) {
		f := mongotest.Failure{Command: "commitTransaction", Applied: true, Close: true, Times: 1}
		if round%4 == 3 {
			f.Times = -1
			s.server.Fail(f)
			return context.WithTimeout(ctx, lostTime)
		}
		s.server.Fail(f)
		return context.WithCancel(ctx)
	}
	var mu sync.Mutex
	var t tally
	unknown, resolved, wrong, runs, first := 0, 0, 0, 0, ""
	err := b.spread(ctx, "InTx", n, func(ctx context.Context, s *scripted, round int) error {
		token := s.Next()
		call, cancel := lose(ctx, s, round)
		defer cancel()
		committing := false
		err := s.e.InTx(call, func(ctx context.Context, tx *plinth.Tx) error {
			err := transfer(ctx, tx, token)
			committing = err == nil
			mu.Lock()
			defer mu.Unlock()
			runs++
			return err
		})
		s.server.Heal()
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			resolved++
		case !committing, errors.Is(err, plinth.ErrTimeout) && plain(err):
			// It says that no COMMIT was sent in time: then it mustn't be there.
			s.Note(ledger.NotApplied, token)
			rounds--
			return nil
		case plain(err):
			wrong++
			first = cmp.Or(first, " ("+err.Error()+")")
		default:
			unknown++
		}
		s.Note(ledger.Applied, token)
		return nil
	}, t.count)
	if err != nil {
		return nil, err
	}
	right, found := 0, 0
	err = b.spread(ctx, "ExactlyOnce", n, func(ctx context.Context, s *scripted, round int) error {
		token := s.Next()
		call, cancel := lose(ctx, s, round)
		defer cancel()
		already, err := s.once(call, token)
		s.server.Heal()
		for range 10 { // as its error says: again, with the same token
			if err == nil {
				break
			}
			already, err = s.once(ctx, token)
		}
		s.Note(ledger.Applied, token)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			right++
		}
		if already {
			found++
		}
		return nil
	}, t.count)
	if err != nil {
		return nil, err
	}
	return []figure{{
		what: "InTx",
		saw: fmt.Sprintf("%d resolved, %d times ErrOutcomeUnknown, %d retryable or plain errors%s, %d runs of the function",
			resolved, unknown, wrong, first, runs),
		target: fmt.Sprintf("%d resolved or ErrOutcomeUnknown, 0 others", rounds), ok: resolved+unknown == rounds && wrong == 0,
	}, {
		what: "ExactlyOnce", saw: fmt.Sprintf("%d right results, %d of them found by their token", right, found),
		target: fmt.Sprintf("%d right results", n), ok: right == n,
	}, t.figure("tokens of both", "")}, nil
}
