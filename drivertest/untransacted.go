package drivertest

import (
	"context"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
)

// refusesTransactions is what a case that needs a transaction asks of a database that has none: that it says so, and what to
// do, before anything is done.
func (s *suite) refusesTransactions(t *testing.T) {
	t.Helper()
	d := s.open(t)
	ctx := t.Context()
	d.items(t, 1)
	_, err := d.Begin(ctx)
	if e := failure(t, err, plinth.ErrUnsupported); e.Hint == "" {
		t.Errorf("error %q doesn't say what to do", e)
	}
	err = d.InTx(ctx, func(context.Context, *plinth.Tx) error { t.Error("it ran"); return nil })
	is(t, err, plinth.ErrUnsupported)
	ok(t, d.With(ctx, func(c *plinth.Conn) error {
		_, err := c.Begin(ctx)
		is(t, err, plinth.ErrUnsupported)
		done(t)(c.Execute(ctx, d.Add, 1, 1)) // the connection is as good as before
		return nil
	}))
	equal(t, "n", d.n(t, 1), 1)
}

// manyWithoutTx is for a database without transactions: nothing is pretended.
func manyWithoutTx(t *testing.T, s *suite) {
	if !s.Limits.NoTransactions {
		t.Skip("the database has transactions")
	}
	d := s.open(t)
	d.items(t, 5)
	rows, _ := once(numbered(3, 4))
	_, err := d.ExecuteMany(t.Context(), d.Insert, rows)
	e := failure(t, err, plinth.ErrUnique)
	equal(t, "row", e.Row, 3)
	if !strings.Contains(e.Error(), "the 2 rows before it") {
		t.Errorf("error %q doesn't say what stays", e)
	}
	equal(t, "items", d.count(t), 3)
}
