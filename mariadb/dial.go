package mariadb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// link is a connection that is logged in, and what is needed to reach the same server again.
type link struct {
	*wire.Conn
	to               *target
	host             string // for messages
	network, address string // as dialled
	tls              *tls.Config
	who              login
	verified         bool     // the password itself may be sent there
	plain            net.Conn // below TLS
	maxPacket        int      // the longest command that the server takes
}

// login is who logs in.
type login struct{ user, password string }

// dial connects to the first host that answers and has the role that is asked for. The error is a *driver.Fault.
func (t *target) dial(ctx context.Context, login func(context.Context) (user, password string, err error)) (*link, error) {
	who, err := t.who(ctx, login)
	if err != nil {
		return nil, err
	}
	var failed *driver.Fault
	for _, h := range t.order() {
		network, addresses, f := t.resolveHost(ctx, h)
		if f != nil {
			failed = bothFailed(failed, f)
		}
		for _, address := range addresses {
			l, f := t.dialAddress(ctx, h, network, address, who)
			if f == nil {
				return l, nil
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
				Hint: "write it in the URL: mariadb://USER@host/database",
				Err:  fmt.Errorf("no user is named, and the operating system names none: %w", err)}
		}
		who.user = me.Username
	}
	return who, nil
}

// final reports whether other hosts would say the same.
func final(f *driver.Fault) bool {
	return f.Kind == driver.Auth || f.Kind == driver.Permission || f.Kind == driver.Argument || f.Kind == driver.Undefined
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
		return "unix", []string{h.Name}, nil
	}
	ips := []string{h.Name}
	if net.ParseIP(h.Name) == nil {
		limited, cancel := t.connectTimeout(ctx)
		defer cancel()
		var err error
		if ips, err = t.Lookup(limited, h.Name); err == nil && len(ips) == 0 {
			err = &net.DNSError{Err: "no addresses", Name: h.Name, IsNotFound: true}
		}
		if err != nil {
			return "tcp", nil, t.dialFault(ctx, h, "", login{}, err)
		}
	}
	if t.LoadBalance {
		rand.Shuffle(len(ips), func(i, j int) { ips[i], ips[j] = ips[j], ips[i] })
	}
	for _, ip := range ips {
		addresses = append(addresses, net.JoinHostPort(ip, strconv.Itoa(h.Port)))
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
func (t *target) dialAddress(ctx context.Context, h Host, network, address string, who login) (l *link, f *driver.Fault) {
	limited, cancel := t.connectTimeout(ctx)
	defer cancel()
	for _, mode := range t.tlsModes(h, address) {
		var err error
		if l, err = t.logIn(limited, h, network, address, mode, who); err == nil {
			return l, nil
		}
		if f == nil || !errors.Is(err, wire.ErrNoTLS) { // that there is no other way isn't why the first one failed
			f = t.dialFault(ctx, h, address, who, err)
		}
		if !refusesMode(err) {
			break
		}
	}
	return nil, f
}

// refusesMode reports whether the server may accept a connection with TLS that it has refused without: the user may have to
// have it (1045 tells no reason), everybody may (3159 of MySQL, or the same in MariaDB's words), or his password can't be sent.
func refusesMode(err error) bool {
	if said, ok := errors.AsType[*wire.ServerError](err); ok {
		return said.Number == 1045 || said.Number == 3159 || strings.Contains(said.Message, "require_secure_transport")
	}
	return errors.Is(err, wire.ErrAuth)
}

// logIn makes one connection and sets its session up.
func (t *target) logIn(ctx context.Context, h Host, network, address, mode string, who login) (_ *link, err error) {
	config, err := t.tlsConfig(h, mode)
	if err != nil {
		return nil, err
	}
	// The password itself only goes to a server that has proved who it is, or that is on this machine's own socket.
	verified := network == "unix" || config != nil && mode != tlsPreferred && (!config.InsecureSkipVerify || mode == tlsVerifyCA)
	l := &link{to: t, host: h.String(), network: network, address: address, tls: config, who: who}
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		l.plain, err = t.Dial(ctx, network, address)
		return l.plain, err
	}
	l.Conn, err = wire.Connect(ctx, &wire.Config{
		Network: network, Address: address, User: who.user, Password: who.password, Database: t.Database,
		TLS: config, TLSRequired: config != nil && mode != tlsPreferred,
		Attributes: map[string]string{"_client_name": "plinth"}, FoundRows: true, LocalInfile: true,
		Cleartext: t.Cleartext && verified, MaxPacket: t.MaxPacket, Dial: dial,
	})
	if err != nil {
		return nil, err
	}
	l.verified = verified
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	stop := interruptible(ctx, l.NetConn())
	role, err := l.prepareSession()
	if !stop() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err == nil && (t.Role == RoleReadWrite && role.readOnly || t.Role == RoleReadOnly && !role.readOnly) {
		err = &roleError{t.Role}
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// roleError says that a server isn't what was asked for.
type roleError struct{ wanted Role }

func (e *roleError) Error() string {
	if e.wanted == RoleReadOnly {
		return "the server isn't read-only"
	}
	return "the server is read-only"
}

// standing is what a new session learns of its server.
type standing struct{ readOnly bool }

// prepareSession makes the session's settings, and asks for what is to be known of the server, in one round trip; in two where
// the server's own sql_mode has to be changed.
func (l *link) prepareSession() (standing, error) {
	const ask = "SELECT @@max_allowed_packet, @@global.read_only, @@sql_mode"
	for _, text := range l.to.setup {
		l.SendQuery(text)
	}
	l.SendQuery(ask)
	if err := l.Flush(); err != nil {
		return standing{}, err
	}
	for range l.to.setup {
		if _, err := l.ReadResult(); err != nil {
			return standing{}, settingsError(err)
		}
	}
	row, err := l.readRow()
	if err != nil {
		return standing{}, err
	}
	if len(row) != 3 {
		return standing{}, fmt.Errorf("%w: its settings can't be read", wire.ErrProtocol)
	}
	l.maxPacket, err = strconv.Atoi(row[0])
	if err != nil {
		return standing{}, fmt.Errorf("%w: its max_allowed_packet isn't a number", wire.ErrProtocol)
	}
	if mode := row[2]; len(unreadable(mode)) > 0 {
		l.SendQuery("SET SESSION sql_mode = '" + readable(mode) + "'")
		if err := l.Flush(); err != nil {
			return standing{}, err
		}
		if _, err := l.ReadResult(); err != nil {
			return standing{}, settingsError(err)
		}
	}
	return standing{readOnly: row[1] != "0" && row[1] != "OFF"}, nil
}

// settingsError marks what the server says of a session's settings.
func settingsError(err error) error {
	if said, ok := errors.AsType[*wire.ServerError](err); ok {
		return &refusedSetting{said}
	}
	return err
}

// refusedSetting says that the server doesn't take one of the session's settings.
type refusedSetting struct{ said *wire.ServerError }

func (e *refusedSetting) Error() string { return "a setting of the session: " + e.said.Error() }
func (e *refusedSetting) Unwrap() error { return e.said }

// readRow reads an answer of one row in the text protocol.
func (l *link) readRow() ([]string, error) {
	res, err := l.ReadResult()
	if err != nil {
		return nil, err
	}
	var out []string
	for res.Columns != nil {
		row, err := l.ReadRow()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		fields := make([][]byte, len(res.Columns))
		if err := wire.SplitText(row, fields); err != nil {
			return nil, err
		}
		out = out[:0]
		for _, f := range fields {
			out = append(out, string(f))
		}
	}
	return out, nil
}

// interruptible ends what blocks on conn when ctx ends. What it returns ends that, and reports whether ctx hasn't ended.
func interruptible(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// kill has the server run "KILL QUERY ", which ends the statement that the connection runs, or "KILL ", which ends the connection,
// on a connection that is made as the first one was. sent says that the server may have been asked: an error then leaves open whether the KILL may still come.
//
// The server marks the connection's thread before it answers (kill_one_thread in sql/sql_parse.cc), so once this has
// returned nil the mark is there: it ends the statement that runs, or the next one, with which it is gone.
func (l *link) kill(ctx context.Context, command string) (sent bool, err error) {
	conn, err := wire.Connect(ctx, &wire.Config{
		Network: l.network, Address: l.address, User: l.who.user, Password: l.who.password,
		TLS: l.tls, TLSRequired: l.mustTLS(), Cleartext: l.to.Cleartext && l.verified, Dial: l.to.Dial,
		Attributes: map[string]string{"_client_name": "plinth"},
	})
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	stop := interruptible(ctx, conn.NetConn())
	defer stop()
	conn.SendQuery(command + strconv.FormatUint(uint64(l.ID()), 10))
	if err = conn.Flush(); err == nil {
		_, err = conn.ReadResult()
	}
	if said, ok := errors.AsType[*wire.ServerError](err); ok && conn.Failed() == nil {
		return false, said // it's known that nothing was marked
	}
	if err == nil {
		_ = conn.NetConn().SetDeadline(time.Now().Add(closeTime))
		conn.SendQuit()
		_ = conn.Flush()
	}
	return true, err
}

// mustTLS reports whether the connection has TLS, which one beside it has to have, too.
func (l *link) mustTLS() bool {
	_, ok := l.TLS()
	return ok
}

// heard reports whether the server has said something that wasn't read, or has closed the connection. From an idle session
// nothing is to be heard but that it ends.
func (l *link) heard() bool {
	conn, ok := l.plain.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	return err != nil || pending(raw)
}
