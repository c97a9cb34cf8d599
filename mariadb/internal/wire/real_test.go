package wire

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"testing"
)

// running is what integration/cmd/servers --json prints of a MariaDB.
type running struct {
	Address, Socket string
	Users           []struct{ Name, Password, Login string }
	Certs           struct{ CA, Client, ClientKey string }
}

// realServer reads the file that PLINTH_WIRE_SERVERS names, which is what `go run ./cmd/servers --json` in integration
// printed. The tests that use it are for work on this package; what is promised of real servers is tested in
// integration/mariadb.
func realServer(t testing.TB) *running {
	t.Helper()
	file := os.Getenv("PLINTH_WIRE_SERVERS")
	if file == "" {
		t.Skip("PLINTH_WIRE_SERVERS names no output of integration/cmd/servers --json")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ MariaDB *running }
	if err := json.Unmarshal(text, &all); err != nil || all.MariaDB == nil {
		t.Fatalf("%s tells no MariaDB: %v", file, err)
	}
	return all.MariaDB
}

func (r *running) config(t testing.TB, user string) *Config {
	t.Helper()
	for _, u := range r.Users {
		if u.Name == user || u.Login == user {
			return &Config{Network: "tcp", Address: r.Address, User: u.Name, Password: u.Password, Database: "test",
				Attributes: map[string]string{"_client_name": "plinth", "program_name": t.Name()}}
		}
	}
	t.Fatalf("no user %s", user)
	return nil
}

func (r *running) tls(t testing.TB) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(r.Certs.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cert, err := tls.LoadX509KeyPair(r.Certs.Client, r.Certs.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := splitHost(r.Address)
	return &tls.Config{RootCAs: pool, ServerName: host, Certificates: []tls.Certificate{cert}}
}

func connect(t testing.TB, cfg *Config) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// query runs a text query and returns its rows; NULL is "NULL".
func query(t testing.TB, c *Conn, text string) [][]string {
	t.Helper()
	c.SendQuery(text)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return readAll(t, c)
}

// readAll reads an answer, all of its results, to its end.
func readAll(t testing.TB, c *Conn) [][]string {
	t.Helper()
	var all [][]string
	for {
		r, err := c.ReadResult()
		if err != nil {
			t.Fatal(err)
		}
		for r.Columns != nil {
			row, err := c.ReadRow()
			if err != nil {
				t.Fatal(err)
			}
			if row == nil {
				break
			}
			values := make([][]byte, len(r.Columns))
			if r.Binary {
				err = splitBinary(row, r.Columns, values)
			} else {
				err = SplitText(row, values)
			}
			if err != nil {
				t.Fatal(err)
			}
			line := make([]string, len(values))
			for i, v := range values {
				if line[i] = string(v); v == nil {
					line[i] = "NULL"
				}
			}
			all = append(all, line)
		}
		if !r.More {
			return all
		}
	}
}
