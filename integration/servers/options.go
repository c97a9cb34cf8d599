package servers

import "fmt"

// An Option changes how a server runs.
type Option func(*settings)

type settings struct {
	durable bool
	private bool
	noTLS   bool
	cert    Cert
	auth    []string
	flags   []string
	behind  *Server
}

func newSettings(opts []Option) settings {
	var s settings
	for _, o := range opts {
		o(&s)
	}
	return s
}

// key is the same for servers that can stand for each other.
func (s settings) key(kind Kind) string { return fmt.Sprintf("%s %+v", kind, s) }

// Durable makes what was acknowledged survive, as in production. Without it a server writes when it likes, which is
// faster: wrong for whatever is killed or measured. Its data never lies in memory.
func Durable() Option { return func(s *settings) { s.durable = true } }

// Private gives the test a server of its own, which it may stop and kill, and which ends with the test.
func Private() Option { return func(s *settings) { s.private = true } }

// Flags are added to the server's command line: Flags("-c", "max_connections=50"). For PgBouncer they are lines of its
// configuration: Flags("pool_mode = session").
func Flags(flags ...string) Option {
	return func(s *settings) { s.flags = append(s.flags, flags...) }
}

// WithCert makes the server show another certificate than the good one.
func WithCert(c Cert) Option { return func(s *settings) { s.cert = c } }

// NoTLS makes a server that can't speak TLS.
func NoTLS() Option { return func(s *settings) { s.noTLS = true } }

// Behind is the PostgreSQL server that a PgBouncer stands before.
func Behind(server *Server) Option { return func(s *settings) { s.behind = server } }

// Auth makes everybody log in this way over TCP, in the word of PostgreSQL's pg_hba.conf: "md5", "cert", "password",
// "scram-sha-256", "trust". More than one word is taken as whole lines of the file, instead of what it would hold.
func Auth(method ...string) Option {
	return func(s *settings) { s.auth = method }
}
