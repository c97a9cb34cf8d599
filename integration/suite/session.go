package suite

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
)

func (d *Database) withGivesTheConnectionBackAsNew(t *testing.T) {
	e := d.OpenNew(t, PoolOf(1))
	Execute(t, e, "create table shared (n int)", "insert into shared values (1)")
	if err := d.settings(t.Context(), e, 7); err != nil {
		t.Fatal(err)
	}
	if err := d.clean(t.Context(), e); err != nil {
		t.Error(err)
	}
	if s := e.Stats(); s.DialCount != 1 {
		t.Errorf("%d connections were dialled, want 1", s.DialCount)
	}
}

// aSessionThatIsEndedIsReplaced without a write that nobody knows the outcome of: what was idle is looked at before it's lent.
func (d *Database) aSessionThatIsEndedIsReplaced(t *testing.T) {
	url := d.Server(t).Database(t)
	e, admin := d.OpenURL(t, url, PoolOf(1)), d.OpenURL(t, url)
	Execute(t, e, "create table t (id int)")
	const times = 5
	last := 0
	for range times {
		id, err := plinth.One[int](t.Context(), e, "select "+d.SessionID)
		if err != nil || id == last {
			t.Fatalf("session %d after session %d: %v", id, last, err)
		}
		last = id
		if n, err := d.End(t.Context(), admin, 0); n != 1 || err != nil {
			t.Fatalf("%d sessions were ended, %v", n, err)
		}
		Eventually(t, "it's gone", func() bool {
			n, err := plinth.One[int](t.Context(), admin, d.Sessions)
			return n == 0 && err == nil
		})
		if _, err := e.Execute(t.Context(), "insert into t values (1)"); err != nil {
			t.Error(err)
		}
	}
	if n, err := plinth.One[int](t.Context(), e, "select count(*) from t"); n != times || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

func (d *Database) writesWhereOnlyReadingWasAskedForKeepTheConnection(t *testing.T) {
	url := d.Server(t).Database(t)
	writer := d.OpenURL(t, url, PoolOf(1))
	Execute(t, writer, "create table things (id int)")
	c := d.At(t, url)
	c.ReadOnly = true
	reader, err := d.connect(t, c)
	if err != nil {
		t.Fatal(err)
	}
	const insert = "insert into things values (1)"
	for range 3 {
		if _, err := reader.Execute(t.Context(), insert); !errors.Is(err, plinth.ErrReadOnly) {
			t.Errorf("a session: %v, want ErrReadOnly", err)
		}
		if err := writer.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, insert)
			return err
		}, plinth.TxOptions{ReadOnly: true}); !errors.Is(err, plinth.ErrReadOnly) {
			t.Errorf("a transaction: %v, want ErrReadOnly", err)
		}
	}
	for _, e := range []*plinth.Engine{reader, writer} {
		if s := e.Stats(); s.DialCount != 1 || s.Retries != 0 {
			t.Errorf("%d connections were dialled, %d retries", s.DialCount, s.Retries)
		}
	}
	if server, err := reader.Ping(t.Context()); err != nil || server.Writable || server.Role != "primary" {
		t.Errorf("Ping: %+v, %v", server, err)
	}
}
