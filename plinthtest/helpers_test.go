package plinthtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plinthdb/plinth/plinthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveTCP runs handle for each connection to a server of its own, and returns the server's address. The connection is
// closed after handle, and the test waits for it. Every connection is closed when the test ends.
func serveTCP(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	return serveOn(t, "tcp", "127.0.0.1:0", handle)
}

func serveOn(t testing.TB, network, addr string, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	var handlers sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	handlers.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() { stop(); listener.Close(); handlers.Wait() })
	return listener.Addr().String()
}

// echo sends back what it gets.
func echo(conn net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			conn.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// dial returns a connection to the proxy that is closed with the test, and on which nothing takes longer than ten seconds.
func dial(t *testing.T, p *plinthtest.Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	for errors.Is(err, syscall.ECONNRESET) { // it was reset before it was looked at: this time look faster
		conn, err = net.Dial("tcp", p.Addr())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.TCPConn)
}

// ping fails the test unless conn, to an echo, still works.
func ping(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatalf("writing %q: %v", text, err)
	}
	if got := readN(t, conn, len(text)); got != text {
		t.Fatalf("echo of %q is %q", text, got)
	}
}

func readN(t *testing.T, conn net.Conn, n int) string {
	t.Helper()
	buf := make([]byte, n)
	for have := 0; have < n; {
		m, err := conn.Read(buf[have:])
		if have += m; err != nil {
			t.Fatalf("read %d of %d bytes: %v", have, n, err)
		}
	}
	return string(buf)
}

// pattern returns the bytes of a stream in which a lost or repeated byte shows.
func pattern(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		b.WriteString("the quick brown fox jumps over the lazy dog ")
		b.WriteByte(byte(i))
		b.WriteByte(byte(i >> 8))
	}
	return b.Bytes()[:n]
}

func waitFor(t *testing.T, p *plinthtest.Proxy, cond func(plinthtest.Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.WaitFor(ctx, cond); err != nil {
		t.Fatal(err)
	}
}

// waitSome returns when the counts aren't before any more, or soon.
func waitSome(p *plinthtest.Proxy, before plinthtest.Stats) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Millisecond)
	defer cancel()
	_ = p.WaitFor(ctx, func(s plinthtest.Stats) bool { return s != before })
}

// recorder is a testing.TB whose end by Fatal is recorded instead.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Fatal(args ...any)                 { r.end(fmt.Sprint(args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.end(fmt.Sprintf(format, args...)) }

func (r *recorder) end(text string) { r.fatal = text; runtime.Goexit() }

// run returns when test has returned, or has ended by Fatal.
func (r *recorder) run(test func()) {
	done := make(chan struct{})
	go func() { defer close(done); test() }()
	<-done
}
