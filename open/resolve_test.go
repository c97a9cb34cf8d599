package open

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

func TestWhatNamesTheSameTargetHasTheSameEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.db")
	environ := map[string]string{"ORDERS_DATABASE_URL": "sqlite:" + file, "DATABASE_URL": "sqlite:" + filepath.Join(dir, "main.db")}
	s := &Set{Options: plinth.Options{Config: []config.Option{config.WithEnviron(func(name string) (string, bool) { v, ok := environ[name]; return v, ok })}}}
	defer s.Close(context.WithoutCancel(t.Context()))
	engine := func(opts ...config.Option) *plinth.Engine {
		t.Helper()
		ctx := t.Context()
		if opts != nil {
			ctx = config.WithOverride(ctx, opts...)
		}
		db, err := s.Engine(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	a := engine(config.WithURL("sqlite:" + file))
	for name, got := range map[string]*plinth.Engine{
		"the URL again":        engine(config.WithURL("sqlite:" + file)),
		"another way to write": engine(config.WithURL("sqlite3://" + file)),
		"another path":         engine(config.WithURL("sqlite:" + filepath.ToSlash(dir) + "/x/.././a.db")),
		"a name":               engine(config.WithName("orders")),
		"with a setting":       engine(config.WithURL("sqlite:"+file), config.With(func(c *config.Config) { c.Timeout, c.MaxOpenConns = time.Second, 3 })),
		"with one in the URL":  engine(config.WithURL("sqlite:" + file + "?slow_threshold=1s")),
	} {
		if got != a {
			t.Errorf("%s: another engine", name)
		}
	}
	own := engine()
	if got := engine(config.With(func(c *config.Config) { c.RetryAttempts = 1 })); got != own || own == a {
		t.Error("a setting alone leads to another engine")
	}
	for name, got := range map[string]*plinth.Engine{
		"another file": engine(config.WithURL("sqlite:" + filepath.Join(dir, "b.db"))),
		"read only":    engine(config.WithURL("sqlite:" + filepath.Join(dir, "main.db") + "?mode=ro")),
		"a pragma":     engine(config.WithURL("sqlite:" + file + "?cache_size=100")),
	} {
		if got == a || got == own {
			t.Errorf("%s: the same engine", name)
		}
	}
}

func TestTwoPasswordsAreTwoTargetsAndNoKeyHoldsOne(t *testing.T) {
	t.Parallel()
	var s, other Set
	key := func(s *Set, url string) key {
		c, err := config.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		return s.key(c)
	}
	const one = "postgres://app:secret1@db/x?application_name=a"
	if key(&s, one) != key(&s, one+"&max_open_conns=3&timeout=5s") {
		t.Error("the same target has two keys")
	}
	if key(&s, one) != key(&s, "postgres://app:secret1@DB:5432/x?Application_Name=a") {
		t.Error("another way to write it has another key")
	}
	if key(&s, one) == key(&other, one) {
		t.Error("the keys aren't the set's own")
	}
	seen := map[[32]byte]string{key(&s, one): one}
	for _, url := range []string{
		"postgres://app:secret2@db/x?application_name=a", "postgres://app@db/x?application_name=a", "postgres://ap:psecret1@db/x?application_name=a",
		"postgres://app:secret1@db/x", "postgres://app:secret1@db/x?application_name=b", "postgres://app:secret1@db:5433/x?application_name=a",
		"postgres://app:secret1@db,db2/x?application_name=a", "mariadb://app:secret1@db/x?application_name=a", "postgres://app:secret1@db/x?application_name=a&read_only=true",
	} {
		if was, ok := seen[key(&s, url)]; ok {
			t.Errorf("%s and %s have the same key", was, url)
		}
		seen[key(&s, url)] = url
	}
}

func TestTheSettingsOfOneCallAreNotTheEngines(t *testing.T) {
	t.Parallel()
	s, ctxs := tenants(t, 1)
	var opened config.Config
	s.open = func(ctx context.Context, c config.Config, o plinth.Options) (*plinth.Engine, error) {
		opened = c
		return OpenConfig(ctx, c, o)
	}
	touch(t, s, config.WithOverride(ctxs[0], config.With(func(c *config.Config) {
		c.Timeout, c.SlowThreshold, c.RetryAttempts, c.AcquireTimeout, c.MaxOpenConns = time.Hour, time.Nanosecond, 1, time.Hour, 3
	})))
	want := config.Defaults(config.SQLite)
	if opened.Timeout != want.Timeout || opened.SlowThreshold != want.SlowThreshold || opened.RetryAttempts != want.RetryAttempts ||
		opened.AcquireTimeout != want.AcquireTimeout || opened.MaxOpenConns != 3 {
		t.Errorf("the engine was opened with %v", opened.Map())
	}
}

func TestAWrongOverrideIsTheCallersError(t *testing.T) {
	t.Parallel()
	s, ctxs := tenants(t, 1)
	for name, ctx := range map[string]context.Context{
		"no database":     t.Context(),
		"a setting alone": config.WithOverride(t.Context(), config.With(func(c *config.Config) { c.Timeout = time.Second })),
		"a bad URL":       config.WithOverride(ctxs[0], config.WithURL("sqlite:a.db?joural=wal")),
		"an unknown name": config.WithOverride(ctxs[0], config.WithName("nobody")),
	} {
		if _, err := s.Engine(ctx); !errors.Is(err, plinth.ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(ctxs[0])
	cancel()
	if _, err := s.Engine(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	if st := s.Stats(); st.Opened+st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

func TestTheDatabaseIsThereWhenItHasBeenNamed(t *testing.T) {
	t.Parallel()
	environ := sync.Map{}
	s := &Set{Options: plinth.Options{Config: []config.Option{config.WithEnviron(func(name string) (string, bool) {
		v, _ := environ.Load(name)
		text, ok := v.(string)
		return text, ok
	})}}}
	defer s.Close(context.WithoutCancel(t.Context()))
	if _, err := s.Engine(t.Context()); !errors.Is(err, plinth.ErrArgument) {
		t.Errorf("without a database: %v", err)
	}
	environ.Store("DATABASE_URL", "sqlite:"+filepath.Join(t.TempDir(), "a.db"))
	touch(t, s, t.Context())
}

func TestAContextMayNameItsDatabaseWhereTheOptionsNameNone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plinth.yaml")
	orders := filepath.Join(t.TempDir(), "orders.db")
	write(t, file, "development:\n  orders:\n    url: sqlite:"+orders+"\n")
	s := &Set{Options: plinth.Options{Config: []config.Option{noDatabase, config.WithFile(file)}}}
	defer s.Close(context.WithoutCancel(t.Context()))
	if db := touch(t, s, config.WithOverride(t.Context(), config.WithName("orders"))); db.Target() != "sqlite:"+orders {
		t.Errorf("the engine is for %s", db.Target())
	}
	if _, err := s.Engine(t.Context()); !errors.Is(err, plinth.ErrArgument) || !strings.Contains(err.Error(), "no primary in its section") {
		t.Errorf("without a name: %v", err)
	}
}

func TestAChangedFileIsFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "plinth.yaml")
	text := "development:\n  primary:\n    url: sqlite:" + dir + "/main.db\n    max_open_conns: 3\n  orders:\n    url: sqlite:" + dir + "/orders.db\n    max_open_conns: 4\n"
	write(t, file, text)
	s := &Set{Options: plinth.Options{Watch: true, Logger: slog.New(slog.DiscardHandler), Config: []config.Option{noDatabase, config.WithFile(file)}}}
	defer s.Close(context.WithoutCancel(t.Context()))
	orders := func() context.Context { return config.WithOverride(t.Context(), config.WithName("orders")) }
	before := orders()
	first, second := touch(t, s, t.Context()), touch(t, s, before)
	is := func(db *plinth.Engine, want int) {
		t.Helper()
		if got := readers(db); got != want {
			t.Errorf("%s has %d readers, want %d", db.Target(), got, want)
		}
	}
	is(first, 3)
	is(second, 4)
	write(t, file, strings.NewReplacer("s: 3", "s: 5", "s: 4", "s: 6").Replace(text))
	s.reloaded(config.Load(t.Context(), s.sources()...)) // as config.Watch tells it, sooner or later
	for range 2 {
		if touch(t, s, t.Context()) != first || touch(t, s, orders()) != second || touch(t, s, before) != second {
			t.Error("another engine")
		}
		is(first, 5)
		is(second, 6)
	}
	pooled := config.WithOverride(orders(), config.With(func(c *config.Config) { c.MaxOpenConns = 9 }))
	if touch(t, s, pooled) != second {
		t.Error("another engine")
	}
	is(second, 6)
	write(t, file, "development:\n  primary:\n    url: sqlite:"+dir+"/other.db\n")
	s.reloaded(config.Load(t.Context(), s.sources()...))
	if db := touch(t, s, t.Context()); db == first || db.Target() != "sqlite:"+dir+"/other.db" {
		t.Errorf("the engine is still for %s", db.Target())
	}
	s.reloaded(config.Config{}, errors.New("broken"))
	touch(t, s, t.Context())
}

func TestAContextThatWasResolvedAcrossAChangePutsNothingOldInForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &Set{Options: plinth.Options{Watch: true, Config: []config.Option{noDatabase, config.WithURL("sqlite:" + dir + "/a.db?max_open_conns=3")}}}
	defer s.Close(context.WithoutCancel(t.Context()))
	db := touch(t, s, t.Context())
	var once sync.Once
	resolving, proceed := make(chan bool), make(chan bool)
	slow := config.WithOverride(t.Context(), config.With(func(c *config.Config) {
		once.Do(func() { close(resolving); <-proceed })
		c.Timeout = time.Hour
	}))
	var all sync.WaitGroup
	all.Go(func() { touch(t, s, slow) })
	<-resolving
	s.reloaded(config.Load(t.Context(), noDatabase, config.WithURL("sqlite:"+dir+"/a.db?max_open_conns=5")))
	touch(t, s, t.Context())
	close(proceed)
	all.Wait()
	for range 2 {
		if got := readers(db); got != 5 {
			t.Errorf("%d readers, want 5", got)
		}
		if touch(t, s, t.Context()) != db {
			t.Error("another engine")
		}
	}
}

// readers returns how many an engine may have.
func readers(db *plinth.Engine) (n int) {
	for _, p := range db.Stats().Pools {
		n = max(n, p.MaxOpenConnections)
	}
	return n
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
