package mongodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/tag"
)

// client is one client of the library's, which all sessions share that were opened while it was the current one.
type client struct {
	*mongo.Client
	user, password string
	size           int // connections to a server at most
	facts          atomic.Pointer[facts]

	uses int // sessions; guarded by clients.mu
	cut  sync.Once
	left atomic.Bool // another has taken its place: it is closed when the last session is

	refused atomic.Bool // the last login was
}

// facts are what a server has told of itself and of what it is part of.
type facts struct {
	version string // of FerretDB with its name in front
	tx      bool   // it has transactions: a member of a replica set, or a router
}

// clients are the current client and those that are left until their last session has ended.
type clients struct {
	mu      sync.Mutex
	current *client
	closed  bool
}

// use returns the current client for a new session. Where who logs in or the number of connections has changed, it makes
// another first.
func (b *backend) use(ctx context.Context) (*client, error) {
	user, password, err := b.host.Login(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, netdriver.Ended(ctx, driver.Dial, nil)
	case err != nil:
		return nil, &driver.Fault{Kind: driver.Auth, Phase: driver.Dial, Err: fmt.Errorf("the credentials: %w", err)}
	}
	if user == "" {
		user, password = b.to.User, b.to.Password.Reveal()
	}
	size := b.pool.Options().MaxOpenConns
	b.clients.mu.Lock()
	defer b.clients.mu.Unlock()
	c := b.clients.current
	if b.clients.closed {
		return nil, &driver.Fault{Kind: driver.Closed, Phase: driver.Dial}
	}
	if c == nil || c.user != user || c.password != password || c.size < size {
		made, err := b.to.connect(user, password, size)
		if err != nil {
			return nil, err
		}
		b.leave(c)
		c = made
		b.clients.current = c
	}
	c.uses++
	return c, nil
}

// leave has a client closed when nobody uses it any more. The lock is held.
func (b *backend) leave(c *client) {
	if c == nil {
		return
	}
	c.left.Store(true)
	if c.uses == 0 {
		b.disconnect(c)
	}
}

// unuse ends the use of a client by a session.
func (b *backend) unuse(c *client) {
	b.clients.mu.Lock()
	defer b.clients.mu.Unlock()
	if c.uses--; c.uses == 0 && c.left.Load() {
		b.disconnect(c)
	}
}

// disconnectTime is how long closing a client may take, whose connections nobody uses.
const disconnectTime = 2 * time.Second

// cut closes a client's connections under those who use them.
func (b *backend) cut(c *client) {
	c.cut.Do(func() {
		b.aside(func() {
			ctx, cancel := context.WithCancel(b.life)
			cancel()
			_ = c.Disconnect(ctx)
		})
	})
}

func (b *backend) disconnect(c *client) {
	b.aside(func() {
		ctx, cancel := context.WithTimeout(b.life, disconnectTime)
		defer cancel()
		_ = c.Disconnect(ctx)
	})
}

// connect makes a client. It dials nothing yet, but SRV records are looked up.
func (t *target) connect(user, password string, size int) (*client, error) {
	opts, err := t.clientOptions(user, password, size)
	if err != nil {
		return nil, err
	}
	if t.SRV {
		uri := options.Client().ApplyURI(t.srvURI())
		if err := uri.Validate(); err != nil {
			return nil, &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: err,
				Hint: "the SRV records of " + t.Hosts[0].Name + " can't be looked up"}
		}
		opts.Hosts = uri.Hosts
		if opts.ReplicaSet == nil {
			opts.ReplicaSet = uri.ReplicaSet
		}
		if opts.LoadBalanced == nil {
			opts.LoadBalanced = uri.LoadBalanced
		}
		if opts.Auth != nil && opts.Auth.AuthSource == "" && uri.Auth != nil {
			opts.Auth.AuthSource = uri.Auth.AuthSource
		}
	}
	if t.Client != nil {
		t.Client(opts)
		opts.SetMonitor(monitor())
	}
	made, err := mongo.Connect(opts)
	if err != nil {
		return nil, driver.Faultf(driver.Argument, "%w", err)
	}
	return &client{Client: made, user: user, password: password, size: size}, nil
}

// srvURI is what the library looks the SRV and TXT records up by. It holds no login.
func (t *target) srvURI() string {
	uri := "mongodb+srv://" + t.Hosts[0].Name + "/"
	sep := "?"
	if t.SRVService != "" {
		uri, sep = uri+sep+"srvServiceName="+t.SRVService, "&"
	}
	if t.SRVMax > 0 {
		uri += sep + "srvMaxHosts=" + strconv.Itoa(t.SRVMax)
	}
	return uri
}

// clientOptions returns the library's options.
func (t *target) clientOptions(user, password string, size int) (*options.ClientOptions, error) {
	o := options.Client()
	if !t.SRV {
		hosts := make([]string, len(t.Hosts))
		for i, h := range t.Hosts {
			hosts[i] = h.String()
		}
		o.SetHosts(hosts)
	}
	if t.ReplicaSet != "" {
		o.SetReplicaSet(t.ReplicaSet)
	}
	if t.Direct {
		o.SetDirect(true)
	}
	if t.LoadBalanced {
		o.SetLoadBalanced(true)
	}
	if user != "" || t.Auth.Mechanism != "" {
		o.SetAuth(t.credential(user, password))
	}
	o.SetRetryWrites(!t.NoRetryWrites).SetRetryReads(false).SetMaxAdaptiveRetries(0) // the engine repeats what may be repeated
	o.SetMaxPoolSize(uint64(max(1, size))).SetMonitor(monitor())
	o.SetConnectTimeout(t.ConnectTimeout).SetDialer(dialer{t})
	if t.SelectTimeout > 0 {
		o.SetServerSelectionTimeout(t.SelectTimeout)
	}
	if t.Heartbeat > 0 {
		o.SetHeartbeatInterval(t.Heartbeat)
	}
	if t.LocalThreshold > 0 {
		o.SetLocalThreshold(t.LocalThreshold)
	}
	if t.MaxConnecting > 0 {
		o.SetMaxConnecting(uint64(t.MaxConnecting))
	}
	if t.MonitoringMode != "" {
		o.SetServerMonitoringMode(t.MonitoringMode)
	}
	if len(t.Compressors) > 0 {
		o.SetCompressors(t.Compressors)
	}
	if t.ZlibLevel != nil {
		o.SetZlibLevel(*t.ZlibLevel)
	}
	if t.ApplicationName != "" {
		o.SetAppName(t.ApplicationName)
	}
	switch {
	case t.TLS.NoRevocationCheck:
		o.SetDisableCertificateRevocationCheck(true)
	case t.TLS.NoOCSPEndpoint:
		o.SetDisableOCSPEndpointCheck(true)
	}
	if err := t.concerns(o); err != nil {
		return nil, err
	}
	secure, err := t.tlsConfig()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		o.SetTLSConfig(secure)
	}
	if t.SRV {
		return o, nil // the library would ask for the hosts, which aren't known yet
	}
	if err := o.Validate(); err != nil {
		return nil, driver.Faultf(driver.Argument, "%w", err)
	}
	return o, nil
}

// credential says how to log in.
func (t *target) credential(user, password string) options.Credential {
	c := options.Credential{
		AuthMechanism: t.Auth.Mechanism, AuthMechanismProperties: t.Auth.Properties, AuthSource: t.Auth.Source,
		Username: user, Password: password, PasswordSet: password != "",
	}
	// Where none is named it is the URL's database, and admin without one; these mechanisms have a database of their own
	// (https://github.com/mongodb/specifications/blob/master/source/auth/auth.md).
	if c.AuthSource == "" {
		switch c.AuthMechanism {
		case "MONGODB-X509", "MONGODB-AWS":
			c.AuthSource = "$external"
		case "PLAIN":
			if c.AuthSource = "$external"; t.Database != "" {
				c.AuthSource = t.Database
			}
		default:
			if !t.SRV || t.Database != "" { // else the TXT record may say it
				c.AuthSource = "admin"
			}
			if t.Database != "" {
				c.AuthSource = t.Database
			}
		}
	}
	return c
}

// concerns sets read preference and the concerns.
func (t *target) concerns(o *options.ClientOptions) error {
	r := t.Read
	mode := readpref.PrimaryMode
	if r.Preference != "" {
		var err error
		if mode, err = readpref.ModeFromString(r.Preference); err != nil {
			return driver.Faultf(driver.Argument, "readPreference: use one of primary, primaryPreferred, secondary, secondaryPreferred, nearest")
		}
	}
	var more []readpref.Option
	if len(r.Tags) > 0 {
		var sets []tag.Set
		for _, set := range r.Tags {
			sets = append(sets, tag.NewTagSetFromMap(set))
		}
		more = append(more, readpref.WithTagSets(sets...))
	}
	if r.MaxStaleness > 0 {
		more = append(more, readpref.WithMaxStaleness(r.MaxStaleness))
	}
	pref, err := readpref.New(mode, more...)
	if err != nil {
		return driver.Faultf(driver.Argument, "readPreferenceTags and maxStalenessSeconds need another readPreference than primary")
	}
	o.SetReadPreference(pref)
	if r.Concern != "" {
		o.SetReadConcern(&readconcern.ReadConcern{Level: r.Concern})
	}
	w := t.Write
	if w.W == "" && w.Journal == nil {
		return nil
	}
	wc := &writeconcern.WriteConcern{Journal: w.Journal}
	if n, err := strconv.Atoi(w.W); err == nil {
		wc.W = n
	} else if w.W != "" {
		wc.W = w.W
	}
	if wc.W == 0 {
		f := driver.Faultf(driver.Argument, "w=0: a write that nobody acknowledges may be lost without a word")
		f.Hint = "write w=1"
		return f
	}
	o.SetWriteConcern(wc)
	return nil
}

// dialer opens the library's connections.
type dialer struct{ t *target }

// DialContext implements the library's ContextDialer. Where nothing was said of TLS because all the hosts are this machine, it
// doesn't go elsewhere: a replica set may name its members as it likes, and nothing would protect what is sent to them.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.t.TLS.Mode == "" && network != "unix" {
		host, _, err := net.SplitHostPort(address)
		if err == nil && !(Host{Name: host}).isLoopback() {
			return nil, &elsewhereError{address}
		}
	}
	if d.t.Dial != nil {
		return d.t.Dial(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// elsewhereError says that a server isn't spoken to without TLS.
type elsewhereError struct{ address string }

func (e *elsewhereError) Error() string {
	return e.address + ", which the servers on this machine name, is another machine: it isn't spoken to without TLS"
}

// learn asks the server for its version and role, and remembers what doesn't change.
func (c *client) learn(ctx context.Context, pref options.Lister[options.RunCmdOptions]) (driver.Server, error) {
	known := c.facts.Load()
	if known == nil {
		known = new(facts)
		raw, err := c.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}, pref).Raw()
		if err != nil {
			return driver.Server{}, err
		}
		known.version, _ = raw.Lookup("version").StringValueOK()
		ferret, ok := raw.Lookup("ferretdbVersion").StringValueOK()
		if !ok {
			ferret, ok = raw.Lookup("ferretdb", "version").StringValueOK() // from 2.0 on
		}
		if ferret = strings.TrimPrefix(ferret, "v") + " "; ferret == "unknown " { // its builders haven't said it
			ferret = ""
		}
		if ok {
			known.version = "FerretDB " + ferret + "(MongoDB " + known.version + ")"
		}
	}
	raw, err := c.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}, pref).Raw()
	if err != nil {
		return driver.Server{}, err
	}
	server := driver.Server{Version: known.version}
	server.Writable, _ = raw.Lookup("isWritablePrimary").BooleanOK()
	set, member := raw.Lookup("setName").StringValueOK()
	message, _ := raw.Lookup("msg").StringValueOK()
	switch {
	case message == "isdbgrid":
		server.Role = "router"
	case !member || set == "":
		server.Role = "standalone"
	case server.Writable:
		server.Role = "primary"
	default:
		server.Role = "replica"
	}
	c.facts.Store(&facts{known.version, server.Role != "standalone"}) // others read what known is
	return server, nil
}

// transactions reports whether the server has them.
func (c *client) transactions() bool {
	known := c.facts.Load()
	return known != nil && known.tx
}

// hintWords are how MongoDB's users call what hints tell them to look at.
func hintWords() *netdriver.Words {
	return &netdriver.Words{
		Scheme: "mongodb", Server: "a MongoDB", RootCert: "tlsCAFile", Cert: "tlsCertificateKeyFile, a file of the certificate", Key: "its key",
		NoTLS:     "set net.tls.mode in the server's configuration, or write tls=false if the network between is trusted",
		Encrypted: "tlsInsecure=true", AnyName: "tlsAllowInvalidHostnames=true", Listens: "net.bindIp, net.port",
		NoSocket: "is the server running on this machine, and is that where its socket is (net.unixDomainSocket.pathPrefix)?",
	}
}

// explain says in the fault of a session that couldn't be opened what to try.
func (t *target) explain(f *driver.Fault) {
	if _, ok := errors.AsType[*elsewhereError](f.Err); ok {
		f.Hint = "write tls=true, or tls=false if the network is trusted"
		return
	}
	err, host, words := f.Err, t.Hosts[0], hintWords()
	e, ok := errors.AsType[*selectionError](err)
	said := ok && len(e.cause) > 1 // what the servers said, and not that time was up
	if said {
		err = errors.Join(e.cause[1:]...)
	}
	if !words.Explain(f, host.Name, host.isSocket(), err) && said {
		f.Hint = "is it a MongoDB server that answers there?"
	}
	if t.encrypts() && netdriver.HungUp(err) {
		f.Hint = "the server closed the connection as TLS began; if it doesn't do TLS: " + words.NoTLS
	}
}
