package drivertest

import (
	"context"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/driver"
)

func isolationCases() []testCase {
	return []testCase{
		{name: "what isn't committed isn't seen", run: noDirtyRead},
		{name: "a repeatable read sees the same again", run: repeatableRead},
		{name: "two transactions that read and write lose no update", run: noLostUpdate},
	}
}

func noDirtyRead(t *testing.T, s *suite) {
	d := s.open(t)
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(t.Context()))
	done(t)(tx.Execute(t.Context(), d.Add, 1, 1))
	equal(t, "n, before the commit", d.n(t, 1), 0)
	ok(t, tx.Commit(t.Context()))
	equal(t, "n, after it", d.n(t, 1), 1)
}

func repeatableRead(t *testing.T, s *suite) {
	d := s.open(t)
	ctx := t.Context()
	d.items(t, 1)
	tx := must[*plinth.Tx](t)(d.Begin(ctx, plinth.TxOptions{ReadOnly: true, Isolation: driver.RepeatableRead}))
	equal(t, "n at first", must[item](t)(plinth.One[item](ctx, tx, d.Get, 1)).N, 0)
	done(t)(d.Execute(ctx, d.Add, 1, 1))
	equal(t, "n again", must[item](t)(plinth.One[item](ctx, tx, d.Get, 1)).N, 0)
	ok(t, tx.Commit(ctx))
	equal(t, "n after the transaction", d.n(t, 1), 1)
}

func noLostUpdate(t *testing.T, s *suite) {
	d := s.open(t, func(o *plinth.Options) { o.Retry.Attempts = -1; o.Retry.Rand = nil }) // the bare part needs repeating, too
	d.items(t, 1)
	const each = 20
	var waits []func() error
	for range 2 {
		waits = append(waits, async(t, func() error {
			for range each {
				err := d.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
					it, err := plinth.One[item](ctx, tx, d.Get, 1)
					if err != nil {
						return err
					}
					if _, err := tx.Execute(ctx, d.Delete, 1); err != nil {
						return err
					}
					_, err = tx.Execute(ctx, d.Insert, 1, it.Name, it.N+1, nil)
					return err
				}, s.Serial)
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for _, wait := range waits {
		ok(t, wait())
	}
	equal(t, "n", d.n(t, 1), 2*each)
}
