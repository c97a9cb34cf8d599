package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/plinthtest"
)

func lostTrials() []trial {
	return []trial{
		{
			name: "reply", title: "The reply to a write is lost", on: []*product{postgreSQL(), mariaDB()}, run: lostReplies,
			did: "A proxy loses the server's reply to a write that is no part of a transaction, and ends the connection. " +
				"The write was done, and the program can't know it. 200 times in each form.",
		},
		{
			name: "commit", title: "The reply to COMMIT is lost", on: []*product{postgreSQL(), mariaDB()}, run: lostCommits,
			did: "The same with the reply to COMMIT, 1,000 times. A program that runs such a transaction again would " +
				"apply it twice. An error that calls itself retryable, or that doesn't say that the outcome is unknown, " +
				"would lead it to.",
		},
	}
}

// lossy is an engine of one connection whose replies can be lost.
type lossy struct {
	*field
	b *bench
	e *plinth.Engine
}

func (b *bench) lossy(ctx context.Context) (*lossy, error) {
	f, err := b.field(ctx)
	if err != nil {
		return nil, err
	}
	e, err := b.engine(ctx, f.proxy.URL(f.url), poolOf(1))
	return &lossy{f, b, e}, err
}

// lose has the next call lose a reply: to its nth flight, or to the first that has a text in it. Before, it waits until what the
// driver did in the background about the connections that were lost earlier has passed the proxy.
func (l *lossy) lose(ctx context.Context, round int, containing string, flight int) error {
	err := suite.Until(ctx, "only the engine's connection is left", func() bool {
		s := l.proxy.Stats()
		return s.Accepted >= s.Dropped*(1+l.b.asides) && s.Open <= 1 && l.e.Stats().InUse == 0
	})
	l.proxy.DropReply(plinthtest.Drop{Containing: containing, Flight: flight, End: plinthtest.End(round % 2)}) // RST and FIN in turn
	return err
}

// form is a way to write one token, and how the write that loses its reply is told from what is sent before.
type form struct {
	name       string
	flight     int
	containing string
	call       func(ctx context.Context, l *lossy, token int64) error
}

func (b *bench) forms() []form {
	execute := func(text string) func(context.Context, *lossy, int64) error {
		return func(ctx context.Context, l *lossy, token int64) error {
			_, err := l.e.Execute(ctx, text, token)
			return err
		}
	}
	fetch := func(text string) func(context.Context, *lossy, int64) error {
		return func(ctx context.Context, l *lossy, token int64) error {
			_, err := l.e.FetchOne(ctx, text, token)
			return err
		}
	}
	forms := []form{
		{"INSERT", 1, "", execute(ledger.Insert)},
		{"UPDATE", 1, "", func(ctx context.Context, l *lossy, _ int64) error {
			_, err := l.e.Execute(ctx, "update counter set n = n + 1")
			return err
		}},
		{"DELETE", 1, "", func(ctx context.Context, l *lossy, _ int64) error {
			_, err := l.e.Execute(ctx, "delete from queue where id = (select min(id) from queue)")
			return err
		}},
		{"INSERT of several rows", 1, "", execute("insert into entry (token) values (?), (-1), (-1)")},
		{"INSERT … RETURNING", 1, "", fetch(ledger.Insert + " returning token")},
		{"ExecuteMany", 1, "COMMIT", func(ctx context.Context, l *lossy, token int64) error {
			_, err := l.e.ExecuteMany(ctx, ledger.Insert, func(yield func([]any) bool) { _ = yield([]any{token}) && yield([]any{-1}) })
			return err
		}},
	}
	if b.cte != "" {
		forms = append(forms, form{"INSERT in a CTE", 1, "", fetch(b.cte)})
	}
	return forms
}

func lostReplies(ctx context.Context, b *bench) ([]figure, error) {
	n := b.times(200)
	var figures []figure
	for _, form := range b.forms() {
		f, err := lostReply(ctx, b, form, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", form.name, err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

func lostReply(ctx context.Context, b *bench, form form, n int) (figure, error) {
	l, err := b.lossy(ctx)
	if err != nil {
		return figure{}, err
	}
	for _, text := range []string{
		"create table counter (n bigint not null)", "insert into counter values (0)", "create table queue (id bigint primary key)",
	} {
		if _, err := l.direct.Execute(ctx, text); err != nil {
			return figure{}, err
		}
	}
	if _, err := l.direct.ExecuteMany(ctx, "insert into queue values (?)", func(yield func([]any) bool) {
		for i := 0; i < 3*n && yield([]any{i}); i++ {
		}
	}); err != nil {
		return figure{}, err
	}
	unknown := 0
	err = b.all(ctx, form.name, 1, n, func(ctx context.Context, round int) error {
		token := l.Next()
		if err := form.call(ctx, l, token); err != nil { // then there is a connection, on which the statement is prepared
			return err
		}
		l.Note(ledger.Applied, token)
		if err := l.lose(ctx, round, form.containing, form.flight); err != nil {
			return err
		}
		token = l.Next()
		if err := form.call(ctx, l, token); errors.Is(err, plinth.ErrOutcomeUnknown) && !plain(err) {
			unknown++
		}
		l.Note(ledger.Applied, token) // the server has said so, only nobody heard it
		return nil
	})
	if err != nil {
		return figure{}, err
	}
	applied, err := l.applied(ctx, form.name)
	if err != nil {
		return figure{}, err
	}
	lost := l.proxy.Stats().Dropped
	return figure{
		what: form.name,
		saw: fmt.Sprintf("%d replies lost, %d applied twice, %d missing, %d reported as unknown",
			lost, max(0, applied-2*n), max(0, 2*n-applied), unknown),
		target: fmt.Sprintf("0 twice, %d unknown", n),
		ok:     applied == 2*n && unknown == n && lost == n,
	}, nil
}

// applied returns how often writes of a form were applied.
func (l *lossy) applied(ctx context.Context, form string) (int, error) {
	text := "select count(*) from entry where token > 0"
	switch form {
	case "UPDATE":
		text = "select n from counter"
	case "DELETE":
		text = "select (select max(id) from queue) + 1 - count(*) from queue"
	}
	return plinth.One[int](ctx, l.direct, text)
}

func lostCommits(ctx context.Context, b *bench) ([]figure, error) {
	l, err := b.lossy(ctx)
	if err != nil {
		return nil, err
	}
	n := b.times(1_000)
	unknown, wrong, runs := 0, 0, 0
	err = b.all(ctx, "InTx", 1, n, func(ctx context.Context, round int) error {
		if err := l.lose(ctx, round, "COMMIT", 1); err != nil {
			return err
		}
		token := l.Next()
		err := l.e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			runs++
			return ledger.Transfer(ctx, tx, token)
		})
		l.Note(ledger.Applied, token)
		if plain(err) {
			wrong++
		} else {
			unknown++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := plinth.CreateTokens(ctx, l.direct); err != nil {
		return nil, err
	}
	right, resolved := 0, 0
	err = b.all(ctx, "ExactlyOnce", 1, n, func(ctx context.Context, round int) error {
		if err := l.lose(ctx, round, "COMMIT", 1); err != nil {
			return err
		}
		token := l.Next()
		already, err := once(ctx, l.e, token)
		l.Note(ledger.Applied, token)
		if err == nil {
			right++
		}
		if already {
			resolved++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, err := l.counted(ctx, "tokens of both", "")
	f.ok = f.ok && l.proxy.Stats().Dropped == 2*n
	return []figure{{
		what: "InTx", saw: fmt.Sprintf("%d times ErrOutcomeUnknown, %d retryable or plain errors, %d runs of the function",
			unknown, wrong, runs),
		target: fmt.Sprintf("%d times ErrOutcomeUnknown, 0 others", n), ok: unknown == n && wrong == 0 && runs == n,
	}, {
		what: "ExactlyOnce", saw: fmt.Sprintf("%d right results, %d of them found by their token", right, resolved),
		target: fmt.Sprintf("%d right results", n), ok: right == n && resolved == n,
	}, f}, err
}
