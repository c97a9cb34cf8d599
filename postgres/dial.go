package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/user"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
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
	who, err := t.who(ctx, login)
	if err != nil {
		return nil, err
	}
	role := t.Role
	if role == RolePreferStandby {
		role = RoleStandby
	}
	w, err := t.dialAny(ctx, who, role)
	if err != nil && t.Role == RolePreferStandby && ctx.Err() == nil {
		w, err = t.dialAny(ctx, who, RoleAny)
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

// login is who logs in.
type login struct{ user, password string }

func (t *target) who(ctx context.Context, ask func(context.Context) (user, password string, err error)) (who login, err error) {
	if ask != nil {
		who.user, who.password, err = ask(ctx)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return who, contextFault(ctx)
	case err != nil:
		return who, &driver.Fault{Kind: driver.Auth, Phase: driver.Dial, Err: fmt.Errorf("the credentials: %w", err)}
	}
	if who.user == "" {
		who = login{t.User, t.Password.Reveal()}
	}
	if who.user == "" {
		me, err := user.Current()
		if err != nil {
			return who, &driver.Fault{Kind: driver.Argument, Phase: driver.Dial,
				Hint: "write it in the URL: postgres://USER@host/database",
				Err:  fmt.Errorf("no user is named, and the operating system names none: %w", err)}
		}
		who.user = me.Username
	}
	return who, nil
}

// dialAny tries the hosts, and each one's addresses, until one will do. A login that was refused ends it, as in libpq:
// the same is to be expected of the others.
func (t *target) dialAny(ctx context.Context, who login, role Role) (*wire, error) {
	var failed *driver.Fault
	for _, h := range t.order() {
		network, addresses, f := t.resolveHost(ctx, h)
		if f != nil {
			failed = bothFailed(failed, f)
		}
		for _, address := range addresses {
			w, f := t.dialAddress(ctx, h, network, address, who, role)
			if f == nil {
				return w, nil
			}
			failed = bothFailed(failed, f)
			if final(f) {
				return nil, f
			}
		}
		if ctx.Err() != nil {
			f := contextFault(ctx)
			f.Err = fmt.Errorf("%w; %w", f.Err, failed.Err)
			return nil, f
		}
	}
	return nil, failed
}

// final reports whether other hosts would say the same.
func final(f *driver.Fault) bool {
	return f.Kind == driver.Auth || f.Kind == driver.Permission || f.Code == "3D000"
}

// bothFailed makes one fault of two hosts'. It is to be tried again if one of them is; what a server said counts for more
// than silence.
func bothFailed(a, b *driver.Fault) *driver.Fault {
	if a == nil {
		return b
	}
	both := *a
	if a.Code == "" && (b.Code != "" || b.Verdict > a.Verdict) {
		both = *b
	}
	both.Verdict = max(a.Verdict, b.Verdict)
	both.Err = fmt.Errorf("%w; %w", a.Err, b.Err)
	return &both
}

// resolveHost returns the addresses of a host.
func (t *target) resolveHost(ctx context.Context, h Host) (network string, addresses []string, f *driver.Fault) {
	if h.isSocket() {
		return "unix", []string{h.socket()}, nil
	}
	port := strconv.Itoa(h.Port)
	ips := []string{h.Address}
	if h.Address == "" {
		ips[0] = h.Name
		if net.ParseIP(h.Name) == nil {
			var cancel context.CancelFunc
			parent := ctx
			ctx, cancel = t.connectTimeout(ctx)
			defer cancel()
			var err error
			if ips, err = t.Lookup(ctx, h.Name); err == nil && len(ips) == 0 {
				err = &net.DNSError{Err: "no addresses", Name: h.Name, IsNotFound: true}
			}
			if err != nil {
				return "tcp", nil, t.dialFault(parent, h, "", login{}, err)
			}
		}
	}
	if t.LoadBalance {
		rand.Shuffle(len(ips), func(i, j int) { ips[i], ips[j] = ips[j], ips[i] })
	}
	for _, ip := range ips {
		addresses = append(addresses, net.JoinHostPort(ip, port))
	}
	return "tcp", addresses, nil
}

func (t *target) connectTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.ConnectTimeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, t.ConnectTimeout)
}

// dialAddress connects to one address, with TLS and without where both will do.
func (t *target) dialAddress(ctx context.Context, h Host, network, address string, who login, role Role) (w *wire, f *driver.Fault) {
	limited, cancel := t.connectTimeout(ctx)
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
			f = bothFailed(f, next)
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
	return isAlert(err) || unverified || record || errors.Is(err, errNoTLS) || errors.Is(err, errEarlyTLS)
}

// logIn makes one connection.
func (t *target) logIn(ctx context.Context, h Host, network, address, mode string, who login, role Role) (_ *wire, err error) {
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
	c.Host, c.User, c.Password, c.Database, c.RuntimeParams = address, who.user, who.password, t.Database, t.RuntimeParams
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

// interruptible ends what blocks on conn when ctx ends. What it returns ends that, and reports whether ctx hasn't ended.
func interruptible(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// cancelRequestCode begins a cancel request:
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
const cancelRequestCode = 80877102

// cancelRequest asks the server to cancel what the connection runs, on a connection of its own that is encrypted as the
// first one is. It returns nil when the server has closed that: then the signal was sent, and can't hit what is run later
// than the next answer. An error says that ctx ended, or that the server can't be reached, so that the request may be on
// its way.
func (w *wire) cancelRequest(ctx context.Context) error {
	_, conn, err := w.to.connect(ctx, w.network, w.address, w.tls)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := interruptible(ctx, conn)
	defer stop()
	request := binary.BigEndian.AppendUint32(make([]byte, 0, 12+len(w.secret)), uint32(12+len(w.secret)))
	request = binary.BigEndian.AppendUint32(request, cancelRequestCode)
	request = binary.BigEndian.AppendUint32(request, w.pid)
	if _, err = conn.Write(append(request, w.secret...)); err != nil {
		return err
	}
	if _, err = conn.Read(make([]byte, 1)); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err == nil {
		return errors.New("the server answered a cancel request, which has no answer")
	}
	return nil // the end, or a reset: it's closed
}
