package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// pgbouncer is PgBouncer in transaction mode, before a PostgreSQL server. Its users and databases are that server's, and
// the database pgbouncer of the first user is its console, where PAUSE and KILL are.
type pgbouncer struct{}

func (pgbouncer) find() (string, error) {
	return findProgram("pgbouncer", KindPgBouncer)
}

func (pgbouncer) prepare(_ context.Context, s *Server) error {
	behind := s.set.behind
	if behind == nil || behind.kind != KindPostgres {
		return errors.New("needs a PostgreSQL server: servers.Behind(server)")
	}
	var users strings.Builder
	for _, u := range behind.Users() {
		if u.Password != "" {
			fmt.Fprintf(&users, "%q %q\n", u.Name, u.Password)
		}
	}
	if err := s.write(filepath.Join(s.dir, "users"), []byte(users.String())); err != nil {
		return err
	}
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d", behind.host, behind.port),
		"[pgbouncer]",
		"listen_addr = " + s.host,
		fmt.Sprintf("listen_port = %d", s.port),
		"unix_socket_dir = " + s.dir,
		"auth_type = scram-sha-256",
		"auth_file = " + filepath.Join(s.dir, "users"),
		"admin_users = " + behind.Users()[0].Name,
		"pool_mode = transaction",
	}
	if !s.set.noTLS {
		lines = append(lines, "client_tls_sslmode = allow",
			"client_tls_cert_file = "+filepath.Join(s.dir, "server.crt"),
			"client_tls_key_file = "+filepath.Join(s.dir, "server.key"))
	}
	if !behind.set.noTLS {
		lines = append(lines, "server_tls_sslmode = require")
	}
	if err := s.writeCert(s.dir); err != nil {
		return err
	}
	lines = append(lines, s.set.flags...)
	return s.write(filepath.Join(s.dir, "pgbouncer.ini"), []byte(strings.Join(lines, "\n")+"\n"))
}

func (pgbouncer) command(s *Server) *exec.Cmd {
	return exec.Command(s.program, filepath.Join(s.dir, "pgbouncer.ini")) //nolint:noctx // ends by Stop
}

func (pgbouncer) ready(s *Server) bool {
	conn, err := net.Dial("tcp", s.Addr()) //nolint:noctx // loopback
	return err == nil && conn.Close() == nil
}

// stop isn't SIGTERM, which waits for the clients from version 1.23 on.
func (pgbouncer) stop() syscall.Signal { return syscall.SIGQUIT }

func (pgbouncer) users(s *Server) []User {
	var users []User
	for _, u := range s.set.behind.Users() {
		if u.Password != "" {
			users = append(users, User{u.Name, u.Password, "scram-sha-256"})
		}
	}
	return users
}

func (pgbouncer) url(s *Server, u User, database string) string {
	return postgres{}.url(s, u, database)
}
