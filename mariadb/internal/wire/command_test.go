package wire

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

func TestCommandsAreWrittenAsDocumented(t *testing.T) {
	t.Parallel()
	p := Params{Nulls: []byte{2}, Types: []byte{TypeTiny, 0, TypeNull, 0}, Values: []byte{42}}
	st := &Stmt{ID: 0x01020304}
	for want, send := range map[string]func(c *Conn){
		"\x03SELECT 1":         func(c *Conn) { c.SendQuery("SELECT 1") },
		"\x16SELECT ?":         func(c *Conn) { c.SendPrepare("SELECT ?") },
		"\x0e":                 func(c *Conn) { c.SendPing() },
		"\x01":                 func(c *Conn) { c.SendQuit() },
		"\x1f":                 func(c *Conn) { c.SendReset() },
		"\x02db":               func(c *Conn) { c.SendInitDB("db") },
		"\x19\x04\x03\x02\x01": func(c *Conn) { c.SendCloseStmt(st.ID) },
		"\x1a\x04\x03\x02\x01": func(c *Conn) { c.SendResetStmt(st.ID) },
		"\x17\x04\x03\x02\x01\x00\x01\x00\x00\x00":                             func(c *Conn) { c.SendExecute(st, Params{}) },
		"\x17\x04\x03\x02\x01\x00\x01\x00\x00\x00\x02\x01\x01\x00\x06\x00\x2a": func(c *Conn) { c.SendExecute(st, p) },
		"\xfa\x04\x03\x02\x01\x80\x00\x01\x00\x06\x00\x00\x2a\x01\x02\x00\x2b\x01": func(c *Conn) {
			c.SendBulk(st, p.Types, []byte{0, 42, 1, 2, 0, 43, 1}, false)
		},
		"\xfa\x04\x03\x02\x01\xc0\x00\x01\x00\x06\x00\x00\x2a\x01": func(c *Conn) {
			c.SendBulk(st, p.Types, []byte{0, 42, 1}, true)
		},
	} {
		c := fed(0, nil)
		send(c)
		if got := string(c.out[4:]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c := fed(CapBulk, nil)
	c.SendPrepareExecute("DO ?", p)
	if want := "\x05\x00\x00\x00\x16DO ?" +
		"\x11\x00\x00\x00\x17\xff\xff\xff\xff\x00\x01\x00\x00\x00\x02\x01\x01\x00\x06\x00\x2a"; string(c.out) != want {
		t.Errorf("got %q, want %q", c.out, want)
	}
}

// TestPreparesAndExecutesAtOnceOnlyWhereNoOtherStatementCanBeMeant: see SendPrepareExecute for what MariaDB does else.
func TestPreparesAndExecutesAtOnceOnlyWhereNoOtherStatementCanBeMeant(t *testing.T) {
	t.Parallel()
	prepared := []byte{0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	refused := failure(1461, "Can't create more than max_prepared_stmt_count statements")
	// each step answers what it sends; then the question is whether both can be sent.
	for name, test := range map[string]struct {
		steps []string
		want  bool
	}{
		"at first":              {nil, true},
		"after a prepare":       {[]string{"prepare"}, false},
		"after one that failed": {[]string{"fail"}, true},
		"after one that failed, and had one before": {[]string{"prepare", "fail"}, false},
		"after it's closed":                         {[]string{"prepare", "close"}, true},
		"after another is closed":                   {[]string{"prepare", "close other"}, false},
		"after the last is closed":                  {[]string{"prepare", "close last"}, true},
		"after it's closed, then prepared":          {[]string{"prepare", "close", "prepare"}, false},
		"after a reset":                             {[]string{"prepare", "reset"}, true},
		"while a prepare is on its way":             {[]string{"send prepare"}, false},
		"closed while one is on its way":            {[]string{"prepare", "send prepare", "close"}, false},
	} {
		c := fed(serverCaps, nil)
		for _, step := range test.steps {
			switch step {
			case "prepare", "fail", "send prepare":
				c.SendPrepare("DO 1")
			case "close":
				c.SendCloseStmt(9)
			case "close other":
				c.SendCloseStmt(8)
			case "close last":
				c.SendCloseStmt(LastStmt)
			case "reset":
				c.SendReset()
			}
			flush(t, c)
			var err error
			switch step {
			case "prepare":
				c.in.src = bytes.NewReader(packets(1, prepared))
				_, err = c.ReadPrepared()
			case "fail":
				c.in.src = bytes.NewReader(packets(1, refused))
				_, _ = c.ReadPrepared()
			case "reset":
				c.in.src = bytes.NewReader(packets(1, okPacket))
				_, err = c.ReadResult()
			}
			if err != nil {
				t.Fatal(name, step, err)
			}
		}
		if got := c.SendPrepareExecute("DO 2", Params{}); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if fed(0, nil).SendPrepareExecute("DO 2", Params{}) {
		t.Error("a server without CapBulk is sent a statement that it doesn't know")
	}
}

func TestACommandThatIsTooLargeSendsNothing(t *testing.T) {
	t.Parallel()
	c := fed(serverCaps, packets(1, okPacket))
	c.longest = 1000
	c.SendQuery(strings.Repeat("x", 999))
	c.SendQuery(strings.Repeat("x", 1000))
	c.SendPing()
	if err := c.Flush(); err != ErrTooLarge || c.Awaited() != 0 || c.Written() != 0 || c.Failed() != nil {
		t.Errorf("got %v, %d awaited, %d bytes written (failed: %v)", err, c.Awaited(), c.Written(), c.Failed())
	}
	if c.SendPrepareExecute("DO 1", Params{}) {
		t.Error("a statement whose close wasn't sent counts as closed")
	}
	c.SendPing()
	flush(t, c)
	if _, err := c.ReadResult(); err != nil {
		t.Error(err)
	}
}

// slow takes so many bytes at a time and then times out.
type slow struct {
	deaf
	most  int
	taken []byte
}

func (s *slow) Write(p []byte) (int, error) {
	n := min(s.most, len(p))
	if s.taken = append(s.taken, p[:n]...); n < len(p) {
		return n, errStutter
	}
	return n, nil
}

func TestAFlushThatTimedOutGoesOn(t *testing.T) {
	t.Parallel()
	to := &slow{most: 10}
	c := &Conn{sock: &socket{Conn: to}, longest: maxCommand}
	c.net = c.sock
	text := strings.Repeat("0123456789abc", 10)
	c.SendQuery(text)
	err := c.Flush()
	for range 100 {
		if !timedOut(err) {
			break
		}
		err = c.Flush()
	}
	if want := packets(0, []byte("\x03"+text)); err != nil || !bytes.Equal(to.taken, want) || c.Written() != int64(len(want)) {
		t.Errorf("got %q, %v, %d written", to.taken, err, c.Written())
	}
}

func TestAFlushThatFailedEndsTheConnection(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	far.Close()
	c := &Conn{sock: &socket{Conn: near}, longest: maxCommand}
	c.net = c.sock
	c.SendPing()
	err := c.Flush()
	if err == nil || c.Failed() != err || c.Flush() != err {
		t.Errorf("got %v (failed: %v)", err, c.Failed())
	}
	if _, got := c.ReadResult(); got != err {
		t.Errorf("got %v, want %v", got, err)
	}
	if _, got := c.ReadRow(); got != err {
		t.Errorf("got %v, want %v", got, err)
	}
	if _, got := c.ReadPrepared(); got != err {
		t.Errorf("got %v, want %v", got, err)
	}
}
