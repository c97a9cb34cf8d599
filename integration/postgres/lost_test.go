package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/stdsql"
)

// lossy is an engine of one connection through a proxy that loses replies, and another one that goes past it.
type lossy struct {
	*plinth.Engine
	direct *plinth.Engine
	proxy  *plinthtest.Proxy
	db     *sql.DB // over the engine
}

func openLossy(t testing.TB) *lossy {
	t.Helper()
	server := servers.Postgres(t)
	url := server.Database(t)
	l := &lossy{direct: openURL(t, url, silent), proxy: plinthtest.NewProxy(t, server.Addr())}
	l.Engine, l.db = openBoth(t, l.proxy.URL(plain(t, url)))
	return l
}

// openBoth opens an engine of one connection, and a *sql.DB over it.
func openBoth(t testing.TB, url string) (*plinth.Engine, *sql.DB) {
	t.Helper()
	e := openURL(t, url, poolOf(1), silent)
	db := stdsql.OpenDB(e)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, db
}

// lose has the next call lose a reply: to its nth flight, or to the first that has a text in it.
func (l *lossy) lose(round int, containing string, flight int) {
	l.proxy.DropReply(plinthtest.Drop{Containing: containing, Flight: flight, End: plinthtest.End(round % 2)}) // RST and FIN in turn
}

// write is a way in which one call writes a row with a token, without a transaction around it.
type write struct {
	flight int // that carries the write, when the same was done before
	call   func(ctx context.Context, l *lossy, token int64) error
}

func writes() map[string]write {
	done := func(_ plinth.Result, err error) error { return err }
	doneSQL := func(_ sql.Result, err error) error { return err }
	literal := func(token int64) string { return fmt.Sprintf("insert into entry (token) values (%d)", token) }
	return map[string]write{
		"Execute with arguments": {1, func(ctx context.Context, l *lossy, token int64) error {
			return done(l.Execute(ctx, insertEntry, token))
		}},
		"Execute without arguments": {2, func(ctx context.Context, l *lossy, token int64) error { // each text is prepared first
			return done(l.Execute(ctx, literal(token)))
		}},
		"several rows": {1, func(ctx context.Context, l *lossy, token int64) error {
			return done(l.Execute(ctx, "insert into entry (token) values (?), (-1), (-1)", token))
		}},
		"RETURNING by Query": {1, func(ctx context.Context, l *lossy, token int64) error {
			rows, err := l.Query(ctx, insertEntry+" returning token", token)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Close()
		}},
		"RETURNING by FetchOne": {1, func(ctx context.Context, l *lossy, token int64) error {
			_, err := l.FetchOne(ctx, insertEntry+" returning token", token)
			return err
		}},
		"a CTE that writes": {1, func(ctx context.Context, l *lossy, token int64) error {
			const insert = "with w as (insert into entry (token) values (?) returning token) select token from w"
			_, err := plinth.One[int64](ctx, l, insert, token)
			return err
		}},
		"a CTE before the write": {1, func(ctx context.Context, l *lossy, token int64) error {
			return done(l.Execute(ctx, "with v as (select ?::bigint as token) insert into entry (token) select token from v", token))
		}},
		"a procedure": {1, func(ctx context.Context, l *lossy, token int64) error {
			return done(l.Execute(ctx, "call write(?)", token))
		}},
		"a function in a SELECT": {1, func(ctx context.Context, l *lossy, token int64) error {
			_, err := l.FetchOne(ctx, "select written(?)", token)
			return err
		}},
		"stdsql's ExecContext": {1, func(ctx context.Context, l *lossy, token int64) error {
			return doneSQL(l.db.ExecContext(ctx, "insert into entry (token) values ($1)", token))
		}},
		"stdsql's ExecContext without arguments": {2, func(ctx context.Context, l *lossy, token int64) error {
			return doneSQL(l.db.ExecContext(ctx, literal(token)))
		}},
		"stdsql's QueryRow": {1, func(ctx context.Context, l *lossy, token int64) error {
			return l.db.QueryRowContext(ctx, "insert into entry (token) values ($1) returning token", token).Scan(new(int64))
		}},
		"on a Conn of With": {2, func(ctx context.Context, l *lossy, token int64) error { // nothing stays prepared after With
			return l.With(ctx, func(c *plinth.Conn) error { return done(c.Execute(ctx, insertEntry, token)) })
		}},
		"a script": {2, func(ctx context.Context, l *lossy, token int64) error {
			return l.ExecuteScript(ctx, strings.NewReader(literal(token)+"; -- that's all"))
		}},
	}
}

// TestSoakALostReplyIsNeverWrittenTwice loses the reply to a write, in every form that one has. The server has answered, so
// the row is there; nobody else can know.
func TestSoakALostReplyIsNeverWrittenTwice(t *testing.T) {
	t.Parallel()
	for name, w := range writes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLossy(t)
			book := newLedger(t, l.direct)
			execute(t, l.direct, "create procedure write(bigint) language sql as 'insert into entry (token) values ($1)'",
				"create function written(bigint) returns bigint language sql as 'insert into entry (token) values ($1) returning token'")
			for round := range times(200) {
				token := book.next.Add(1)
				err := w.call(t.Context(), l, token) // then there is a connection, on which the statement is prepared
				book.tell(err, token)
				if err != nil {
					t.Fatal(err)
				}
				idle(t, l.Engine)
				token = book.next.Add(1)
				l.lose(round, "", w.flight)
				err = w.call(t.Context(), l, token)
				book.note(applied, token) // the server has said so, only nobody heard it
				if !errors.Is(err, plinth.ErrOutcomeUnknown) {
					t.Fatalf("round %d: %v, want ErrOutcomeUnknown", round, err)
				}
			}
			execute(t, l.direct, "delete from entry where token = -1")
			book.check(t, l.direct)
			if s := l.proxy.Stats(); s.Dropped != times(200) || s.Armed != 0 {
				t.Errorf("%d replies were lost: %+v", s.Dropped, s)
			}
			t.Logf("%d replies lost, 0 applied twice, all ErrOutcomeUnknown", l.proxy.Stats().Dropped)
		})
	}
}

// TestSoakALostReplyToExecuteManyIsNeverWrittenTwice loses each of the replies that ExecuteMany waits for. Only that to
// COMMIT leaves a doubt. It's the second, unless the server had time to speak in the middle of a COPY.
func TestSoakALostReplyToExecuteManyIsNeverWrittenTwice(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"by COPY": insertEntry,
		"batched": "insert into entry (token) values (? + 0)",
	} {
		for _, lost := range []string{"COMMIT", "1", "2"} {
			t.Run(name+", reply to "+lost, func(t *testing.T) {
				t.Parallel()
				l := openLossy(t)
				book := newLedger(t, l.direct)
				many := func() ([]int64, error) {
					tokens := []int64{book.next.Add(1), book.next.Add(1), book.next.Add(1)}
					_, err := l.ExecuteMany(t.Context(), statement, func(yield func([]any) bool) {
						for _, token := range tokens {
							if !yield([]any{token}) {
								return
							}
						}
					})
					book.tell(err, tokens...)
					return tokens, err
				}
				for round := range times(200) {
					if _, err := many(); err != nil {
						t.Fatal(err)
					}
					switch lost {
					case "1":
						l.lose(round, "", 1)
					case "2":
						l.lose(round, "", 2)
					default:
						l.lose(round, lost, 1)
					}
					tokens, err := many()
					unknown := errors.Is(err, plinth.ErrOutcomeUnknown)
					if lost == "COMMIT" && !unknown || lost == "1" && unknown || !unknown && !errors.Is(err, plinth.ErrUnavailable) {
						t.Fatalf("round %d: %v", round, err)
					}
					if unknown {
						book.note(applied, tokens...)
					}
				}
				book.check(t, l.direct)
				if n := l.proxy.Stats().Dropped; n != times(200) {
					t.Errorf("%d replies were lost", n)
				}
			})
		}
	}
}

// TestSoakALostReplyToAnUpdateOrDeleteIsNotRepeated loses the replies to writes that do more when they are done again.
func TestSoakALostReplyToAnUpdateOrDeleteIsNotRepeated(t *testing.T) {
	t.Parallel()
	l := openLossy(t)
	execute(t, l.direct, "create table counter (n bigint not null)", "insert into counter values (0)",
		"create table queue (id bigint generated always as identity, n int)")
	n := times(200)
	if _, err := l.direct.Execute(t.Context(), "insert into queue (n) select g from generate_series(1, ?) g", 5*n); err != nil {
		t.Fatal(err)
	}
	const update, pop = "update counter set n = n + 1", "delete from queue where id = (select min(id) from queue)"
	for round := range n {
		for _, write := range []string{update, pop} {
			if _, err := l.Execute(t.Context(), write); err != nil {
				t.Fatal(err)
			}
			l.lose(round, "", 1)
			if _, err := l.Execute(t.Context(), write); !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Fatalf("%s: %v, want ErrOutcomeUnknown", write, err)
			}
		}
	}
	counted, err := plinth.One[int](t.Context(), l.direct, "select n from counter")
	if err != nil || counted != 2*n {
		t.Errorf("%d updates made %d (%v)", 2*n, counted, err)
	}
	left, err := plinth.One[int](t.Context(), l.direct, "select count(*) from queue")
	if err != nil || left != 3*n {
		t.Errorf("%d are left, want %d (%v)", left, 3*n, err)
	}
}

// TestSoakALostReplyToCommitIsNeverReplayed loses what the server says to COMMIT.
func TestSoakALostReplyToCommitIsNeverReplayed(t *testing.T) {
	t.Parallel()
	l := openLossy(t)
	book := newLedger(t, l.direct)
	runs := 0
	for name, write := range map[string]func(ctx context.Context, token int64) error{
		"Tx.Commit": func(ctx context.Context, token int64) error {
			tx, err := l.Begin(ctx)
			if err != nil {
				return err
			}
			if err := transfer(ctx, tx, token); err != nil {
				return errors.Join(err, tx.Rollback(ctx))
			}
			runs++
			return tx.Commit(ctx)
		},
		"InTx": func(ctx context.Context, token int64) error {
			return l.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				runs++
				return transfer(ctx, tx, token)
			})
		},
		"stdsql's Commit": func(ctx context.Context, token int64) error {
			tx, err := l.db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "insert into entry (token) values ($1)", token); err != nil {
				return errors.Join(err, tx.Rollback())
			}
			runs++
			return tx.Commit()
		},
	} {
		for round := range times(200) {
			before := runs
			token := book.next.Add(1)
			l.lose(round, "COMMIT", 1)
			err := write(t.Context(), token)
			if !errors.Is(err, plinth.ErrOutcomeUnknown) || runs != before+1 {
				t.Fatalf("%s: %v after %d runs, want ErrOutcomeUnknown after one", name, err, runs-before)
			}
			book.note(applied, token)
		}
	}
	book.check(t, l.direct)
}

// TestALostReplyBeforeCommitIsReplayed loses each of the replies in a transaction. Nothing can have come of the transaction
// as long as COMMIT wasn't sent.
func TestALostReplyBeforeCommitIsReplayed(t *testing.T) {
	t.Parallel()
	l := openLossy(t)
	book := newLedger(t, l.direct)
	move := func() (runs int, err error) {
		token := book.next.Add(1)
		err = l.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
			runs++
			return transfer(ctx, tx, token)
		})
		if book.tell(err, token); err != nil {
			book.note(applied, token) // see the last case
		}
		return runs, err
	}
	for flight, want := range []int{2, 2, 2, 1} { // BEGIN and insert, two updates, COMMIT
		for round := range 4 {
			if _, err := move(); err != nil { // its statements are prepared now
				t.Fatal(err)
			}
			l.lose(round, "", 1+flight)
			runs, err := move()
			if runs != want || (err == nil) != (want == 2) || err != nil && !errors.Is(err, plinth.ErrOutcomeUnknown) {
				t.Errorf("flight %d: %v after %d runs, want %d", flight, err, runs, want)
			}
		}
	}
	book.check(t, l.direct)
}

// TestALostReplyToAReadIsAskedForAgain has nothing to be afraid of.
func TestALostReplyToAReadIsAskedForAgain(t *testing.T) {
	t.Parallel()
	l := openLossy(t)
	const question = "select g * ? from generate_series(1, 3) g"
	for round := range 20 {
		if _, err := l.FetchAll(t.Context(), question, 0); err != nil {
			t.Fatal(err)
		}
		l.lose(round, "", 1)
		got, err := plinth.All[int](t.Context(), l, question, round)
		if err != nil || fmt.Sprint(got) != fmt.Sprint([]int{round, 2 * round, 3 * round}) {
			t.Errorf("round %d: %v, %v", round, got, err)
		}
	}
	if s := l.Stats(); s.Retries != 20 || l.proxy.Stats().Dropped != 20 {
		t.Errorf("%d retries for %d lost replies", s.Retries, l.proxy.Stats().Dropped)
	}
}

// TestPgxSaysThatALostWriteIsSafeToRetry is why nothing here asks pgx what was sent. It holds the premise against pgx itself: an
// INSERT is applied, its reply is lost, and a driver that trusted SafeToRetry would write it again, as database/sql over pgx
// does. When pgx mends it the test says so, and Plinth loses nothing.
func TestPgxSaysThatALostWriteIsSafeToRetry(t *testing.T) {
	t.Parallel()
	l := openLossy(t)
	newLedger(t, l.direct)
	url := l.proxy.URL(plain(t, servers.Postgres(t).URL()))
	database, err := plinth.One[string](t.Context(), l.direct, "select current_database()")
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.Database = database
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	l.lose(0, "insert into entry", 1)
	_, err = conn.Exec(t.Context(), "insert into entry (token) values (1)").ReadAll()
	n, counting := plinth.One[int](t.Context(), l.direct, "select count(*) from entry")
	switch {
	case err == nil || counting != nil || n != 1 || l.proxy.Stats().Dropped != 1:
		t.Fatalf("%v (%v), %d rows: the reply to a write that was done should be lost", err, counting, n)
	case !pgconn.SafeToRetry(err):
		t.Skipf("this pgx doesn't say any more that it is safe to write again after %q", err)
	}
	t.Logf("%d row is there, and of %q pgx says: safe to retry", n, err)
}
