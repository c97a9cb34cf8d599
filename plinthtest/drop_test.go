package plinthtest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/plinthdb/plinth/plinthtest"
)

// ledger is a server that writes down every line it gets, and answers "ok LINE".
type ledger struct {
	mu    sync.Mutex
	lines []string
	ended []error // how the connections ended: nil is io.EOF
}

func (l *ledger) handle(conn net.Conn) {
	in := bufio.NewScanner(conn)
	for in.Scan() {
		l.mu.Lock()
		l.lines = append(l.lines, in.Text())
		l.mu.Unlock()
		fmt.Fprintf(conn, "ok %s\n", in.Text())
	}
	l.mu.Lock()
	l.ended = append(l.ended, in.Err())
	l.mu.Unlock()
}

func (l *ledger) written() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// client sends lines to a ledger and reads the answers.
type client struct {
	net.Conn
	in *bufio.Reader
}

func newClient(t *testing.T, p *plinthtest.Proxy) *client {
	t.Helper()
	conn := dial(t, p)
	return &client{conn, bufio.NewReader(conn)}
}

func (c *client) send(line string) error {
	if _, err := io.WriteString(c.Conn, line+"\n"); err != nil {
		return err
	}
	got, err := c.in.ReadString('\n')
	if err == nil && got != "ok "+line+"\n" {
		return fmt.Errorf("answer to %q is %q", line, got)
	}
	return err
}

func TestDropReplyLosesOneReplyAndNothingElse(t *testing.T) {
	t.Parallel()
	for end, want := range map[plinthtest.End]error{plinthtest.RST: syscall.ECONNRESET, plinthtest.FIN: io.EOF} {
		var server ledger
		p := plinthtest.NewProxy(t, serveTCP(t, server.handle))
		a, b := newClient(t, p), newClient(t, p)
		for _, c := range []*client{a, b} {
			if err := c.send("before"); err != nil {
				t.Fatal(err)
			}
		}
		p.DropReply(plinthtest.Drop{End: end})
		if err := a.send("lost"); !errors.Is(err, want) {
			t.Errorf("%v: %v", end, err)
		}
		if err := b.send("after"); err != nil {
			t.Errorf("%v: the other connection: %v", end, err)
		}
		if err := newClient(t, p).send("later"); err != nil {
			t.Errorf("%v: a new connection: %v", end, err)
		}
		if got := server.written(); !slices.Equal(got, []string{"before", "before", "lost", "after", "later"}) {
			t.Errorf("%v: the server did %q", end, got)
		}
		s := p.Stats()
		if s.Dropped != 1 || s.Cuts != 0 || s.Armed != 0 || s.SwallowedToClient != int64(len("ok lost\n")) || s.Open != 2 {
			t.Errorf("%v: stats %+v", end, s)
		}
	}
}

func TestDropReplyFindsItsFlight(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		drop plinthtest.Drop
		lost int // of the lines below; they're sent until one gets no answer
	}{
		"any":                 {plinthtest.Drop{}, 0},
		"the first":           {plinthtest.Drop{Flight: 1}, 0},
		"the third":           {plinthtest.Drop{Flight: 3}, 2},
		"by its text":         {plinthtest.Drop{Containing: "execute"}, 3},
		"one after its text":  {plinthtest.Drop{Containing: "prepare", Flight: 2}, 3},
		"a text that isn't":   {plinthtest.Drop{Containing: "rollback"}, -1},
		"more than there are": {plinthtest.Drop{Flight: 99}, -1},
		// "select" and "prepare" are two flights, so what spans them is no request.
		"a text across two": {plinthtest.Drop{Containing: "2\nprepare"}, -1},
	}
	lines := []string{"select 1", "select 2", "prepare insert", "execute", "commit"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server ledger
			p := plinthtest.NewProxy(t, serveTCP(t, server.handle))
			conn := newClient(t, p)
			p.DropReply(test.drop)
			lost := -1
			for i, line := range lines {
				if err := conn.send(line); err != nil {
					lost = i
					break
				}
			}
			if lost != test.lost {
				t.Errorf("line %d got no answer, want %d", lost, test.lost)
			}
			want := lines
			if test.lost >= 0 {
				want = lines[:test.lost+1]
			}
			if got := server.written(); !slices.Equal(got, want) {
				t.Errorf("the server did %q, want %q", got, want)
			}
			if armed := p.Stats().Armed; armed == 1 != (lost < 0) {
				t.Errorf("%d are armed", armed)
			}
			p.Heal()
			if err := newClient(t, p).send("healed"); err != nil || p.Stats().Armed != 0 {
				t.Errorf("after Heal: %v, %+v", err, p.Stats())
			}
		})
	}
}

func TestDropReplyFindsATextThatComesInPieces(t *testing.T) {
	t.Parallel()
	var server ledger
	p := plinthtest.NewProxy(t, serveTCP(t, server.handle))
	conn := newClient(t, p)
	p.DropReply(plinthtest.Drop{Containing: "insert into", End: plinthtest.FIN})
	passed := int64(0)
	for _, piece := range []string{"in", "sert int", "o t", "\n"} {
		io.WriteString(conn, piece)
		passed += int64(len(piece))
		waitFor(t, p, func(s plinthtest.Stats) bool { return s.ToServer == passed })
	}
	if line, err := conn.in.ReadString('\n'); err != io.EOF || line != "" {
		t.Errorf("the client read %q %v", line, err)
	}
	if got := server.written(); !slices.Equal(got, []string{"insert into t"}) {
		t.Errorf("the server did %q", got)
	}
}

func TestDropReplyArmsOnceACall(t *testing.T) {
	t.Parallel()
	var server ledger
	p := plinthtest.NewProxy(t, serveTCP(t, server.handle))
	const calls, clients = 40, 8
	for range calls {
		p.DropReply(plinthtest.Drop{Containing: "insert", Quiet: time.Millisecond})
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	lost := 0
	for range clients {
		wg.Go(func() {
			for i := 0; i < 20; i++ {
				c := newClient(t, p)
				for c.send("select") == nil {
					if c.send("insert") != nil {
						mu.Lock()
						lost++
						mu.Unlock()
						break
					}
					if p.Stats().Armed == 0 {
						c.Close()
						return
					}
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); lost != calls || s.Dropped != calls || s.Armed != 0 {
		t.Errorf("%d inserts got no answer, want %d: %+v", lost, calls, s)
	}
}

// The server's side is ended in order: what it's still doing is done, and its answers are read.
func TestDropReplyLetsTheServerFinish(t *testing.T) {
	t.Parallel()
	finished := make(chan error, 1)
	goOn := make(chan struct{})
	p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) {
		conn.Read(make([]byte, 100))
		conn.Write([]byte("the first part of a long answer"))
		<-goOn
		if _, err := conn.Write(pattern(4 << 20)); err != nil {
			finished <- err
			return
		}
		_, err := conn.Read(make([]byte, 1))
		finished <- err
	}))
	conn := newClient(t, p)
	p.DropReply(plinthtest.Drop{})
	if err := conn.send("insert"); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	close(goOn)
	if err := <-finished; err != io.EOF {
		t.Errorf("the server ended by %v, want io.EOF", err)
	}
}

func TestDropReplyEndsWithAServerThatEndsInstead(t *testing.T) {
	t.Parallel()
	p := plinthtest.NewProxy(t, serveTCP(t, func(conn net.Conn) { conn.Read(make([]byte, 100)) }))
	conn := newClient(t, p)
	p.DropReply(plinthtest.Drop{Quiet: time.Hour, End: plinthtest.FIN})
	if err := conn.send("insert"); err != io.EOF {
		t.Error(err)
	}
	if s := p.Stats(); s.Dropped != 1 || s.SwallowedToClient != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestDropReplyCanLeaveTheClientHanging(t *testing.T) {
	t.Parallel()
	var server ledger
	p := plinthtest.NewProxy(t, serveTCP(t, server.handle))
	p.OnConnect(func(int) plinthtest.Plan {
		return plinthtest.Plan{Drop: &plinthtest.Drop{Flight: 2, End: plinthtest.Hang}}
	})
	conn := newClient(t, p)
	if err := conn.send("first"); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "second\n")
	waitFor(t, p, func(s plinthtest.Stats) bool { return s.Dropped == 1 })
	io.WriteString(conn, "third\n")
	waitFor(t, p, func(s plinthtest.Stats) bool { return s.SwallowedToServer == int64(len("third\n")) })
	conn.SetReadDeadline(time.Unix(1, 0))
	if _, err := conn.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client read %v, want it to wait", err)
	}
	if got := server.written(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("the server did %q", got)
	}
	if s := p.Stats(); s.Open != 1 {
		t.Errorf("stats %+v", s)
	}
}

// A hole towards the client would keep the reply from being read at all.
func TestDropReplyWorksUnderABlackhole(t *testing.T) {
	t.Parallel()
	var server ledger
	p := plinthtest.NewProxy(t, serveTCP(t, server.handle))
	conn := newClient(t, p)
	if err := conn.send("before"); err != nil {
		t.Fatal(err)
	}
	p.Blackhole(plinthtest.ToClient, plinthtest.Hold)
	p.DropReply(plinthtest.Drop{End: plinthtest.FIN})
	if err := conn.send("insert"); err != io.EOF {
		t.Error(err)
	}
}
