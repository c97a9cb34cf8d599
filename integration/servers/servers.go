// Package servers runs real database servers for tests and benchmarks: no containers, no setting up, nothing left behind.
//
//	func TestMain(m *testing.M) { servers.Main(m) }
//
//	func TestTransfer(t *testing.T) {
//		url := servers.Postgres(t).Database(t) // empty, dropped with the test
//		…
//	}
//
// A server is a copy of a template that was built once, so it starts in well under a second. It listens on an address of
// 127.0.0.0/8 that is the test process's own and on a socket; it has TLS with a CA of its own, users with passwords, and
// the durability that its options say. It runs as a user without rights where the tests run as root, and ends with the
// test process, however that ends.
//
// A server that isn't installed skips the test, or fails it where PLINTH_REQUIRE names the server
// (PLINTH_REQUIRE=postgres,mariadb,pgbouncer,mongodb or all). scripts/setup installs them.
//
// It works on Unix systems; the promise that servers end with a test process that was killed holds on Linux.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Kind says which server.
type Kind string

// The kinds, by the names that PLINTH_REQUIRE takes.
const (
	KindPostgres  Kind = "postgres"
	KindMariaDB   Kind = "mariadb"
	KindPgBouncer Kind = "pgbouncer"
	KindMongoDB   Kind = "mongodb" // FerretDB, which speaks MongoDB's protocol
)

// ErrNotInstalled is in the error of Start when the server's program isn't there.
var ErrNotInstalled = errors.New("not installed: make setup")

// startTime bounds a start, template included. It's long for the sake of a busy machine that has no template yet.
const startTime = 2 * time.Minute

// A product knows one kind of server.
type product interface {
	// find returns the program's path, or an error that is ErrNotInstalled.
	find() (string, error)
	// prepare fills the server's folder: data, certificates, configuration.
	prepare(ctx context.Context, s *Server) error
	// command returns the program with its arguments.
	command(s *Server) *exec.Cmd
	// ready tells whether the process that command started takes logins.
	ready(s *Server) bool
	// stop is the signal that makes it end quickly and in order.
	stop() syscall.Signal
	// users lists who can log in; the first may do everything.
	users(s *Server) []User
	// url is how package config reads where a database is. An empty database is the one that everybody may enter.
	url(s *Server, u User, database string) string
}

// A keeper is a product that keeps databases; PgBouncer isn't one.
type keeper interface {
	createDatabase(ctx context.Context, s *Server, name string) error
	// dropDatabase ends the sessions that use it, and is content if it has gone already.
	dropDatabase(ctx context.Context, s *Server, name string) error
}

// User is who may log in to a server.
type User struct {
	Name     string
	Password string // "" where it isn't a password that lets him in
	Login    string // how, in the server's own word: "scram-sha-256", "cert", …
}

// A Server is a database server that this process has started. Its methods may be called by many goroutines at once.
type Server struct {
	kind    Kind
	product product
	set     settings
	house   *house
	program string
	version string
	dir     string // data, logs and the socket
	host    string
	port    int
	shared  bool // by the tests of the process
	names   atomic.Int64

	mu      sync.Mutex
	process *process // the running one, or the last one
	closed  bool
}

// Start starts a server for what isn't a test. It's the caller's to Close. Cancelling ctx ends the start and not the
// server.
func Start(ctx context.Context, kind Kind, opts ...Option) (*Server, error) {
	return start(ctx, kind, newSettings(opts))
}

func start(ctx context.Context, kind Kind, set settings) (_ *Server, err error) {
	s := &Server{kind: kind, set: set}
	switch kind {
	case KindPostgres:
		s.product = postgres{}
	case KindMariaDB:
		s.product = mariadb{}
	case KindPgBouncer:
		s.product = pgbouncer{}
	case KindMongoDB:
		s.product = ferretdb{}
	default:
		return nil, fmt.Errorf("servers: there is no kind %q", kind)
	}
	if s.program, err = s.product.find(); err != nil {
		return nil, err
	}
	// Only now: FerretDB has been built.
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if s.version, err = version(ctx, s.program); err != nil {
		return nil, err
	}
	if s.house, err = enter(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.shut()
		}
	}()
	if s.dir, s.host, s.port, err = s.house.place(s.kind, set.durable); err != nil {
		return nil, err
	}
	if err := s.product.prepare(ctx, s); err != nil {
		return nil, fmt.Errorf("servers: %s: %w", kind, err)
	}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Kind tells what it is.
func (s *Server) Kind() Kind { return s.kind }

// Version is what the program says when asked for it: "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func (s *Server) Version() string { return s.version }

// URL is the way in for the user who may do everything, as package config reads it: with password, and with TLS that
// verifies the server against the test CA. To go through a proxy replace Addr in it: the certificate is good for localhost
// and 127.0.0.1, too.
func (s *Server) URL() string { return s.URLAs("", "") }

// URLAs is URL for one of Users and a database. An empty name means the first user, or the database of URL. It panics if
// there is no such user.
func (s *Server) URLAs(user, database string) string {
	users := s.Users()
	if user == "" {
		user = users[0].Name
	}
	for _, u := range users {
		if u.Name == user {
			return s.product.url(s, u, database)
		}
	}
	panic(fmt.Sprintf("servers: %s has no user %q, only %v", s.kind, user, users))
}

// Users lists who can log in. The first may do everything, "app" is an ordinary user who owns the databases of Database.
func (s *Server) Users() []User { return s.product.users(s) }

// Addr is where it listens: "127.65.3.9:25432".
func (s *Server) Addr() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Socket is the path of its Unix socket; for PostgreSQL and PgBouncer the folder it is in, as clients want it; "" for
// FerretDB, which has none.
func (s *Server) Socket() string {
	switch s.kind {
	case KindMariaDB:
		return filepath.Join(s.dir, "s.sock")
	case KindMongoDB:
		return ""
	}
	return s.dir
}

// CA is the path of the certificate, as PEM, that the server's own verifies against.
func (s *Server) CA() string { return s.house.certs.CA }

// Certs are the certificates and keys that tests log in with, or that show what has to be refused.
func (s *Server) Certs() Certs { return s.house.certs }

// Pid is the process's id, of the last one if none is running.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.pid()
}

// Log returns what the server has written so far, for a message; at most its last 4 KiB.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

// Start starts it again, on the data and at the address it had. It does nothing if the server runs. The error holds the
// end of the server's log.
func (s *Server) Start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	return s.start(ctx)
}

func (s *Server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("servers: %s is closed", s.kind)
	}
	if s.process.running() {
		return nil
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the server has its own
	cmd := s.product.command(s)
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = s.house.spawn(cmd, s.kind, s.dir); err != nil {
		return fmt.Errorf("servers: %s: %w", s.kind, err)
	}
	// There is nothing to wait on: the server tells nobody when it is ready.
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !s.product.ready(s) {
		select {
		case <-s.process.done:
			return fmt.Errorf("servers: %s ended at once (%w): %s", s.kind, s.process.err, s.Log())
		case <-ctx.Done():
			s.kill()
			return fmt.Errorf("servers: %s isn't ready: %w: %s", s.kind, context.Cause(ctx), s.Log())
		case <-tick.C:
		}
	}
	return nil
}

// Stop ends it in order, without waiting for its clients, and returns when it's gone, even if it hangs by Signal. An error means that it had to be
// killed, or is shared by other tests: start an own one with the option Private.
func (s *Server) Stop() error {
	if err := s.own(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end()
}

func (s *Server) end() error {
	if !s.process.running() {
		return nil
	}
	s.wake()
	_ = s.process.cmd.Process.Signal(s.product.stop())
	select {
	case <-s.process.done:
		s.kill() // a helper of its own may be a moment late
		return nil
	case <-time.After(20 * time.Second):
		s.kill()
		return fmt.Errorf("servers: %s didn't stop within 20s and was killed: %s", s.kind, s.Log())
	}
}

// Kill is kill -9 to the server and all its children at once, as when the machine loses power but for what the
// operating system has in its memory. It returns when they are gone.
func (s *Server) Kill() error {
	if err := s.own(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
	return nil
}

func (s *Server) kill() {
	if s.process == nil {
		return
	}
	_ = s.process.cmd.Process.Signal(syscall.SIGSTOP) // so that it doesn't heal itself meanwhile
	killIn(s.dir)
	_ = s.process.cmd.Process.Kill()
	<-s.process.done
	for killIn(s.dir) > 0 {
		time.Sleep(time.Millisecond) // they aren't children of this process: nothing else tells of their end
	}
}

// Restart is Stop and Start.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start()
}

// Signal sends a signal to the server and all its children: syscall.SIGSTOP makes a server that hangs, with its
// connections open, and syscall.SIGCONT lets it go on.
func (s *Server) Signal(signal syscall.Signal) error {
	if err := s.own(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.process.running() {
		return fmt.Errorf("servers: %s isn't running", s.kind)
	}
	// The server comes first, so that it starts no child meanwhile.
	if err := s.process.cmd.Process.Signal(signal); err != nil {
		return err
	}
	for _, pid := range pidsIn(s.dir) {
		if pid != s.process.pid() {
			_ = syscall.Kill(pid, signal) // it may have ended
		}
	}
	return nil
}

// wake ends a Signal(SIGSTOP): a server that hangs can't stop.
func (s *Server) wake() {
	for _, pid := range pidsIn(s.dir) {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
	}
}

// own refuses what would pull a shared server from under the other tests.
func (s *Server) own() error {
	if s.shared {
		return fmt.Errorf("servers: this %s is shared by the tests of the process: start an own one with servers.Private()", s.kind)
	}
	return nil
}

// Running tells whether the process runs; one that was stopped by SIGSTOP does.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.running()
}

// Close stops the server and removes its data. A second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	err := s.end()
	s.shut()
	return err
}

// shut takes away what there is of a server, finished or not.
func (s *Server) shut() {
	s.closed = true
	s.kill()
	if s.dir != "" {
		removeData(s.dir)
	}
	s.house.leave()
}
