package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
	zombiezen "zombiezen.com/go/sqlite"
)

func TestReadsAndWritesGoToTheirPools(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{Readers: 3})
	for _, c := range []struct {
		need driver.Need
		want role
	}{
		{driver.Need{}, writer},
		{driver.Need{Access: driver.Read}, reader},
		{driver.Need{Tx: true}, writer},
		{driver.Need{Access: driver.Read, Tx: true}, reader},
		{driver.Need{Pinned: true}, writer},
		{driver.Need{Access: driver.Read, Pinned: true}, reader},
	} {
		s := borrow(t, b, c.need)
		if s.role != c.want {
			t.Errorf("%+v: got a %v", c.need, s.role)
		}
		s.Release(driver.Keep)
	}
	stats := b.Stats()
	if len(stats) != 2 || stats[0].Name != "writer" || stats[0].MaxOpenConnections != 1 ||
		stats[1].Name != "reader" || stats[1].MaxOpenConnections != 3 {
		t.Errorf("stats %+v", stats)
	}
	if got, want := (&target{}).readers(0), max(4, runtime.GOMAXPROCS(0)); got != want {
		t.Errorf("%d readers by default, want %d", got, want)
	}
}

func TestEveryConnectionHasTheSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want map[string]any
	}{
		{Options{}, map[string]any{
			"journal_mode": "wal", "foreign_keys": int64(1), "synchronous": int64(1), "cache_size": int64(-65536), "busy_timeout": int64(0),
		}},
		{Options{JournalMode: "truncate", ForeignKeysOff: true, Synchronous: "full", CacheSize: 1 << 20, MaxPageCount: 99}, map[string]any{
			"journal_mode": "truncate", "foreign_keys": int64(0), "synchronous": int64(2), "cache_size": int64(-1024), "max_page_count": int64(99),
		}},
		{Options{Synchronous: "OFF", Pragmas: []Pragma{
			{"page_size", "8192"}, {"temp_store", "memory"}, {"cache_size", "-2000"}, {"foreign_keys", "off"}, {"synchronous", "extra"},
		}}, map[string]any{
			"page_size": int64(8192), "temp_store": int64(2), "cache_size": int64(-2000), "foreign_keys": int64(0), "synchronous": int64(3),
			"journal_mode": "wal",
		}},
	} {
		b := newFile(t, c.o)
		for _, s := range []*session{write(t, b), reading(t, b)} {
			for name, want := range c.want {
				if got := one(t, s, "PRAGMA "+name); got != want {
					t.Errorf("%v, PRAGMA %s is %v, want %v", s.role, name, got, want)
				}
			}
			if got, want := one(t, s, "PRAGMA query_only"), int64(s.role); got != want {
				t.Errorf("%v, PRAGMA query_only is %v", s.role, got)
			}
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Path: "a\x00b"}, {Path: "file:a%zz"}, {JournalMode: "wall"}, {Synchronous: "sometimes"},
		{Pragmas: []Pragma{{"a; DROP TABLE t", "1"}}}, {Pragmas: []Pragma{{"busy_timeout", "soon"}}},
		{Pragmas: []Pragma{{"journal_mode", "x"}}},
	} {
		_, err := NewBackend(o, quiet())
		faultOf(t, err, driver.Argument)
	}
}

func TestADatabaseInMemoryHasOneConnectionThatStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := quiet()
		h.Pool = pool.Options{ConnMaxLifetime: time.Minute, ConnMaxIdleTime: time.Minute, MaxOpenConns: 8}
		for _, path := range []string{":memory:", "", "file::memory:?cache=shared", "file:name?mode=memory"} {
			b := newBackend(t, Options{Path: path}, h)
			s := write(t, b)
			run(t, s, "CREATE TABLE t(a)")
			s.Native().(*zombiezen.Conn).SetInterrupt(nil)
			run(t, s, "PRAGMA foreign_keys = OFF")
			run(t, s, `CREATE TEMP TABLE "a ""temporary"" one"(a)`)
			run(t, s, "CREATE TEMP VIEW v AS SELECT 1")
			run(t, s, `ATTACH ':memory:' AS "an other"`)
			run(t, s, "BEGIN")
			run(t, s, "INSERT INTO t VALUES (1)")
			s.Release(driver.Reset)

			time.Sleep(time.Hour)
			again := reading(t, b)
			if again != s {
				t.Errorf("%q: a second connection was opened", path)
			}
			if got := one(t, again, "SELECT count(*) FROM t"); got != int64(0) {
				t.Errorf("%q: %v rows of a transaction that was left open", path, got)
			}
			if got := one(t, again, "SELECT (SELECT count(*) FROM sqlite_temp_schema) || (SELECT count(*) FROM pragma_database_list WHERE name <> 'temp')"); got != "01" {
				t.Errorf("%q: temporary tables and databases were left: %v", path, got)
			}
			if got := one(t, again, "PRAGMA foreign_keys"); got != int64(1) {
				t.Errorf("%q: the setting wasn't made again", path)
			}
			ctx, cancel := context.WithCancel(t.Context())
			s.watch.late()
			cancel()
			if _, err := again.Execute(ctx, request(forever)); !errors.Is(err, context.Canceled) {
				t.Errorf("%q: %v", path, err)
			}
			again.Release(driver.Destroy)
			if got := one(t, reading(t, b), "SELECT count(*) FROM t"); got != int64(0) {
				t.Errorf("%q: %v", path, got)
			}
		}
	})
}

func TestResetClosesAConnectionWhoseSettingsChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		use    func(s *session)
		closed int64
	}{
		"nothing":   {func(s *session) {}, 0},
		"statement": {func(s *session) { run(t, s, "CREATE TABLE t(a)") }, 0},
		"setting":   {func(s *session) { run(t, s, "PRAGMA cache_size = 10") }, 1},
		"native":    {func(s *session) { s.Native() }, 1},
		"temporary": {func(s *session) { run(t, s, "CREATE TEMP TABLE t(a)") }, 1},
		"open transaction": {func(s *session) {
			begin(t, s, driver.TxOptions{})
			run(t, s, "CREATE TABLE t(a)")
		}, 0},
	} {
		b := newFile(t, Options{})
		s := borrow(t, b, driver.Need{Pinned: true})
		c.use(s)
		s.Release(driver.Reset)
		if got := b.Stats()[0].BrokenClosed; got != c.closed {
			t.Errorf("%s: %d connections were closed, want %d", name, got, c.closed)
		}
		if s := write(t, b); s.TxState() != driver.TxIdle {
			t.Errorf("%s: the next one gets a session in state %v", name, s.TxState())
		}
	}
}

func TestReleaseRollsBackWhatWasLeftOpen(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(a)")
	begin(t, s, driver.TxOptions{})
	run(t, s, "INSERT INTO t VALUES (1)")
	if _, err := s.Query(t.Context(), request("SELECT * FROM t")); err != nil {
		t.Fatal(err)
	}
	s.Release(driver.Keep)
	s = write(t, b)
	if got := one(t, s, "SELECT count(*) FROM t"); got != int64(0) || s.TxState() != driver.TxIdle {
		t.Errorf("%v rows, state %v", got, s.TxState())
	}
}

func TestAcquireTellsWhyThereIsNoSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := quiet()
		h.Pool.AcquireTimeout = time.Second
		b := newBackend(t, Options{Path: filepath.Join(t.TempDir(), "a.db")}, h)
		write(t, b)
		_, err := b.Acquire(t.Context(), driver.Need{})
		if f := faultOf(t, err, driver.PoolExhausted); f.Phase != driver.Acquire || f.Sent {
			t.Errorf("%+v", f)
		}
		_, err = b.Acquire(t.Context(), driver.Need{NoWait: true})
		faultOf(t, err, driver.PoolExhausted)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = b.Acquire(ctx, driver.Need{})
		if faultOf(t, err, driver.Timeout); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheHostIsToldOfConnections(t *testing.T) {
	t.Parallel()
	var opened, closed, connected atomic.Int32
	h := quiet()
	h.Opened = func(_ context.Context, name string, _ time.Duration, err error) {
		if err == nil && (name == "writer" || name == "reader") {
			opened.Add(1)
		}
	}
	h.Closed = func(string, pool.Reason) { closed.Add(1) }
	h.OnConnect = func(ctx context.Context, s driver.Session) error {
		connected.Add(1)
		_, err := s.Execute(ctx, request("PRAGMA recursive_triggers = ON"))
		return err
	}
	b := newBackend(t, Options{Path: filepath.Join(t.TempDir(), "a.db")}, h)
	if err := b.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := reading(t, b)
	if got := one(t, s, "PRAGMA recursive_triggers"); got != int64(1) {
		t.Errorf("the setting of OnConnect is %v", got)
	}
	s.dirty = false
	s.Release(driver.Reset)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if opened.Load() != 2 || connected.Load() != 2 || closed.Load() != 2 {
		t.Errorf("opened %d, connected %d, closed %d, want 2 each", opened.Load(), connected.Load(), closed.Load())
	}
}

func TestAFailingOnConnectClosesTheConnection(t *testing.T) {
	t.Parallel()
	h := quiet()
	h.OnConnect = func(context.Context, driver.Session) error {
		return driver.Faultf(driver.Undefined, "no such setting")
	}
	b := newBackend(t, Options{Path: ":memory:"}, h)
	_, err := b.Acquire(t.Context(), driver.Need{})
	faultOf(t, err, driver.Undefined)
}

func TestAFileThatIsReplacedIsNoticed(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(a)")
	s.Release(driver.Keep)
	if err := os.Remove(b.to.Path); err != nil {
		t.Fatal(err)
	}
	s = write(t, b)
	_, err := s.Ping(t.Context())
	if f := faultOf(t, err, driver.Unavailable); !f.Evict {
		t.Errorf("%+v", f)
	}
	s.Release(driver.Destroy)

	// It isn't made anew without a word.
	_, err = b.Acquire(t.Context(), driver.Need{})
	if f := faultOf(t, err, driver.Unavailable); f.Code != "14" {
		t.Errorf("%+v", f)
	}
	other := newFile(t, Options{Path: b.to.Path})
	run(t, write(t, other), "CREATE TABLE u(a)")
	if got := one(t, reading(t, b), "SELECT name FROM sqlite_schema"); got != "u" {
		t.Errorf("in the new file there is table %v", got)
	}
}

func TestTheNewFileWaitsUntilTheOldOneIsClosed(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(a)")
	fresh := newFile(t, Options{JournalMode: "delete"})
	run(t, write(t, fresh), "CREATE TABLE u(a)")
	if err := os.Rename(fresh.to.Path, b.to.Path); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"-wal", "-shm"} { // or SQLite takes them for the new file's
		if err := os.Remove(b.to.Path + of); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Acquire(t.Context(), driver.Need{Access: driver.Read})
	if f := faultOf(t, err, driver.Unavailable); f.Verdict != driver.Again || f.Phase != driver.Dial {
		t.Errorf("%+v", f)
	}
	run(t, s, "SELECT * FROM t")
	s.Release(driver.Keep)
	if got := one(t, reading(t, b), "SELECT name FROM sqlite_schema"); got != "u" {
		t.Errorf("in the new file there is table %v", got)
	}
}

func TestConnectionsOpenAndCloseAtOnce(t *testing.T) {
	t.Parallel()
	// The library keeps tables by the address of a connection, and clears a closed one's entry when another may have
	// its address already: an authorizer set here would be lost that way, and the next statement would panic.
	to, err := Options{Path: ":memory:"}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c, err := open(t.Context(), to, writer, true)
				if err != nil {
					t.Error(err)
					return
				}
				if err := c.exec(t.Context(), "CREATE TABLE t(a)"); err != nil {
					t.Error(err)
				}
				if err := c.close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestManyReadersAndWritersAtOnce(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{Synchronous: "OFF"})
	s := write(t, b)
	run(t, s, "CREATE TABLE t(id INTEGER PRIMARY KEY, n)")
	s.Release(driver.Keep)
	const each = 50
	var wg sync.WaitGroup
	use := func(need driver.Need, req *driver.Request) {
		for range each {
			s, err := b.Acquire(t.Context(), need)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Execute(t.Context(), req); err != nil {
				t.Error(err)
			}
			s.Release(driver.Keep)
		}
	}
	for range 4 {
		wg.Go(func() { use(driver.Need{}, request("INSERT INTO t(n) VALUES (1)")) })
		wg.Go(func() { use(driver.Need{Access: driver.Read}, request("SELECT sum(n) FROM t")) })
	}
	wg.Wait()
	if got := one(t, reading(t, b), "SELECT sum(n) FROM t"); got != int64(4*each) {
		t.Errorf("%v rows, want %d", got, 4*each)
	}
}
