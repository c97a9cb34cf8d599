package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestPacketsFromTheServerAreReadAsDocumented(t *testing.T) {
	t.Parallel()
	ok, err := parseOK([]byte("\x00\x01\xfc\x2c\x01\x02\x00\x03\x00\x28Rows matched: 1  Changed: 1  Warnings: 0"), true, &Tracked{})
	if err != nil || ok.AffectedRows != 1 || ok.LastInsertID != 300 || ok.Status != StatusAutocommit || ok.Warnings != 3 ||
		string(ok.Info) != "Rows matched: 1  Changed: 1  Warnings: 0" {
		t.Errorf("OK: got %+v, %v", ok, err)
	}
	ok, err = parseOK([]byte("\x00\x01\x00\x02\x00\x00\x00as it is"), false, nil)
	if err != nil || string(ok.Info) != "as it is" {
		t.Errorf("OK without tracking: got %+v, %v", ok, err)
	}
	ok, err = parseEOF([]byte("\xfe\x05\x00\x0a\x00"))
	if err != nil || ok.Warnings != 5 || ok.Status != StatusAutocommit|StatusMoreResults {
		t.Errorf("EOF: got %+v, %v", ok, err)
	}
	failed, err := parseError([]byte("\xff\x26\x04#23000Duplicate entry"))
	if err != nil || *failed != (ServerError{1062, "23000", "Duplicate entry"}) {
		t.Errorf("error: got %+v, %v", failed, err)
	}
	if failed, err = parseError([]byte("\xff\x10\x04Too many")); err != nil || *failed != (ServerError{1040, "", "Too many"}) {
		t.Errorf("error before the login: got %+v, %v", failed, err)
	}
	col, err := parseColumn([]byte("\x03def\x04test\x01a\x03tab\x04name\x03org\x0c\x00\x04uuid\x01\x04json"+
		"\x0c\x2d\x00\x90\x00\x00\x00\xfe\x21\x40\x1f\x00\x00"), true)
	want := Column{Name: "name", OrgName: "org", Table: "a", OrgTable: "tab", Schema: "test", Type: TypeString, Flags: 0x4021,
		Charset: 45, Length: 144, Decimals: 31, ExtType: "uuid", ExtFormat: "json"}
	if err != nil || col != want {
		t.Errorf("column: got %+v, %v, want %+v", col, err, want)
	}
}

func TestTheSessionsStateIsTracked(t *testing.T) {
	t.Parallel()
	var tr Tracked
	err := tr.update([]byte("\x00\x0e\x0aautocommit\x02ON" + "\x01\x03\x02db" + "\x02\x011" + "\x03\x06\x00\x040-17" +
		"\x04\x07\x06BEGIN;" + "\x05\x09\x08T_______" + "\x2a\x01x" + "\x00\x0e\x0aautocommit\x02ON"))
	want := Tracked{Schema: "db", Variables: map[string]string{"autocommit": "ON"}, GTID: "0-17", Characteristics: "BEGIN;",
		Transaction: "T_______", Changes: 1}
	if err != nil || !reflect.DeepEqual(tr, want) {
		t.Errorf("got %+v, %v, want %+v", tr, err, want)
	}
	for _, bad := range []string{"\x00", "\x00\x05", "\x00\x02\x01a", "\x01\x02\x05db", "\x03\x01\x00", "\x05\x02\xffx", "\x09\xfb"} {
		if err := tr.update([]byte(bad)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// a result of one column and these rows, ended so.
func resultOf(name string, typ byte, end []byte, rows ...[]byte) [][]byte {
	all := [][]byte{{1, 1}, column(name, typ)}
	return append(append(all, rows...), end)
}

func more(status uint16) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{0xfe, 0, 0}, status), 0, 0)
}

func TestSeveralResultsAreReadInOrder(t *testing.T) {
	t.Parallel()
	end := more(StatusAutocommit | StatusMoreResults)
	all := resultOf("a", TypeLong, end, []byte("\x011"), []byte("\xfb"))
	all = append(all, []byte("\x00\x07\x00\x0a\x00\x00\x00"))
	all = append(all, resultOf("b", TypeVarString, more(StatusAutocommit), []byte("\x00"))...)
	second := resultOf("c", TypeLong, endPacket, []byte("\x00\x00\x2a\x00\x00\x00"))
	data := append(packets(1, all...), packets(1, second...)...)

	for name, c := range map[string]*Conn{"whole": fed(serverCaps, data), "in bytes": fed(serverCaps, nil)} {
		if name != "whole" {
			c.in.src = &stutter{data: data}
		}
		c.SendQuery("SELECT 1; UPDATE; SELECT ''")
		c.SendExecute(&Stmt{}, Params{})
		flush(t, c)
		var got []string
		for c.Awaited() > 0 {
			r, err := c.ReadResult()
			if timedOut(err) {
				continue
			}
			if err != nil {
				t.Fatal(name, err)
			}
			for r.Columns != nil {
				row, err := c.ReadRow()
				if timedOut(err) {
					continue
				}
				if err != nil {
					t.Fatal(name, err)
				}
				if row == nil {
					break
				}
				values := make([][]byte, 1)
				if r.Binary {
					err = splitBinary(row, r.Columns, values)
				} else {
					err = SplitText(row, values)
				}
				got = append(got, fmt.Sprintf("%s %q %v %v", r.Columns[0].Name, values[0], values[0] == nil, err))
			}
			got = append(got, fmt.Sprintf("%d %v", r.OK.AffectedRows, r.More))
		}
		want := []string{`a "1" false <nil>`, `a "" true <nil>`, "0 true", "7 true", `b "" false <nil>`, "0 false",
			`c "*\x00\x00\x00" false <nil>`, "0 false"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q\nwant %q", name, got, want)
		}
		if _, err := c.ReadResult(); err != ErrNotAwaited {
			t.Errorf("%s: got %v, want %v", name, err, ErrNotAwaited)
		}
	}
}

func TestServersThatEndColumnsByEOFAreRead(t *testing.T) {
	t.Parallel()
	eof := []byte("\xfe\x01\x00\x02\x00")
	prepared := [][]byte{{0, 9, 0, 0, 0, 1, 0, 2, 0, 0, 3, 0}, column("?", TypeNull), column("?", TypeNull), eof,
		column("a", TypeLong), eof}
	result := [][]byte{{1}, column("a", TypeLong), eof, []byte("\x00\x00\x2a\x00\x00\x00"), eof}
	c := fed(required, append(packets(1, prepared...), packets(1, result...)...))
	c.SendPrepare("SELECT ?+?")
	flush(t, c)
	st, err := c.ReadPrepared()
	if err != nil || st.ID != 9 || len(st.Params) != 2 || len(st.Columns) != 1 || st.Columns[0].Name != "a" || st.Warnings != 3 {
		t.Fatalf("got %+v, %v", st, err)
	}
	c.SendExecute(st, Params{})
	flush(t, c)
	r, err := c.ReadResult()
	if err != nil || len(r.Columns) != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if row, err := c.ReadRow(); string(row) != "\x00\x00\x2a\x00\x00\x00" || err != nil {
		t.Errorf("got %q, %v", row, err)
	}
	if row, err := c.ReadRow(); row != nil || err != nil || r.OK.Warnings != 1 || r.OK.Status != StatusAutocommit {
		t.Errorf("got %q, %v, %+v", row, err, r)
	}
}

func TestColumnsThatAreLeftOutAreThoseToldLast(t *testing.T) {
	t.Parallel()
	left := [][]byte{{1, 0}, []byte("\x00\x00\x01x"), endPacket}
	unit := resultOf("Id", TypeVarString, endPacket, []byte("\x00\x00\x01x"))
	told := resultOf("b", TypeVarString, endPacket, []byte("\x00\x00\x01x"))
	prepared := [][]byte{{0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, column("a", TypeVarString)}
	var data []byte
	for _, answer := range [][][]byte{prepared, left, told, left, unit, left, left} {
		data = append(data, packets(1, answer...)...)
	}
	c := fed(serverCaps, data)
	if !c.SendPrepareExecute("SELECT a", Params{}) {
		t.Fatal("it doesn't")
	}
	flush(t, c)
	st, err := c.ReadPrepared()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a", "b", "b"} {
		if i > 0 {
			c.SendExecute(st, Params{})
			flush(t, c)
		}
		r, err := c.ReadResult()
		if err != nil || r.Columns[0].Name != want {
			t.Fatalf("%d: got %+v, %v, want %s", i, r, err, want)
		}
		for row := []byte("x"); row != nil && err == nil; {
			row, err = c.ReadRow()
		}
		if err != nil {
			t.Error(err)
		}
	}
	for range 2 { // a bulk's result set is another than the statement's own
		c.SendBulk(st, nil, nil, true)
		flush(t, c)
		if r, err := c.ReadResult(); err != nil || r.Columns[0].Name != "Id" || st.Columns[0].Name != "b" || !r.Binary {
			t.Fatalf("got %+v, %v", r, err)
		}
		if err := c.Drain(); err != nil {
			t.Fatal(err)
		}
	}
	c.SendExecute(&Stmt{ID: 8}, Params{})
	flush(t, c)
	if _, err := c.ReadResult(); !errors.Is(err, ErrProtocol) {
		t.Errorf("columns that were never told: got %v", err)
	}
}

func TestAnErrorEndsItsAnswerOnly(t *testing.T) {
	t.Parallel()
	rows := resultOf("a", TypeLong, failure(1317, "Query execution was interrupted"), []byte("\x011"))
	data := append(packets(1, failure(1064, "You have an error")), packets(1, failure(1243, "Unknown"))...)
	data = append(append(data, packets(1, rows...)...), packets(1, okPacket)...)
	c := fed(serverCaps, data)
	c.SendPrepareExecute("SELEC", Params{})
	c.SendQuery("SELECT a")
	c.SendPing()
	flush(t, c)
	want := func(number uint16, err error) {
		t.Helper()
		var server *ServerError
		if !errors.As(err, &server) || server.Number != number || c.Failed() != nil {
			t.Errorf("got %v (failed: %v), want %d", err, c.Failed(), number)
		}
	}
	if _, err := c.ReadResult(); err != ErrNotAwaited {
		t.Errorf("the prepare's answer read as a result: %v", err)
	}
	_, err := c.ReadPrepared()
	want(1064, err)
	if _, err := c.ReadPrepared(); err != ErrNotAwaited {
		t.Errorf("the execution's answer read as a prepare's: %v", err)
	}
	_, err = c.ReadResult()
	want(1243, err)
	if _, err := c.ReadResult(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadResult(); err != ErrNotAwaited {
		t.Errorf("the next answer read before the rows: %v", err)
	}
	if row, err := c.ReadRow(); string(row) != "\x011" || err != nil {
		t.Errorf("got %q, %v", row, err)
	}
	_, err = c.ReadRow()
	want(1317, err)
	if r, err := c.ReadResult(); err != nil || r.Columns != nil {
		t.Errorf("the ping: %+v, %v", r, err)
	}
}

func TestDrainReadsAllThatIsAwaited(t *testing.T) {
	t.Parallel()
	rows := resultOf("a", TypeLong, more(StatusMoreResults), []byte("\x011"), []byte("\x012"))
	rows = append(rows, okPacket)
	data := append(packets(1, rows...), packets(1, failure(1064, "You have an error"))...)
	data = append(data, packets(1, []byte{0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})...)
	data = append(data, packets(1, []byte("\xfb/etc/passwd"))...)
	data = append(data, packets(3, okPacket)...)
	c := fed(serverCaps, nil)
	c.in.src = &stutter{data: data}
	c.SendQuery("CALL p()")
	c.SendPing()
	c.SendPrepare("DO 1")
	flush(t, c)
	c.SendQueryInfile("LOAD DATA LOCAL INFILE", bytes.NewReader([]byte("contents")))
	first := func() error {
		for {
			if _, err := c.ReadResult(); !timedOut(err) {
				return err
			}
		}
	}
	if err := first(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0} {
		timeouts := 0
		err := c.Drain()
		for timedOut(err) {
			timeouts++
			err = c.Drain()
		}
		if err != nil || timeouts == 0 || c.Awaited() != want {
			t.Errorf("got %v after %d time-outs, %d awaited", err, timeouts, c.Awaited())
		}
		if i == 0 {
			if !bytes.Contains(c.out, []byte("\x19\x09\x00\x00\x00")) {
				t.Errorf("%q doesn't close the statement", c.out)
			}
			flush(t, c)
		}
	}
}

func TestProgressReportsArePassedOver(t *testing.T) {
	t.Parallel()
	c := fed(serverCaps, packets(1, []byte("\xff\xff\xff\x01\x01\x02\x10\x00\x00\x05stage"), okPacket))
	c.SendQuery("ALTER TABLE t ENGINE=InnoDB")
	flush(t, c)
	if r, err := c.ReadResult(); err != nil || r.OK.Status != StatusAutocommit {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestLengthsAreWrittenAndReadAsDocumented(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "\x00", 250: "\xfa", 251: "\xfc\xfb\x00", 1<<16 - 1: "\xfc\xff\xff", 1 << 16: "\xfd\x00\x00\x01",
		1<<24 - 1: "\xfd\xff\xff\xff", 1 << 24: "\xfe\x00\x00\x00\x01\x00\x00\x00\x00",
		1<<64 - 1: "\xfe\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		got := AppendLenenc(nil, n)
		c := cursor{b: got}
		if back := c.lenenc(); string(got) != want || back != n || c.bad || len(c.b) > 0 {
			t.Errorf("%d is written %q and read %d", n, got, back)
		}
		for i := range got {
			if c := (cursor{b: got[:i]}); c.lenenc() != 0 || !c.bad {
				t.Errorf("%q is a length", got[:i])
			}
		}
	}
}
