package plinthtest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/plinthdb/plinth/plinthtest"
)

// received is what one side read until its connection ended, and by what.
type received struct {
	bytes []byte
	err   error
}

func drain(conn net.Conn) received {
	b, err := io.ReadAll(conn)
	return received{b, err}
}

// sendAndDrain writes b and reads until the end. A reset that came before or during the write is the write's error: the
// kernel tells it once, and reads after it find a plain end.
func sendAndDrain(conn net.Conn, b []byte) received {
	_, wrote := conn.Write(b)
	got := drain(conn)
	if got.err == nil && errors.Is(wrote, syscall.ECONNRESET) {
		got.err = wrote
	}
	return got
}

// exactly fails the test unless r is the first n bytes of the pattern, ended as end says.
func (r received) exactly(t *testing.T, side string, n int, end plinthtest.End) {
	t.Helper()
	if !bytes.Equal(r.bytes, pattern(n)) {
		t.Errorf("the %s got %d bytes, want exactly %d", side, len(r.bytes), n)
	}
	if end == plinthtest.FIN && r.err != nil || end == plinthtest.RST && !errors.Is(r.err, syscall.ECONNRESET) {
		t.Errorf("the %s's connection ended by %v, want %v", side, r.err, end)
	}
}

func TestCutAfterForwardsExactlyThatMany(t *testing.T) {
	t.Parallel()
	for _, end := range []plinthtest.End{plinthtest.RST, plinthtest.FIN} {
		for _, n := range []int{0, 1, 7, 4096, 32<<10 - 1, 32 << 10, 32<<10 + 1, 300_001} {
			if n > 64<<10 && end == plinthtest.RST {
				continue // a reset loses what a receiver's buffer has no room for, here as anywhere
			}
			t.Run(fmt.Sprintf("%v/ToServer/%d", end, n), func(t *testing.T) {
				t.Parallel()
				atServer := make(chan received, 1)
				p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) { atServer <- drain(conn) }))
				p.CutAfter(plinthtest.ToServer, int64(n), end)
				sendAndDrain(dial(t, p), pattern(n+1000)).exactly(t, "client", 0, end)
				if n > 0 { // else the server isn't dialled
					(<-atServer).exactly(t, "server", n, end)
				}
				if s := p.Stats(); s.Cuts != s.Accepted || s.Open != 0 || s.ToServer != int64(n) {
					t.Errorf("stats %+v", s)
				}
			})
			t.Run(fmt.Sprintf("%v/ToClient/%d", end, n), func(t *testing.T) {
				t.Parallel()
				atServer := make(chan received, 10) // dial may need more than one
				p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) {
					conn.Write(pattern(n + 1000))
					atServer <- drain(conn)
				}))
				p.CutAfter(plinthtest.ToClient, int64(n), end)
				drain(dial(t, p)).exactly(t, "client", n, end)
				if s := p.Stats(); s.Cuts != s.Accepted || s.Open != 0 || s.ToClient != int64(n*s.Accepted) {
					t.Errorf("stats %+v", s)
				}
				if n > 0 && end == plinthtest.FIN {
					(<-atServer).exactly(t, "server", 0, end)
				}
			})
		}
	}
}

func TestCutAfterCountsEachConnectionFromNow(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, echo))
	open := dial(t, p)
	ping(t, open, "a hundred bytes or so that were before")
	p.CutAfter(plinthtest.ToClient, 5, plinthtest.FIN)
	later := dial(t, p)
	for _, conn := range []net.Conn{open, later} {
		ping(t, conn, "abc")
		conn.Write([]byte("defg"))
		if got := drain(conn); string(got.bytes) != "de" || got.err != nil {
			t.Errorf("got %q %v, want the remaining 2 of 5 bytes", got.bytes, got.err)
		}
	}
	p.CutAfter(plinthtest.ToClient, -1, plinthtest.RST)
	ping(t, dial(t, p), "no cut any more")
	if s := p.Stats(); s.Cuts != 2 {
		t.Errorf("stats %+v", s)
	}
}

func TestHangAtAByteLeavesBothSidesOpen(t *testing.T) {
	t.Parallel()
	atServer := make(chan received, 1)
	p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) { atServer <- drain(conn) }))
	p.CutAfter(plinthtest.ToServer, 4, plinthtest.Hang)
	conn := dial(t, p)
	conn.Write([]byte("the query"))
	waitFor(t, p, func(s plinthtest.Stats) bool { return s.Cuts == 1 && s.SwallowedToServer == 5 })
	conn.SetReadDeadline(time.Unix(1, 0))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client's read returned %v, want it to wait", err)
	}
	conn.Close() // which the server doesn't see
	if s := p.Stats(); s.Open != 1 {
		t.Errorf("stats %+v", s)
	}
	if n := p.Cut(plinthtest.FIN); n != 1 {
		t.Errorf("Cut ended %d connections", n)
	}
	if got := <-atServer; string(got.bytes) != "the " || got.err != nil {
		t.Errorf("the server got %q %v", got.bytes, got.err)
	}
}

func TestCutEndsWhatIsOpenAndNothingLater(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, echo))
	for end, want := range map[plinthtest.End]error{plinthtest.RST: syscall.ECONNRESET, plinthtest.FIN: nil} {
		a, b := dial(t, p), dial(t, p)
		ping(t, a, "a")
		ping(t, b, "b")
		if n := p.Cut(end); n != 2 {
			t.Errorf("%v: it cut %d, want 2", end, n)
		}
		for _, conn := range []net.Conn{a, b} {
			if got := drain(conn); len(got.bytes) > 0 || !errors.Is(got.err, want) {
				t.Errorf("%v: %q %v, want %v", end, got.bytes, got.err, want)
			}
		}
		ping(t, dial(t, p), "opened later")
		p.Cut(plinthtest.RST)
	}
}

func TestCutEndsAWriterWhoIsBlocked(t *testing.T) {
	t.Parallel()
	for _, end := range []plinthtest.End{plinthtest.RST, plinthtest.FIN} {
		unread := make(chan struct{})
		p := plinthtest.NewProxy(t, serveTCP(t, func(net.Conn) { <-unread }))
		conn := dial(t, p)
		var writer sync.WaitGroup
		writer.Go(func() {
			for conn.SetWriteDeadline(time.Now().Add(10*time.Second)) == nil {
				if _, err := conn.Write(pattern(1 << 20)); err != nil {
					return
				}
			}
		})
		waitFor(t, p, func(s plinthtest.Stats) bool { return s.ToServer > 64<<10 })
		p.Cut(end)
		if end == plinthtest.FIN {
			if got := drain(conn); got.err != nil {
				t.Errorf("%v: %v", end, got.err)
			}
			conn.Close()
		}
		writer.Wait()
		close(unread)
	}
}

func TestPlansAreAskedForByNumberAndTakeTheRestFromTheProxy(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, echo))
	p.CutAfter(plinthtest.ToClient, 3, plinthtest.FIN)
	p.OnConnect(func(n int) plinthtest.Plan {
		if n == 2 {
			return plinthtest.Plan{ToClient: plinthtest.Path{Cut: &plinthtest.Cut{After: 1, End: plinthtest.FIN}}}
		}
		return plinthtest.Plan{}
	})
	for i, want := range []string{"abc", "a", "abc"} {
		conn := dial(t, p)
		conn.Write([]byte("abcdef"))
		if got := drain(conn); string(got.bytes) != want {
			t.Errorf("connection %d got %q, want %q", i+1, got.bytes, want)
		}
	}
	if err := p.Heal(); err != nil {
		t.Fatal(err)
	}
	ping(t, dial(t, p), "abcdef")
}

func TestABlackholeAnswersNobodyAndDialsNobody(t *testing.T) {
	t.Parallel()
	dialled := make(chan struct{}, 10)
	p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) { dialled <- struct{}{}; echo(conn) }))
	p.Blackhole(plinthtest.Both, plinthtest.Swallow)
	conn := dial(t, p)
	conn.Write([]byte("hello"))
	waitFor(t, p, func(s plinthtest.Stats) bool { return s.Open == 1 })
	select {
	case <-dialled:
		t.Error("the server was dialled")
	default:
	}
	p.Release(plinthtest.Both)
	if got := readN(t, conn, 5); got != "hello" {
		t.Errorf("after the release: %q", got)
	}
	<-dialled
}

// Whatever befalls a stream whose bytes aren't swallowed, what arrives is its beginning.
func TestWhatArrivesIsAlwaysABeginning(t *testing.T) {
	t.Parallel()
	const size = 200_000
	var mu sync.Mutex
	var streams []received
	add := func(r received) { mu.Lock(); streams = append(streams, r); mu.Unlock() }
	p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) {
		var writer sync.WaitGroup
		writer.Go(func() { conn.Write(pattern(size)) })
		add(drain(conn))
		writer.Wait()
	}))
	random := rand.New(rand.NewPCG(1, 2))
	stop := make(chan struct{})
	var faults, clients sync.WaitGroup
	faults.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			dir := plinthtest.Direction(1 + random.IntN(3))
			end := plinthtest.End(random.IntN(2))
			switch random.IntN(12) {
			case 0:
				p.CutAfter(dir, random.Int64N(2*size), end)
			case 1:
				p.Cut(end)
			case 2:
				p.Delay(dir, time.Duration(random.IntN(3e6)), time.Millisecond)
			case 3:
				p.Throttle(dir, 1e6+random.IntN(1e8))
			case 4:
				p.Blackhole(dir, plinthtest.Hold)
			case 5:
				p.DropReply(plinthtest.Drop{End: end, Quiet: time.Millisecond})
			case 6:
				p.OnConnect(func(int) plinthtest.Plan { return plinthtest.Plan{Drop: &plinthtest.Drop{Flight: 2}} })
			case 7:
				_ = p.Refuse()
			default:
				if err := p.Heal(); err != nil {
					t.Error(err)
				}
			}
			before := p.Stats()
			waitSome(p, before)
		}
	})
	for range 6 {
		clients.Go(func() {
			for range 25 {
				conn, err := net.Dial("tcp", p.Addr())
				if err != nil {
					continue
				}
				conn.SetDeadline(time.Now().Add(time.Second))
				var writer sync.WaitGroup
				writer.Go(func() { conn.Write(pattern(size)); conn.(*net.TCPConn).CloseWrite() })
				add(drain(conn))
				conn.Close()
				writer.Wait()
			}
		})
	}
	clients.Wait()
	close(stop)
	faults.Wait()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	whole := pattern(size)
	for _, s := range streams {
		if !bytes.HasPrefix(whole, s.bytes) {
			t.Errorf("a side received %d bytes that aren't the beginning of what was sent", len(s.bytes))
		}
	}
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("stats %+v", s)
	}
}
