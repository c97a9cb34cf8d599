package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/suite"
)

func outageTrials() []trial {
	both := []*product{postgreSQL(), mariaDB()}
	return []trial{
		{
			name: "down", title: "The server is down under 200 callers", on: both, run: down,
			did: "200 goroutines call on a pool of ten, with 2 s for each call, and again 10 ms after one that failed. The server " +
				"is killed, and started again after 3 s. Raw pools dial 5,000 to 9,000 times a second meanwhile.",
		},
		{
			name: "total", title: "Everything fails for ten seconds", on: both, run: totalFailure,
			did: "Nothing answers at the server's address, and 1,000 calls begin each second. Retries may add a tenth to " +
				"that, and what the retry budget holds when the outage begins (500 tokens: 100 retries).",
		},
		{
			name: "flip", title: "The server turns read-only, and back", on: both, run: flips,
			did: "As in a switchover that goes to and fro: writes are refused for half a second, 20 times, while eight " +
				"goroutines write. The error has to keep what the server said.",
		},
	}
}

// calling has so many goroutines call f until what it returns is called.
func calling(n int, f func()) (stop func()) {
	var over atomic.Bool
	var work sync.WaitGroup
	for range n {
		work.Go(func() {
			for !over.Load() {
				f()
			}
		})
	}
	return func() { over.Store(true); work.Wait() }
}

func down(ctx context.Context, b *bench) ([]figure, error) {
	url, err := b.database(ctx)
	if err != nil {
		return nil, err
	}
	e, err := b.engine(ctx, url, poolOf(10))
	if err != nil {
		return nil, err
	}
	rounds := max(1, b.times(5))
	var dials float64
	var slowest time.Duration
	var failed, succeeded atomic.Int64
	var back atomic.Pointer[chan time.Time]
	stop := calling(200, func() {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if _, err := plinth.One[int](ctx, e, "select 1"); err != nil {
			failed.Add(1)
			<-time.After(10 * time.Millisecond)
			return
		}
		succeeded.Add(1)
		if c := back.Load(); c != nil {
			select {
			case *c <- time.Now():
			default:
			}
		}
	})
	defer stop()
	for round := range rounds {
		b.progress.show("outages", round, rounds)
		at := succeeded.Load()
		if err := suite.Until(ctx, "calls go on", func() bool { return succeeded.Load() > at+1_000 }); err != nil {
			return nil, err
		}
		if err := b.server.Kill(); err != nil {
			return nil, err
		}
		before, since := e.Stats(), time.Now()
		<-time.After(3 * time.Second)
		s, took := e.Stats(), time.Since(since)
		dials = max(dials, float64(s.DialCount-before.DialCount)/took.Seconds())
		first := make(chan time.Time, 1)
		back.Store(&first)
		if err := b.server.Start(); err != nil {
			return nil, err
		}
		up := time.Now()
		select {
		case at := <-first:
			slowest = max(slowest, at.Sub(up))
		case <-time.After(within):
			return nil, fmt.Errorf("no call succeeded within %v of the server's return", within)
		}
		back.Store(nil)
	}
	stop()
	return []figure{
		{what: fmt.Sprintf("%d outages of 3 s", rounds), target: "at most 10", ok: dials <= 10,
			saw: fmt.Sprintf("%.1f dials a second, at most; %d calls failed", dials, failed.Load())},
		{what: "first success", target: "within 250 ms",
			saw: fmt.Sprintf("%v after the server's return, at most", slowest.Round(time.Millisecond)),
			ok:  slowest <= 250*time.Millisecond, timed: true},
	}, nil
}

func totalFailure(ctx context.Context, b *bench) ([]figure, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	e, err := b.engine(ctx, f.proxy.URL(f.url), poolOf(10))
	if err != nil {
		return nil, err
	}
	for range 100 {
		if _, err := plinth.One[int](ctx, e, "select 1"); err != nil {
			return nil, err
		}
	}
	if err := f.proxy.Refuse(); err != nil {
		return nil, err
	}
	f.proxy.Cut(0)
	const rate, a = 1_000, 10 * time.Millisecond
	calls := b.times(10 * rate)
	before := e.Stats()
	var work sync.WaitGroup
	var succeeded atomic.Int64
	began := time.Now()
	for i := range calls {
		if i%10 == 0 {
			b.progress.show("calls", i, calls)
			<-time.After(time.Until(began.Add(time.Duration(i/10) * a)))
		}
		work.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if _, err := plinth.One[int](ctx, e, "select 1"); err == nil {
				succeeded.Add(1)
			}
		})
	}
	work.Wait()
	took := time.Since(began)
	s := e.Stats()
	retries, bucket := s.Retries-before.Retries, before.Budget.Tokens/5
	dials := s.DialCount - before.DialCount
	return []figure{{
		what:   fmt.Sprintf("%d calls in %v", calls, took.Round(100*time.Millisecond)),
		saw:    fmt.Sprintf("%d retries, %d dials, %d calls succeeded", retries, dials, succeeded.Load()),
		target: fmt.Sprintf("at most %d retries", int64(calls/10)+bucket), ok: retries <= int64(calls/10)+bucket,
	}}, nil
}

func flips(ctx context.Context, b *bench) ([]figure, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := b.engine(ctx, b.server.URL(), poolOf(1))
	if err != nil {
		return nil, err
	}
	e, err := b.engine(ctx, f.url, poolOf(ledger.Writers))
	if err != nil {
		return nil, err
	}
	tell := func(texts []string) error {
		for _, text := range texts {
			if _, err := admin.Execute(ctx, text); err != nil {
				return err
			}
		}
		return nil
	}
	var refused, bare, late, other atomic.Int64
	var last atomic.Pointer[error]
	var written atomic.Int64
	stop := calling(ledger.Writers, func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		token := f.Next()
		err := e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { return ledger.Transfer(ctx, tx, token) })
		f.Tell(err, token)
		switch pe, ok := errors.AsType[*plinth.Error](err); {
		case err == nil:
			written.Add(1)
		case ok && pe.Kind == plinth.ErrReadOnly && pe.Code != "" && pe.Err != nil:
			refused.Add(1)
		case errors.Is(err, plinth.ErrReadOnly):
			bare.Add(1)
		case errors.Is(err, plinth.ErrTimeout):
			late.Add(1)
		default:
			other.Add(1)
			last.Store(&err)
		}
	})
	defer stop()
	n := b.times(20)
	var slowest time.Duration
	for i := range n {
		b.progress.show("flips", i, n)
		at := refused.Load() + bare.Load() + other.Load()
		if err := tell(b.flip); err != nil {
			return nil, err
		}
		if err := suite.Until(ctx, "writes are refused", func() bool { return refused.Load()+bare.Load()+other.Load() > at }); err != nil {
			return nil, err
		}
		<-time.After(500 * time.Millisecond)
		if err := tell(b.back); err != nil {
			return nil, err
		}
		back, so := time.Now(), written.Load()
		if err := suite.Until(ctx, "writes are taken again", func() bool { return written.Load() > so }); err != nil {
			return nil, err
		}
		slowest = max(slowest, time.Since(back))
	}
	stop()
	saw := fmt.Sprintf("%d with the server's code and message, %d without; %d timed out after 5 s, as the server changed over; %d of another kind",
		refused.Load(), bare.Load(), late.Load(), other.Load())
	if err := last.Load(); err != nil {
		saw += fmt.Sprintf(" (such as: %v)", *err)
	}
	counted, err := f.counted(ctx, "tokens", "")
	return []figure{
		{what: fmt.Sprintf("%d flips", n),
			saw:    fmt.Sprintf("the first write at most %v after the server was back", slowest.Round(time.Millisecond)),
			target: "within 1 s", ok: slowest <= time.Second, timed: true},
		{what: "errors meanwhile", saw: saw, target: "none without, none of another kind", ok: bare.Load()+other.Load() == 0 && refused.Load() > 0},
		counted,
	}, err
}
