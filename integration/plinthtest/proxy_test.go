// Package plinthtest_test holds the fault proxy to its word with real servers and with clients that know nothing of it.
package plinthtest_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
)

func TestMain(m *testing.M) { servers.Main(m) }

// within bounds what a test waits for. It is much longer than anything takes that works.
const within = 20 * time.Second

// connect returns a connection of pgx, which ends with the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

// table returns the URL of a new database with a table t, and a connection past any proxy.
func table(t *testing.T, opts ...servers.Option) (url string, direct *pgx.Conn) {
	t.Helper()
	url = servers.Postgres(t, opts...).Database(t)
	direct = connect(t, url)
	if _, err := direct.Exec(t.Context(), "create table t (n int)"); err != nil {
		t.Fatal(err)
	}
	return url, direct
}

func count(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "select count(*) from t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func hostOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func plaintext(url string) string {
	return strings.Replace(url, "sslmode=verify-full", "sslmode=disable", 1)
}

func TestAnInsertWhoseReplyIsDroppedIsThere(t *testing.T) {
	t.Parallel()
	url, direct := table(t)
	const insert = "insert into t values ($1)"
	tests := map[string]struct {
		url      string
		prepared bool // by the connection, before
		drop     plinthtest.Drop
		rows     int
	}{
		"prepared before, under TLS": {url, true, plinthtest.Drop{}, 1},
		"prepared before":            {plaintext(url), true, plinthtest.Drop{}, 1},
		"its execution, by its text": {plaintext(url), false, plinthtest.Drop{Containing: "insert into t", Flight: 2}, 1},
		"its execution, under TLS":   {url, false, plinthtest.Drop{Flight: 2}, 1},
		"its preparation":            {plaintext(url), false, plinthtest.Drop{Containing: "insert into t"}, 0},
		"its preparation, under TLS": {url, false, plinthtest.Drop{}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := plinthtest.NewProxy(t, hostOf(t, url))
			for _, end := range []plinthtest.End{plinthtest.RST, plinthtest.FIN} {
				conn := connect(t, p.URL(test.url))
				if test.prepared {
					if _, err := conn.Exec(t.Context(), insert, 0); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := direct.Exec(t.Context(), "truncate t"); err != nil {
					t.Fatal(err)
				}
				drop := test.drop
				drop.End = end
				p.DropReply(drop)
				if tag, err := conn.Exec(t.Context(), insert, 1); err == nil {
					t.Errorf("%v: the client was told %q", end, tag)
				}
				if n := count(t, direct); n != test.rows {
					t.Errorf("%v: %d rows are there, want %d", end, n, test.rows)
				}
			}
			if s := p.Stats(); s.Dropped != 2 || s.Armed != 0 || s.SwallowedToClient == 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// PostgreSQL sends what RETURNING yields before it commits. The proxy must not end the server's side before that.
func TestALongAnswerIsDroppedAfterTheWork(t *testing.T) {
	t.Parallel()
	url, direct := table(t)
	p := plinthtest.NewProxy(t, hostOf(t, url))
	conn := connect(t, p.URL(plaintext(url)))
	p.DropReply(plinthtest.Drop{Containing: "insert into t"})
	_, err := conn.Exec(t.Context(), `insert into t select n from generate_series(1, 1000) n
		returning repeat('x', 10000), case when n % 100 = 0 then pg_sleep(0.02) end`, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		t.Error("the client was told of success")
	}
	// The server may be at it still; then the lock is to be had when it has committed.
	if _, err := direct.Exec(t.Context(), "begin; lock table t"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, direct); n != 1000 {
		t.Errorf("%d rows are there, want 1000", n)
	}
}

func TestALostReplyToMariaDB(t *testing.T) {
	t.Parallel()
	url := servers.MariaDB(t).Database(t)
	c := mysqlConfig(t, url)
	p := plinthtest.NewProxy(t, c.Addr)
	direct := openMySQL(t, c)
	through := c.Clone()
	through.Addr = p.Addr()
	db := openMySQL(t, through)
	if _, err := direct.ExecContext(t.Context(), "create table t (n int)"); err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.DropReply(plinthtest.Drop{Containing: "insert into t"})
	if _, err := db.ExecContext(t.Context(), "insert into t values (1)"); err == nil {
		t.Error("the client was told of success")
	}
	n := 0
	if err := direct.QueryRowContext(t.Context(), "select count(*) from t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows are there, want 1 (%v)", n, err)
	}
	if s := p.Stats(); s.Dropped != 1 {
		t.Errorf("stats %+v", s)
	}
}

// mysqlConfig returns a server's URL as go-sql-driver/mysql has it, without TLS.
func mysqlConfig(t *testing.T, text string) *mysql.Config {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.DBName, c.Logger = "tcp", u.Host, u.User.Username(), u.Path[1:], &mysql.NopLogger{}
	c.Passwd, _ = u.User.Password()
	return c
}

func openMySQL(t *testing.T, c *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestABlackholeAnswersAtTheDeadline(t *testing.T) {
	t.Parallel()
	url, _ := table(t)
	for _, hole := range []plinthtest.Hole{plinthtest.Hold, plinthtest.Swallow} {
		p := plinthtest.NewProxy(t, hostOf(t, url))
		conn := connect(t, p.URL(url))
		p.Blackhole(plinthtest.Both, hole)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := conn.Exec(ctx, "insert into t values (1)")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a statement: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		if conn, err := pgx.Connect(ctx, p.URL(url)); err == nil {
			_ = conn.Close(t.Context())
			t.Error("somebody logged in through a blackhole")
		}
		cancel()
		p.Release(plinthtest.Both)
		connect(t, p.URL(url))
	}
}

func TestAServerThatRefusesComesBack(t *testing.T) {
	t.Parallel()
	url, _ := table(t)
	p := plinthtest.NewProxy(t, hostOf(t, url))
	open := connect(t, p.URL(url))
	if err := p.Refuse(); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(t.Context(), p.URL(url)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v %v", conn, err)
	}
	if err := open.Ping(t.Context()); err != nil {
		t.Errorf("the open one: %v", err)
	}
	if err := p.Accept(); err != nil {
		t.Fatal(err)
	}
	connect(t, p.URL(url))
}

func TestPlinthSaysThatTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	url, direct := table(t)
	p := plinthtest.NewProxy(t, hostOf(t, url))
	db, err := postgres.Open(t.Context(), plinth.Options{URL: p.URL(url)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if _, err := db.Execute(t.Context(), "insert into t values (?)", 1); err != nil { // and prepares it
		t.Fatal(err)
	}
	p.DropReply(plinthtest.Drop{})
	if _, err := db.Execute(t.Context(), "insert into t values (?)", 2); !errors.Is(err, plinth.ErrOutcomeUnknown) {
		t.Errorf("got %v, want ErrOutcomeUnknown", err)
	}
	if n := count(t, direct); n != 2 {
		t.Errorf("%d rows are there, want 2", n)
	}
}
