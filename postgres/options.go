package postgres

import (
	"context"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// Options say which server to connect to, and how each session is set up. The zero value connects to localhost as the
// user who runs the program, as psql does.
type Options struct {
	Hosts    []Host // tried in this order; none: localhost
	Database string // "": the one that has the user's name
	User     string // where the engine's login names none; "": the operating system's user
	Password config.Secret

	// Role is which of the hosts will do, in the words of libpq's target_session_attrs. "": any, but where there are several
	// hosts and ReadOnly isn't set, only one that writes.
	Role        Role
	LoadBalance bool // try the hosts, and a host's addresses, in random order
	ReadOnly    bool // transactions are read-only, unless a statement says otherwise (default_transaction_read_only)

	TLS            TLS
	RequireAuth    string // the methods of login that are accepted, as libpq's require_auth lists them; "": see TLS
	ChannelBinding string // disable, prefer or require, for SCRAM over TLS; "": prefer

	ConnectTimeout time.Duration       // of dialling and logging in, for each address. 0: 10 s; negative: none
	KeepAlive      net.KeepAliveConfig // of TCP; what is 0: after 15 s of silence, every 15 s, 9 times. Enable needn't be set
	NoKeepAlive    bool                // no probes: a host that went away in silence is noticed only by a call's own deadline

	// Limits that the server itself enforces in each session; 0: the server's own. Through PgBouncer they can't be set for a
	// session: each transaction sets them for itself, together with its BEGIN, and a statement outside of one has none.
	StatementTimeout         time.Duration // of a statement (statement_timeout)
	LockTimeout              time.Duration // of a wait for a lock (lock_timeout)
	IdleInTransactionTimeout time.Duration // of a transaction's silence (idle_in_transaction_session_timeout)

	// RuntimeParams are settings that each session starts with: any that SET knows
	// (https://www.postgresql.org/docs/current/runtime-config.html), and extensions' with a dot in their name. Unless
	// they are here, client_encoding is UTF8, DateStyle is ISO and standard_conforming_strings is on, whatever the role or
	// database says; all else, TimeZone too, is left to the server. client_encoding has to stay UTF8.
	RuntimeParams map[string]string

	// PgBouncer is for a PgBouncer that hands out servers by transaction or statement: nothing is left in a session, so
	// there are no named prepared statements. See https://www.pgbouncer.org/features.html.
	PgBouncer      bool
	StatementCache int // prepared statements kept a connection. 0: 256; negative: none

	// Dial opens a network connection, in place of net.Dialer: for tunnels and cloud connectors. network is "tcp" or "unix".
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup returns the addresses of a host's name, in place of net.DefaultResolver.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Host is one server.
type Host struct {
	Name    string // a name, an address, or the directory of a Unix socket; a certificate is checked against it
	Address string // where it is dialled, if not at what Name resolves to (libpq's hostaddr)
	Port    int    // 0: 5432
}

// Role is what a server has to be to be connected to.
type Role string

// The roles. See https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS.
const (
	RoleAny           Role = "any"
	RoleReadWrite     Role = "read-write"     // sessions can write
	RoleReadOnly      Role = "read-only"      // sessions can't write
	RolePrimary       Role = "primary"        // not a standby
	RoleStandby       Role = "standby"        // in recovery
	RolePreferStandby Role = "prefer-standby" // a standby, or any if there is none
)

const (
	defaultPort           = 5432
	defaultConnectTimeout = 10 * time.Second
	defaultStatementCache = 256
)

// target is where and how to connect: Options with everything decided.
type target struct {
	Options
	blank  *pgconn.Config // ours in each field that counts
	rules  driver.Table
	limits []string // what each transaction sets for itself
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
	case RoleAny, RoleReadWrite, RoleReadOnly, RolePrimary, RoleStandby, RolePreferStandby:
	default:
		return nil, driver.Faultf(driver.Argument,
			"target_session_attrs %q: use one of any, read-write, read-only, primary, standby, prefer-standby",
			string(t.Role))
	}
	if t.ConnectTimeout == 0 {
		t.ConnectTimeout = defaultConnectTimeout
	}
	if t.StatementCache == 0 {
		t.StatementCache = defaultStatementCache
	}
	if t.PgBouncer || t.StatementCache < 0 {
		t.StatementCache = 0
	}
	if t.Dial == nil {
		t.Dial = t.dialer().DialContext
	}
	if t.Lookup == nil {
		t.Lookup = net.DefaultResolver.LookupHost
	}
	if err := t.resolveParams(); err != nil {
		return nil, err
	}
	if err := t.resolveTLS(); err != nil {
		return nil, err
	}
	return t, t.resolveLogin()
}

// complete checks a host and fills in what it leaves out.
func (h *Host) complete() error {
	if h.Name == "" {
		h.Name = h.Address
	}
	if h.Name == "" {
		h.Name = "localhost"
	}
	if h.Port == 0 {
		h.Port = defaultPort
	}
	switch {
	case strings.ContainsRune(h.Name, 0):
		return driver.Faultf(driver.Argument, "the host's name holds a zero byte")
	case h.Port < 0 || h.Port > 65535:
		return driver.Faultf(driver.Argument, "the port %d of %s isn't one from 1 to 65535", h.Port, h.Name)
	case h.Address != "" && net.ParseIP(h.Address) == nil:
		return driver.Faultf(driver.Argument,
			"the address of %s isn't an IP address; leave hostaddr out to have the name resolved", h.Name)
	}
	return nil
}

// isSocket reports whether the host is a Unix socket's directory. A name with an @ in front is that of an abstract socket.
func (h Host) isSocket() bool {
	return h.Address == "" && (filepath.IsAbs(h.Name) || strings.HasPrefix(h.Name, "@"))
}

// socket returns the path of the Unix socket in the host's directory.
func (h Host) socket() string { return h.Name + "/.s.PGSQL." + strconv.Itoa(h.Port) }

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
		return h.socket()
	}
	return net.JoinHostPort(h.Name, strconv.Itoa(h.Port))
}

// dialer opens the network connections.
func (t *target) dialer() *net.Dialer { return netdriver.Dialer(t.KeepAlive, t.NoKeepAlive) }

// resolveParams makes the settings that a session starts with. Those that PgBouncer refuses aren't set unless asked for.
func (t *target) resolveParams() error {
	params := map[string]string{"client_encoding": "UTF8", "DateStyle": "ISO", "standard_conforming_strings": "on"}
	set := func(name, value string) {
		maps.DeleteFunc(params, func(k, _ string) bool { return strings.EqualFold(k, name) })
		params[name] = value
	}
	for _, limit := range []struct {
		name string
		d    time.Duration
	}{
		{"statement_timeout", t.StatementTimeout}, {"lock_timeout", t.LockTimeout},
		{"idle_in_transaction_session_timeout", t.IdleInTransactionTimeout},
	} {
		switch {
		case limit.d < 0:
			return driver.Faultf(driver.Argument, "%s is negative", limit.name)
		case limit.d > 0:
			ms := strconv.FormatInt(max(1, int64((limit.d+time.Millisecond-1)/time.Millisecond)), 10)
			if t.PgBouncer {
				t.limits = append(t.limits, "SET LOCAL "+limit.name+" = "+ms)
			} else {
				set(limit.name, ms)
			}
		}
	}
	for name, value := range t.RuntimeParams {
		switch {
		case name == "" || strings.ContainsRune(name+value, 0):
			return driver.Faultf(driver.Argument, "the runtime parameter %q has no name, or a zero byte in it", name)
		case strings.EqualFold(name, "client_encoding") && !isUTF8(value):
			return driver.Faultf(driver.Argument,
				"client_encoding: Go's strings are UTF-8, so leave it out; the server converts what it stores")
		case name == "user" || name == "database" || name == "replication":
			return driver.Faultf(driver.Argument, "%s isn't a runtime parameter of a session", name)
		}
		set(name, value)
	}
	set("client_encoding", "UTF8")
	if t.ReadOnly {
		set("default_transaction_read_only", "on")
	}
	t.RuntimeParams = params
	return nil
}

func isUTF8(encoding string) bool {
	e := strings.ToLower(strings.NewReplacer("-", "", "_", "", "'", "").Replace(encoding))
	return e == "utf8" || e == "unicode" || e == "auto" // auto is libpq's word for what the program uses
}

// order returns the hosts as they are to be tried.
func (t *target) order() []Host { return netdriver.Order(t.Hosts, t.LoadBalance) }

// label names the target in messages: its hosts and database, never who logs in.
func (t *target) label() string { return netdriver.Label("postgres", t.Hosts, t.Database) }
