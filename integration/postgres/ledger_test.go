package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
)

// inFull reports whether the tests run in their long form, as make soak has it.
func inFull() bool { return os.Getenv("PLINTH_SOAK") != "" }

// times is how often to do what the long form does n times: a tenth of that, unless it runs.
func times(n int) int {
	if inFull() {
		return n
	}
	return n / 10
}

// silent keeps slow statements out of the log: here many are made slow.
func silent(o *plinth.Options) { o.QueryLog.Logger = slog.New(slog.DiscardHandler) }

// accounts is how many accounts a ledger has, with opening in each.
const accounts, opening = 10, 1000

// ledger is a database whose writes carry tokens, and what was said of each of them. In the end every one has to be there as
// often as was said, and the accounts have to hold what the entries that are there have moved.
type ledger struct {
	next atomic.Int64
	mu   sync.Mutex
	said map[int64]outcome
}

// outcome is what the writer of a token was told.
type outcome uint8

const (
	applied outcome = iota + 1
	notApplied
	unknown
)

// newLedger makes the ledger's tables. No constraint keeps a token from being there twice.
func newLedger(t testing.TB, q plinth.Querier) *ledger {
	t.Helper()
	ledgerTables(t, q)
	return &ledger{said: make(map[int64]outcome)}
}

func ledgerTables(t testing.TB, q plinth.Querier) {
	t.Helper()
	execute(t, q, "create table entry (token bigint not null, debit int, credit int, amount bigint)",
		"create table account (id int primary key, balance bigint not null)")
	const open = "insert into account select g, ? from generate_series(1, ?) g"
	if _, err := q.Execute(t.Context(), open, opening, accounts); err != nil {
		t.Fatal(err)
	}
}

// tell notes what came of tokens whose write ended with err.
func (l *ledger) tell(err error, tokens ...int64) {
	said := notApplied
	switch {
	case err == nil:
		said = applied
	case errors.Is(err, plinth.ErrOutcomeUnknown):
		said = unknown
	}
	l.note(said, tokens...)
}

func (l *ledger) note(said outcome, tokens ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, token := range tokens {
		l.said[token] = said
	}
}

// insertEntry is a write of one token.
const insertEntry = "insert into entry (token) values (?)"

// transfer moves money between two accounts under a token, in three statements.
func transfer(ctx context.Context, q plinth.Querier, token int64) error {
	from, to, amount := 1+rand.IntN(accounts), 1+rand.IntN(accounts), rand.Int64N(100)
	if from == to {
		to = from%accounts + 1
	}
	if _, err := q.Execute(ctx, "insert into entry values (?, ?, ?, ?)", token, from, to, amount); err != nil {
		return err
	}
	moves := [2]struct {
		account int
		by      int64
	}{{from, -amount}, {to, amount}}
	if from > to { // in one order, so that no two wait for each other
		moves[0], moves[1] = moves[1], moves[0]
	}
	for _, m := range moves {
		if _, err := q.Execute(ctx, "update account set balance = balance + ? where id = ?", m.by, m.account); err != nil {
			return err
		}
	}
	return nil
}

// tally is how many tokens were told to be what, and how many of those that nobody knew are there.
type tally struct{ applied, notApplied, unknown, unknownThere int }

// check holds what was said against what is in the databases, where each entry may be in any one of them.
func (l *ledger) check(t testing.TB, databases ...*plinth.Engine) tally {
	t.Helper()
	there := make(map[int64]int)
	for _, q := range databases {
		for token, err := range plinth.Each[int64](t.Context(), q, "select token from entry") {
			if err != nil {
				t.Fatal(err)
			}
			there[token]++
		}
		wrong, err := plinth.One[int](t.Context(), q, `select count(*) from account a where balance <> ?
			+ coalesce((select sum(amount) from entry where credit = a.id), 0)
			- coalesce((select sum(amount) from entry where debit = a.id), 0)`, opening)
		if err != nil || wrong != 0 {
			t.Errorf("%d accounts don't hold what their entries say (%v)", wrong, err)
		}
		sum, err := plinth.One[int](t.Context(), q, "select sum(balance)::bigint from account")
		if err != nil || sum != accounts*opening {
			t.Errorf("the accounts hold %d in all, want %d (%v)", sum, accounts*opening, err)
		}
	}
	var sum tally
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, said := range l.said {
		n := there[token]
		delete(there, token)
		switch said {
		case applied:
			if sum.applied++; n != 1 {
				t.Errorf("token %d was acknowledged, and is there %d times", token, n)
			}
		case notApplied:
			if sum.notApplied++; n != 0 {
				t.Errorf("token %d wasn't applied, it was said, and is there %d times", token, n)
			}
		default:
			if sum.unknown++; n == 1 {
				sum.unknownThere++
			} else if n != 0 {
				t.Errorf("token %d is there %d times", token, n)
			}
		}
	}
	for token, n := range there {
		t.Errorf("token %d is there %d times, and nobody was told of it", token, n)
	}
	return sum
}

// plain returns a server's URL without TLS: a proxy in front of it can then see what is said, and only statements make flights.
func plain(t testing.TB, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

// sessions looks all the time how many sessions others than q's have on its database. What it returns ends that and returns
// the most that there were.
func sessions(t testing.TB, q plinth.Querier) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	most := 0
	done.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			n, err := plinth.One[int](ctx, q, "select count(*) from pg_stat_activity where datname = current_database() "+
				"and pid <> pg_backend_pid() and backend_type = 'client backend'")
			if err == nil {
				most = max(most, n)
			}
			<-tick.C
		}
	})
	return func() int {
		cancel()
		done.Wait()
		return most
	}
}

// quiet fails the test unless nothing is open on the database of q but q itself, once it has had time to settle.
func quiet(t testing.TB, q plinth.Querier) {
	t.Helper()
	eventually(t, "no session but this has a transaction or a statement open", func() bool {
		n, err := plinth.One[int](t.Context(), q, "select count(*) from pg_stat_activity where datname = current_database() "+
			"and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'")
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}
