package plinthtest_test

import (
	"io"
	"net"
	"testing"

	"github.com/plinthdb/plinth/plinthtest"
)

// BenchmarkRoundTrip tells what the proxy adds to a request and its answer when no fault is set.
func BenchmarkRoundTrip(b *testing.B) {
	server := serveTCP(b, echo)
	for name, addr := range map[string]string{"direct": server, "proxy": plinthtest.NewProxy(b, server).Addr()} {
		b.Run(name, func(b *testing.B) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			buf := make([]byte, 100)
			for b.Loop() {
				if _, err := conn.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
