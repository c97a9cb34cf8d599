// Package docs_test has the code that the pages show, so that it compiles, runs and prints what they say.
package docs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/retry"
)

// memory opens the database that most of the examples use.
func memory(ctx context.Context) *plinth.Engine {
	db, err := open.Open(ctx, plinth.Options{URL: "sqlite::memory:", QueryLog: querylog.Options{Logger: slog.New(slog.DiscardHandler)}})
	if err != nil {
		panic(err)
	}
	return db
}

// logger writes to standard output what is the same in every run.
func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "caller", "target", "total":
			return slog.Attr{}
		}
		return a
	}}))
}

func Example_configLoader() {
	ctx := config.WithOverride(context.Background(), config.WithURL("mariadb://app:s3cret@db.internal/shop"))

	c, err := config.FromContext(ctx) // use_thread_config()
	dict := c.Map()                   // .get_config_dict()
	fmt.Println(dict["host"], dict["database"], dict["password"], err)

	slow := config.WithOverride(ctx, config.With(func(c *config.Config) { c.Timeout = time.Minute }))
	c, _ = config.FromContext(slow) // only below this context
	fmt.Println(c.Timeout)
	// Output:
	// db.internal shop [redacted] <nil>
	// 1m0s
}

func Example_drivers() {
	for _, url := range []string{
		"mariadb://app@db.internal/shop", "postgres://app@db1,db2/shop?sslmode=verify-full", "sqlite:shop.db", "mongodb://db.internal/shop",
	} {
		c, err := config.Parse(url)
		fmt.Println(c.Engine, c.Host, c.Database, err)
	}
	// Output:
	// mariadb db.internal shop <nil>
	// postgres db1 shop <nil>
	// sqlite  shop.db <nil>
	// mongodb db.internal shop <nil>
}

func Example_abstractEngine() {
	ctx := context.Background()
	db := memory(ctx)
	err := db.Connect(ctx) // or at first use
	fmt.Println(err, db.TestConnection(ctx))

	_, err = db.Execute(ctx, "create table track (id integer primary key, name text)")
	fmt.Println(err)
	names := slices.Values([][]any{{"Aria"}, {"Fugue"}})
	result, err := db.ExecuteMany(ctx, "insert into track (name) values (?)", names)
	fmt.Println(result.RowsAffected, err)

	row, err := db.FetchOne(ctx, "select * from track where name = ?", "Aria")
	fmt.Println(row, err)
	rows, err := db.FetchAll(ctx, "select * from track order by id")
	fmt.Println(len(rows), err)

	tx, err := db.Begin(ctx)
	if err == nil {
		_, err = tx.Execute(ctx, "delete from track")
	}
	fmt.Println(err, tx.Rollback(ctx)) // or tx.Commit(ctx)
	fmt.Println(db.Close(ctx))
	// Output:
	// <nil> <nil>
	// <nil>
	// 2 <nil>
	// {"id":1,"name":"Aria"} <nil>
	// 2 <nil>
	// <nil> <nil>
	// <nil>
}

func Example_mariadbSyncEngine() {
	ctx := context.Background()
	db, err := mariadb.Open(ctx) // from DATABASE_URL, plinth.yaml, MYSQL_HOST, my.cnf
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close(ctx)

	err = db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { // again after a deadlock
		_, err := tx.Execute(ctx, "update account set amount = amount - ? where id = ?", 10, 1)
		return err
	})
	switch {
	case errors.Is(err, plinth.ErrOutcomeUnknown):
		fmt.Println("the answer to COMMIT was lost: look before you do it again")
	case err != nil:
		fmt.Println(err)
	}
}

func Example_mariadbAsyncEngine() {
	ctx := context.Background()
	db := memory(ctx)
	defer db.Close(ctx)
	_, err := db.Execute(ctx, "create table track (id integer primary key, name text)")
	fmt.Println(err)

	a := async.New(db, async.Options{})
	defer a.Close(ctx) // waits for what was accepted
	var inserts []*future.Future[plinth.Result]
	for _, name := range []string{"Aria", "Fugue", "Gigue"} { // none waits for the one before
		inserts = append(inserts, a.Execute(ctx, "insert into track (name) values (?)", name))
	}
	for _, insert := range inserts {
		result, err := insert.Await(ctx) // its own result or error; then it's committed
		fmt.Println(result.RowsAffected, err)
	}

	count := async.One[int](ctx, a, "select count(*) from track")
	wrong := a.Execute(ctx, "insert into track (id, name) values (?, ?)", 1, "Menuet")
	fmt.Println(count.Await(ctx))
	_, err = wrong.Await(ctx)
	fmt.Println(errors.Is(err, plinth.ErrUnique))
	// Output:
	// <nil>
	// 1 <nil>
	// 1 <nil>
	// 1 <nil>
	// 3 <nil>
	// true
}

func Example_pool() {
	ctx := context.Background()
	p, err := pool.New(pool.Config[*http.Client]{ // init_pool(config); of anything that is dialled and closed
		Options: pool.Options{MaxOpenConns: 10, AcquireTimeout: time.Second},
		Dial:    func(context.Context) (*http.Client, error) { return new(http.Client), nil },
		Close:   func(c *http.Client, _ pool.Reason) { c.CloseIdleConnections() },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := p.Acquire(ctx)
	fmt.Println(err, p.Stats().InUse)
	conn.Release()
	fmt.Println(p.Close(ctx))

	db := memory(ctx) // an engine has a pool of its own
	defer db.Close(ctx)
	err = db.With(ctx, func(conn *plinth.Conn) error { // with get_connection() as conn:
		_, err := conn.Execute(ctx, "create temporary table mine (n int)")
		return err
	})
	fmt.Println(err)
	// Output:
	// <nil> 1
	// <nil>
	// <nil>
}

func Example_retry() {
	ctx := context.Background()
	busy := errors.New("try again later")
	policy := retry.Policy{Attempts: 3, Base: time.Millisecond, Retryable: func(err error) bool { return errors.Is(err, busy) }}

	_, err := retry.Do(ctx, policy, func(context.Context) (int, error) { return 0, busy }) // @with_retry()
	fmt.Println(err)

	tries := 0
	later := retry.DoAsync(ctx, policy, func(context.Context) (int, error) { // @with_retry_async()
		if tries++; tries < 2 {
			return 0, busy
		}
		return 42, nil
	})
	fmt.Println(later.Await(ctx))
	// Output:
	// try again later (gave up after 3 attempts: every attempt allowed was used)
	// 42 <nil>
}

func Example_logger() {
	ctx := context.Background()
	start := time.Now().Add(-time.Second)
	querylog.LogQuery(ctx, querylog.Options{Logger: logger()}, "select * from item where mail = 'ann@example.com'", start)
	// Output:
	// level=WARN msg="slow query" statement="select * from item where mail = ?"
}

func Example_hooks() {
	ctx := context.Background()
	db := memory(ctx)
	defer db.Close(ctx)
	db.SetBeforeExecuteHook(func(ctx context.Context, e *hook.Event) (context.Context, error) {
		if strings.HasPrefix(e.Statement, "drop") {
			return ctx, errors.New("nothing is dropped here")
		}
		return hook.DefaultBefore(logger())(ctx, e)
	})
	db.SetAfterExecuteHook(hook.DefaultAfter(logger()))

	_, err := db.Execute(ctx, "create table item (n int)")
	fmt.Println(err)
	_, err = db.Execute(ctx, "drop table item")
	fmt.Println(errors.Is(err, plinth.ErrVetoed))
	// Output:
	// level=DEBUG msg="statement starts" statement="create table item (n int)" engine=sqlite op=execute attempt=1
	// level=DEBUG msg="statement ended" statement="create table item (n int)" engine=sqlite op=execute attempt=1 rows=0
	// <nil>
	// true
}

func Example_health() {
	ctx := context.Background()
	db := memory(ctx)
	fmt.Println(health.IsHealthy(ctx, db)) // is_healthy(engine)
	mux := http.NewServeMux()
	mux.Handle("/health/", health.Handler(&health.Checker{Engine: db}))

	fmt.Println(db.Close(ctx))
	fmt.Println(health.IsHealthy(ctx, db), health.IsHealthy(ctx, nil)) // it never panics
	// Output:
	// true
	// <nil>
	// false false
}

// TestThePageShowsTheCodeOfTheExamples compares each block of Go in described.md with the body of an example.
func TestThePageShowsTheCodeOfTheExamples(t *testing.T) {
	t.Parallel()
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var bodies []string
	for _, m := range regexp.MustCompile(`(?s)\nfunc Example_\w+\(\) \{\n(.*?)\n\}\n`).FindAllStringSubmatch(read("described_test.go"), -1) {
		bodies = append(bodies, strings.ReplaceAll("\n"+m[1], "\n\t", "\n")[1:])
	}
	var shown []string
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)\n```").FindAllStringSubmatch(read("described.md"), -1) {
		shown = append(shown, m[1])
	}
	if len(bodies) < 9 || len(shown) != len(bodies) {
		t.Errorf("%d examples, %d of them on the page", len(bodies), len(shown))
	}
	for i, code := range shown {
		if !slices.Contains(bodies, code) {
			t.Errorf("block %d of described.md is no example of described_test.go:\n%s", i+1, code)
		}
	}
}
