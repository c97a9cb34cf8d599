package mongodb

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
)

// Options say which servers to connect to, and how. The zero value connects to localhost without a login.
type Options struct {
	Hosts      []Host // some of the servers; none: localhost. The others are learned from them
	SRV        bool   // the one host is a name whose SRV records list the servers (mongodb+srv)
	SRVService string // in those records; "": mongodb
	SRVMax     int    // of the servers that the records list, how many are used; 0: all
	Database   string // what statements run in
	User       string // where the engine's login names none; "": no login, unless Auth.Mechanism needs none
	Password   config.Secret
	Auth       Auth

	ReplicaSet   string // its name, which every server has to have
	Direct       bool   // speak to the one host and to no other, whatever its role
	LoadBalanced bool   // the one host is a load balancer

	Read     Read
	Write    Write
	ReadOnly bool // refuse to write

	// NoRetryWrites has the client library send no write a second time. NoRetryReads has no read repeated, by nobody.
	NoRetryWrites, NoRetryReads bool

	TLS TLS

	ConnectTimeout  time.Duration // of dialling and logging in. 0: 10 s
	SelectTimeout   time.Duration // how long to wait for a server that will do, where the context ends no earlier. 0: 30 s
	Heartbeat       time.Duration // how often each server is asked for its role. 0: 10 s
	LocalThreshold  time.Duration // servers this much slower than the nearest will do, too. 0: 15 ms
	MaxConnecting   int           // how many connections to a server are opened at once. 0: 2
	MonitoringMode  string        // auto, stream or poll; "": auto
	Compressors     []string      // zstd, zlib, snappy, in the order of preference
	ZlibLevel       *int          // -1 to 9
	ApplicationName string        // in the server's log

	// Dial opens a network connection, in place of net.Dialer: for tunnels and proxies. network is "tcp" or "unix".
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Client changes the client library's options before a client is made of them: for what has no word here, such as
	// automatic encryption. The login and the pool's sizes are filled in already; monitors that it sets are replaced.
	Client func(*options.ClientOptions)
}

// Host is one server.
type Host struct {
	Name string // a name, an address, or the path of a Unix socket; a certificate is checked against it
	Port int    // 0: 27017
}

// Auth says how to log in.
type Auth struct {
	Mechanism  string            // "": SCRAM, whichever the server has
	Source     string            // the database that knows the user; "": the statements' own, or admin
	Properties map[string]string // of the mechanism; they may hold secrets, which never show
}

// Read says from which servers to read, and what.
type Read struct {
	Preference   string // primary, primaryPreferred, secondary, secondaryPreferred, nearest; "": primary
	Tags         []map[string]string
	MaxStaleness time.Duration
	Concern      string // local, available, majority, linearizable, snapshot; "": the server's own
}

// Write says when a write is done. The zero value is the server's own default, which is majority.
type Write struct {
	W       string // a number, majority or a tag
	Journal *bool
}

const (
	defaultPort           = 27017
	defaultConnectTimeout = 10 * time.Second
)

// target is where and how to connect: Options with everything decided.
type target struct {
	Options
	rules driver.Table
	pref  *readpref.ReadPref // of reads outside of transactions
}

// resolve checks the options and fills in what is missing.
func (o Options) resolve() (*target, error) {
	t := &target{Options: o, rules: driver.NewTable(Rules()...)}
	t.Hosts = slices.Clone(o.Hosts)
	if len(t.Hosts) == 0 {
		t.Hosts = []Host{{}}
	}
	for i := range t.Hosts {
		if err := t.Hosts[i].complete(o.SRV); err != nil {
			return nil, err
		}
	}
	if o.Database != "" {
		if err := lang.CheckDatabase(o.Database); err != nil {
			return nil, driver.Faultf(driver.Argument, "%w", err)
		}
	}
	if t.ConnectTimeout <= 0 {
		t.ConnectTimeout = defaultConnectTimeout
	}
	switch {
	case o.SRV && len(t.Hosts) > 1:
		return nil, driver.Faultf(driver.Argument, "SRV records are looked up for one host, not for several")
	case o.Direct && (o.SRV || len(t.Hosts) > 1):
		return nil, driver.Faultf(driver.Argument, "directConnection is for one host, not for several")
	case o.LoadBalanced && (len(t.Hosts) > 1 || o.Direct || o.ReplicaSet != ""):
		return nil, driver.Faultf(driver.Argument, "loadBalanced is for one host, without directConnection and replicaSet")
	}
	if err := t.resolveTLS(); err != nil {
		return nil, err
	}
	lib, err := t.clientOptions("", "", 1)
	if err == nil {
		t.pref = lib.ReadPreference
	}
	return t, err
}

// complete checks a host and fills in what it leaves out.
func (h *Host) complete(srv bool) error {
	if h.Name == "" {
		h.Name = "localhost"
	}
	if h.Port == 0 && !h.isSocket() && !srv {
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

// isSocket reports whether the host is a Unix socket.
func (h Host) isSocket() bool { return filepath.IsAbs(h.Name) }

// isLoopback reports whether the user named this very machine.
func (h Host) isLoopback() bool {
	return h.isSocket() || strings.EqualFold(strings.TrimSuffix(h.Name, "."), "localhost") || net.ParseIP(h.Name).IsLoopback()
}

// String returns the host as a URL has it.
func (h Host) String() string {
	if h.isSocket() || h.Port == 0 {
		return h.Name
	}
	return net.JoinHostPort(h.Name, strconv.Itoa(h.Port))
}

// label names the target in messages: its hosts and database, never who logs in.
func (t *target) label() string {
	scheme := "mongodb"
	if t.SRV {
		scheme = "mongodb+srv"
	}
	return netdriver.Label(scheme, t.Hosts, t.Database)
}
