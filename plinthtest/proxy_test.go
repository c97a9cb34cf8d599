package plinthtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/plinthdb/plinth/plinthtest"
)

func TestForwardsEveryByteAndHalfCloses(t *testing.T) {
	t.Parallel()
	sent := pattern(3 << 20)
	addr := serveTCP(t, func(conn net.Conn) { // answers only when the client has ended its side
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("the server got %d bytes (%v), want the %d sent", len(got), err, len(sent))
		}
		conn.Write(got)
	})
	p := plinthtest.NewProxy(t, addr)
	conn := dial(t, p)
	var writer sync.WaitGroup
	writer.Go(func() {
		conn.Write(sent)
		conn.CloseWrite()
	})
	got, err := io.ReadAll(conn)
	writer.Wait()
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the client got %d bytes (%v), want the %d sent", len(got), err, len(sent))
	}
	waitFor(t, p, func(s plinthtest.Stats) bool { return s.Open == 0 })
	want := plinthtest.Stats{Accepted: 1, ToServer: int64(len(sent)), ToClient: int64(len(sent))}
	if got := p.Stats(); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestForwardsToAUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	serveOn(t, "unix", path, echo)
	p := plinthtest.NewProxy(t, path)
	conn := dial(t, p)
	ping(t, conn, "through a socket")
	p.Cut(plinthtest.RST)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the cut: %v", err)
	}
}

func TestAResetIsPassedOn(t *testing.T) {
	t.Parallel()
	seen := make(chan error, 1)
	p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) {
		conn.Write([]byte("hello"))
		_, err := io.ReadAll(conn)
		seen <- err
	}))
	conn := dial(t, p)
	readN(t, conn, 5)
	conn.SetLinger(0)
	conn.Close()
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server saw %v", err)
	}
}

// A server that turns a client away says why and closes with bytes of the client unread, which makes it a reset.
func TestLastWordsOfTheServerArrive(t *testing.T) {
	t.Parallel()
	for range 50 {
		p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) {
			conn.Read(make([]byte, 1))
			conn.Write([]byte("too many clients"))
		}))
		conn := dial(t, p)
		conn.Write([]byte("hello, it's me"))
		got, err := io.ReadAll(conn)
		if string(got) != "too many clients" {
			t.Fatalf("got %q (%v)", got, err)
		}
	}
}

func TestAServerThatIsDownResetsItsClients(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := plinthtest.NewProxy(t, l.Addr().String())
	if _, err := dial(t, p).Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %v", err)
	}
	if s := p.Stats(); s.Unanswered != s.Accepted || s.Open != 0 || s.Cuts != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestRefusesAndAcceptsOnTheSamePort(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, echo))
	open := dial(t, p)
	ping(t, open, "accepted, and no longer only in the queue, which ends with the listener")
	for range 3 {
		if err := p.Refuse(); err != nil {
			t.Fatal(err)
		}
		// Without a kept port the system would give it to one of these as its own, and connect it to itself.
		for range 500 {
			conn, err := net.Dial("tcp", p.Addr())
			if err == nil {
				conn.Close()
				t.Fatalf("%s connected to %s", conn.LocalAddr(), conn.RemoteAddr())
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatal(err)
			}
		}
		ping(t, open, "an open connection goes on")
		if err := p.Accept(); err != nil {
			t.Fatal(err)
		}
		ping(t, dial(t, p), "accepted again")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Run("at first", closeInTheMiddle) // after which the runtime has what it keeps
	before := fds(t)
	t.Run("again", closeInTheMiddle)
	if now := fds(t); now != before {
		t.Errorf("%d file descriptors are open, %d were", now, before)
	}
}

func closeInTheMiddle(t *testing.T) {
	p, err := plinthtest.Listen(serveTCP(t, echo))
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		ping(t, dial(t, p), "hello")
	}
	p.Cut(plinthtest.FIN) // both sides of these are still being read
	p.Delay(plinthtest.Both, 1<<40, 0)
	delayed := dial(t, p)
	delayed.Write([]byte("on its way for 18 minutes"))
	p.Blackhole(plinthtest.Both, plinthtest.Hold)
	undialled := dial(t, p)
	waitFor(t, p, func(s plinthtest.Stats) bool { return s.Accepted == 10 })
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	for _, c := range []net.Conn{delayed, undialled} {
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("an open connection ended by %v", err)
		}
	}
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
	if s := p.Stats(); s.Open != 0 || s.Cuts != 8 {
		t.Errorf("stats %+v", s)
	}
	if err := p.Heal(); err != nil {
		t.Errorf("Heal after Close: %v", err)
	}
}

// fds returns how many sockets and files this process has open, or -1 where it can't know.
func fds(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return -1
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestListenTeachesWhatATargetIs(t *testing.T) {
	t.Parallel()
	_, err := plinthtest.Listen("localhost")
	if err == nil || !strings.Contains(err.Error(), `target "localhost" is neither host:port nor a socket's path`) {
		t.Error(err)
	}
}

func TestWaitForTellsTheCountsItWaitedWith(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, echo))
	ping(t, dial(t, p), "hello")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no more patience"))
	err := p.WaitIdle(ctx)
	if err == nil || !strings.Contains(err.Error(), "no more patience") || !strings.Contains(err.Error(), "Open:1") {
		t.Error(err)
	}
}

func TestWaitForSeesEveryChange(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, echo))
	for i := range 200 {
		conn := dial(t, p)
		waitFor(t, p, func(s plinthtest.Stats) bool { return s.Open == 1 })
		conn.Write([]byte("x"))
		waitFor(t, p, func(s plinthtest.Stats) bool { return s.ToClient == int64(i+1) })
		conn.Close()
		waitFor(t, p, func(s plinthtest.Stats) bool { return s.Open == 0 })
	}
}

func TestEveryWordPrintsItself(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(plinthtest.ToServer, plinthtest.ToClient, plinthtest.Both, plinthtest.Direction(7),
		plinthtest.RST, plinthtest.FIN, plinthtest.Hang, plinthtest.End(9))
	if got != "ToServer ToClient Both Direction(7) RST FIN Hang End(9)" {
		t.Error(got)
	}
}

func TestNewProxyEndsATestThatNamesNoServer(t *testing.T) {
	t.Parallel()
	rec := &recorder{TB: t}
	rec.run(func() { plinthtest.NewProxy(rec, "nowhere") })
	if !strings.Contains(rec.fatal, `"nowhere"`) {
		t.Errorf("%q", rec.fatal)
	}
}
