package mariadb

import (
	"context"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// Options say which server to connect to, and how each session is set up. The zero value connects to localhost as the
// user who runs the program, as the mariadb client does.
type Options struct {
	Hosts    []Host // tried in this order; none: localhost
	Database string // "": none is chosen
	User     string // where the engine's login names none; "": the operating system's user
	Password config.Secret

	// Role is which of the hosts will do. "": any, but where there are several hosts and ReadOnly isn't set, only one
	// that writes.
	Role        Role
	LoadBalance bool // try the hosts, and a host's addresses, in random order
	ReadOnly    bool // transactions are read-only, unless one says otherwise (SET SESSION TRANSACTION READ ONLY)

	TLS TLS
	// Cleartext lets a server have the password itself (mysql_clear_password, which PAM needs): only over TLS that verifies
	// the server, or on a Unix socket.
	Cleartext bool

	ConnectTimeout time.Duration       // of dialling and logging in, for each address. 0: 10 s; negative: none
	KeepAlive      net.KeepAliveConfig // of TCP; what is 0: after 15 s of silence, every 15 s, 9 times. Enable needn't be set
	NoKeepAlive    bool                // no probes: a host that went away in silence is noticed only by a call's own deadline

	// Limits that the server itself enforces in each session; 0: the server's own.
	StatementTimeout time.Duration // of a statement (max_statement_time; MariaDB only)
	LockTimeout      time.Duration // of a wait for a row (innodb_lock_wait_timeout), in whole seconds, rounded up

	// Collation is what literals and arguments are compared by (collation_connection): one of utf8mb4. "": the server's
	// own for utf8mb4, mostly.
	Collation string
	// SQLMode is the sql_mode of each session. "": the server's own. ANSI_QUOTES, NO_BACKSLASH_ESCAPES and what includes
	// one of them are taken out of the server's own and refused here, for statements are read without them.
	SQLMode string
	// Variables are settings that each session starts with: system variables
	// (https://mariadb.com/docs/server/server-management/variables-and-modes/server-system-variables). time_zone is always
	// +00:00, so that a TIMESTAMP is what was stored; convert where local time is meant.
	Variables map[string]string

	StatementCache int // prepared statements kept a connection. 0: 256; negative: each is prepared anew
	// MaxPacket bounds the largest value or row that is read, in bytes. 0: 1 GiB, the protocol's own bound.
	MaxPacket int
	// ZeroDates says what becomes of dates such as 0000-00-00, which Go's time.Time doesn't have. "": reading one is an
	// error; "null": it's read as NULL; "zero": as the zero time.Time.
	ZeroDates string

	// Dial opens a network connection, in place of net.Dialer: for tunnels and cloud connectors. network is "tcp" or "unix".
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup returns the addresses of a host's name, in place of net.DefaultResolver.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Host is one server.
type Host struct {
	Name string // a name, an address, or the path of a Unix socket; a certificate is checked against it
	Port int    // 0: 3306
}

// Role is what a server has to be to be connected to.
type Role string

// The roles. Whether a server writes is what its @@read_only says.
const (
	RoleAny       Role = "any"
	RoleReadWrite Role = "read-write"
	RoleReadOnly  Role = "read-only"
)

const (
	defaultPort           = 3306
	defaultConnectTimeout = 10 * time.Second
	defaultStatementCache = 256
)

// target is where and how to connect: Options with everything decided.
type target struct {
	Options
	setup []string // the statements that make a session's settings
	rules driver.Table
}

// resolve checks the options and fills in what is missing.
func (o Options) resolve() (*target, error) {
	t := &target{Options: o, rules: driver.NewTable(Rules()...)}
	t.Hosts = slices.Clone(o.Hosts)
	if len(t.Hosts) == 0 {
		t.Hosts = []Host{{}}
	}
	for i := range t.Hosts {
		if err := t.Hosts[i].complete(); err != nil {
			return nil, err
		}
	}
	switch t.Role {
	case "":
		t.Role = RoleAny
		if len(t.Hosts) > 1 && !t.ReadOnly {
			t.Role = RoleReadWrite
		}
	case RoleAny, RoleReadWrite, RoleReadOnly:
	default:
		return nil, driver.Faultf(driver.Argument, "target_session_attrs %q: use one of any, read-write, read-only", string(t.Role))
	}
	if !slices.Contains([]string{"", "null", "zero"}, t.ZeroDates) {
		return nil, driver.Faultf(driver.Argument, "zero_dates %q: use null or zero, or leave it out to have an error", t.ZeroDates)
	}
	if strings.ContainsRune(t.User+t.Database, 0) {
		return nil, driver.Faultf(driver.Argument, "the user or the database has a zero byte in its name")
	}
	if t.ConnectTimeout == 0 {
		t.ConnectTimeout = defaultConnectTimeout
	}
	if t.StatementCache == 0 {
		t.StatementCache = defaultStatementCache
	}
	t.StatementCache = max(0, t.StatementCache)
	if t.Dial == nil {
		t.Dial = t.dialer().DialContext
	}
	if t.Lookup == nil {
		t.Lookup = net.DefaultResolver.LookupHost
	}
	if err := t.resolveSettings(); err != nil {
		return nil, err
	}
	return t, t.resolveTLS()
}

// complete checks a host and fills in what it leaves out.
func (h *Host) complete() error {
	if h.Name == "" {
		h.Name = "localhost"
	}
	if h.Port == 0 && !h.isSocket() {
		h.Port = defaultPort
	}
	switch {
	case strings.ContainsRune(h.Name, 0):
		return driver.Faultf(driver.Argument, "the host's name holds a zero byte")
	case h.Port < 0 || h.Port > 65535:
		return driver.Faultf(driver.Argument, "the port %d of %s isn't one from 1 to 65535", h.Port, h.Name)
	}
	return nil
}

// isSocket reports whether the host is a Unix socket. A name with an @ in front is that of an abstract one.
func (h Host) isSocket() bool { return filepath.IsAbs(h.Name) || strings.HasPrefix(h.Name, "@") }

// isLoopback reports whether the user named this very machine, and address is there. A name that merely resolves to it
// doesn't count: what it resolves to is for others to say.
func (h Host) isLoopback(address string) bool {
	if h.isSocket() {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	named := strings.EqualFold(strings.TrimSuffix(h.Name, "."), "localhost") || net.ParseIP(h.Name).IsLoopback()
	return named && err == nil && net.ParseIP(host).IsLoopback()
}

// String returns the host as a URL has it.
func (h Host) String() string {
	if h.isSocket() {
		return h.Name
	}
	return net.JoinHostPort(h.Name, strconv.Itoa(h.Port))
}

// dialer opens the network connections.
func (t *target) dialer() *net.Dialer { return netdriver.Dialer(t.KeepAlive, t.NoKeepAlive) }

// order returns the hosts as they are to be tried.
func (t *target) order() []Host { return netdriver.Order(t.Hosts, t.LoadBalance) }

// label names the target in messages: its hosts and database, never who logs in.
func (t *target) label() string { return netdriver.Label("mariadb", t.Hosts, t.Database) }

// resolveSettings makes the statements that a session starts with. The names of variables are checked, because they become
// part of them; their values are literals.
func (t *target) resolveSettings() error {
	settings := map[string]string{"time_zone": "'+00:00'"}
	if t.Collation != "" {
		if !strings.HasPrefix(strings.ToLower(t.Collation), "utf8mb4_") && !strings.HasPrefix(strings.ToLower(t.Collation), "uca1400_") {
			return driver.Faultf(driver.Argument, "collation %q: Go's strings are UTF-8, so use one of utf8mb4", t.Collation)
		}
		settings["collation_connection"] = literal(t.Collation)
	}
	if t.SQLMode != "" {
		if words := unreadable(t.SQLMode); len(words) > 0 {
			return driver.Faultf(driver.Argument, "sql_mode: statements can't be read under %s", strings.Join(words, ", "))
		}
		settings["sql_mode"] = literal(t.SQLMode)
	}
	if t.StatementTimeout < 0 || t.LockTimeout < 0 {
		return driver.Faultf(driver.Argument, "a limit of the server's is negative")
	}
	if t.StatementTimeout > 0 {
		settings["max_statement_time"] = strconv.FormatFloat(max(t.StatementTimeout, time.Millisecond).Seconds(), 'f', 6, 64)
	}
	if t.LockTimeout > 0 {
		settings["innodb_lock_wait_timeout"] = strconv.FormatInt(int64((t.LockTimeout+time.Second-1)/time.Second), 10)
	}
	for name, value := range t.Variables {
		key := strings.ToLower(name)
		switch {
		case !isIdentifier(name):
			return driver.Faultf(driver.Argument, "the variable %q isn't a name of letters, digits and _", name)
		case strings.ContainsRune(value, 0):
			return driver.Faultf(driver.Argument, "the variable %s has a zero byte in it", name)
		case key == "time_zone" && !isUTC(value):
			return driver.Faultf(driver.Argument, "time_zone: sessions are in UTC, so leave it out; CONVERT_TZ converts in a statement")
		case key == "sql_mode" || key == "autocommit" || strings.HasPrefix(key, "character_set_") || strings.HasPrefix(key, "collation_"):
			return driver.Faultf(driver.Argument, "the variable %s can't be set as one: the driver relies on it", name)
		case key == "time_zone":
		default:
			settings[key] = literal(value)
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if text.Len() == 0 {
			text.WriteString("SET ")
		} else {
			text.WriteString(", ")
		}
		text.WriteString("SESSION " + name + " = " + settings[name])
	}
	t.setup = []string{text.String()}
	if t.ReadOnly {
		t.setup = append(t.setup, "SET SESSION TRANSACTION READ ONLY")
	}
	return nil
}

// literal writes a value of a variable as SQL: a number as it is, for number variables take no text; all else as text that
// means the same under each sql_mode.
func literal(value string) string {
	if value != "" && strings.Trim(value, "0123456789") == "" || isFraction(value) {
		return value
	}
	if strings.Contains(value, `\`) { // whether it escapes is for the server's sql_mode to say
		return "CONVERT(0x" + hexadecimal(value) + " USING utf8mb4)"
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

func isFraction(value string) bool {
	whole, part, ok := strings.Cut(value, ".")
	return ok && whole != "" && part != "" && strings.Trim(whole+part, "0123456789") == ""
}

func hexadecimal(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte(digits[text[i]>>4])
		b.WriteByte(digits[text[i]&15])
	}
	return b.String()
}

func isIdentifier(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func isUTC(zone string) bool {
	return slices.Contains([]string{"utc", "+00:00", "-00:00", "+0:00", "z", "etc/utc"}, strings.ToLower(strings.Trim(zone, "'")))
}

// unreadable returns the words of an sql_mode under which a statement means something else than package sqltext reads in it:
// those two, and the combinations that include the first
// (https://mariadb.com/docs/server/server-management/variables-and-modes/sql_mode).
func unreadable(mode string) (words []string) {
	for word := range strings.SplitSeq(mode, ",") {
		switch strings.ToUpper(strings.TrimSpace(word)) {
		case "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL":
			words = append(words, strings.ToUpper(strings.TrimSpace(word)))
		}
	}
	return words
}

// readable returns the sql_mode without what unreadable finds.
func readable(mode string) string {
	words := strings.Split(mode, ",")
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return len(unreadable(w)) > 0 }), ",")
}
