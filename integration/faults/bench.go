package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/ledger"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mariadb"
	"github.com/plinthdb/plinth/plinthtest"
	"github.com/plinthdb/plinth/postgres"
	"github.com/plinthdb/plinth/sqlite"
)

// product is a database.
type product struct {
	name string
	kind servers.Kind // "" where there is no server
	open func(ctx context.Context, opts ...plinth.Options) (*plinth.Engine, error)

	scripted bool // its server is a script of this process

	asides int      // connections that the driver makes beside when one is lost under a call, to have that ended
	flip   []string // has the server refuse writes
	back   []string // ends that
	cte    string   // a CTE that writes a token
}

func postgreSQL() *product {
	return &product{
		name: "PostgreSQL", kind: servers.KindPostgres, open: postgres.Open,
		flip: []string{"alter system set default_transaction_read_only = on", "select pg_reload_conf()"},
		back: []string{"alter system reset default_transaction_read_only", "select pg_reload_conf()"},
		cte:  "with w as (insert into entry (token) values (?) returning token) select token from w",
	}
}

func mariaDB() *product {
	return &product{
		name: "MariaDB", kind: servers.KindMariaDB, open: mariadb.Open, asides: 1,
		flip: []string{"set global read_only = 1"}, back: []string{"set global read_only = 0"},
	}
}

func sqLite() *product { return &product{name: "SQLite", open: sqlite.Open} }

// within bounds what is waited for. It is much longer than anything takes that works.
const within = 30 * time.Second

// bench is a trial's place: a durable server of its own, and what it shows of its progress.
type bench struct {
	*product
	server   *servers.Server // nil without one
	short    bool
	progress *progress
	dir      string // for files
	names    int
	closing  []func() error
}

// start starts the server, unless there is one already.
func (b *bench) start(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "plinth-faults-*")
	if err != nil {
		return err
	}
	b.dir = dir
	b.later(func() error { return os.RemoveAll(dir) })
	if b.kind == "" || b.server != nil {
		return nil
	}
	if b.server, err = servers.Start(ctx, b.kind, servers.Durable(), servers.NoTLS()); err != nil {
		return err
	}
	b.later(b.server.Close)
	return nil
}

func (b *bench) later(f func() error) { b.closing = append(b.closing, f) }

// close ends what the trial has opened, the last first.
func (b *bench) close() {
	for len(b.closing) > 0 {
		last := len(b.closing) - 1
		_ = b.closing[last]()
		b.closing = b.closing[:last]
	}
}

func (b *bench) version() string {
	if b.scripted {
		return "a scripted replica set, no real server"
	}
	if b.server == nil {
		return "as it comes with Plinth"
	}
	said := b.server.Version()
	return cmp.Or(regexp.MustCompile(`\d+\.[\d.]*\d`).FindString(said), said)
}

// times is how often to do what the long form does n times.
func (b *bench) times(n int) int {
	if b.short {
		return max(n/50, 2)
	}
	return n
}

// database makes a database and returns its URL. An ordinary user owns it.
func (b *bench) database(ctx context.Context) (string, error) {
	b.names++
	if b.kind == "" {
		return "sqlite:" + filepath.Join(b.dir, fmt.Sprintf("faults%d.db", b.names)), nil
	}
	admin, err := b.engine(ctx, b.server.URL())
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("test_faults%d", b.names)
	text := "create database " + name
	if b.kind == servers.KindPostgres {
		text += " owner app"
	}
	if _, err := admin.Execute(ctx, text); err != nil {
		return "", err
	}
	return b.server.URLAs("app", name), admin.Close(ctx)
}

// engine opens an engine, which is closed with the bench.
func (b *bench) engine(ctx context.Context, url string, set ...func(*plinth.Options)) (*plinth.Engine, error) {
	o := plinth.Options{URL: url, Logger: slog.New(slog.DiscardHandler)}
	o.QueryLog.Logger = o.Logger // here many are slow
	for _, f := range set {
		f(&o)
	}
	e, err := b.open(ctx, o)
	if err == nil {
		b.later(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			return e.Close(ctx)
		})
	}
	return e, err
}

// poolOf bounds the pool.
func poolOf(n int) func(*plinth.Options) {
	return func(o *plinth.Options) { o.Pool.MaxOpenConns, o.Pool.MaxIdleConns = n, n }
}

// field is a database of its own with a ledger, seen past all faults, and through a proxy.
type field struct {
	*ledger.Ledger
	url    string
	direct *plinth.Engine
	proxy  *plinthtest.Proxy // nil where there is no server
}

func (b *bench) field(ctx context.Context) (*field, error) {
	f := &field{}
	var err error
	if f.url, err = b.database(ctx); err != nil {
		return nil, err
	}
	if f.direct, err = b.engine(ctx, f.url); err != nil {
		return nil, err
	}
	if f.Ledger, err = ledger.New(ctx, f.direct); err != nil || b.server == nil {
		return f, err
	}
	if f.proxy, err = plinthtest.Listen(b.server.Addr()); err == nil {
		b.later(f.proxy.Close)
	}
	return f, err
}

// counted is the figure of a field whose tokens were counted. A Check's error that is about the figures is one of them.
func (f *field) counted(ctx context.Context, what, more string) (figure, error) {
	sum, err := f.Check(ctx, f.direct)
	if err != nil && sum == (ledger.Tally{}) {
		return figure{}, err
	}
	saw := sum.String()
	if more != "" {
		saw += "; " + more
	}
	return figure{what: what, saw: saw, target: "missing 0, twice 0, refused and there 0", ok: err == nil}, nil
}

// all runs f on so many goroutines for numbers from 0 to n-1, and shows how far it has got. The first error ends it.
func (b *bench) all(ctx context.Context, what string, goroutines, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, done atomic.Int64
	var work sync.WaitGroup
	for range goroutines {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := f(ctx, int(i)); err != nil {
					cancel(err)
					return
				}
				b.progress.show(what, int(done.Add(1)), n)
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// progress is a line that shows how far a trial has got, on a terminal.
type progress struct {
	out  io.Writer
	what string
	mu   sync.Mutex
	last time.Time
	tty  *bool
}

func (p *progress) show(what string, done, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < 100*time.Millisecond || !p.terminal() {
		return
	}
	p.last = time.Now()
	const width = 30
	bar := strings.Repeat("=", width*done/max(n, 1))
	fmt.Fprintf(p.out, "\r\033[K  %s [%-*s] %d of %d, %s", p.what, width, bar, done, n, what)
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal() {
		fmt.Fprint(p.out, "\r\033[K")
	}
}

func (p *progress) terminal() bool {
	if p.tty == nil {
		f, ok := p.out.(*os.File)
		yes := false
		if ok {
			info, err := f.Stat()
			yes = err == nil && info.Mode()&os.ModeCharDevice != 0
		}
		p.tty = &yes
	}
	return *p.tty
}

// plain reports whether an error is anything but a doubt that nobody may repeat.
func plain(err error) bool {
	e, ok := errors.AsType[*plinth.Error](err)
	return !ok || e.Kind != plinth.ErrOutcomeUnknown || e.Retryable()
}
