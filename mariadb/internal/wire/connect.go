package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxAuthPackets bounds how often a server may ask on in one login.
const maxAuthPackets = 10

// maxLoginPacket bounds the packets of a server that isn't known yet.
const maxLoginPacket = 1 << 20

// Connect dials, begins TLS and logs in; ctx bounds all of it. Its error is a *ServerError where the server refused, and
// wraps ErrNoTLS, ErrAuth, ErrProtocol, the context's error or the network's. It never holds the password.
func Connect(ctx context.Context, c *Config) (*Conn, error) {
	if strings.ContainsRune(c.User+c.Database, 0) {
		return nil, fmt.Errorf("%w: the user's or the database's name has a zero byte", ErrAuth)
	}
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := dial(ctx, c.Network, c.Address)
	if err != nil {
		return nil, err
	}
	conn := &Conn{sock: &socket{Conn: raw}, longest: maxCommand}
	conn.net = conn.sock
	conn.in.max = maxLoginPacket
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	err = conn.login(ctx, c)
	var refused *ServerError
	if !stop() && !errors.As(err, &refused) {
		err = context.Cause(ctx) // even if the login is done: the deadline in the past is set, or will be
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	conn.in.max = c.MaxPacket
	if conn.in.max <= 0 {
		conn.in.max = maxCommand
	}
	return conn, nil
}

// login is page connection.
func (c *Conn) login(ctx context.Context, cfg *Config) error {
	c.in.src = c.net
	p, err := c.readAuth()
	if err != nil {
		return err
	}
	g, err := parseGreeting(p)
	if err != nil {
		return err
	}
	if missing := required &^ g.caps; missing != 0 {
		return broken("it is too old: MariaDB 10.2 or newer is needed")
	}
	secure := cfg.TLS != nil && g.caps&CapTLS != 0
	if cfg.TLSRequired && !secure {
		return ErrNoTLS
	}
	c.caps, c.id, c.version, c.status = cfg.offer(g.caps, secure), g.id, g.version, g.status
	c.tracked.Schema = cfg.Database
	if secure {
		if err := c.startTLS(ctx, cfg); err != nil {
			return err
		}
	}
	a := auth{cfg: cfg, conn: c, tls: secure, plugin: g.plugin, nonce: g.nonce}
	answer, err := a.first()
	if err != nil {
		return err
	}
	if err := c.writeNow(cfg.appendLogin(nil, c.caps, a.plugin, answer)); err != nil {
		return err
	}
	return a.run()
}

// startTLS asks for TLS and shakes hands. What came before TLS is not to be taken for what comes in it.
func (c *Conn) startTLS(ctx context.Context, cfg *Config) error {
	if err := c.writeNow(cfg.appendHead(nil, c.caps)); err != nil {
		return err
	}
	if c.in.next < c.in.end {
		return broken("it talks on before TLS")
	}
	t := tls.Client(c.sock, cfg.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("beginning TLS: %w", err)
	}
	c.net, c.in.src = t, t
	return nil
}

// readAuth returns the next packet of a login, none of which is empty; an error packet becomes a *ServerError.
func (c *Conn) readAuth() ([]byte, error) {
	p, _, err := c.in.packet()
	switch {
	case err != nil:
		return nil, err
	case len(p) == 0:
		return nil, broken("a packet is empty")
	case p[0] == replyError:
		failure, err := parseError(p)
		if err != nil {
			return nil, err
		}
		return nil, failure
	}
	return p, nil
}

// auth is a login under way.
type auth struct {
	cfg    *Config
	conn   *Conn
	tls    bool
	plugin string
	nonce  []byte
	keyed  bool // the server's key was asked for
}

// first answers the plugin that the greeting names where that gives nothing away; else it says nothing, and the server
// asks on.
func (a *auth) first() ([]byte, error) {
	switch a.plugin {
	case pluginNative, pluginCaching, pluginEd25519:
		return a.cfg.answer(a.plugin, a.nonce, a.tls)
	}
	a.plugin = pluginNative
	return a.cfg.answer(a.plugin, a.nonce, a.tls)
}

// run goes on until the server says OK.
func (a *auth) run() error {
	for range maxAuthPackets {
		p, err := a.conn.readAuth()
		if err != nil {
			return err
		}
		var reply []byte
		switch p[0] {
		case replyOK:
			ok, err := parseOK(p, a.conn.caps&CapSessionTrack != 0, &a.conn.tracked)
			a.conn.status = ok.Status
			return err
		case replyEOF:
			reply, err = a.change(p[1:])
		case 'P': // parsec's salt may come without the mark of more
			reply, err = a.more(p)
		case replyMore:
			reply, err = a.more(p[1:])
			if err == nil && reply == nil {
				continue // the server says on
			}
		default:
			err = broken("a login goes on in no known way")
		}
		if err != nil {
			return err
		}
		if err := a.conn.writeNow(reply); err != nil {
			return err
		}
	}
	return broken("a login doesn't end")
}

// change answers a change of the plugin: page connection#authentication-switch-request.
func (a *auth) change(p []byte) ([]byte, error) {
	if len(p) == 0 { // as servers before 4.1 ask
		a.plugin = pluginOld
	} else {
		c := cursor{b: p}
		a.plugin = string(c.nul())
		if c.bad {
			return nil, broken("a change of the login's plugin ends early")
		}
		a.nonce = append([]byte(nil), c.b...)
	}
	answer, err := a.cfg.answer(a.plugin, a.nonce, a.tls)
	a.keyed = a.plugin == pluginSHA256 && len(answer) == 1 && answer[0] == sha256AskKey
	return answer, err
}

// more answers what the plugin asks on: page connection#server-response-to-handshake-response-packet. It's nil where
// nothing is to be said.
func (a *auth) more(p []byte) ([]byte, error) {
	switch {
	case a.keyed:
		key, err := parseKey(p)
		if err != nil {
			return nil, err
		}
		a.keyed = false
		return a.cfg.encrypt(key, a.nonce)
	case a.plugin == pluginCaching && len(p) == 1 && p[0] == cachingFast:
		return nil, nil
	case a.plugin == pluginCaching && len(p) == 1 && p[0] == cachingProceed && a.cfg.Password != "":
		if a.tls || a.cfg.Network == "unix" {
			return append([]byte(a.cfg.Password), 0), nil
		}
		if a.cfg.ServerKey != nil {
			return a.cfg.encrypt(a.cfg.ServerKey, a.nonce)
		}
		if a.cfg.FetchServerKey {
			a.keyed = true
			return []byte{cachingAskKey}, nil
		}
		return nil, errNoKey
	case a.plugin == pluginParsec && a.nonce != nil:
		nonce := a.nonce
		a.nonce = nil // one answer
		return parsecAnswer(a.cfg.Password, nonce, p)
	}
	return nil, broken("a login goes on in no known way")
}
