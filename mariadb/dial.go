package mariadb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// link is a connection that is logged in, and what is needed to reach the same server again.
type link struct {
	*wire.Conn
	to               *target
	host             string // for messages
	network, address string // as dialled
	tls              *tls.Config
	who              netdriver.Login
	verified         bool     // the password itself may be sent there
	plain            net.Conn // below TLS
	maxPacket        int      // the longest command that the server takes
}

// dial connects to the first host that answers and has the role that is asked for. The error is a *driver.Fault.
func (t *target) dial(ctx context.Context, login func(context.Context) (user, password string, err error)) (*link, error) {
	who, err := netdriver.Who(ctx, login, netdriver.Login{User: t.User, Password: t.Password.Reveal()}, terms())
	if err != nil {
		return nil, err
	}
	resolve := func(h Host) (network string, addresses []string, f *driver.Fault) {
		if h.isSocket() {
			return "unix", []string{h.Name}, nil
		}
		limited, cancel := netdriver.Limited(ctx, t.ConnectTimeout)
		defer cancel()
		addresses, err := netdriver.Addresses(limited, t.Lookup, h.Name, "", h.Port, t.LoadBalance)
		if err != nil {
			return "tcp", nil, t.dialFault(ctx, h, "", netdriver.Login{}, err)
		}
		return "tcp", addresses, nil
	}
	dial := func(h Host, network, address string) (*link, *driver.Fault) {
		return t.dialAddress(ctx, h, network, address, who)
	}
	l, f := netdriver.DialAny(ctx, t.order(), resolve, dial, final)
	if f != nil {
		return nil, f
	}
	return l, nil
}

// final reports whether other hosts would say the same.
func final(f *driver.Fault) bool {
	return f.Kind == driver.Auth || f.Kind == driver.Permission || f.Kind == driver.Argument || f.Kind == driver.Undefined
}

// dialAddress connects to one address, with TLS and without where both will do.
func (t *target) dialAddress(ctx context.Context, h Host, network, address string, who netdriver.Login) (l *link, f *driver.Fault) {
	limited, cancel := netdriver.Limited(ctx, t.ConnectTimeout)
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
func (t *target) logIn(ctx context.Context, h Host, network, address, mode string, who netdriver.Login) (_ *link, err error) {
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
		Network: network, Address: address, User: who.User, Password: who.Password, Database: t.Database,
		TLS: config, TLSRequired: config != nil && mode != tlsPreferred,
		Attributes: map[string]string{"_client_name": "plinth"}, FoundRows: true, LocalInfile: true,
		Cleartext: t.Cleartext && verified, MaxPacket: t.MaxPacket, Dial: dial,
	})
	if err != nil {
		if l.plain != nil && netdriver.TimeIsUp(err) {
			err = &silence{err}
		}
		return nil, err
	}
	l.verified = verified
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	stop := netdriver.Interruptible(ctx, l.NetConn())
	role, err := l.prepareSession()
	if !stop() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err == nil && (t.Role == RoleReadWrite && role.readOnly || t.Role == RoleReadOnly && !role.readOnly) {
		err = &netdriver.RoleError{Text: role.text()}
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// standing is what a new session learns of its server.
type standing struct{ readOnly bool }

func (r standing) text() string {
	if r.readOnly {
		return "is read-only"
	}
	return "isn't read-only"
}

// prepareSession makes the session's settings, and asks for what is to be known of the server, in one round trip; in two where
// the server's own sql_mode has to be changed.
func (l *link) prepareSession() (standing, error) {
	const ask = "SELECT @@max_allowed_packet, @@global.read_only, @@sql_mode"
	for _, text := range l.to.setup {
		l.SendQuery(text)
	}
	l.SendQuery(ask)
	clustered := len(l.to.Hosts) > 1 && l.to.Variables["wsrep_dirty_reads"] == "" // who sets that has use for any node
	if clustered {                                                                // MySQL has neither, and SHOW finds nothing then
		l.SendQuery("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'")
		l.SendQuery("SHOW GLOBAL STATUS LIKE 'wsrep_ready'")
	}
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
	if clustered {
		if err := l.inCluster(); err != nil {
			return standing{}, err
		}
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

// inCluster reads whether the node is part of a working Galera cluster, if it's one of such
// (https://mariadb.com/kb/en/galera-cluster-status-variables/#wsrep_ready): where it isn't, another host may be.
func (l *link) inCluster() error {
	on, err := l.readRow()
	if err != nil {
		return err
	}
	ready, err := l.readRow()
	if err != nil {
		return err
	}
	if len(on) == 2 && on[1] == "ON" && len(ready) == 2 && ready[1] != "ON" {
		return &netdriver.RoleError{Text: "isn't part of a working cluster (wsrep_ready is " + ready[1] + ")"}
	}
	return nil
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

// mustTLS reports whether the connection has TLS, which one beside it has to have, too.
func (l *link) mustTLS() bool {
	_, ok := l.TLS()
	return ok
}
