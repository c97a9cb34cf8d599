package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

// readEverything reads answers as a caller that looks at all of them does, until an error that ends the connection.
func readEverything(c *Conn) error {
	for c.flushed > 0 && c.failed == nil {
		if c.pending[0].command == comStmtPrepare {
			_, _ = c.ReadPrepared()
			continue
		}
		r, err := c.ReadResult()
		var values [][]byte
		if err == nil {
			values = make([][]byte, len(r.Columns))
		}
		for err == nil && r.Columns != nil {
			var row []byte
			if row, err = c.ReadRow(); row == nil {
				break
			}
			if r.Binary {
				_ = splitBinary(row, r.Columns, values)
			} else {
				_ = SplitText(row, values)
			}
		}
	}
	return c.failed
}

// ask queues one of each kind of command.
func ask(c *Conn) {
	c.SendPrepareExecute("SELECT ?", Params{})
	c.SendQuery("SELECT 1")
	c.SendPing()
	c.SendPrepare("SELECT ?")
	c.SendExecute(&Stmt{told: make([]Column, 1)}, Params{})
	c.SendBulk(&Stmt{}, nil, nil, true)
	c.SendReset()
	_ = c.Flush()
}

// answers is what a server says to ask, whole.
func answers() []byte {
	prepared := [][]byte{{0, 9, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0}, column("?", TypeNull), column("a", TypeDateTime)}
	data := packets(1, prepared...)
	for _, answer := range [][][]byte{
		{{1, 0}, []byte("\x00\x00\x07\xe6\x07\x01\x02\x03\x04\x05"), endPacket},
		append(resultOf("a", TypeLong, more(StatusMoreResults), []byte("\x011"), []byte("\xfb")), okPacket),
		{append(bytes.Clone(okPacket), 0)},
		prepared,
		resultOf("a", TypeVarString, endPacket, []byte("\x00\x00\x03abc"), []byte("\x00\x04")),
		resultOf("Id", TypeLongLong, endPacket, []byte("\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00")),
		{[]byte("\x00\x00\x00\x02\x40\x00\x00\x00\x06\x01\x04\x03abc")},
	} {
		data = append(data, packets(1, answer...)...)
	}
	return data
}

func TestAnswersCutAtEachByteAreErrors(t *testing.T) {
	t.Parallel()
	data := answers()
	c := fed(serverCaps, data)
	ask(c)
	if err := readEverything(c); err != nil || c.Awaited() != 0 || c.Tracked().Schema != "abc" {
		t.Fatalf("the answers aren't right: %v, %d awaited", err, c.Awaited())
	}
	for i := range data {
		c := fed(serverCaps, data[:i])
		ask(c)
		if err := readEverything(c); err != io.ErrUnexpectedEOF {
			t.Errorf("cut at %d: got %v, want %v", i, err, io.ErrUnexpectedEOF)
		}
	}
}

func TestPacketsCutAtEachByteAreErrors(t *testing.T) {
	t.Parallel()
	// Here the frame is whole, and what is in it ends early.
	whole := []byte("\x00\x00\x00\x02\x40\x00\x00\x00\x06\x01\x04\x03abc")
	for i := range whole {
		if _, err := parseOK(whole[:i], true, &Tracked{}); (err == nil) != (i == 7) {
			t.Errorf("an OK of %d bytes: %v", i, err)
		}
	}
	col := column("name", TypeLong)
	for i := range col[:len(col)-2] {
		if _, err := parseColumn(col[:i], true); !errors.Is(err, ErrProtocol) {
			t.Errorf("a column of %d bytes: %v", i, err)
		}
	}
	for i := range 3 {
		if _, err := parseError([]byte{0xff, 1, 2}[:i]); !errors.Is(err, ErrProtocol) {
			t.Errorf("an error of %d bytes: %v", i, err)
		}
	}
	for i := range 12 {
		c := fed(serverCaps, packets(1, make([]byte, i)))
		c.SendPrepare("")
		_ = c.Flush()
		if _, err := c.ReadPrepared(); !errors.Is(err, ErrProtocol) {
			t.Errorf("a prepare's answer of %d bytes: %v", i, err)
		}
	}
}

func TestChangedBytesDoNoHarm(t *testing.T) {
	t.Parallel()
	data := answers()
	for i := range data {
		for _, b := range []byte{0, 1, 2, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, data[i] ^ 1} {
			changed := bytes.Clone(data)
			changed[i] = b
			c := fed(serverCaps, changed)
			ask(c)
			if err := readEverything(c); err == nil && c.Awaited() != 0 {
				t.Fatalf("byte %d as %#x: %d answers are awaited of a connection that hasn't failed", i, b, c.Awaited())
			}
		}
	}
}

func TestLengthsThatAreClaimedAllocateNothing(t *testing.T) { // not parallel: it measures
	huge := func(first ...byte) []byte { return append(first, bytes.Repeat([]byte{0xff}, 8)...) }
	for name, data := range map[string][]byte{
		"columns":          packets(1, []byte{0xfd, 0xff, 0xff, 0xff, 1}),
		"most columns":     packets(1, []byte{0xfc, 0xff, 0xff, 1}, column("a", TypeLong)),
		"columns, 8 bytes": packets(1, huge(0xfe)),
		"a column's name":  packets(1, []byte{1, 1}, append(AppendString(nil, "def"), huge(0xfe)...)),
		"affected rows":    packets(1, huge(0, 0xfe)),
		"an info":          packets(1, append(bytes.Clone(okPacket), huge(0xfe)...)),
		"a variable":       packets(1, append([]byte("\x00\x00\x00\x02\x40\x00\x00\x00"), huge(9, 0, 0xfe)...)),
		"a frame":          {0xff, 0xff, 0xff, 1},
	} {
		measure := func(prepare bool) {
			c := fed(serverCaps, data)
			if prepare {
				c.SendPrepare("")
			} else {
				c.SendQuery("")
			}
			_ = c.Flush()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if prepare {
				_, _ = c.ReadPrepared()
			} else {
				_, _ = c.ReadResult()
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 4*readSize {
				t.Errorf("%s: %d bytes for %d that came", name, got, len(data))
			}
			if c.failed == nil {
				t.Errorf("%s: it isn't an error", name)
			}
		}
		measure(false)
		measure(true)
	}
	// A prepare that announces 65,535 parameters and columns.
	c := fed(serverCaps, packets(1, []byte{0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0}))
	c.SendPrepare("")
	_ = c.Flush()
	if _, err := c.ReadPrepared(); err == nil || cap(c.cols) > 32 {
		t.Errorf("got %v, and room for %d columns", err, cap(c.cols))
	}
	for _, row := range [][]byte{{0xfe, 255, 255, 255, 255, 255, 255, 255, 255}, {0xfd, 255, 255, 255, 'x'}, {5, 'x'}} {
		if err := SplitText(row, make([][]byte, 1)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: got %v", row, err)
		}
	}
}

func TestNoFileIsSentThatTheCallDidNotGive(t *testing.T) {
	t.Parallel()
	request := []byte("\xfb/etc/passwd")
	for name, send := range map[string]func(c *Conn){
		"a query":           func(c *Conn) { c.SendQuery("SELECT 1") },
		"an execution":      func(c *Conn) { c.SendExecute(&Stmt{told: make([]Column, 1)}, Params{}) },
		"a bulk":            func(c *Conn) { c.SendBulk(&Stmt{}, nil, nil, false) },
		"a prepare":         func(c *Conn) { c.SendPrepare("SELECT 1") },
		"a ping":            func(c *Conn) { c.SendPing() },
		"a reset":           func(c *Conn) { c.SendReset() },
		"a database":        func(c *Conn) { c.SendInitDB("db") },
		"a statement reset": func(c *Conn) { c.SendResetStmt(1) },
		"a query after LOAD": func(c *Conn) {
			c.SendQueryInfile("LOAD", strings.NewReader("contents"))
			c.SendQuery("SELECT 1")
		},
	} {
		c := dialed(t, func(p *peer) {
			p.command()
			if name == "a query after LOAD" {
				p.command()
			}
			p.seq = 1
			p.in.seq = 1
			p.send(request)
			if r := p.receive(); len(r) > 0 {
				t.Errorf("%s: it sends %q", name, r)
			}
			p.send(okPacket)
		})
		send(c)
		flush(t, c)
		var err error
		if name == "a prepare" {
			_, err = c.ReadPrepared()
		} else {
			_, err = c.ReadResult()
		}
		if name == "a query" {
			if err != ErrInfileRefused || c.Failed() != nil {
				t.Errorf("%s: got %v (failed: %v)", name, err, c.Failed())
			}
		} else if !errors.Is(err, ErrProtocol) || c.Failed() == nil {
			t.Errorf("%s: got %v (failed: %v)", name, err, c.Failed())
		}
	}
}

func TestAFileIsSentOnceToTheQueryThatGivesIt(t *testing.T) {
	t.Parallel()
	contents := strings.Repeat("a line of it\n", 5000)
	c := dialed(t, func(p *peer) {
		p.command()
		p.send([]byte("\xfbany name"))
		var got []byte
		for r := p.receive(); len(r) > 0; r = p.receive() {
			got = append(got, r...)
		}
		if string(got) != contents {
			t.Errorf("it sends %d bytes, want %d", len(got), len(contents))
		}
		p.send(binary.LittleEndian.AppendUint16([]byte{0, 0xfc, 0x88, 0x13, 0}, StatusMoreResults), []byte{0, 0})
		p.send([]byte("\xfbanother"))
		if r := p.receive(); len(r) > 0 {
			t.Errorf("it sends %q to the second", r)
		}
		p.send(failure(1064, "You have an error"))
		p.command()
		p.send(okPacket)
	})
	c.SendQueryInfile("LOAD DATA LOCAL INFILE 'x' INTO TABLE t; LOAD DATA LOCAL INFILE 'y' INTO TABLE t",
		strings.NewReader(contents))
	flush(t, c)
	r, err := c.ReadResult()
	if err != nil || r.OK.AffectedRows != 5000 || !r.More {
		t.Fatalf("got %+v, %v", r, err)
	}
	if _, err := c.ReadResult(); err != ErrInfileRefused {
		t.Errorf("got %v, want %v", err, ErrInfileRefused)
	}
	c.SendPing()
	flush(t, c)
	if _, err := c.ReadResult(); err != nil {
		t.Errorf("the ping: %v", err)
	}
}

func TestAFileThatFailsEndsTheConnectionBeforeTheServerTakesItForWhole(t *testing.T) {
	t.Parallel()
	torn := errors.New("torn")
	c := dialed(t, func(p *peer) {
		p.command()
		p.send([]byte("\xfbx"))
		if r := p.receive(); string(r) != "half" {
			t.Errorf("it sends %q", r)
		}
		if r := p.receive(); r != nil {
			t.Errorf("it sends %q at the end", r)
		}
	})
	c.SendQueryInfile("LOAD", io.MultiReader(strings.NewReader("half"), failing{torn}))
	flush(t, c)
	if _, err := c.ReadResult(); !errors.Is(err, torn) || c.Failed() == nil {
		t.Errorf("got %v (failed: %v), want %v", err, c.Failed(), torn)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAServerThatAsksForFilesForeverIsLeft(t *testing.T) {
	t.Parallel()
	c := dialed(t, func(p *peer) {
		p.command()
		for range 100 {
			if p.send([]byte("\xfbx")); p.receive() == nil {
				return
			}
		}
		t.Error("it answers 100 times")
	})
	c.SendQuery("SELECT 1")
	flush(t, c)
	if _, err := c.ReadResult(); !errors.Is(err, ErrProtocol) {
		t.Errorf("got %v, want %v", err, ErrProtocol)
	}
	c.Close()
}
