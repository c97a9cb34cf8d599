package plinthtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs test with both ends of a link, under a clock that stands still while anything else goes on.
func inBubble(t *testing.T, test func(t *testing.T, p *Proxy, client, server net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, proxyClient := net.Pipe()
		server, proxyServer := net.Pipe()
		p := newProxy(func(context.Context) (net.Conn, error) { return proxyServer, nil })
		defer client.Close()
		defer server.Close()
		defer p.Close()
		p.serve(proxyClient)
		synctest.Wait() // until it's connected and reads
		test(t, p, client, server)
	})
}

// send writes, which on a pipe ends when the proxy has read it.
func send(t *testing.T, conn net.Conn, b string) {
	t.Helper()
	if _, err := io.WriteString(conn, b); err != nil {
		t.Fatal(err)
	}
}

// wantAfter fails the test unless conn yields want, the last byte exactly after took.
func wantAfter(t *testing.T, conn net.Conn, want string, took time.Duration) {
	t.Helper()
	start := time.Now()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != want {
		t.Fatalf("read %q %v, want %q", buf, err, want)
	}
	if got := time.Since(start); got != took {
		t.Errorf("%.20q took %v, want %v", want, got, took)
	}
}

// wantNothing fails the test if conn yields a byte within an hour.
func wantNothing(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(time.Hour))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	conn.SetReadDeadline(time.Time{})
}

func TestDelayIsOfEachPieceAndNotOfTheNext(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		send(t, client, "at once")
		wantAfter(t, server, "at once", 0)
		p.Delay(ToServer, 100*time.Millisecond, 0)
		for range 10 { // come 10 ms apart, so leave 10 ms apart
			send(t, client, "0123456789")
			time.Sleep(10 * time.Millisecond)
		}
		wantAfter(t, server, "0123456789", 0) // 100 ms have gone by
		for range 9 {
			wantAfter(t, server, "0123456789", 10*time.Millisecond)
		}
		send(t, server, "the other way")
		wantAfter(t, client, "the other way", 0)
		p.Delay(ToServer, 0, 0)
		send(t, client, "at once again")
		wantAfter(t, server, "at once again", 0)
	})
}

func TestDelayLimitsNoThroughput(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.Delay(ToServer, time.Second, 0)
		big := string(bytes.Repeat([]byte("x"), 8<<20))
		start := time.Now()
		send(t, client, big)
		if took := time.Since(start); took != 0 {
			t.Errorf("sending took %v", took)
		}
		wantAfter(t, server, big, time.Second)
	})
}

func TestJitterKeepsTheOrderAndItsBounds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.Delay(ToServer, 50*time.Millisecond, 20*time.Millisecond)
		took := make(map[time.Duration]bool)
		for range 100 {
			start := time.Now()
			send(t, client, "ab")
			send(t, client, "cd")
			buf := make([]byte, 4)
			if _, err := io.ReadFull(server, buf); err != nil || string(buf) != "abcd" {
				t.Fatalf("%q %v", buf, err)
			}
			d := time.Since(start)
			took[d] = true
			if d < 50*time.Millisecond || d >= 70*time.Millisecond {
				t.Errorf("took %v", d)
			}
		}
		if len(took) < 50 {
			t.Errorf("%d different delays among 100", len(took))
		}
	})
}

func TestThrottleTakesAsLongAsItSays(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.Throttle(ToServer, 1000)
		kilobyte := string(bytes.Repeat([]byte("x"), 1000))
		for range 3 {
			send(t, client, kilobyte)
			wantAfter(t, server, kilobyte, time.Second)
		}
		time.Sleep(time.Hour) // which isn't saved up
		send(t, client, kilobyte)
		wantAfter(t, server, kilobyte, time.Second)
		p.Throttle(ToServer, 3) // less than a byte in 10 ms
		send(t, client, "abc")
		wantAfter(t, server, "abc", time.Second/3*3)
		send(t, client, "0123456789")
		synctest.Wait()
		p.Throttle(ToServer, 0)
		wantAfter(t, server, "0123456789", 0)
	})
}

func TestAThrottledSenderIsHeldBack(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.Throttle(ToServer, 1<<20)
		go io.Copy(io.Discard, server)
		start := time.Now()
		send(t, client, string(make([]byte, 10<<20)))
		if took := time.Since(start); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("10 MiB took %v at 1 MiB a second", took)
		}
	})
}

func TestHoldKeepsEverythingInOrder(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.Blackhole(ToServer, Hold)
		send(t, client, "held") // the proxy was reading already
		client.SetWriteDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(client, "blocked"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write into the hole: %v", err)
		}
		client.SetWriteDeadline(time.Time{})
		send(t, server, "the other way")
		wantAfter(t, client, "the other way", 0)
		wantNothing(t, server)
		p.Release(ToServer)
		send(t, client, ", released")
		wantAfter(t, server, "held, released", 0)
	})
}

func TestSwallowedBytesAreLostAndTheEndIsNot(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		send(t, client, "before ")
		wantAfter(t, server, "before ", 0)
		p.Blackhole(Both, Swallow)
		send(t, client, string(make([]byte, 1<<20)))
		send(t, server, "nobody hears this")
		wantNothing(t, server)
		wantNothing(t, client)
		if s := p.Stats(); s.SwallowedToServer != 1<<20 || s.SwallowedToClient != 17 || s.ToServer != 7 || s.ToClient != 0 {
			t.Errorf("stats %+v", s)
		}
		p.Release(Both)
		send(t, client, "after")
		wantAfter(t, server, "after", 0)
		p.Blackhole(Both, Swallow)
		client.Close()
		wantNothing(t, server)
		if s := p.Stats(); s.Open != 1 {
			t.Errorf("stats %+v", s)
		}
		p.Release(Both)
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the release the server reads %v", err)
		}
	})
}

func TestADroppedReplyEndsWhenTheServerIsQuiet(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.DropReply(Drop{Quiet: 50 * time.Millisecond})
		send(t, client, "insert")
		wantAfter(t, server, "insert", 0)
		wantNothing(t, client) // however long the server takes
		send(t, server, "part 1")
		time.Sleep(49 * time.Millisecond)
		send(t, server, "part 2")
		time.Sleep(49 * time.Millisecond)
		send(t, client, "and more") // of the same request
		wantAfter(t, server, "and more", 0)
		start := time.Now()
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client reads %v", err)
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("the client's end came after %v, want 50ms", took)
		}
		if s := p.Stats(); s.Dropped != 1 || s.Open != 0 || s.SwallowedToClient != 12 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestACutLosesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, p *Proxy, client, server net.Conn) {
		p.Delay(ToServer, time.Second, 0)
		send(t, client, "on its way")
		time.Sleep(999 * time.Millisecond)
		p.Cut(RST)
		if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("the server read %d, %v", n, err)
		}
	})
}
