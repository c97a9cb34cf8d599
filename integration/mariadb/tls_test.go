package mariadb_test

import (
	"net"
	"testing"

	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

// tlsWords is how MariaDB speaks of TLS.
var tlsWords = suite.TLSWords{
	Parameters: suite.TLSParameters{Mode: "ssl_mode", RootCert: "ssl_ca", Cert: "ssl_cert", Key: "ssl_key"},
	Modes:      suite.TLSModes{Off: "DISABLED", Prefer: "PREFERRED", Require: "REQUIRED", VerifyCA: "VERIFY_CA", VerifyFull: "VERIFY_IDENTITY"},
	None:       [2]string{"doesn't offer it", "ssl_cert"},
	Version:    "select variable_value from information_schema.session_status where variable_name = 'ssl_version'",
	Pretends: func(server net.Conn) {
		hello := "\n10.11.1-MariaDB\x00\x01\x00\x00\x0012345678\x00\xfe\xff\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00" +
			"123456789012\x00mysql_native_password\x00"
		_, _ = server.Write(append([]byte{byte(len(hello)), 0, 0, 0}, hello...))
		_, _ = server.Read(make([]byte, 36))
		_, _ = server.Read(make([]byte, 1<<14))
		_, _ = server.Write([]byte("\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00"))
	},
	Insisting: func(t testing.TB) map[string]string {
		strict := servers.MariaDB(t, servers.Flags("--require-secure-transport=ON"))
		return map[string]string{"the user": servers.MariaDB(t).URLAs("tls", ""), "the server": strict.URLAs("app", "")}
	},
}
