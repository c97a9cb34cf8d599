package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/plinthtest"
)

func onceTrials() []trial {
	return []trial{
		{
			name: "once", title: "Exactly once, with every connection cut", on: []*product{postgreSQL(), mariaDB()}, run: onceCut,
			did: "Eight goroutines each apply a transfer between two accounts (three statements) by `plinth.ExactlyOnce` " +
				"under a token, 10,000 in all. A proxy cuts every connection after a random number of bytes, in either " +
				"direction, login included. Who gets an error calls again with the same token until there is none. In " +
				"the end each transfer has to be there once, and each call to have returned the transfer's own result.",
		},
		{
			name: "silent", title: "Exactly once, with connections that go silent", on: []*product{postgreSQL(), mariaDB()}, run: onceSilent,
			did: "As before, but instead of ending, connections go silent after a random number of bytes, as when a " +
				"network is lost: the server keeps the old session, its open transaction and the token's lock. A call " +
				"has 300 ms; who gets an error calls again with the same token and has 10 s. The engine has to end the " +
				"old session on the server before it can know anything. 500 transactions.",
		},
		{
			name: "loop", title: "Exactly once, in a program that is killed again and again", on: []*product{sqLite()}, run: onceKilled,
			did: "A program applies 10,000 tokens one after the other by `plinth.ExactlyOnce`. It's killed by SIGKILL at " +
				"random moments and started again each time, with the first token that it hadn't said to be done.",
		},
	}
}

// once applies a token's transfer, and returns what has to come back for it.
func once(ctx context.Context, e *plinth.Engine, token int64) (already bool, err error) {
	got, already, err := plinth.ExactlyOnce(ctx, e, fmt.Sprint("transfer-", token), func(ctx context.Context, tx *plinth.Tx) (int64, error) {
		return 3 * token, ledger.Transfer(ctx, tx, token)
	})
	if err == nil && got != 3*token {
		return already, fmt.Errorf("token %d came back with the result %d, want %d", token, got, 3*token)
	}
	return already, err
}

// onceField is a field whose tokens are applied exactly once, by an engine each of whose connections ends after some bytes.
func (b *bench) onceField(ctx context.Context, end func() plinthtest.End) (*field, *plinth.Engine, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := plinth.CreateTokens(ctx, f.direct); err != nil || f.proxy == nil {
		return f, nil, err
	}
	e, err := b.engine(ctx, f.proxy.URL(f.url), poolOf(ledger.Writers))
	f.proxy.OnConnect(func(int) plinthtest.Plan {
		path := plinthtest.Path{Cut: &plinthtest.Cut{After: rand.Int64N(5_000), End: end()}}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: path}
		}
		return plinthtest.Plan{ToClient: path}
	})
	return f, e, err
}

// insistence is what it took to have all tokens applied.
type insistence struct{ resolved, calls, unknown atomic.Int64 }

// insist calls until a token's work is known to be applied.
func (i *insistence) insist(ctx context.Context, f *ledger.Ledger, token int64, call func(ctx context.Context, again bool) (already bool, err error)) error {
	for again := false; ; again = true {
		i.calls.Add(1)
		already, err := call(ctx, again)
		if already {
			i.resolved.Add(1)
		}
		switch {
		case err == nil:
			f.Note(ledger.Applied, token)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, plinth.ErrOutcomeUnknown):
			i.unknown.Add(1)
		case !ledger.Gone(err) && !errors.Is(err, plinth.ErrLocked) && !errors.Is(err, plinth.ErrTimeout):
			return fmt.Errorf("token %d: %w", token, err)
		}
	}
}

func (i *insistence) String() string {
	return fmt.Sprintf("%d calls; %d times a token told that it was applied already; %d times a call said that nobody knows yet",
		i.calls.Load(), i.resolved.Load(), i.unknown.Load())
}

func onceCut(ctx context.Context, b *bench) ([]figure, error) {
	f, e, err := b.onceField(ctx, func() plinthtest.End { return plinthtest.End(rand.IntN(2)) }) // RST or FIN
	if err != nil {
		return nil, err
	}
	n := b.times(10_000)
	var took insistence
	err = b.all(ctx, "transactions", ledger.Writers, n, func(ctx context.Context, _ int) error {
		token := f.Next()
		return took.insist(ctx, f.Ledger, token, func(ctx context.Context, _ bool) (bool, error) { return once(ctx, e, token) })
	})
	if err != nil {
		return nil, err
	}
	more := fmt.Sprintf("%d connections cut; %v", f.proxy.Stats().Cuts, &took)
	counted, err := f.counted(ctx, fmt.Sprintf("%d transactions", n), more)
	return []figure{counted}, err
}

func onceSilent(ctx context.Context, b *bench) ([]figure, error) {
	f, e, err := b.onceField(ctx, func() plinthtest.End { return plinthtest.Hang })
	if err != nil {
		return nil, err
	}
	n := b.times(500)
	var took insistence
	var slowest atomic.Int64
	err = b.all(ctx, "transactions", ledger.Writers, n, func(ctx context.Context, _ int) error {
		if f.proxy.Stats().Open > 50 {
			f.proxy.Cut(plinthtest.RST) // servers have no room for any number of lost sessions
		}
		token := f.Next()
		began := time.Now()
		defer func() {
			now, old := int64(time.Since(began)), slowest.Load()
			for now > old && !slowest.CompareAndSwap(old, now) {
				old = slowest.Load()
			}
		}()
		return took.insist(ctx, f.Ledger, token, func(ctx context.Context, again bool) (bool, error) {
			limit := 300 * time.Millisecond
			if again {
				limit = 10 * time.Second
			}
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			return entered(ctx, e, token)
		})
	})
	if err != nil {
		return nil, err
	}
	more := fmt.Sprintf("%d connections went silent; %v; the slowest took %v in all",
		f.proxy.Stats().Cuts, &took, time.Duration(slowest.Load()).Round(time.Millisecond))
	counted, err := f.counted(ctx, fmt.Sprintf("%d transactions", n), more)
	return []figure{counted}, err
}

// entered applies a token's single row: what a lost session locks then is its own.
func entered(ctx context.Context, e *plinth.Engine, token int64) (already bool, err error) {
	got, already, err := plinth.ExactlyOnce(ctx, e, fmt.Sprint("entry-", token), func(ctx context.Context, tx *plinth.Tx) (int64, error) {
		_, err := tx.Execute(ctx, ledger.Insert, token)
		return -token, err
	})
	if err == nil && got != -token {
		return already, fmt.Errorf("token %d came back with the result %d, want %d", token, got, -token)
	}
	return already, err
}

func onceKilled(ctx context.Context, b *bench) ([]figure, error) {
	f, _, err := b.onceField(ctx, nil)
	if err != nil {
		return nil, err
	}
	last := int64(b.times(10_000))
	kills, already := 0, int64(0)
	for first := int64(1); first <= last; kills++ {
		c, err := startChild(b.product, f.url, "once", first, last)
		if err != nil {
			return nil, err
		}
		if err := c.killed(ctx, f.Ledger, time.Duration(rand.IntN(60_000))*time.Microsecond, 1); err != nil {
			return nil, err
		}
		if c.done == 0 && c.last < first {
			return nil, errors.New("the program that was to be killed has done nothing")
		}
		first += c.done
		already += c.already
		b.progress.show("tokens", int(first-1), int(last))
	}
	counted, err := f.counted(ctx, fmt.Sprintf("%d tokens, %d kills", last, kills),
		fmt.Sprintf("%d times a token told that it was applied already", already))
	return []figure{counted}, err
}

// childOnce is what is killed.
func childOnce(ctx context.Context, e *plinth.Engine, first, last int64) int {
	for token := first; token <= last; token++ {
		name := strconv.FormatInt(token, 10)
		_, _ = os.Stdout.WriteString("begun " + name + "\n")
		already, err := once(ctx, e, token)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if already {
			name += " again"
		}
		_, _ = os.Stdout.WriteString("done " + name + "\n")
	}
	return 0
}
