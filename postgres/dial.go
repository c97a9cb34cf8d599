package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
)

// wire is a connection that is logged in and idle. pgconn has made it and has no part in it any more.
type wire struct {
	*pgproto3.Frontend
	in     *inbound // what it reads from
	sock   *socket  // the network connection, which counts bytes
	conn   net.Conn // sock, or TLS on it: deadlines go here
	pid    uint32
	secret []byte            // what a cancel request proves itself by
	params map[string]string // what the server has reported so far (server_version, in_hot_standby, …)
	status byte              // of the last ReadyForQuery
	host   string            // for messages

	to               *target
	network, address string      // as dialled, for the cancel request has to get to the same server
	tls              *tls.Config // nil: none
}

// Bodies of messages. The server's own limit is 1 GB (PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize); before it has proved itself
// it gets far less, because memory is set aside for a message as soon as its length is there.
const (
	maxLoginBody = 64 << 10
	maxBody      = 1<<30 - 1
)

// dial connects to the first host that answers and has the role that is asked for. The error is a *driver.Fault.
func (t *target) dial(ctx context.Context, login func(context.Context) (user, password string, err error)) (*wire, error) {
	who, err := netdriver.Who(ctx, login, netdriver.Login{User: t.User, Password: t.Password.Reveal()}, terms())
	if err != nil {
		return nil, err
	}
	role := t.Role
	if role == RolePreferStandby {
		role = RoleStandby
	}
	w, f := t.dialAny(ctx, who, role)
	if f != nil && t.Role == RolePreferStandby && ctx.Err() == nil {
		w, f = t.dialAny(ctx, who, RoleAny)
	}
	if f != nil {
		return nil, f
	}
	return w, nil
}

// dialAny tries the hosts. A login that was refused ends it, as in libpq.
func (t *target) dialAny(ctx context.Context, who netdriver.Login, role Role) (*wire, *driver.Fault) {
	resolve := func(h Host) (network string, addresses []string, f *driver.Fault) {
		if h.isSocket() {
			return "unix", []string{h.socket()}, nil
		}
		limited, cancel := netdriver.Limited(ctx, t.ConnectTimeout)
		defer cancel()
		addresses, err := netdriver.Addresses(limited, t.Lookup, h.Name, h.Address, h.Port, t.LoadBalance)
		if err != nil {
			return "tcp", nil, t.dialFault(ctx, h, "", netdriver.Login{}, err)
		}
		return "tcp", addresses, nil
	}
	dial := func(h Host, network, address string) (*wire, *driver.Fault) {
		return t.dialAddress(ctx, h, network, address, who, role)
	}
	return netdriver.DialAny(ctx, t.order(), resolve, dial, final)
}

// final reports whether other hosts would say the same.
func final(f *driver.Fault) bool {
	return f.Kind == driver.Auth || f.Kind == driver.Permission || f.Code == "3D000"
}

// dialAddress connects to one address, with TLS and without where both will do.
func (t *target) dialAddress(ctx context.Context, h Host, network, address string, who netdriver.Login, role Role) (w *wire, f *driver.Fault) {
	limited, cancel := netdriver.Limited(ctx, t.ConnectTimeout)
	defer cancel()
	for _, mode := range t.tlsModes(h, address) {
		var err error
		if w, err = t.logIn(limited, h, network, address, mode, who, role); err == nil {
			return w, nil
		}
		next := t.dialFault(ctx, h, address, who, err)
		switch {
		case f == nil || errors.Is(f.Err, errNoTLS) || f.Err.Error() == next.Err.Error():
			f = next
		case !errors.Is(err, errNoTLS): // that there is no other way isn't why the first one failed
			f = netdriver.BothFailed(f, next)
		}
		if !refusesMode(err) {
			break
		}
	}
	return nil, f
}

// refusesMode reports whether the server may accept the connection with TLS if it was made without, or the other way
// round: it doesn't do TLS, or its pg_hba.conf has no line for such a connection.
func refusesMode(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code == "28000"
	}
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return netdriver.IsAlert(err) || unverified || record || errors.Is(err, errNoTLS) || errors.Is(err, errEarlyTLS)
}

// logIn makes one connection.
func (t *target) logIn(ctx context.Context, h Host, network, address, mode string, who netdriver.Login, role Role) (_ *wire, err error) {
	config, err := t.tlsConfig(h, mode)
	if err != nil {
		return nil, err
	}
	sock, conn, err := t.connect(ctx, network, address, config)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()

	c := *t.blank
	c.Host, c.User, c.Password, c.Database, c.RuntimeParams = address, who.User, who.Password, t.Database, t.RuntimeParams
	c.ChannelBinding, c.RequireAuth = t.ChannelBinding, t.RequireAuth
	if c.RequireAuth == "" && config == nil && !h.isLoopback(address) {
		c.RequireAuth = "!password" // nobody asks for it in clear where others listen
	}
	c.LookupFunc = func(context.Context, string) ([]string, error) {
		return []string{"127.0.0.1"},
			nil
	} // it's connected already
	handed := false
	c.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		if handed { // pgconn cancels what failed, which has no use before there is a session
			return nil, net.ErrClosed
		}
		handed = true
		return conn, nil
	}
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxLoginBody)
		return f
	}
	pg, err := pgconn.ConnectConfig(ctx, &c)
	if err != nil {
		return nil, bare(err)
	}
	if err := hasRole(ctx, pg, role); err != nil {
		return nil, err
	}
	if err := pg.SyncConn(ctx); err != nil { // nothing is left in pgconn's own reader, which is given up
		return nil, bare(err)
	}
	hijacked, err := pg.Hijack()
	if err != nil {
		return nil, err
	}
	in := &inbound{conn: conn}
	frontend := pgproto3.NewFrontend(in, conn)
	frontend.SetMaxBodyLen(maxBody)
	return &wire{
		Frontend: frontend, in: in, sock: sock, conn: conn, pid: hijacked.PID, secret: hijacked.SecretKey,
		params: hijacked.ParameterStatuses, status: hijacked.TxStatus, host: h.String(),
		to: t, network: network, address: address, tls: config,
	}, nil
}

// connect opens a network connection, with TLS on it unless config is nil.
func (t *target) connect(ctx context.Context, network, address string, config *tls.Config) (*socket, net.Conn, error) {
	plain, err := t.Dial(ctx, network, address)
	if err != nil {
		return nil, nil, err
	}
	sock := &socket{Conn: plain}
	if config == nil {
		return sock, sock, nil
	}
	conn, err := startTLS(ctx, sock, config, t.TLS.Direct)
	if err != nil {
		_ = plain.Close()
		return nil, nil, err
	}
	return sock, conn, nil
}

// bare returns the error inside pgconn's wrappers, which hold the password and repeat the address.
func bare(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = e.Unwrap()
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		err = several.Unwrap()[0]
	}
	if inner := errors.Unwrap(err); inner != nil { // of the error that repeats the address
		err = inner
	}
	return err
}
