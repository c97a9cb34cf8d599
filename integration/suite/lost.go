package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/stdsql"
)

// Lossy is an engine of one connection through a proxy that loses replies, and another one that goes past it.
type Lossy struct {
	*plinth.Engine
	d      *Database
	Direct *plinth.Engine
	Proxy  *plinthtest.Proxy
	URL    string  // through the proxy
	db     *sql.DB // over the engine
}

// OpenLossy opens one on a new database.
func (d *Database) OpenLossy(t testing.TB) *Lossy {
	t.Helper()
	server := d.Server(t)
	url := server.Database(t)
	l := &Lossy{d: d, Direct: d.OpenURL(t, url, Silent), Proxy: plinthtest.NewProxy(t, server.Addr())}
	l.URL = l.Proxy.URL(d.Plain(t, url))
	l.Engine, l.db = d.openBoth(t, l.URL)
	return l
}

// openBoth opens an engine of one connection, and a *sql.DB over it.
func (d *Database) openBoth(t testing.TB, url string) (*plinth.Engine, *sql.DB) {
	t.Helper()
	e := d.OpenURL(t, url, PoolOf(1), Silent)
	db := stdsql.OpenDB(e)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, db
}

// Lose has the next call lose a reply: to its nth flight, or to the first that has a text in it. Before, it waits until what the
// driver did in the background about the connections that were lost earlier has passed the proxy.
func (l *Lossy) Lose(t testing.TB, round int, containing string, flight int) {
	t.Helper()
	Eventually(t, "only the engine's connection is left", func() bool {
		s := l.Proxy.Stats()
		return s.Accepted >= s.Dropped*(1+l.d.Asides) && s.Open <= 1
	})
	l.Proxy.DropReply(plinthtest.Drop{Containing: containing, Flight: flight, End: plinthtest.End(round % 2)}) // RST and FIN in turn
}

// lossyWrite is a way in which one call writes a row with a token, without a transaction around it.
type lossyWrite struct {
	flight int // that carries the write, when the same was done before
	call   func(ctx context.Context, l *Lossy, token int64) error
}

func (d *Database) lossyWrites() map[string]lossyWrite {
	done := func(_ plinth.Result, err error) error { return err }
	doneSQL := func(_ sql.Result, err error) error { return err }
	literal := func(token int64) string { return fmt.Sprintf("insert into entry (token) values (%d)", token) }
	const returning = ledger.Insert + " returning token"
	writes := map[string]lossyWrite{
		"Execute without arguments": {d.Fresh, func(ctx context.Context, l *Lossy, token int64) error {
			return done(l.Execute(ctx, literal(token)))
		}},
		"RETURNING by Query": {1, func(ctx context.Context, l *Lossy, token int64) error {
			rows, err := l.Query(ctx, returning, token)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Close()
		}},
		"stdsql's ExecContext": {1, func(ctx context.Context, l *Lossy, token int64) error {
			return doneSQL(l.db.ExecContext(ctx, ledger.Insert, token))
		}},
		"stdsql's ExecContext without arguments": {d.Fresh, func(ctx context.Context, l *Lossy, token int64) error {
			return doneSQL(l.db.ExecContext(ctx, literal(token)))
		}},
		"stdsql's QueryRow": {1, func(ctx context.Context, l *Lossy, token int64) error {
			return l.db.QueryRowContext(ctx, returning, token).Scan(new(int64))
		}},
		"on a Conn of With": {d.Anew, func(ctx context.Context, l *Lossy, token int64) error { // nothing stays prepared after With
			return l.With(ctx, func(c *plinth.Conn) error { return done(c.Execute(ctx, ledger.Insert, token)) })
		}},
		"a script": {d.Fresh, func(ctx context.Context, l *Lossy, token int64) error {
			return l.ExecuteScript(ctx, strings.NewReader(literal(token)+"; -- that's all"))
		}},
	}
	for _, w := range append(d.Writes, Write{Name: "Execute with arguments", Text: ledger.Insert},
		Write{Name: "several rows", Text: "insert into entry (token) values (?), (-1), (-1)"},
		Write{Name: "RETURNING by FetchOne", Text: returning, Returns: true},
		Write{Name: "a procedure", Text: "call written_by(?)"},
		Write{Name: "a function in a SELECT", Text: "select written(?)", Returns: true},
	) {
		writes[w.Name] = lossyWrite{1, func(ctx context.Context, l *Lossy, token int64) error {
			if !w.Returns {
				return done(l.Execute(ctx, w.Text, token))
			}
			got, err := plinth.One[int64](ctx, l, w.Text, token)
			if err == nil && got != token {
				return fmt.Errorf("token %d came back as %d", token, got)
			}
			return err
		}}
	}
	return writes
}

// aLostReplyIsNeverWrittenTwice loses the reply to a write, in every form that one has. The server has answered, so
// the row is there; nobody else can know.
func (d *Database) aLostReplyIsNeverWrittenTwice(t *testing.T) {
	t.Parallel()
	for name, w := range d.lossyWrites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := d.OpenLossy(t)
			book := newBook(t, l.Direct)
			Execute(t, l.Direct, d.Routines...)
			for round := range times(200) {
				token := book.Next()
				err := w.call(t.Context(), l, token) // then there is a connection, on which the statement is prepared
				book.Tell(err, token)
				if err != nil {
					t.Fatal(err)
				}
				Idle(t, l.Engine)
				token = book.Next()
				l.Lose(t, round, "", w.flight)
				err = w.call(t.Context(), l, token)
				book.Note(ledger.Applied, token) // the server has said so, only nobody heard it
				if !errors.Is(err, plinth.ErrOutcomeUnknown) {
					t.Fatalf("round %d: %v, want ErrOutcomeUnknown", round, err)
				}
			}
			Execute(t, l.Direct, "delete from entry where token = -1")
			book.check(t, l.Direct)
			if s := l.Proxy.Stats(); s.Dropped != times(200) || s.Armed != 0 {
				t.Errorf("%d replies were lost: %+v", s.Dropped, s)
			}
			t.Logf("%d replies lost, 0 applied twice, all ErrOutcomeUnknown", l.Proxy.Stats().Dropped)
		})
	}
}

// aLostReplyToExecuteManyIsNeverWrittenTwice loses each of the replies that ExecuteMany waits for. Only that to
// COMMIT leaves a doubt. It's the second, unless the server had time to speak in the middle of a COPY.
func (d *Database) aLostReplyToExecuteManyIsNeverWrittenTwice(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"the fastest way": ledger.Insert,
		"batched":         d.Batched,
	} {
		for _, lost := range []string{"COMMIT", "1", "2"} {
			t.Run(name+", reply to "+lost, func(t *testing.T) {
				t.Parallel()
				l := d.OpenLossy(t)
				book := newBook(t, l.Direct)
				many := func() ([]int64, error) {
					tokens := []int64{book.Next(), book.Next(), book.Next()}
					_, err := l.ExecuteMany(t.Context(), statement, func(yield func([]any) bool) {
						for _, token := range tokens {
							if !yield([]any{token}) {
								return
							}
						}
					})
					book.Tell(err, tokens...)
					return tokens, err
				}
				for round := range times(200) {
					if _, err := many(); err != nil {
						t.Fatal(err)
					}
					switch lost {
					case "1":
						l.Lose(t, round, "", 1)
					case "2":
						l.Lose(t, round, "", 2)
					default:
						l.Lose(t, round, lost, 1)
					}
					tokens, err := many()
					unknown := errors.Is(err, plinth.ErrOutcomeUnknown)
					if lost == "COMMIT" && !unknown || lost == "1" && unknown || !unknown && !errors.Is(err, plinth.ErrUnavailable) {
						t.Fatalf("round %d: %v", round, err)
					}
					if unknown {
						book.Note(ledger.Applied, tokens...)
					}
				}
				book.check(t, l.Direct)
				if n := l.Proxy.Stats().Dropped; n != times(200) {
					t.Errorf("%d replies were lost", n)
				}
			})
		}
	}
}

// aLostReplyToAnUpdateOrDeleteIsNotRepeated loses the replies to writes that do more when they are done again.
func (d *Database) aLostReplyToAnUpdateOrDeleteIsNotRepeated(t *testing.T) {
	t.Parallel()
	l := d.OpenLossy(t)
	Execute(t, l.Direct, "create table counter (n bigint not null)", "insert into counter values (0)",
		"create table queue (id bigint primary key)")
	n := times(200)
	if _, err := l.Direct.ExecuteMany(t.Context(), "insert into queue values (?)", func(yield func([]any) bool) {
		for i := 0; i < 5*n && yield([]any{i}); i++ {
		}
	}); err != nil {
		t.Fatal(err)
	}
	const update, pop = "update counter set n = n + 1", "delete from queue where id = (select min(id) from queue)"
	for round := range n {
		for _, write := range []string{update, pop} {
			if _, err := l.Execute(t.Context(), write); err != nil {
				t.Fatal(err)
			}
			l.Lose(t, round, "", 1)
			if _, err := l.Execute(t.Context(), write); !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Fatalf("%s: %v, want ErrOutcomeUnknown", write, err)
			}
		}
	}
	counted, err := plinth.One[int](t.Context(), l.Direct, "select n from counter")
	if err != nil || counted != 2*n {
		t.Errorf("%d updates made %d (%v)", 2*n, counted, err)
	}
	left, err := plinth.One[int](t.Context(), l.Direct, "select count(*) from queue")
	if err != nil || left != 3*n {
		t.Errorf("%d are left, want %d (%v)", left, 3*n, err)
	}
}

// aLostReplyToCommitIsNeverReplayed loses what the server says to COMMIT.
func (d *Database) aLostReplyToCommitIsNeverReplayed(t *testing.T) {
	t.Parallel()
	l := d.OpenLossy(t)
	book := newBook(t, l.Direct)
	runs := 0
	for name, write := range map[string]func(ctx context.Context, token int64) error{
		"Tx.Commit": func(ctx context.Context, token int64) error {
			tx, err := l.Begin(ctx)
			if err != nil {
				return err
			}
			if err := ledger.Transfer(ctx, tx, token); err != nil {
				return errors.Join(err, tx.Rollback(ctx))
			}
			runs++
			return tx.Commit(ctx)
		},
		"InTx": func(ctx context.Context, token int64) error {
			return l.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				runs++
				return ledger.Transfer(ctx, tx, token)
			})
		},
		"stdsql's Commit": func(ctx context.Context, token int64) error {
			tx, err := l.db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, ledger.Insert, token); err != nil {
				return errors.Join(err, tx.Rollback())
			}
			runs++
			return tx.Commit()
		},
	} {
		for round := range times(200) {
			before := runs
			token := book.Next()
			l.Lose(t, round, "COMMIT", 1)
			err := write(t.Context(), token)
			if !errors.Is(err, plinth.ErrOutcomeUnknown) || runs != before+1 {
				t.Fatalf("%s: %v after %d runs, want ErrOutcomeUnknown after one", name, err, runs-before)
			}
			book.Note(ledger.Applied, token)
		}
	}
	book.check(t, l.Direct)
}

// aLostReplyBeforeCommitIsReplayed loses each of the replies in a transaction. Nothing can have come of the transaction
// as long as COMMIT wasn't sent.
func (d *Database) aLostReplyBeforeCommitIsReplayed(t *testing.T) {
	t.Parallel()
	l := d.OpenLossy(t)
	book := newBook(t, l.Direct)
	move := func() (runs int, err error) {
		token := book.Next()
		err = l.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			runs++
			return ledger.Transfer(ctx, tx, token)
		})
		if book.Tell(err, token); err != nil {
			book.Note(ledger.Applied, token) // see the last case
		}
		return runs, err
	}
	for flight, want := range []int{2, 2, 2, 1} { // BEGIN and insert, two updates, COMMIT
		for round := range 4 {
			if _, err := move(); err != nil { // its statements are prepared now
				t.Fatal(err)
			}
			l.Lose(t, round, "", 1+flight)
			runs, err := move()
			if runs != want || (err == nil) != (want == 2) || err != nil && !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("flight %d: %v after %d runs, want %d", flight, err, runs, want)
			}
		}
	}
	book.check(t, l.Direct)
}

// aLostReplyToAReadIsAskedForAgain has nothing to be afraid of.
func (d *Database) aLostReplyToAReadIsAskedForAgain(t *testing.T) {
	t.Parallel()
	l := d.OpenLossy(t)
	question := "select " + d.Number + " * 3"
	for round := range 20 {
		if _, err := l.FetchAll(t.Context(), question, 0); err != nil {
			t.Fatal(err)
		}
		l.Lose(t, round, "", 1)
		got, err := plinth.One[int](t.Context(), l, question, round)
		if err != nil || got != 3*round {
			t.Errorf("round %d: %d, %v", round, got, err)
		}
	}
	if s := l.Stats(); s.Retries != 20 || l.Proxy.Stats().Dropped != 20 {
		t.Errorf("%d retries for %d lost replies", s.Retries, l.Proxy.Stats().Dropped)
	}
}

// beginTravelsWithTheFirstStatement counts the round trips of a transaction: a reply that is to be lost after these never comes.
func (d *Database) beginTravelsWithTheFirstStatement(t *testing.T) {
	t.Parallel()
	l := d.OpenLossy(t)
	book := newBook(t, l.Direct)
	none := func(context.Context, *plinth.Tx) error { return nil }
	one := func(ctx context.Context, tx *plinth.Tx) error {
		_, err := tx.Execute(ctx, ledger.Insert, book.Next())
		return err
	}
	if err := l.InTx(t.Context(), one); err != nil { // its statement is prepared now
		t.Fatal(err)
	}
	for _, c := range []struct {
		fn    func(context.Context, *plinth.Tx) error
		opts  plinth.TxOptions
		trips int
	}{{none, plinth.TxOptions{}, 0}, {one, plinth.TxOptions{}, 2}, {one, plinth.TxOptions{Isolation: plinth.Serializable}, 2}} {
		l.Lose(t, 0, "", c.trips+1)
		if err := l.InTx(t.Context(), c.fn, c.opts); err != nil || l.Proxy.Stats().Dropped > 0 {
			t.Errorf("%+v: more than %d round trips, %v", c.opts, c.trips, err)
		}
		if err := l.Proxy.Heal(); err != nil {
			t.Fatal(err)
		}
	}
}
