package mariadb

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// node is a server that lets everybody in, and has rows to answer queries with: by what a query contains.
type node map[string][]string

// listen answers on the port that it returns, until the test ends.
func (n node) listen(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go n.serve(conn)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func (n node) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	const caps = wire.CapProtocol41 | wire.CapSecureConnection | wire.CapPluginAuth | wire.CapDeprecateEOF | wire.CapTransactions
	greeting := append([]byte("\n5.5.5-10.11.19-MariaDB\x00\x01\x00\x00\x0012345678\x00"), byte(caps&0xff), byte(caps>>8&0xff), 45, 2, 0)
	greeting = append(greeting, byte(caps>>16&0xff), byte(caps>>24&0xff), 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	greeting = append(greeting, "123456789012\x00mysql_native_password\x00"...)
	seq := byte(0)
	send := func(payload []byte) {
		header := binary.LittleEndian.AppendUint32(nil, uint32(len(payload))|uint32(seq)<<24)
		_, _ = conn.Write(append(header, payload...))
		seq++
	}
	in := bufio.NewReader(conn)
	receive := func() string {
		header := make([]byte, 4)
		if _, err := io.ReadFull(in, header); err != nil {
			return ""
		}
		payload := make([]byte, binary.LittleEndian.Uint32(header)&0xffffff)
		_, _ = io.ReadFull(in, payload)
		seq = header[3] + 1
		return string(payload)
	}
	ok := []byte{0, 0, 0, 2, 0, 0, 0}
	send(greeting)
	_ = receive()
	send(ok)
	for command := receive(); command != ""; command = receive() {
		row, isQuery := n.row(command)
		if !isQuery {
			send(ok)
			continue
		}
		send([]byte{byte(len(row))})
		for range row {
			column := wire.AppendString(nil, "def")
			for _, name := range []string{"", "", "", "c", "c"} {
				column = wire.AppendString(column, name)
			}
			send(append(column, 12, 45, 0, 0xff, 0, 0, 0, 253, 0, 0, 0, 0, 0))
		}
		if row[0] != "" {
			var values []byte
			for _, v := range row {
				values = wire.AppendString(values, v)
			}
			send(values)
		}
		send([]byte{0xfe, 0, 0, 2, 0, 0, 0})
	}
}

func (n node) row(command string) (row []string, isQuery bool) {
	for part, row := range n {
		if strings.Contains(command, part) {
			return row, true
		}
	}
	return nil, false
}

// TestANodeThatIsNotReadyIsPassedOver dials two hosts, of which the first is something else each time.
func TestANodeThatIsNotReadyIsPassedOver(t *testing.T) {
	t.Parallel()
	server := func(on, ready string) node {
		n := node{"@@max_allowed_packet": {"1000000", "0", ""}}
		for name, value := range map[string]string{"wsrep_on": on, "wsrep_ready": ready} {
			if n["'"+name+"'"] = []string{name, value}; value == "" {
				n["'"+name+"'"] = []string{"", ""} // no row
			}
		}
		return n
	}
	good := server("ON", "ON").listen(t)
	for name, test := range map[string]struct {
		first     node
		variables map[string]string
		taken     bool
	}{
		"a node that is ready":       {server("ON", "ON"), nil, true},
		"a node that isn't":          {server("ON", "OFF"), nil, false},
		"one that answers all reads": {server("ON", "OFF"), map[string]string{"wsrep_dirty_reads": "ON"}, true},
		"MariaDB without Galera":     {server("OFF", "OFF"), nil, true},
		"MySQL":                      {server("", ""), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := Host{Name: "127.0.0.1", Port: test.first.listen(t)}
			dial := func(hosts ...Host) (*link, error) {
				to, err := Options{Hosts: hosts, User: "me", TLS: TLS{Mode: tlsDisabled}, Variables: test.variables}.resolve()
				if err != nil {
					t.Fatal(err)
				}
				l, err := to.dial(t.Context(), nil)
				if err == nil {
					t.Cleanup(func() { _ = l.Close() })
				}
				return l, err
			}
			l, err := dial(first, Host{Name: "127.0.0.1", Port: good})
			if err != nil {
				t.Fatal(err)
			}
			if taken := l.host == first.String(); taken != test.taken {
				t.Errorf("it's taken: %v, want %v", taken, test.taken)
			}
			if _, err := dial(first); err != nil { // a host that stands alone is for whoever names it
				t.Errorf("alone: %v", err)
			}
			if _, err := dial(first, first); (err == nil) != test.taken {
				t.Errorf("with another of the same: %v", err)
			} else if f, ok := err.(*driver.Fault); err != nil && (!ok || f.Kind != driver.Unavailable || !strings.Contains(f.Error(), "wsrep_ready is OFF")) {
				t.Errorf("with another of the same: %v", err)
			}
		})
	}
}
