package mariadb

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func TestAServerThatWaitsForItsClientIsAskedAbout(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // which takes connections by itself, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	to, err := Options{
		Hosts: []Host{{Name: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}}, User: "app", ConnectTimeout: 200 * time.Millisecond,
	}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	_, err = to.dial(t.Context(), nil)
	f, ok := errors.AsType[*driver.Fault](err)
	if !ok || f.Kind != driver.Unavailable || !strings.Contains(f.Hint, "is it a MariaDB or MySQL server") {
		t.Errorf("%v, hint %q", err, f.Hint)
	}
}
