package wire

import (
	"bytes"
	"context"
	"io"
	"net"
	"reflect"
	"testing"
	"time"
)

// FuzzAnswers lets a server say anything to one of each kind of command. It must end in an error or with every answer
// read, and must be the same in whole and in single bytes with a time-out before each.
func FuzzAnswers(f *testing.F) {
	f.Add(answers(), serverCaps)
	f.Add(answers(), serverCaps&^CapDeprecateEOF&^CapCacheMetadata)
	f.Add(packets(1, failure(1064, "You have an error"), []byte("\xfb/etc/passwd")), required)
	f.Fuzz(func(t *testing.T, data []byte, caps uint64) {
		if caps&CapDeprecateEOF == 0 {
			caps &^= CapCacheMetadata
		}
		caps |= CapBulk
		whole := fed(caps, data)
		ask(whole)
		err := readEverything(whole)
		if err == nil && whole.Awaited() > 0 {
			t.Fatal("it stopped for nothing")
		}
		if len(data) > 2000 {
			return
		}
		parts := fed(caps, nil)
		parts.in.src = &stutter{data: data}
		ask(parts)
		err2 := parts.Drain()
		for timedOut(err2) {
			err2 = parts.Drain()
		}
		if (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %v, in parts: %v", err, err2)
		}
		if !reflect.DeepEqual(whole.tracked, parts.tracked) || whole.status != parts.status {
			t.Fatalf("whole: %+v %x, in parts: %+v %x", whole.tracked, whole.status, parts.tracked, parts.status)
		}
	})
}

// FuzzPacket frames what it's given, and reads it back; and reads it as frames.
func FuzzPacket(f *testing.F) {
	f.Add([]byte("a packet"), byte(3))
	f.Add(packets(0, []byte("one"), nil, []byte("three")), byte(0))
	f.Fuzz(func(t *testing.T, data []byte, seq byte) {
		r := reader{src: &stutter{data: packets(seq, data)}, max: maxCommand, seq: seq}
		p, _, err := r.packet()
		for timedOut(err) {
			p, _, err = r.packet()
		}
		if err != nil || !bytes.Equal(p, data) {
			t.Fatalf("%q is read as %q (%v)", data, p, err)
		}
		r = reader{src: bytes.NewReader(data), max: maxCommand, seq: seq}
		for err = nil; err == nil; {
			_, _, err = r.packet()
		}
		if cap(r.buf) > 2*len(data)+2*readSize {
			t.Fatalf("a buffer of %d for %d bytes", cap(r.buf), len(data))
		}
	})
}

// FuzzColumn, FuzzRows, FuzzOK and FuzzGreeting parse anything.
func FuzzColumn(f *testing.F) {
	f.Add(column("name", TypeLong))
	f.Add([]byte("\x03def\x04test\x01a\x03tab\x04name\x03org\x0c\x00\x04uuid\x01\x04json" +
		"\x0c\x2d\x00\x90\x00\x00\x00\xfe\x21\x40\x1f\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		col, err := parseColumn(data, true)
		if n := len(col.Name + col.OrgName + col.Table + col.OrgTable + col.Schema + col.ExtType); n > len(data) {
			t.Fatalf("%d bytes are described by %d", n, len(data))
		}
		if err != nil && col != (Column{}) {
			t.Fatalf("%v with %+v", err, col)
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add([]byte("\x011\xfb\x00"), []byte{TypeLong, TypeString, TypeString})
	f.Add([]byte("\x00\x08\x01\x00\x00\x00\x07\xe6\x07\x01\x02\x03\x04\x05"), []byte{TypeLong, TypeDateTime, TypeBlob})
	f.Fuzz(func(t *testing.T, row, types []byte) {
		columns := make([]Column, len(types))
		for i := range types {
			columns[i].Type = types[i]
		}
		values := make([][]byte, len(types))
		for _, err := range []error{SplitText(row, values), splitBinary(row, columns, values)} {
			n := 0
			for _, v := range values {
				n += len(v)
			}
			if err == nil && n > len(row) {
				t.Fatalf("%q has %d bytes", values, n)
			}
		}
	})
}

func FuzzOK(f *testing.F) {
	f.Add(okPacket)
	f.Add([]byte("\x00\x00\x00\x02\x40\x00\x00\x00\x17\x00\x0e\x0aautocommit\x02ON\x01\x04\x03abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ok, err := parseOK(data, true, &Tracked{})
		if err == nil && len(ok.Info) > len(data) {
			t.Fatalf("%d bytes of info", len(ok.Info))
		}
		_, _ = parseOK(data, false, nil)
		_, _ = parseEOF(data)
		_, _ = parseError(data)
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add(greet(serverCaps, pluginNative))
	f.Add(greet(serverCaps|CapMySQL, pluginCaching))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGreeting(data)
		if err == nil && (len(g.nonce) < 8 || len(g.nonce)+len(g.plugin)+len(g.version) > len(data)) {
			t.Fatalf("got %+v", g)
		}
	})
}

// FuzzLogin lets a server say anything to a client that logs in. The password must not leave.
func FuzzLogin(f *testing.F) {
	f.Add(packets(0, greet(serverCaps, pluginNative)), packets(2, okPacket))
	f.Add(packets(0, greet(serverCaps, pluginCaching)), packets(2, []byte{1, cachingFast}, okPacket))
	f.Add(packets(0, greet(serverCaps, pluginCaching)), packets(2, []byte{1, cachingProceed}))
	f.Add(packets(0, greet(serverCaps, "")), packets(2, []byte("\xfe"+pluginClear+"\x00x\x00")))
	f.Add(packets(0, greet(serverCaps, pluginNative)), packets(2, []byte("\xfe"+pluginSHA256+"\x00"+testNonce+"\x00")))
	f.Add(packets(0, greet(serverCaps, pluginNative)), packets(2, []byte("\xfe"+pluginParsec+"\x00"+testNonce+testNonce)))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s := &said{data: append(bytes.Clone(first), second...)}
		cfg := &Config{Network: "tcp", User: "me", Password: "a secret", FetchServerKey: true,
			Dial: func(context.Context, string, string) (net.Conn, error) { return s, nil }}
		_, _ = Connect(context.Background(), cfg)
		if bytes.Contains(s.heard.Bytes(), []byte(cfg.Password)) {
			t.Fatalf("it says %q", s.heard.Bytes())
		}
	})
}

// said is a server that says data and hears all.
type said struct {
	deaf
	data  []byte
	heard bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) { return s.heard.Write(p) }

func (s *said) SetDeadline(time.Time) error { return nil }

func (s *said) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}
