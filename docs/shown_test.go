package docs_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/async"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/drivertest"
	"github.com/plinthdb/plinth/future"
	"github.com/plinthdb/plinth/health"
	"github.com/plinthdb/plinth/hook"
	"github.com/plinthdb/plinth/mongodb"
	"github.com/plinthdb/plinth/open"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/querylog"
	"github.com/plinthdb/plinth/sqlite"
	"github.com/plinthdb/plinth/stdsql"
)

// The functions of this file hold the code that the pages show, so that it compiles. What it promises is run in the tests of the
// packages.

type (
	Track struct{ ID, Ms int }
	User  struct {
		ID   int
		Name string
	}
)

func inReadme(ctx context.Context, logger *slog.Logger) error {
	db, err := sqlite.Open(ctx, plinth.Options{
		Pool:     pool.Options{AcquireTimeout: 5 * time.Second, LeakThreshold: time.Minute},
		Timeout:  10 * time.Second, // of calls whose context has no deadline
		QueryLog: querylog.Options{Threshold: 100 * time.Millisecond, Errors: true},
		Before:   hook.DefaultBefore(logger), // may veto
		After:    hook.DefaultAfter(logger),
	})
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	http.Handle("/", health.Handler(&health.Checker{Engine: db})) // /livez and /readyz

	err = db.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error { // runs again after a deadlock; panics roll back
		_, err := tx.Execute(ctx, "update track set ms = ms + ? where id = ?", 1000, 7)
		return err
	})
	if err != nil {
		return err
	}
	for track, err := range plinth.Each[Track](ctx, db, "select id, ms from track") { // row by row
		if err != nil {
			return err
		}
		fmt.Println(track)
	}
	return nil
}

func inContributing(t *testing.T, opener func(testing.TB) driver.Opener, statements drivertest.Statements) {
	drivertest.Run(t, drivertest.Harness{Opener: opener, Statements: statements})
}

func inAsync(ctx context.Context, engine *plinth.Engine, now time.Time) (User, *future.Future[plinth.Result], error) {
	a := async.New(engine, async.Options{})
	defer a.Close(ctx)

	user := async.One[User](ctx, a, "select id, name from users where id = ?", 7) // future.Future[User]
	seen := a.Execute(plinth.Idempotent(ctx), "update users set seen = ? where id = ?", now, 7)

	u, err := user.Await(ctx)
	return u, seen, err
}

func inMongoDB(ctx context.Context) ([]Track, error) {
	db, err := mongodb.Open(ctx, plinth.Options{URL: "mongodb://app@db.example/shop?replicaSet=rs0"})
	if err != nil {
		return nil, err
	}
	tracks, err := plinth.All[Track](ctx, db, "db.tracks.find({ms: {$gt: ?}}).sort({ms: -1}).limit(10)", 300_000)
	return tracks, err
}

func inPostgres(engine *plinth.Engine) *sql.DB {
	db := stdsql.OpenDB(engine) // for goose.NewProvider(goose.DialectPostgres, db, …), gormpostgres.Config{Conn: db}, …
	return db
}

func ofFromContext(ctx context.Context) (map[string]any, error) {
	c, err := config.FromContext(ctx) // thread-local overrides are the context's: config.WithOverride(ctx, …)
	settings := c.Map()               // secrets stay config.Secret values
	for _, v := range c.Explain() {   // key, value, and where it came from
		fmt.Println(v.Key, v.Value, v.Source)
	}
	return settings, err
}

func ofCredentials(ctx context.Context, signer interface {
	Token(ctx context.Context) (string, error)
},
) (*plinth.Engine, error) {
	db, err := postgres.Open(ctx, plinth.Options{
		Credentials: func(ctx context.Context) (user string, password config.Secret, err error) {
			token, err := signer.Token(ctx)
			return "app", config.NewSecret(token), err
		},
	})
	return db, err
}

func ofWithOverride(ctx context.Context, db *plinth.Engine) ([]plinth.Row, error) {
	ctx = config.WithOverride(ctx, config.With(func(c *config.Config) {
		c.Timeout = time.Minute
		c.ReadOnly = true
	}))
	rows, err := db.FetchAll(ctx, "select …")
	return rows, err
}

func ofSet(ctx context.Context, serve func(context.Context, *plinth.Engine) error) error {
	var tenants open.Set
	ctx = config.WithOverride(ctx, config.WithURL("sqlite:tenants/7.db")) // or config.WithName("tenant7")
	err := tenants.Use(ctx, func(ctx context.Context, db *plinth.Engine) error { return serve(ctx, db) })
	return err
}

func ofWith(tenant string) {
	config.With(func(c *config.Config) { c.Database = "shop_" + tenant }) // right
	config.With(func(c *config.Config) { c.Database += "_" + tenant })    // wrong: shop_7_7 is another target, and refused
}

func ofWatch(ctx context.Context) (config.Config, error) {
	c, err := config.Watch(ctx, func(c config.Config, err error) {
		if err != nil {
			slog.Warn("the configuration is broken; the old one stays", "error", err)
			return
		}
		slog.Info("the configuration has changed", "target", c)
	})
	return c, err
}

// TestThePagesShowCodeThatCompiles looks for each block of Go in the functions above: described.md has a test of its own, and the
// program at the README's top, too.
func TestThePagesShowCodeThatCompiles(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("shown_test.go")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, page := range append(pages, "../README.md", "../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?s)```go\n(.*?\n)```").FindAllStringSubmatch(string(text), -1) {
			if page == "described.md" || strings.HasPrefix(m[1], "package main") {
				continue
			}
			shown++
			inFunction := "\n\t" + strings.ReplaceAll(strings.TrimSuffix(m[1], "\n"), "\n", "\n\t") + "\n"
			if !strings.Contains(string(code), strings.ReplaceAll(inFunction, "\n\t\n", "\n\n")) {
				t.Errorf("%s shows code that isn't in shown_test.go:\n%s", page, m[1])
			}
		}
	}
	if shown < 11 {
		t.Errorf("%d blocks of Go were found on the pages", shown)
	}
}

// TestTheDesignNamesEachPackage compares the page's list of packages with those that there are.
func TestTheDesignNamesEachPackage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, house, _ := strings.Cut(string(page), "## The house")
	house, _, ok := strings.Cut(house, "\n## ")
	if !ok {
		t.Fatal("design.md has no list of packages")
	}
	words := regexp.MustCompile(`[a-z]+`).FindAllString(house, -1)
	out, err := exec.CommandContext(t.Context(), "go", "list", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(words, path.Base(pkg)) {
			t.Errorf("design.md doesn't name %s", pkg)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^ {6}((?:[a-z]+/)+(?: [a-z]+/)*)`).FindAllStringSubmatch(house, -1) {
		for folder := range strings.FieldsSeq(m[1]) {
			if _, err := os.Stat("../" + folder); err != nil {
				t.Errorf("design.md names %s: %v", folder, err)
			}
		}
	}
}

// The functions are there to compile.
var _ = []any{
	inReadme, inContributing, inAsync, inMongoDB, inPostgres, ofFromContext, ofCredentials, ofWithOverride, ofSet, ofWith, ofWatch,
}
