package servers

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// postgres is PostgreSQL, 15 or newer.
type postgres struct{}

func (postgres) find() (string, error) {
	// Packages keep them outside of PATH, in a folder of the version; the newest comes first.
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	more, _ := filepath.Glob("/usr/pgsql-*/bin/postgres")
	candidates = append(candidates, more...)
	number := func(path string) float64 {
		n, _ := strconv.ParseFloat(strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(path))), "pgsql-"), 64)
		return n
	}
	slices.SortFunc(candidates, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	if path, err := exec.LookPath("postgres"); err == nil {
		candidates = append([]string{path}, candidates...)
	}
	for _, path := range candidates {
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", KindPostgres, ErrNotInstalled)
}

// postgresRoles are made in the template.
const postgresRoles = `CREATE ROLE app LOGIN CREATEDB PASSWORD '%[1]s'
CREATE ROLE cert LOGIN
SET password_encryption = 'md5'
CREATE ROLE md5 LOGIN PASSWORD '%[1]s'
`

func (postgres) users(s *Server) []User {
	return []User{
		{"postgres", s.house.secret, "scram-sha-256"},
		{"app", s.house.secret, "scram-sha-256"},
		{"md5", s.house.secret, "md5"},
		{"cert", "", "cert"},
	}
}

func (p postgres) prepare(ctx context.Context, s *Server) error {
	initdb := []string{
		"-U", "postgres", "-A", "scram-sha-256", "-N", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "--wal-segsize=1",
	}
	err := s.fill(ctx, append(slices.Clone(initdb), postgresRoles), func(dir string) error {
		data, password := filepath.Join(dir, "data"), filepath.Join(dir, "password")
		if err := s.write(password, []byte(s.house.secret)); err != nil {
			return err
		}
		args := append(initdb, "-D", data, "--pwfile", password)
		if err := s.house.run(ctx, s.kind, dir, "", filepath.Join(filepath.Dir(s.program), "initdb"), args...); err != nil {
			return err
		}
		roles := fmt.Sprintf(postgresRoles, s.house.secret)
		return s.house.run(ctx, s.kind, dir, roles, s.program, "--single", "-F", "-D", data, "postgres")
	})
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	if err := s.writeCert(data); err != nil {
		return err
	}
	if err := s.write(filepath.Join(data, "pg_hba.conf"), []byte(p.hba(s))); err != nil {
		return err
	}
	// In the file and not on the command line, so that ALTER SYSTEM works.
	return s.write(filepath.Join(data, "postgresql.auto.conf"), []byte(p.conf(s)))
}

func (postgres) conf(s *Server) string {
	lines := []string{
		"listen_addresses = '" + s.host + "'",
		"port = " + strconv.Itoa(s.port),
		"unix_socket_directories = '" + s.dir + "'",
		"dynamic_shared_memory_type = mmap", // so that a killed server leaves nothing outside of its folder
		"timezone = UTC",
		"log_timezone = UTC",
	}
	if !s.set.noTLS {
		lines = append(lines, "ssl = on", "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'", "ssl_ca_file = 'ca.crt'")
	}
	if s.set.durable {
		lines = append(lines, "max_wal_size = 1GB", "min_wal_size = 80MB") // the template's small files of WAL have lowered them
	} else {
		lines = append(lines, "fsync = off", "full_page_writes = off", "shared_buffers = 16MB")
	}
	return strings.Join(lines, "\n") + "\n"
}

// hba lets the first user in by password always: something has to make the databases.
func (postgres) hba(s *Server) string {
	lines := []string{
		"local all postgres scram-sha-256",
		"host all,replication postgres 0.0.0.0/0 scram-sha-256",
	}
	switch method := s.set.auth; {
	case len(method) == 0:
		lines = append(lines,
			"hostssl all cert 0.0.0.0/0 cert",
			"host all md5 0.0.0.0/0 md5",
			"local all md5 md5",
			"local all all scram-sha-256",
			"host all all 0.0.0.0/0 scram-sha-256")
	case len(method) > 1:
		lines = append(lines, method...)
	case method[0] == "cert":
		lines = append(lines, "hostssl all all 0.0.0.0/0 cert")
	default:
		lines = append(lines, "local all all "+method[0], "host all all 0.0.0.0/0 "+method[0])
	}
	return strings.Join(lines, "\n") + "\n"
}

func (postgres) command(s *Server) *exec.Cmd {
	return exec.Command(s.program, append([]string{"-D", filepath.Join(s.dir, "data")}, s.set.flags...)...) //nolint:noctx // ends by Stop
}

// ready reads what pg_ctl waits for: the last line that the server writes into its file.
func (postgres) ready(s *Server) bool {
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(s.process.pid()) && strings.TrimSpace(lines[7]) == "ready"
}

func (postgres) stop() syscall.Signal { return syscall.SIGINT } // "fast": clients are cut off

func (postgres) url(s *Server, u User, database string) string {
	if database == "" {
		database = "postgres"
	}
	params := "sslmode=verify-full&sslrootcert=" + escapePath(s.CA())
	switch {
	case s.set.noTLS:
		params = "sslmode=disable"
	case u.Login == "cert":
		params += "&sslcert=" + escapePath(s.Certs().Client) + "&sslkey=" + escapePath(s.Certs().ClientKey)
	}
	login := url.UserPassword(u.Name, u.Password)
	if u.Password == "" {
		login = url.User(u.Name)
	}
	where := url.URL{Scheme: "postgres", User: login, Host: s.Addr(), Path: "/" + database}
	where.RawQuery = params
	return where.String()
}

// escapePath leaves a path's slashes, which are fine in a parameter and easier to read.
func escapePath(path string) string { return strings.ReplaceAll(url.QueryEscape(path), "%2F", "/") }

// admin runs statements as the first user, through the socket.
func (postgres) admin(ctx context.Context, s *Server, statements ...string) error {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=postgres password=%s dbname=postgres sslmode=disable",
		s.dir, s.port, s.house.secret))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is lost
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (p postgres) createDatabase(ctx context.Context, s *Server, name string) error {
	return p.admin(ctx, s, "CREATE DATABASE "+name+" OWNER app")
}

func (p postgres) dropDatabase(ctx context.Context, s *Server, name string) error {
	return p.admin(ctx, s, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}
