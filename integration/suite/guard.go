package suite

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

// Guard is what looks as if it read only, and what has to be refused where nothing may be written.
type Guard struct {
	Tables []string          // make written(x), to which each run of one of Sly adds rows, t(a) with one row, and what the others use
	Sly    map[string]string // statements that write, though by their text they only read; a placeholder is at the end

	Refused     map[string]string // beside what all refuse
	RefusedInTx map[string]string
	Unguard     string // makes a session one that writes
}

// arguments are those of one of Sly.
func arguments(text string) []any {
	if text[len(text)-1] == '?' {
		return []any{1}
	}
	return nil
}

func (d *Database) aReadThatWritesIsNeverAppliedTwice(t *testing.T) {
	l := d.OpenLossy(t)
	Execute(t, l.Direct, d.Guard.Tables...)
	written := func() int {
		n, err := plinth.One[int](t.Context(), l.Direct, "select count(*) from written")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, text := range d.Guard.Sly {
		t.Run(name, func(t *testing.T) {
			run := func() (int, error) {
				before := written()
				_, err := l.FetchAll(t.Context(), text, arguments(text)...)
				return written() - before, err
			}
			if _, err := run(); err != nil { // prepares it
				t.Fatal(err)
			}
			once, err := run()
			if err != nil || once < 1 {
				t.Fatalf("it writes %d rows: %v", once, err)
			}
			l.Lose(t, 0, "", 1)
			if n, err := run(); n != once || !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("it wrote %d rows, want %d once: %v", n, once, err)
			}
			if n, err := run(); n != once || err != nil {
				t.Errorf("it isn't carried out any more: %d rows, %v", n, err)
			}
		})
	}
	l.Lose(t, 0, "", 1)
	for range 2 {
		if n, err := plinth.One[int](t.Context(), l, "select count(*) from t"); err != nil || n != 1 {
			t.Errorf("a true read isn't repeated, or leaves its connection in a state: %d, %v", n, err)
		}
	}
	if lost := l.Proxy.Stats().Dropped; lost != 1+len(d.Guard.Sly) {
		t.Errorf("%d replies were lost", lost)
	}
}

func (d *Database) nothingWritesUnderAReadOnlyContext(t *testing.T) {
	url := d.Server(t).Database(t)
	direct := d.OpenURL(t, url)
	Execute(t, direct, d.Guard.Tables...)
	readOnly := config.With(func(c *config.Config) { c.ReadOnly = true })
	reading := d.OpenURL(t, url, func(o *plinth.Options) { o.Config = append(o.Config, readOnly) })
	for name, with := range map[string]struct {
		db  *plinth.Engine
		ctx context.Context
	}{"a context": {direct, config.WithOverride(t.Context(), readOnly)}, "an engine": {reading, t.Context()}} {
		t.Run(name, func(t *testing.T) { d.refusesWrites(with.ctx, t, with.db) })
	}
	if n, err := plinth.One[int](t.Context(), direct, "select count(*) from written"); err != nil || n != 0 {
		t.Errorf("%d rows were written, %v", n, err)
	}
	if _, err := direct.Execute(t.Context(), "insert into t values (2)"); err != nil {
		t.Errorf("the connections are left in a state: %v", err)
	}
}

func (d *Database) refusesWrites(ctx context.Context, t *testing.T, db *plinth.Engine) {
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, plinth.ErrReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, text := range d.Guard.Sly {
		_, err := db.FetchAll(ctx, text, arguments(text)...)
		refused(what, err)
	}
	all := map[string]string{
		"an insert": "insert into t values (1)", "a delete": "delete from t", "a function": "select w()",
		"a schema change": "create table other (a int)", "a change of a table": "alter table t add column b int", "a table emptied": "truncate table t",
	}
	maps.Copy(all, d.Guard.Refused)
	for what, text := range all {
		_, err := db.Execute(ctx, text)
		refused(what, err)
	}
	_, err := db.ExecuteMany(ctx, "insert into t (a) values (?)", func(yield func([]any) bool) { yield([]any{1}) })
	refused("many rows", err)
	inTx := map[string]string{
		"an insert": "insert into t values (1)", "a schema change": "create table other (a int)", "the transaction made to write": "set transaction read write",
	}
	maps.Copy(inTx, d.Guard.RefusedInTx)
	for what, text := range inTx {
		refused(what+", in a transaction", db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
			_, err := tx.Execute(ctx, text)
			return err
		}))
	}
	refused("a session that is made to write", db.With(ctx, func(conn *plinth.Conn) error {
		if _, err := conn.Execute(ctx, d.Guard.Unguard); err != nil {
			return err
		}
		_, err := conn.FetchAll(ctx, "select * from v")
		refused("a view, in it", err)
		_, err = conn.Execute(ctx, "insert into t values (1)")
		return err
	}))
	reads := func() {
		t.Helper()
		if n, err := plinth.One[int](ctx, db, "select count(*) from t"); err != nil || n != 1 {
			t.Errorf("reading: %d, %v", n, err)
		}
	}
	reads()
	if _, err := plinth.One[int](ctx, db, "select "+d.SessionID); err != nil {
		t.Errorf("a function that isn't known to be harmless, and is: %v", err)
	}
	rows, err := db.Query(ctx, d.Endless)
	if err != nil || !rows.Next() || rows.Close() != nil {
		t.Errorf("rows that aren't read to their end: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := db.FetchAll(short, d.Slow); !errors.Is(err, plinth.ErrTimeout) {
		t.Errorf("a deadline: %v", err)
	}
	reads()
}
