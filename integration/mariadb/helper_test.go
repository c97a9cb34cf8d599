package mariadb_test

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/pool"
)

// within bounds what a test waits for. It is much longer than anything takes that works.
const within = 20 * time.Second

// open returns an engine on a new database of the shared server, which is closed with the test.
func open(t testing.TB, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	return openURL(t, servers.MariaDB(t).Database(t), set...)
}

// openURL returns an engine on a database, which is closed with the test.
func openURL(t testing.TB, url string, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	o := plinth.Options{URL: url}
	for _, f := range set {
		f(&o)
	}
	e, err := mariadb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// options returns the driver's own options for the database that a server's URL names.
func options(t testing.TB, text string) mariadb.Options {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	q := u.Query()
	return mariadb.Options{
		Hosts: []mariadb.Host{{Name: u.Hostname(), Port: port}}, Database: strings.TrimPrefix(u.Path, "/"),
		User: u.User.Username(), Password: config.NewSecret(password),
		TLS: mariadb.TLS{Mode: q.Get("ssl_mode"), RootCert: q.Get("ssl_ca"), Cert: q.Get("ssl_cert"), Key: q.Get("ssl_key")},
	}
}

// opener returns the opener of a backend with these options.
func opener(o mariadb.Options) driver.Opener {
	return func(h driver.Host) (driver.Backend, error) { return mariadb.NewBackend(o, h) }
}

// execute runs statements that have to work.
func execute(t testing.TB, q plinth.Querier, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := q.Execute(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// poolOf bounds the pool.
func poolOf(n int) func(*plinth.Options) {
	return func(o *plinth.Options) { o.Pool.MaxOpenConns, o.Pool.MaxIdleConns = n, n }
}

// idle waits until every connection is back in its pool.
func idle(t testing.TB, e *plinth.Engine) {
	t.Helper()
	eventually(t, "every connection is back", func() bool { return e.Stats().InUse == 0 })
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !cond(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", within, what)
		}
	}
}

// seam returns a backend and a session of it, to be spoken to directly.
func seam(t testing.TB, url string) (driver.Backend, driver.Session) {
	t.Helper()
	b, err := opener(options(t, url))(driver.Host{
		OnConnect: func(context.Context, driver.Session) error { return nil },
		Opened:    func(context.Context, string, time.Duration, error) {},
		Closed:    func(string, pool.Reason) {},
		Leaked:    func(pool.Holder, bool) {},
		Login:     func(context.Context) (string, string, error) { return "", "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Acquire(t.Context(), driver.Need{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Release(driver.Reset)
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b, s
}

func request(st *driver.Stmt, native string, args []any) *driver.Request {
	return &driver.Request{Stmt: st, Native: native, Args: args}
}
