package wire

import (
	"net"
	"reflect"
	"testing"
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
			t.Logf("%s: id %d, version %s, caps %x, status %x, tracked %+v", user, c.ID(), c.ServerVersion(), c.Capabilities(), c.Status(), c.Tracked())
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

func TestAPreparedSelectReturnsBinaryRows(t *testing.T) {
	t.Parallel()
	c := connect(t, realServer(t).config(t, "app"))
	c.SendPrepareExecute("SELECT ?+1, 'x'", Params{Nulls: []byte{0}, Types: []byte{TypeLongLong, 0}, Values: []byte{41, 0, 0, 0, 0, 0, 0, 0}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	st, err := c.ReadPrepared()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", st)
	for i := range 3 {
		if i > 0 {
			c.SendExecute(st, Params{Nulls: []byte{0}, Types: []byte{TypeLongLong, 0}, Values: []byte{41, 0, 0, 0, 0, 0, 0, 0}})
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		before := c.Received()
		got := readAll(t, c)
		t.Logf("%d bytes %+v", c.Received()-before, c.result)
		if want := [][]string{{"*\x00\x00\x00\x00\x00\x00\x00", "x"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	r := realServer(t)
	admin := connect(t, r.config(t, "admin"))
	cfg := r.config(t, "app")
	cfg.TLS, cfg.TLSRequired = r.tls(t), true
	cfg.LocalInfile, cfg.MultiStatements = true, true
	c := connect(t, cfg)
	try := func(text string) {
		c.SendQuery(text)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			res, err := c.ReadResult()
			if err != nil {
				t.Logf("%s: %v (failed %v)", text, err, c.Failed())
				return
			}
			cols := res.Columns
			var rows [][]byte
			for cols != nil {
				row, err := c.ReadRow()
				if err != nil {
					t.Logf("%s: row %v (failed %v)", text, err, c.Failed())
					return
				}
				if row == nil {
					break
				}
				rows = append(rows, append([]byte(nil), row...))
			}
			t.Logf("%s:\n   cols %+v\n   rows %q\n   ok %+v %q more %v\n   tracked %+v", text, cols, rows, res.OK, res.OK.Info, res.More, c.tracked)
			if !res.More {
				return
			}
		}
	}
	try("SET SESSION session_track_system_variables='*', session_track_transaction_info='CHARACTERISTICS', session_track_schema=ON, session_track_state_change=ON")
	try("SET time_zone='+02:00', @a=1")
	try("CREATE TEMPORARY TABLE tt (a int primary key, u uuid, i inet6, j json, p point, b bit(3), y year, e enum('x','y'))")
	try("INSERT INTO tt VALUES (1, uuid(), '::1', '{}', point(1,2), 5, 2020, 'x')")
	try("UPDATE tt SET y=2021")
	try("SELECT * FROM tt")
	try("START TRANSACTION READ ONLY")
	try("SELECT 1")
	try("COMMIT")
	try("SELECT 1; SELECT 2; DO 1; SELECT 3")
	try("USE test")
	try("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE tt")
	try("SELECT 1")
	c.SendPrepare("SELECT 'first'")
	c.Flush()
	first, err := c.ReadPrepared()
	if err != nil {
		t.Fatal(err)
	}
	if c.SendPrepareExecute("SELECT 'second'", Params{}) {
		t.Error("it executes without knowing what")
	}
	c.SendCloseStmt(first.ID)
	admin.SendPrepare("SELECT 'other'")
	admin.Flush()
	admin.ReadPrepared()
	query(t, admin, "SET GLOBAL max_prepared_stmt_count=1")
	defer query(t, admin, "SET GLOBAL max_prepared_stmt_count=16382")
	for range 2 {
		if !c.SendPrepareExecute("SELECT 'second'", Params{}) {
			t.Fatal("refused")
		}
		c.SendCloseStmt(LastStmt)
		c.SendPing()
		c.Flush()
		st, err := c.ReadPrepared()
		t.Logf("prepared %+v %v", st, err)
		res, err := c.ReadResult()
		t.Logf("executed %+v %v", res, err)
		res, err = c.ReadResult()
		t.Logf("ping %+v %v", res, err)
	}
	query(t, admin, "SET GLOBAL max_prepared_stmt_count=2")
	for range 2 {
		if !c.SendPrepareExecute("SELECT 'second'", Params{}) {
			t.Fatal("refused")
		}
		c.SendCloseStmt(LastStmt)
		c.SendPing()
		c.Flush()
		st, err := c.ReadPrepared()
		t.Logf("prepared %+v %v", st, err)
		t.Logf("%q", readAll(t, c))
		res, err := c.ReadResult()
		t.Logf("ping %+v %v", res, err)
	}
	query(t, admin, "SET GLOBAL max_prepared_stmt_count=16382")
	try("SELECT 1")
}
