// Package ledger finds out whether what a database's clients were told is true: each write carries a token, what was said of it is
// noted, and in the end every token is counted.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/plinthdb/plinth"
)

// accounts is how many accounts a ledger has, with opening in each.
const accounts, opening = 10, 1000

// Insert is a write of one token.
const Insert = "insert into entry (token) values (?)"

// Ledger is a database whose writes carry tokens, and what was said of each of them. In the end every one has to be there as
// often as was said, and the accounts have to hold what the entries that are there have moved. It may be used by many
// goroutines at once.
type Ledger struct {
	next atomic.Int64
	mu   sync.Mutex
	said map[int64]Outcome
}

// Outcome is what the writer of a token was told.
type Outcome uint8

// The outcomes.
const (
	Applied Outcome = iota + 1
	NotApplied
	Unknown
)

// Of returns the outcome that an error tells.
func Of(err error) Outcome {
	switch {
	case err == nil:
		return Applied
	case errors.Is(err, plinth.ErrOutcomeUnknown):
		return Unknown
	}
	return NotApplied
}

// New makes the ledger's tables.
func New(ctx context.Context, q plinth.Querier) (*Ledger, error) {
	return Empty(), Tables(ctx, q)
}

// Empty returns a ledger of what isn't kept in tables. Its tokens are held against what was said by Held.
func Empty() *Ledger { return &Ledger{said: make(map[int64]Outcome)} }

// Tables makes the tables that a ledger is checked against. No constraint keeps a token from being there twice. It's for what is
// in several databases: New makes those of the first.
func Tables(ctx context.Context, q plinth.Querier) error {
	for _, text := range []string{
		"create table entry (token bigint not null, debit int, credit int, amount bigint)",
		"create table account (id int primary key, balance bigint not null)",
	} {
		if _, err := q.Execute(ctx, text); err != nil {
			return err
		}
	}
	for id := range accounts {
		if _, err := q.Execute(ctx, "insert into account values (?, ?)", 1+id, opening); err != nil {
			return err
		}
	}
	return nil
}

// Next returns a token that was never used.
func (l *Ledger) Next() int64 { return l.next.Add(1) }

// Last returns the token that Next returned last.
func (l *Ledger) Last() int64 { return l.next.Load() }

// Tell notes what came of tokens whose write ended with err.
func (l *Ledger) Tell(err error, tokens ...int64) { l.Note(Of(err), tokens...) }

// Note notes what was said of tokens, instead of what was noted before.
func (l *Ledger) Note(said Outcome, tokens ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, token := range tokens {
		l.said[token] = said
	}
}

// Transfer moves money between two accounts under a token, in three statements.
func Transfer(ctx context.Context, q plinth.Querier, token int64) error {
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

// Tally is how many tokens were told to be what, and what of that wasn't true.
type Tally struct {
	Applied, NotApplied, Unknown int
	UnknownThere                 int // of those whose outcome was unknown

	Missing int // said to be applied, and not there
	Twice   int // there more than once
	False   int // said not to be applied, or not said to be anything, and there
}

// Check counts what is in the databases, where each token may be in any one of them, and holds it against what was said. The error
// says what isn't true, with the first few tokens of it. Nobody may write meanwhile.
func (l *Ledger) Check(ctx context.Context, databases ...plinth.Querier) (Tally, error) {
	there := make(map[int64]int)
	for _, q := range databases {
		for token, err := range plinth.Each[int64](ctx, q, "select token from entry") {
			if err != nil {
				return Tally{}, err
			}
			there[token]++
		}
		if err := balanced(ctx, q); err != nil {
			return Tally{}, err
		}
	}
	return l.Held(there)
}

// Plus returns the sum of both.
func (t Tally) Plus(o Tally) Tally {
	return Tally{t.Applied + o.Applied, t.NotApplied + o.NotApplied, t.Unknown + o.Unknown, t.UnknownThere + o.UnknownThere,
		t.Missing + o.Missing, t.Twice + o.Twice, t.False + o.False}
}

// String returns the tally in words.
func (t Tally) String() string {
	return fmt.Sprintf("missing %d, twice %d, there though refused %d; %d acknowledged, %d refused, %d unknown (%d of them there)",
		t.Missing, t.Twice, t.False, t.Applied, t.NotApplied, t.Unknown, t.UnknownThere)
}

// Held holds the tokens that are there, by how often, against what was said. The error says what isn't true.
func (l *Ledger) Held(there map[int64]int) (Tally, error) {
	var sum Tally
	var wrong complaints
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, said := range l.said {
		n := there[token]
		delete(there, token)
		if n > 1 {
			sum.Twice++
			wrong.add("token %d is there %d times", token, n)
		}
		switch said {
		case Applied:
			if sum.Applied++; n == 0 {
				sum.Missing++
				wrong.add("token %d was acknowledged, and isn't there", token)
			}
		case NotApplied:
			if sum.NotApplied++; n != 0 {
				sum.False++
				wrong.add("token %d wasn't applied, it was said, and is there", token)
			}
		default:
			if sum.Unknown++; n != 0 {
				sum.UnknownThere++
			}
		}
	}
	for token, n := range there {
		sum.False++
		wrong.add("token %d is there %d times, and nobody was told of it", token, n)
	}
	return sum, wrong.err()
}

// balanced fails unless the accounts hold what their entries say.
func balanced(ctx context.Context, q plinth.Querier) error {
	wrong, err := plinth.One[int](ctx, q, `select count(*) from account a where balance <> ?
		+ coalesce((select sum(amount) from entry where credit = a.id), 0)
		- coalesce((select sum(amount) from entry where debit = a.id), 0)`, opening)
	if err != nil {
		return err
	}
	right, err := plinth.One[int](ctx, q, "select count(*) from (select sum(balance) as s from account) x where s = ?", accounts*opening)
	if err != nil {
		return err
	}
	if wrong != 0 || right != 1 {
		return fmt.Errorf("%d accounts don't hold what their entries say; the sum of all is right: %t", wrong, right == 1)
	}
	return nil
}

// complaints are what a check found, of which the first few are told.
type complaints struct {
	first []error
	more  int
}

func (c *complaints) add(format string, args ...any) {
	if len(c.first) == 10 {
		c.more++
		return
	}
	c.first = append(c.first, fmt.Errorf(format, args...))
}

func (c *complaints) err() error {
	if c.more > 0 {
		return fmt.Errorf("%w\nand %d more", errors.Join(c.first...), c.more)
	}
	return errors.Join(c.first...)
}
