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
		before := c.Read()
		got := readAll(t, c)
		t.Logf("%d bytes %+v", c.Read()-before, c.result)
		if want := [][]string{{"*\x00\x00\x00\x00\x00\x00\x00", "x"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
