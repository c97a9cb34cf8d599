package plinthtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/plinthdb/plinth/plinthtest"
)

// A server does what it's asked, and the client doesn't hear of it: the case that every retry has to get right.
func Example() {
	var server counterServer
	defer server.start()()
	proxy, err := plinthtest.Listen(server.addr) // in a test: plinthtest.NewProxy(t, addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer proxy.Close()

	proxy.DropReply(plinthtest.Drop{Containing: "add", End: plinthtest.FIN})
	answer, err := ask(proxy.Addr(), "add 5")
	fmt.Printf("%q %v\n", answer, err)
	answer, err = ask(proxy.Addr(), "show")
	fmt.Printf("%q %v\n", answer, err)

	proxy.CutAfter(plinthtest.ToServer, 3, plinthtest.RST)
	_, err = ask(proxy.Addr(), "add 5") // only "add" arrives
	fmt.Println(errors.Is(err, syscall.ECONNRESET))
	s := proxy.Stats()
	fmt.Printf("%d connections, %d replies dropped, %d cut\n", s.Accepted, s.Dropped, s.Cuts)
	// Output:
	// "" EOF
	// "the sum is 5\n" <nil>
	// true
	// 3 connections, 1 replies dropped, 1 cut
}

// counterServer adds the numbers that lines such as "add 5" give it, and tells the sum.
type counterServer struct{ addr string }

func (s *counterServer) start() (stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s.addr = listener.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		sum := 0
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			for in := bufio.NewScanner(conn); in.Scan(); {
				n := 0
				_, _ = fmt.Sscanf(in.Text(), "add %d", &n)
				sum += n
				fmt.Fprintf(conn, "the sum is %d\n", sum)
			}
			conn.Close()
		}
	}()
	return func() { listener.Close(); <-done }
}

func ask(addr, line string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}
