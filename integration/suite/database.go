// Package suite holds what every database with a server has to stand, on a real one: the storms, cuts, kills, silences and lost
// replies; and what it promises that needs a real one to be seen, of TLS, of reads that write, of many rows. It knows no database:
// what differs is in a Database, and a folder of tests beside this one runs it all. What holds for SQLite, too, is drivertest's.
package suite

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/servers"
)

// Database is a database with its engine, as the suite sees it.
type Database struct {
	Server     func(t testing.TB, opts ...servers.Option) *servers.Server
	Engine     func(ctx context.Context, opts ...plinth.Options) (*plinth.Engine, error)
	FromConfig func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error)
	Opener     func(c Client) driver.Opener
	ShortWaits string // the parameter of a URL that makes waits for a lock short

	DeadlocksSoon []servers.Option // have the server look for deadlocks soon

	// Reserve is how many sessions beyond the pool's maximum a server may see for a moment: those that were closed here and
	// whose process hasn't ended there yet.
	Reserve int

	// Asides is how many connections the driver makes beside when one is lost under a call, to have that ended.
	Asides int

	// End has the server end the sessions that others than q's have on its database: so many at random, or all if most is 0.
	// It returns how many that were.
	End func(ctx context.Context, q plinth.Querier, most int) (int, error)

	// Busy returns how many of the sessions that others have on q's database have a transaction or a statement open.
	Busy func(ctx context.Context, q plinth.Querier) (int, error)

	SQL
	TLS   TLSWords
	Guard Guard
	Bulk  Bulk
}

// SQL is what the suite says to a database where one way of saying it doesn't do for all.
type SQL struct {
	Number   string // a placeholder that is an integer: "?::bigint"
	Numbers  string // rows of one column, from 1 to its argument
	Nonces   string // rows of its first argument as text, a number from 1 to its second, and a text of that number % 50 times x
	Endless  string // rows of which there are ever more, and the first at once
	Big      []string
	Slow     string // runs for ever and returns nothing
	Running  string // how many sessions of others run Slow on this database
	Doze     string // takes 4 ms
	Fails    string // is refused as ErrInvalid, for its argument 1
	Name     string // sets what is the session's own to 'mine'
	Named    string // reads it
	Sessions string // how many sessions others have on this database

	SessionID string // a function that tells which session it is
	LoggedIn  string // reads who is logged in

	Mine   func(nonce string) []string // statements that leave in a session what can be left there
	Is     string                      // reads what Mine set to nonce
	Traces string                      // reads, as one text, what Mine left; see Clean. The table shared exists, with a row of 1
	Clean  string                      // what Traces reads where nothing was left

	Batched  string   // a write of one token that doesn't go the fastest way through ExecuteMany
	Routines []string // make the procedure written_by and the function written, which write the token they are given; written returns it
	Writes   []Write  // forms of a write beyond those that all have
	Fresh    int      // flight in which a statement without arguments travels whose text is new to the connection
	Anew     int      // the same of one with arguments
}

// Write is a form of a write of one token.
type Write struct {
	Name, Text string
	Returns    bool // a row
}

// OpenNew returns an engine on a new database of the shared server, which is closed with the test.
func (d *Database) OpenNew(t testing.TB, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	return d.OpenURL(t, d.Server(t).Database(t), set...)
}

// OpenURL returns an engine on a database, which is closed with the test.
func (d *Database) OpenURL(t testing.TB, url string, set ...func(*plinth.Options)) *plinth.Engine {
	t.Helper()
	o := plinth.Options{URL: url}
	for _, f := range set {
		f(&o)
	}
	e, err := d.Engine(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	CloseWith(t, e)
	return e
}

// Plain returns a server's URL without TLS: a proxy in front of it can then see what is said, and only statements make flights.
func (d *Database) Plain(t testing.TB, text string) string {
	t.Helper()
	u := parsed(t, text)
	q := u.Query()
	q.Set(d.TLS.Parameters.Mode, d.TLS.Modes.Off)
	u.RawQuery = q.Encode()
	return u.String()
}

// sessions looks all the time how many sessions others than q's have on its database. What it returns ends that and returns
// the most that there were.
func (d *Database) sessions(t testing.TB, q plinth.Querier) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	most := 0
	done.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if n, err := plinth.One[int](ctx, q, d.Sessions); err == nil {
				most = max(most, n)
			}
			<-tick.C
		}
	})
	return func() int {
		cancel()
		done.Wait()
		return most
	}
}

// quiet fails the test unless nothing is open on the database of q but q itself, once it has had time to settle.
func (d *Database) quiet(t testing.TB, q plinth.Querier) {
	t.Helper()
	Eventually(t, "no session but this has a transaction or a statement open", func() bool {
		n, err := d.Busy(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// book is a ledger whose end is a test's.
type book struct{ *ledger.Ledger }

func newBook(t testing.TB, q plinth.Querier) *book {
	t.Helper()
	l, err := ledger.New(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return &book{l}
}

// check fails the test if what was said isn't true.
func (b *book) check(t testing.TB, databases ...*plinth.Engine) ledger.Tally {
	t.Helper()
	queriers := make([]plinth.Querier, len(databases))
	for i, e := range databases {
		queriers[i] = e
	}
	sum, err := b.Check(context.WithoutCancel(t.Context()), queriers...)
	if err != nil {
		t.Error(err)
	}
	return sum
}
