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
			name: "once", title: "Exactly once, with every connection cut", on: []*product{postgreSQL, mariaDB}, run: onceCut,
			did: "Eight goroutines each apply a transfer between two accounts (three statements) by `plinth.ExactlyOnce` under a token, 10,000 in all. A proxy cuts " +
				"every connection after a random number of bytes, in either direction, login included. Who gets an error calls again with the same token until " +
				"there is none. In the end each transfer has to be there once, and each call to have returned the transfer's own result.",
		},
		{
			name: "loop", title: "Exactly once, in a program that is killed again and again", on: []*product{sqLite}, run: onceKilled,
			did: "A program applies 10,000 tokens one after the other by `plinth.ExactlyOnce`. It's killed by SIGKILL at random moments and started again each " +
				"time, with the first token that it hadn't said to be done.",
		},
	}
}

// once applies a token's transfer, and returns what has to come back for it.
func once(ctx context.Context, e *plinth.Engine, token int64) (already bool, err error) {
	got, already, err := plinth.ExactlyOnce(ctx, e, "transfer-"+strconv.FormatInt(token, 10), func(ctx context.Context, tx *plinth.Tx) (int64, error) {
		return 3 * token, ledger.Transfer(ctx, tx, token)
	})
	if err == nil && got != 3*token {
		return already, fmt.Errorf("token %d came back with the result %d, want %d", token, got, 3*token)
	}
	return already, err
}

func onceCut(ctx context.Context, b *bench) ([]figure, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	if err := plinth.CreateTokens(ctx, f.direct); err != nil {
		return nil, err
	}
	e, err := b.engine(ctx, f.proxy.URL(f.url), poolOf(ledger.Writers))
	if err != nil {
		return nil, err
	}
	f.proxy.OnConnect(func(int) plinthtest.Plan {
		path := plinthtest.Path{Cut: &plinthtest.Cut{After: rand.Int64N(5_000), End: plinthtest.End(rand.IntN(2))}}
		if rand.IntN(2) == 0 {
			return plinthtest.Plan{ToServer: path}
		}
		return plinthtest.Plan{ToClient: path}
	})
	n := b.times(10_000)
	var resolved, calls, unknown atomic.Int64
	err = b.all(ctx, "transactions", ledger.Writers, n, func(ctx context.Context, _ int) error {
		token := f.Next()
		for {
			calls.Add(1)
			already, err := once(ctx, e, token)
			if already {
				resolved.Add(1)
			}
			switch {
			case err == nil:
				f.Note(ledger.Applied, token)
				return nil
			case errors.Is(err, plinth.ErrOutcomeUnknown):
				unknown.Add(1)
			case !ledger.Gone(err) && !errors.Is(err, plinth.ErrLocked):
				return fmt.Errorf("token %d: %w", token, err)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	counted, err := f.counted(ctx, fmt.Sprintf("%d transactions", n), fmt.Sprintf(
		"%d connections cut; %d calls; %d times a token told that it was applied already; %d times a call had to be told that nobody knows yet",
		f.proxy.Stats().Cuts, calls.Load(), resolved.Load(), unknown.Load()))
	return []figure{counted}, err
}

func onceKilled(ctx context.Context, b *bench) ([]figure, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	if err := plinth.CreateTokens(ctx, f.direct); err != nil {
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
