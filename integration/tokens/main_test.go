// Package tokens_test tries what the drivers say to their servers about tokens, for plinth.ExactlyOnce, and what they do to a
// session that holds one and was lost.
package tokens_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
)

func TestMain(m *testing.M) { servers.Main(m) }

// database is a database on a server, and how it's opened.
type database struct {
	name string
	url  func(t testing.TB) string
	open func(ctx context.Context, o ...plinth.Options) (*plinth.Engine, error)
}

// everywhere runs a test on each of the servers that are installed.
func everywhere(t *testing.T, test func(t *testing.T, d database)) {
	for _, d := range []database{
		{"postgres", func(t testing.TB) string { return servers.Postgres(t).Database(t) }, postgres.Open},
		{"pgbouncer", behindPgBouncer, postgres.Open},
		{"mariadb", func(t testing.TB) string { return servers.MariaDB(t).Database(t) }, mariadb.Open},
	} {
		t.Run(d.name, func(t *testing.T) { test(t, d) })
	}
}

func behindPgBouncer(t testing.TB) string {
	server := servers.Postgres(t)
	direct, err := url.Parse(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	text := servers.PgBouncer(t, server).URLAs(direct.User.Username(), strings.TrimPrefix(direct.Path, "/"))
	if strings.Contains(text, "?") {
		return text + "&pgbouncer=true"
	}
	return text + "?pgbouncer=true"
}

// engine opens the database at a URL.
func (d database) engine(t testing.TB, url string, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	o := plinth.Options{URL: url}
	for _, f := range set {
		f(&o)
	}
	e, err := d.open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	suite.CloseWith(t, e)
	return e
}

// ready opens a new database with the tokens and a table t(a).
func (d database) ready(t testing.TB, set ...func(*plinth.Options)) (e *plinth.Engine, url string) {
	t.Helper()
	url = d.url(t)
	e = d.engine(t, url, set...)
	if err := plinth.CreateTokens(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Execute(t.Context(), "create table t (a int)"); err != nil {
		t.Fatal(err)
	}
	return e, url
}

// behind returns the URL of the same database through a proxy.
func behind(t testing.TB, text string) (*plinthtest.Proxy, string) {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	proxy := plinthtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr()
	return proxy, u.String()
}

// insert adds a row.
func insert(ctx context.Context, tx *plinth.Tx) (string, error) {
	_, err := tx.Execute(ctx, "insert into t values (1)")
	return "done", err
}

func count(t testing.TB, e *plinth.Engine, table string) int {
	t.Helper()
	n, err := plinth.One[int](t.Context(), e, "select count(*) from "+table)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// is fails the test if err isn't of the kind.
func is(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
	}
}
