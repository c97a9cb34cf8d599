package servers

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mariadb is MariaDB, 10.6 or newer.
type mariadb struct{}

func (mariadb) find() (string, error) {
	return findProgram("mariadbd", KindMariaDB)
}

// mariadbSchema is what makes the system's tables, in this order; the files come with the server.
var mariadbSchema = []string{ //nolint:gochecknoglobals // a constant
	"mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql",
}

// mariadbUsers are made in the template, one statement a line as --bootstrap reads them. Those without a password that
// come with the server have to go: the whole machine reaches its loopback.
const mariadbUsers = `
DELETE FROM mysql.global_priv WHERE User IN ('', 'root');
FLUSH PRIVILEGES;
CREATE USER admin@'%%' IDENTIFIED BY '%[1]s';
GRANT ALL ON *.* TO admin@'%%' WITH GRANT OPTION;
CREATE USER app@'%%' IDENTIFIED BY '%[1]s';
CREATE USER tls@'%%' IDENTIFIED BY '%[1]s' REQUIRE SSL;
CREATE USER x509@'%%' IDENTIFIED BY '%[1]s' REQUIRE SUBJECT '/CN=cert';
CREATE USER %[2]s@localhost IDENTIFIED VIA unix_socket;
CREATE DATABASE test CHARACTER SET utf8mb4;
GRANT ALL ON ` + "`test%%`.*" + ` TO app@'%%', tls@'%%', x509@'%%', %[2]s@localhost;
`

const mariadbEd25519 = `CREATE USER ed25519@'%%' IDENTIFIED VIA ed25519 USING PASSWORD('%[1]s');
GRANT ALL ON ` + "`test%%`.*" + ` TO ed25519@'%%';
`

func (m mariadb) users(s *Server) []User {
	users := []User{
		{"admin", s.house.secret, "mysql_native_password"},
		{"app", s.house.secret, "mysql_native_password"},
		{"tls", s.house.secret, "mysql_native_password, REQUIRE SSL"},
		{"x509", s.house.secret, "mysql_native_password, REQUIRE SUBJECT"},
		{socketUser(), "", "unix_socket"},
	}
	if m.ed25519() {
		users = append(users, User{"ed25519", s.house.secret, "ed25519"})
	}
	return users
}

// socketUser is who runs this process: that is whom the server recognizes on its socket.
func socketUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}

// ed25519 tells whether the server comes with that login, which not every package of it does.
func (mariadb) ed25519() bool {
	for _, pattern := range []string{
		"/usr/lib/mysql/plugin", "/usr/lib64/mysql/plugin", "/usr/lib*/mariadb*/plugin", "/usr/local/lib/mysql/plugin",
	} {
		if found, _ := filepath.Glob(pattern + "/auth_ed25519.so"); len(found) > 0 {
			return true
		}
	}
	return false
}

// always are flags of the template and the server both.
func (m mariadb) always() []string {
	flags := []string{"--no-defaults", "--lc-messages=en_US"}
	if m.ed25519() {
		flags = append(flags, "--plugin-load-add=auth_ed25519")
	}
	return flags
}

// mariadbFast lets the server write when it likes.
var mariadbFast = []string{ //nolint:gochecknoglobals // a constant
	"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-log-file-size=4M", "--sync-frm=0",
	"--aria-log-file-size=8M",
}

func (m mariadb) prepare(ctx context.Context, s *Server) error {
	users := mariadbUsers
	if m.ed25519() {
		users += mariadbEd25519
	}
	flags := append(m.always(), "--bootstrap", "--log-warnings=0", "--enforce-storage-engine=", "--max-allowed-packet=8M")
	flags = append(flags, mariadbFast...)
	err := s.fill(ctx, append(slices.Clone(flags), users, socketUser()), func(dir string) error {
		data := filepath.Join(dir, "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			return err
		}
		if err := identity(s.kind).give(data); err != nil {
			return err
		}
		schema, err := m.schema(s.program)
		if err != nil {
			return err
		}
		input := schema + fmt.Sprintf(users, s.house.secret, "`"+socketUser()+"`")
		return s.house.run(ctx, s.kind, dir, input, s.program, append(flags, "--datadir="+data)...)
	})
	if err != nil {
		return err
	}
	return s.writeCert(s.dir)
}

// schema returns the statements that make the system's tables.
func (mariadb) schema(program string) (string, error) {
	text := "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		program = resolved
	}
	share := filepath.Join(filepath.Dir(filepath.Dir(program)), "share")
	for _, name := range mariadbSchema {
		part, err := os.ReadFile(filepath.Join(share, "mysql", name))
		if err != nil {
			part, err = os.ReadFile(filepath.Join(share, "mariadb", name))
		}
		if err != nil {
			return "", err
		}
		text += string(part)
	}
	return text, nil
}

func (m mariadb) command(s *Server) *exec.Cmd {
	args := append(m.always(), "--datadir="+filepath.Join(s.dir, "data"), "--socket="+s.Socket(), "--tmpdir="+s.dir,
		"--bind-address="+s.host, "--port="+strconv.Itoa(s.port), "--pid-file="+filepath.Join(s.dir, "pid"),
		"--skip-name-resolve", "--performance-schema=OFF", "--default-time-zone=+00:00",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
		"--innodb-buffer-pool-dump-at-shutdown=0", "--innodb-buffer-pool-load-at-startup=0",
	)
	if s.set.durable {
		args = append(args, "--innodb-flush-log-at-trx-commit=1")
	} else {
		args = append(args, "--innodb-buffer-pool-size=16M", "--innodb-doublewrite=0", "--key-buffer-size=1M",
			"--aria-pagecache-buffer-size=1M")
		args = append(args, mariadbFast...)
	}
	if s.set.noTLS {
		args = append(args, "--skip-ssl")
	} else {
		for flag, file := range map[string]string{"ca": "ca.crt", "cert": "server.crt", "key": "server.key"} {
			args = append(args, "--ssl-"+flag+"="+filepath.Join(s.dir, file))
		}
	}
	return exec.Command(s.program, append(args, s.set.flags...)...) //nolint:noctx // ends by Stop
}

// ready asks the socket for the greeting with which the server begins every session.
func (mariadb) ready(s *Server) bool {
	conn, err := net.Dial("unix", s.Socket()) //nolint:noctx // a local socket, with a deadline
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing was sent
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	var greeting [5]byte // length, number, and the protocol's version or 0xff for an error
	n, err := conn.Read(greeting[:])
	return err == nil && n == len(greeting) && greeting[4] == 10
}

func (mariadb) stop() syscall.Signal { return syscall.SIGTERM }

func (mariadb) url(s *Server, u User, database string) string {
	if database == "" {
		database = "test"
	}
	params := "ssl_mode=VERIFY_IDENTITY&ssl_ca=" + escapePath(s.CA())
	if s.set.noTLS {
		params = "ssl_mode=DISABLED"
	} else if u.Name == "x509" {
		params += "&ssl_cert=" + escapePath(s.Certs().Client) + "&ssl_key=" + escapePath(s.Certs().ClientKey)
	}
	where := url.URL{Scheme: "mariadb", User: url.UserPassword(u.Name, u.Password), Host: s.Addr(), Path: "/" + database}
	if u.Login == "unix_socket" {
		where.User, where.Host, params = url.User(u.Name), "", "socket="+escapePath(s.Socket())
	}
	where.RawQuery = params
	return where.String()
}

// admin runs f on a connection of the first user's, through the socket.
func (mariadb) admin(ctx context.Context, s *Server, f func(db *sql.DB) error) error {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr = "admin", s.house.secret, "unix", s.Socket()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	defer db.Close() //nolint:errcheck // nothing is lost
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	return f(db)
}

func (m mariadb) createDatabase(ctx context.Context, s *Server, name string) error {
	return m.admin(ctx, s, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+name)
		return err
	})
}

// dropDatabase ends the sessions in the database first: their locks would make the DROP wait.
func (m mariadb) dropDatabase(ctx context.Context, s *Server, name string) error {
	return m.admin(ctx, s, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
		if err != nil {
			return err
		}
		var ids []string
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, id := range ids {
			_, _ = db.ExecContext(ctx, "KILL "+id) // it may have gone meanwhile
		}
		_, err = db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name)
		return err
	})
}
