package postgres_test

import (
	"net"
	"testing"

	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

// tlsWords is how PostgreSQL speaks of TLS.
var tlsWords = suite.TLSWords{
	Parameters: suite.TLSParameters{Mode: "sslmode", RootCert: "sslrootcert", Cert: "sslcert", Key: "sslkey"},
	Modes: suite.TLSModes{
		Off: "disable", Prefer: "prefer", Require: "require", VerifyCA: "verify-ca", VerifyFull: "verify-full", Lazy: []string{"allow"},
	},
	None:    [2]string{"doesn't do TLS", "ssl = on"},
	Version: "select coalesce(version, '') from pg_stat_ssl where pid = pg_backend_pid()",
	Pretends: func(server net.Conn) {
		_, _ = server.Read(make([]byte, 8))
		_, _ = server.Write([]byte("S"))
		_, _ = server.Read(make([]byte, 1<<14))
		_, _ = server.Write([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00"))
	},
	Insisting: func(t testing.TB) map[string]string {
		strict := servers.Postgres(t, servers.Auth("hostssl all all 0.0.0.0/0 scram-sha-256", "local all all scram-sha-256"))
		return map[string]string{"the server": strict.URLAs("app", "")}
	},
}
