package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/suite"
)

func killTrials() []trial {
	both := []*product{postgreSQL(), mariaDB()}
	return []trial{
		{
			name: "client", title: "The program is killed", on: []*product{postgreSQL(), mariaDB(), sqLite()}, run: killedClients,
			did: "A program that writes from four goroutines, in transactions and outside, and says on its standard " +
				"output what was acknowledged, is killed by SIGKILL at a random moment, 200 times. What it had said has " +
				"to be there; what it was writing may be there or not, but not twice, and no transaction by halves.",
		},
		{
			name: "server", title: "The server is killed, stopped, and restarted under load", on: both, run: brokenServers,
			did: "Eight goroutines write without a pause, in transactions and outside, while the server is killed by " +
				"SIGKILL 30 times and started again; then 20 times while it hangs (SIGSTOP) for a second and calls have " +
				"300 ms each; then 20 times while it is restarted in order.",
		},
		{
			name: "backend", title: "A PostgreSQL backend is killed before COMMIT", on: []*product{postgreSQL()}, run: killedBackends,
			did: "The server's process for one session is killed by SIGKILL just before COMMIT, while others write; " +
				"PostgreSQL then ends all sessions and recovers. It may also give the transaction's number to another, " +
				"so that asking it (pg_xact_status) answers \"committed\". 50 times.",
		},
	}
}

func killedClients(ctx context.Context, b *bench) ([]figure, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	n := b.times(200)
	first := int64(1)
	err = b.all(ctx, "kills", 1, n, func(ctx context.Context, _ int) error {
		c, err := startChild(b.product, f.url, "write", first, 0)
		if err != nil {
			return err
		}
		if err := c.killed(ctx, f.Ledger, time.Duration(rand.IntN(60_000))*time.Microsecond, 1); err != nil {
			return err
		}
		if c.last < first {
			return errors.New("the program that was to be killed has written nothing")
		}
		first = c.last + 1
		return nil
	})
	if err != nil {
		return nil, err
	}
	counted, err := f.counted(ctx, fmt.Sprintf("%d kills", n), "")
	return []figure{counted}, err
}

// writing is a field under load.
type writing struct {
	*field
	ledger.Writer
	b    *bench
	errs atomic.Pointer[error]
	stop func()
}

func (b *bench) writing(ctx context.Context, set ...func(*plinth.Options)) (*writing, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	e, err := b.engine(ctx, f.url, append(set, poolOf(ledger.Writers))...)
	if err != nil {
		return nil, err
	}
	w := &writing{field: f, b: b}
	w.Writer.Ledger, w.Engine, w.Timely = f.Ledger, e, true
	w.stop = w.Start(func(err error) { w.errs.CompareAndSwap(nil, &err) })
	return w, nil
}

// further waits until so many more writes have succeeded.
func (w *writing) further(ctx context.Context, n int64) error {
	at := w.Done.Load()
	err := suite.Until(ctx, "writes go on", func() bool { return w.Done.Load() >= at+n || w.errs.Load() != nil })
	if unexpected := w.errs.Load(); unexpected != nil {
		return *unexpected
	}
	return err
}

// survives breaks the server n times under load, each time mending it, and counts what is there then.
func (b *bench) survives(
	ctx context.Context, what string, n int, breaking func(ctx context.Context) error, set ...func(*plinth.Options),
) (figure, error) {
	w, err := b.writing(ctx, set...)
	if err != nil {
		return figure{}, err
	}
	defer w.stop()
	var slowest time.Duration
	for i := range n {
		b.progress.show(what, i, n)
		if err := w.further(ctx, 20+rand.Int64N(100)); err != nil {
			return figure{}, err
		}
		if err := breaking(ctx); err != nil {
			return figure{}, err
		}
		up := time.Now()
		if err := w.further(ctx, 1); err != nil {
			return figure{}, err
		}
		slowest = max(slowest, time.Since(up))
	}
	w.stop()
	more := fmt.Sprintf("first write at most %v after it was back", slowest.Round(time.Millisecond))
	return w.field.counted(ctx, fmt.Sprintf("%s %d times", what, n), more)
}

func brokenServers(ctx context.Context, b *bench) ([]figure, error) {
	var figures []figure
	for _, c := range []struct {
		what     string
		n        int
		breaking func(ctx context.Context) error
		set      []func(*plinth.Options)
	}{
		{"killed", b.times(30), func(context.Context) error {
			if err := b.server.Kill(); err != nil {
				return err
			}
			<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond)
			return b.server.Start()
		}, nil},
		{"stopped for a second", b.times(20), func(context.Context) error {
			if err := b.server.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
			<-time.After(time.Second)
			return b.server.Signal(syscall.SIGCONT)
		}, []func(*plinth.Options){func(o *plinth.Options) { o.Timeout = 300 * time.Millisecond }}},
		{"restarted", b.times(20), func(context.Context) error { return b.server.Restart() }, nil},
	} {
		f, err := b.survives(ctx, c.what, c.n, c.breaking, c.set...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.what, err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

func killedBackends(ctx context.Context, b *bench) ([]figure, error) {
	w, err := b.writing(ctx)
	if err != nil {
		return nil, err
	}
	defer w.stop()
	n := b.times(50)
	committed := 0
	err = b.all(ctx, "backends killed", 1, n, func(ctx context.Context, _ int) error {
		if err := w.further(ctx, 10); err != nil {
			return err
		}
		token := w.field.Next()
		runs := 0
		err := w.Engine.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			if runs++; runs > 1 {
				return errors.New("once is enough")
			}
			if err := ledger.Transfer(ctx, tx, token); err != nil {
				return err
			}
			pid, err := plinth.One[int](ctx, tx, "select pg_backend_pid()")
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		})
		w.field.Tell(err, token)
		if err == nil {
			committed++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := w.further(ctx, 20); err != nil {
		return nil, err
	}
	w.stop()
	f, err := w.field.counted(ctx, "tokens of all", "")
	return []figure{{
		what: fmt.Sprintf("%d backends killed", n), saw: fmt.Sprintf("%d said to be committed", committed), target: "0",
		ok: committed == 0,
	}, f}, err
}
