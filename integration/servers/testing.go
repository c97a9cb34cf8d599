package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shared are the servers that the tests of this process share, by kind and options.
var shared = struct { //nolint:gochecknoglobals // testing has no other place for what lives as long as the process
	sync.Mutex
	servers map[string]*once
	missing []Kind
}{servers: map[string]*once{}}

// once is a server that is started by the first who needs it, while the others wait.
type once struct {
	sync.Once
	server *Server
	err    error
}

// Postgres returns a PostgreSQL server: one for all tests of the process that ask for the same options, unless they say
// Private. It's started by the first who asks. Where PostgreSQL isn't installed the test is skipped; it fails if
// PLINTH_REQUIRE names postgres.
func Postgres(t testing.TB, opts ...Option) *Server {
	t.Helper()
	return forTest(t, KindPostgres, newSettings(opts))
}

// MariaDB is Postgres for MariaDB.
func MariaDB(t testing.TB, opts ...Option) *Server {
	t.Helper()
	return forTest(t, KindMariaDB, newSettings(opts))
}

// PgBouncer returns a PgBouncer in transaction mode before a PostgreSQL server, whose databases and users are its own. It's
// shared if the server is, unless the options say Private.
func PgBouncer(t testing.TB, behind *Server, opts ...Option) *Server {
	t.Helper()
	set := newSettings(opts)
	set.behind, set.private = behind, set.private || !behind.shared
	return forTest(t, KindPgBouncer, set)
}

// FerretDB is Postgres for MongoDB's protocol: a FerretDB over SQLite in memory, or in files with Durable. It's plain TCP
// unless WithCert is given, and nobody logs in. It's built by the first who asks, which takes a minute or two once. Where
// it can't be built the test is skipped; it fails if PLINTH_REQUIRE names mongodb.
func FerretDB(t testing.TB, opts ...Option) *Server {
	t.Helper()
	return forTest(t, KindMongoDB, newSettings(opts))
}

func forTest(t testing.TB, kind Kind, set settings) *Server {
	t.Helper()
	server, err := server(t, kind, set)
	switch {
	case errors.Is(err, ErrNotInstalled):
		missing(t, kind, os.Getenv("PLINTH_REQUIRE"), err)
	case err != nil:
		t.Fatal(err)
	case !server.Running():
		t.Fatalf("servers: %s has ended by itself: %s", kind, server.Log())
	}
	return server
}

// missing ends a test whose server isn't installed.
func missing(t testing.TB, kind Kind, require string, err error) {
	t.Helper()
	shared.Lock()
	if !slices.Contains(shared.missing, kind) {
		shared.missing = append(shared.missing, kind)
	}
	shared.Unlock()
	if required(kind, require) {
		t.Fatalf("%v (PLINTH_REQUIRE=%s)", err, require)
	}
	t.Skip(err)
}

func server(t testing.TB, kind Kind, set settings) (*Server, error) {
	if set.private {
		s, err := start(t.Context(), kind, set)
		if err == nil {
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		return s, err
	}
	shared.Lock()
	key := set.key(kind)
	o := shared.servers[key]
	if o == nil {
		o = &once{}
		shared.servers[key] = o
	}
	shared.Unlock()
	o.Do(func() {
		// Not the first test's context: the server is for those after it as well.
		if o.server, o.err = start(context.Background(), kind, set); o.err == nil {
			o.server.shared = true
		}
	})
	return o.server, o.err
}

// required reads PLINTH_REQUIRE.
func required(kind Kind, names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name == "all" || name == string(kind) {
			return true
		}
	}
	return false
}

// Database makes an empty database, which is dropped when the test ends, whoever still uses it. It returns the URL for
// the first user; the user "app" owns it.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	holder := s
	if s.set.behind != nil {
		holder = s.set.behind
	}
	keeper := holder.product.(keeper)
	name := fmt.Sprintf("test%d", holder.names.Add(1))
	if err := keeper.createDatabase(t.Context(), holder, name); err != nil {
		t.Fatalf("servers: %s: %v", holder.kind, err)
	}
	t.Cleanup(func() {
		if !holder.Running() {
			return // goes with the server
		}
		holder.wake()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := keeper.dropDatabase(ctx, holder, name); err != nil {
			t.Errorf("servers: %s: %v", holder.kind, err)
		}
	})
	return s.URLAs("", name)
}

// Main is for TestMain: it runs the tests, stops the servers they shared, and says what wasn't tested because a server
// isn't installed. Since go test keeps to itself what a package prints that passes, the same line is added to the file that
// PLINTH_NOT_TESTED names, if it does.
//
//	func TestMain(m *testing.M) { servers.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if err := finish(os.Stdout, os.Getenv("PLINTH_NOT_TESTED")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func finish(out io.Writer, file string) error {
	shared.Lock()
	defer shared.Unlock()
	errs := make(chan error)
	for _, o := range shared.servers {
		go func() {
			if o.server == nil || o.err != nil {
				errs <- nil
				return
			}
			errs <- o.server.Close()
		}()
	}
	var all []error
	for range shared.servers {
		all = append(all, <-errs)
	}
	clear(shared.servers)
	slices.Sort(shared.missing)
	var note strings.Builder
	for _, kind := range shared.missing {
		fmt.Fprintf(&note, "not tested: %s (%v)\n", kind, ErrNotInstalled)
	}
	shared.missing = nil
	_, err := io.WriteString(out, note.String())
	if all = append(all, err); file != "" && note.Len() > 0 {
		all = append(all, appendTo(file, note.String()))
	}
	return errors.Join(all...)
}

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
