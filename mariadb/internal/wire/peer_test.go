package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// peer is a server whose every byte a test writes.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   reader
	seq  byte // of the next packet sent
	gone bool // the client hears nothing
}

// send sends a packet with the next number.
func (p *peer) send(payload ...[]byte) {
	out := append(make([]byte, 4), bytes.Join(payload, nil)...)
	out, p.seq = frame(out, 0, p.seq)
	p.in.seq = p.seq
	p.raw(out)
}

func (p *peer) raw(b []byte) {
	if _, err := p.conn.Write(b); err != nil { // a client that gave up is what some tests are about
		p.gone = true
	}
}

// receive returns the client's next packet, nil if it has closed.
func (p *peer) receive() []byte {
	b, _, err := p.in.packet()
	p.seq = p.in.seq
	if err != nil {
		return nil
	}
	return bytes.Clone(b)
}

// command waits for the next command.
func (p *peer) command() []byte {
	p.in.seq = 0
	return p.receive()
}

// serve runs server at the other end of what cfg dials. It ends with the test.
func serve(t testing.TB, cfg *Config, server func(p *peer)) {
	t.Helper()
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		_ = near.SetDeadline(time.Now().Add(10 * time.Second))
		_ = far.SetDeadline(time.Now().Add(10 * time.Second))
		var done sync.WaitGroup
		done.Go(func() {
			defer far.Close()
			p := &peer{t: t, conn: far}
			p.in = reader{src: far, max: maxCommand}
			server(p)
		})
		t.Cleanup(func() { near.Close(); far.Close(); done.Wait() })
		return near, nil
	}
}

const testNonce = "abcdefghijklmnopqrst"

// serverCaps is what the scripted server has.
const serverCaps = required | CapAuthLenenc | CapConnectWithDB | CapConnectAttributes | CapMultiResults | CapMultiStatements |
	CapSessionTrack | CapDeprecateEOF | CapBulk | CapExtendedMetadata | CapCacheMetadata | CapBulkUnitResults | CapLocalFiles

func greet(caps uint64, plugin string) []byte {
	b := append([]byte{10}, "5.5.5-10.11.19-MariaDB\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 77)
	b = append(b, testNonce[:8]...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps))
	b = append(b, 45, 2, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps>>16))
	b = append(b, 21, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(caps>>32))
	b = append(b, testNonce[8:]...)
	b = append(b, 0)
	return append(append(b, plugin...), 0)
}

var (
	okPacket  = []byte{0, 0, 0, 2, 0, 0, 0}
	endPacket = []byte{0xfe, 0, 0, 2, 0, 0, 0}
)

func failure(number uint16, text string) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{0xff}, number), "#HY000"+text...)
}

// column is the definition of a column of that name and type.
func column(name string, typ byte) []byte {
	b := AppendString(nil, "def")
	for _, s := range []string{"db", "t", "t", name, name} {
		b = AppendString(b, s)
	}
	return append(b, 0, 12, 45, 0, 0xff, 0, 0, 0, typ, 0, 0, 0, 0, 0)
}

// welcome greets and lets the client in.
func (p *peer) welcome(caps uint64) {
	p.send(greet(caps, pluginNative))
	if p.receive() != nil {
		p.send(okPacket)
	}
}

// dialed returns a connection to a scripted server, logged in, which then runs server.
func dialed(t testing.TB, server func(p *peer)) *Conn {
	t.Helper()
	return dialedWith(t, serverCaps, server)
}

func dialedWith(t testing.TB, caps uint64, server func(p *peer)) *Conn {
	t.Helper()
	cfg := &Config{User: "me", Password: "secret", Database: "db", LocalInfile: true, MultiStatements: true}
	serve(t, cfg, func(p *peer) { p.welcome(caps); server(p) })
	c, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// flush sends what's queued.
func flush(t testing.TB, c *Conn) {
	t.Helper()
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

// fed is a logged-in connection of a server that has said all of data, and hears nothing.
func fed(caps uint64, data []byte) *Conn {
	c := &Conn{sock: &socket{Conn: deaf{}}, caps: caps, longest: maxCommand}
	c.net = c.sock
	c.in = reader{src: bytes.NewReader(data), max: maxCommand}
	return c
}

// deaf takes what is written, and only fails to read.
type deaf struct{ net.Conn }

func (deaf) Write(p []byte) (int, error) { return len(p), nil }
func (deaf) Close() error                { return nil }
func (deaf) Read([]byte) (int, error)    { return 0, io.EOF }

// stutter returns a byte at a time, and times out before each.
type stutter struct {
	data  []byte
	ready bool
}

var errStutter = &net.OpError{Op: "read", Err: context.DeadlineExceeded}

func (s *stutter) Read(p []byte) (int, error) {
	if s.ready = !s.ready; s.ready {
		return 0, errStutter
	}
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], s.data)
	s.data = s.data[n:]
	return n, nil
}

func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// packets frames payloads, numbered from seq on.
func packets(seq byte, payloads ...[]byte) []byte {
	var out []byte
	for _, p := range payloads {
		at := len(out)
		out = append(append(out, 0, 0, 0, 0), p...)
		out, seq = frame(out, at, seq)
	}
	return out
}

// int64s are parameters of an execution.
func int64s(values ...int64) Params {
	p := Params{Nulls: make([]byte, (len(values)+7)/8)}
	for _, v := range values {
		p.Types = append(p.Types, TypeLongLong, 0)
		p.Values = binary.LittleEndian.AppendUint64(p.Values, uint64(v))
	}
	return p
}
