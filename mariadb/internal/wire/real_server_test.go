package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func splitHost(address string) (string, string, error) { return net.SplitHostPort(address) }

func TestEachUserLogsIn(t *testing.T) {
	t.Parallel()
	r := realServer(t)
	for _, user := range []string{"app", "tls", "x509", "ed25519", "unix_socket"} {
		for _, secure := range []bool{false, true} {
			cfg := r.config(t, user)
			switch {
			case user == "unix_socket":
				cfg.Network, cfg.Address = "unix", r.Socket
			case secure, user == "tls", user == "x509":
				cfg.TLS, cfg.TLSRequired = r.tls(t), true
			}
			c := connect(t, cfg)
			got := query(t, c, "SELECT CURRENT_USER(), DATABASE(), NULL, '', @@character_set_client, @@collation_connection")
			want := [][]string{{cfg.User + "@%", "test", "NULL", "", "utf8mb4", "utf8mb4_general_ci"}}
			if user == "unix_socket" {
				want[0][0] = cfg.User + "@localhost"
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}

func prepare(t testing.TB, c *Conn, text string) *Stmt {
	t.Helper()
	c.SendPrepare(text)
	flush(t, c)
	st, err := c.ReadPrepared()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func execute(t testing.TB, c *Conn, st *Stmt, p Params) [][]string {
	t.Helper()
	c.SendExecute(st, p)
	flush(t, c)
	return readAll(t, c)
}

func le(v int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(v))) }

func check(t testing.TB, got [][]string, want ...[]string) {
	t.Helper()
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPreparedStatementsLeaveTheirColumnsOutUntilTheyChange(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "CREATE TEMPORARY TABLE wide (a bigint, b varchar(20))")
	query(t, c, "INSERT INTO wide VALUES (1, 'x')")
	if !c.SendPrepareExecute("SELECT a+? a, b FROM wide", int64s(41)) {
		t.Fatal("it can't")
	}
	flush(t, c)
	st, err := c.ReadPrepared()
	if err != nil {
		t.Fatal(err)
	}
	check(t, readAll(t, c), []string{le(42), "x"})
	before := c.Received()
	check(t, execute(t, c, st, int64s(42)), []string{le(43), "x"})
	if got := c.Received() - before; got > 40 {
		t.Errorf("it took %d bytes, with the columns", got)
	}
	if c.SendPrepareExecute("SELECT 1", Params{}) {
		t.Error("it executes without knowing what, if the prepare fails")
	}
	st = prepare(t, c, "SELECT * FROM wide")
	query(t, c, "ALTER TABLE wide MODIFY a int, ADD c uuid DEFAULT NULL")
	for range 2 {
		check(t, execute(t, c, st, Params{}), []string{"\x01\x00\x00\x00", "x", "NULL"})
		if len(st.Columns) != 3 || st.Columns[2].ExtType != "uuid" {
			t.Errorf("columns %+v", st.Columns)
		}
	}
}

func TestAFailedPrepareExecutesNothing(t *testing.T) { // not parallel: the limit is the server's
	r := realServer(t)
	admin, c := connect(t, r.config(t, "admin")), connect(t, r.config(t, "app"))
	query(t, c, "CREATE TEMPORARY TABLE counted (a int)")
	st := prepare(t, c, "INSERT INTO counted VALUES (1)")
	c.SendCloseStmt(st.ID)
	prepare(t, admin, "SELECT 'takes the last place'")
	query(t, admin, "SET GLOBAL max_prepared_stmt_count=1")
	defer query(t, admin, "SET GLOBAL max_prepared_stmt_count=DEFAULT")
	for range 2 {
		if !c.SendPrepareExecute("SELECT 'other'", Params{}) {
			t.Fatal("it can't")
		}
		c.SendCloseStmt(LastStmt)
		c.SendPing()
		flush(t, c)
		var failed *ServerError
		if _, err := c.ReadPrepared(); !errors.As(err, &failed) || failed.Number != 1461 {
			t.Fatalf("got %v", err)
		}
		if _, err := c.ReadResult(); !errors.As(err, &failed) || failed.Number != 1243 {
			t.Fatalf("got %v", err)
		}
		if _, err := c.ReadResult(); err != nil {
			t.Fatal(err)
		}
	}
	check(t, query(t, c, "SELECT COUNT(*) FROM counted"), []string{"0"})
}

func TestSessionsAreTrackedAndReset(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "SET session_track_system_variables='*', session_track_transaction_info='CHARACTERISTICS', time_zone='+02:00'")
	query(t, c, "START TRANSACTION READ ONLY")
	tr := c.Tracked()
	const readOnly = StatusInTransaction | StatusInReadOnly
	if c.Status()&readOnly != readOnly || tr.Transaction != "T_______" ||
		tr.Characteristics != "START TRANSACTION READ ONLY;" || tr.Variables["time_zone"] != "+02:00" || tr.Schema != "test" {
		t.Errorf("got %x, %+v", c.Status(), tr)
	}
	c.SendReset()
	c.SendInitDB("information_schema")
	c.SendPing()
	flush(t, c)
	for c.Awaited() > 0 {
		if _, err := c.ReadResult(); err != nil {
			t.Fatal(err)
		}
	}
	if c.Status()&StatusInTransaction != 0 || tr.Schema != "information_schema" ||
		tr.Variables["session_track_system_variables"] != "" {
		t.Errorf("got %x, %+v", c.Status(), tr)
	}
	check(t, query(t, c, "SELECT DATABASE(), @@time_zone, @@character_set_client"),
		[]string{"information_schema", "+00:00", "utf8mb4"})
}

func TestProceduresReturnSeveralResults(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "CREATE OR REPLACE PROCEDURE wire_several(a bigint, OUT b bigint)"+
		" BEGIN SELECT a, 'x'; SELECT a+1; SET b=a+2; END")
	defer query(t, c, "DROP PROCEDURE wire_several")
	st := prepare(t, c, "CALL wire_several(?, ?)")
	for range 2 {
		check(t, execute(t, c, st, int64s(1, 0)), []string{le(1), "x"}, []string{le(2)}, []string{le(3)})
	}
	check(t, query(t, c, "CALL wire_several(1, @b)"), []string{"1", "x"}, []string{"2"})
}

func TestBulksInsertAndStopAtAnError(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "CREATE TEMPORARY TABLE bulk (id int PRIMARY KEY AUTO_INCREMENT, a varchar(20) DEFAULT 'none')")
	st := prepare(t, c, "INSERT INTO bulk (a) VALUES (?)")
	rows := AppendString([]byte{BulkValue}, "one")
	rows = append(rows, BulkNull, BulkDefault)
	rows = AppendString(append(rows, BulkValue), "four")
	c.SendBulk(st, []byte{TypeString, 0}, rows, c.Capabilities()&CapBulkUnitResults != 0)
	flush(t, c)
	readAll(t, c)
	check(t, query(t, c, "SELECT * FROM bulk ORDER BY id"),
		[]string{"1", "one"}, []string{"2", "NULL"}, []string{"3", "none"}, []string{"4", "four"})
	st = prepare(t, c, "INSERT INTO bulk (id) VALUES (?)")
	c.SendBulk(st, []byte{TypeTiny, 0}, []byte{0, 10, 0, 4, 0, 11}, false)
	flush(t, c)
	var failed *ServerError
	if _, err := c.ReadResult(); !errors.As(err, &failed) || failed.Number != 1062 {
		t.Errorf("got %v", err)
	}
}

func TestColumnsOfReturningAreKnownFromItsExecution(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "CREATE TEMPORARY TABLE giving (id bigint PRIMARY KEY AUTO_INCREMENT, a bigint)")
	st := prepare(t, c, "INSERT INTO giving (a) VALUES (?) RETURNING id, a") // of which a prepare tells no columns
	check(t, execute(t, c, st, int64s(10)), []string{le(1), le(10)})
	check(t, execute(t, c, st, int64s(11)), []string{le(2), le(11)})
	for range 2 {
		c.SendBulk(st, []byte{TypeTiny, 0}, []byte{0, 20, 0, 21}, false)
		flush(t, c)
		got := readAll(t, c)
		if len(got) != 2 || got[0][1] != le(20) || got[1][1] != le(21) {
			t.Errorf("a bulk returns %q", got)
		}
		if got := execute(t, c, st, int64s(12)); len(got) != 1 || got[0][1] != le(12) {
			t.Errorf("an execution after it returns %q", got)
		}
	}
}

func TestPacketsOfMoreThan16MiBGoBothWays(t *testing.T) {
	r := realServer(t)
	admin := connect(t, r.config(t, "admin"))
	query(t, admin, "SET GLOBAL max_allowed_packet=64*1024*1024")
	defer query(t, admin, "SET GLOBAL max_allowed_packet=DEFAULT")
	for _, secure := range []bool{false, true} {
		cfg := r.config(t, "app")
		if secure {
			cfg.TLS = r.tls(t)
		}
		c := connect(t, cfg)
		st := prepare(t, c, "SELECT ?, LENGTH(?)")
		for _, size := range []int{maxFrame - 20, maxFrame - 12, maxFrame, maxFrame + 1, 2*maxFrame + 100} {
			text := strings.Repeat("0123456789abc", size/13+1)[:size]
			p := Params{Nulls: []byte{0}, Types: []byte{TypeString, 0, TypeLongLong, 0}, Values: AppendString(nil, text)}
			p.Values = append(p.Values, le(123)...)
			got := execute(t, c, st, p)
			if len(got) != 1 || got[0][0] != text || got[0][1][:1] != "\x03" {
				t.Errorf("%d bytes don't come back", size)
			}
		}
		// Frames of exactly the greatest size, and rows around it.
		for d := range 12 {
			got := query(t, c, fmt.Sprintf("SELECT REPEAT('x', %d)", maxFrame-8+d))
			if len(got) != 1 || len(got[0][0]) != maxFrame-8+d {
				t.Errorf("%d bytes don't come", maxFrame-8+d)
			}
		}
	}
}

func TestAReadThatTimedOutGoesOn(t *testing.T) {
	t.Parallel()
	r := realServer(t)
	for _, secure := range []bool{false, true} {
		cfg := r.config(t, "app")
		if secure {
			cfg.TLS = r.tls(t)
		}
		c := connect(t, cfg)
		c.SendQuery("SELECT SLEEP(0.2), 'x'")
		c.SendQuery("SELECT seq, REPEAT('y', 1000) FROM seq_1_to_20000")
		flush(t, c)
		timeouts := 0
		patient := func(read func() (bool, error)) {
			t.Helper()
			for wait := 5 * time.Millisecond; ; wait = 50 * time.Microsecond {
				c.NetConn().SetReadDeadline(time.Now().Add(wait))
				if on, err := read(); timedOut(err) {
					timeouts++
				} else if err != nil {
					t.Fatal(err)
				} else if !on {
					return
				}
			}
		}
		rows := 0
		for range 2 {
			patient(func() (bool, error) { _, err := c.ReadResult(); return false, err })
			patient(func() (bool, error) { row, err := c.ReadRow(); rows += min(len(row), 1); return row != nil, err })
		}
		t.Logf("tls %v: %d time-outs", secure, timeouts)
		if rows != 20001 || timeouts < 2 {
			t.Errorf("%d rows, %d time-outs", rows, timeouts)
		}
	}
}

func TestAKilledSessionTellsItsError(t *testing.T) {
	t.Parallel()
	r := realServer(t)
	admin, c := connect(t, r.config(t, "admin")), connect(t, r.config(t, "app"))
	c.SendQuery("SELECT SLEEP(10)")
	flush(t, c)
	sleeping := fmt.Sprintf("SELECT 1 FROM information_schema.processlist WHERE id=%d AND state='User sleep'", c.ID())
	for len(query(t, admin, sleeping)) == 0 {
		runtime.Gosched()
	}
	query(t, admin, fmt.Sprintf("KILL QUERY %d", c.ID()))
	var interrupted *ServerError
	_, err := c.ReadResult()
	if err == nil {
		err = c.Drain() // SLEEP returns 1
	}
	if err != nil && (!errors.As(err, &interrupted) || interrupted.Number != 1317) {
		t.Fatal(err)
	}
	query(t, admin, fmt.Sprintf("KILL %d", c.ID()))
	c.SendPing()
	err = c.Flush()
	if err == nil {
		_, err = c.ReadResult()
	}
	t.Logf("after KILL: %v (failed: %v)", err, c.Failed())
	if err == nil || c.Failed() == nil {
		t.Errorf("got %v (failed: %v)", err, c.Failed())
	}
}

func TestLocalFilesComeFromTheCall(t *testing.T) {
	t.Parallel()
	cfg := realServer(t).config(t, "app")
	cfg.LocalInfile = true
	c := connect(t, cfg)
	query(t, c, "CREATE TEMPORARY TABLE loaded (a int, b varchar(20))")
	c.SendQueryInfile("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE loaded", strings.NewReader("1\tone\n2\ttwo\n"))
	flush(t, c)
	if r, err := c.ReadResult(); err != nil || r.OK.AffectedRows != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	check(t, query(t, c, "SELECT * FROM loaded ORDER BY a"), []string{"1", "one"}, []string{"2", "two"})
	c.SendQuery("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE loaded")
	flush(t, c)
	if _, err := c.ReadResult(); err != ErrInfileRefused {
		t.Errorf("got %v, want %v", err, ErrInfileRefused)
	}
	check(t, query(t, c, "SELECT COUNT(*) FROM loaded"), []string{"2"})
}

func TestMariaDBsOwnTypesAreTold(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	query(t, c, "CREATE TEMPORARY TABLE own (u uuid, i inet6, j json, p point)")
	c.SendQuery("SELECT * FROM own")
	flush(t, c)
	r, err := c.ReadResult()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, col := range r.Columns {
		got = append(got, col.ExtType+"/"+col.ExtFormat)
	}
	if want := []string{"uuid/", "inet6/", "/json", "point/"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkPointSelect measures a prepared select of one row, columns left out.
func BenchmarkPointSelect(b *testing.B) {
	r := realServer(b)
	cfg := r.config(b, "app")
	c := connect(b, cfg)
	st := prepare(b, c, "SELECT ?, 'some text', 3.5")
	p := int64s(1)
	values := make([][]byte, 3)
	b.ReportAllocs()
	for b.Loop() {
		c.SendExecute(st, p)
		flush(b, c)
		if _, err := c.ReadResult(); err != nil {
			b.Fatal(err)
		}
		for {
			row, err := c.ReadRow()
			if err != nil {
				b.Fatal(err)
			}
			if row == nil {
				break
			}
			if err := splitBinary(row, st.Columns, values); err != nil {
				b.Fatal(err)
			}
		}
	}
}
