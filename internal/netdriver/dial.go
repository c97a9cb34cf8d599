package netdriver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plinthdb/plinth/driver"
)

// Login is who logs in.
type Login struct{ User, Password string }

// Who returns who logs in: whom ask names, unless it's nil or names nobody; else known; else the user who runs the program.
// An error is a *driver.Fault.
func Who(ctx context.Context, ask func(context.Context) (user, password string, err error), known Login, w *Words) (who Login, err error) {
	if ask != nil {
		who.User, who.Password, err = ask(ctx)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return who, Ended(ctx, driver.Dial, nil)
	case err != nil:
		return who, &driver.Fault{Kind: driver.Auth, Phase: driver.Dial, Err: fmt.Errorf("the credentials: %w", err)}
	}
	if who.User == "" {
		who = known
	}
	if who.User == "" {
		me, err := user.Current()
		if err != nil {
			return who, &driver.Fault{Kind: driver.Argument, Phase: driver.Dial,
				Hint: "write it in the URL: " + w.Scheme + "://USER@host/database",
				Err:  fmt.Errorf("no user is named, and the operating system names none: %w", err)}
		}
		who.User = me.Username
	}
	return who, nil
}

// DialAny tries the hosts, and each one's addresses, until dial finds one that will do. A fault that is final ends it: the
// same is to be expected of the others.
func DialAny[H, C any](ctx context.Context, hosts []H, resolve func(H) (network string, addresses []string, f *driver.Fault),
	dial func(h H, network, address string) (C, *driver.Fault), final func(*driver.Fault) bool,
) (none C, failed *driver.Fault) {
	for _, h := range hosts {
		network, addresses, f := resolve(h)
		if f != nil {
			failed = BothFailed(failed, f)
		}
		for _, address := range addresses {
			c, f := dial(h, network, address)
			if f == nil {
				return c, nil
			}
			failed = BothFailed(failed, f)
			if final(f) {
				return none, f
			}
		}
		if ctx.Err() != nil {
			f := Ended(ctx, driver.Dial, nil)
			f.Err = fmt.Errorf("%w; %w", f.Err, failed.Err)
			return none, f
		}
	}
	return none, failed
}

// BothFailed makes one fault of two hosts'; a may be nil. It is to be tried again if one of them is; what a server said counts
// for more than silence.
func BothFailed(a, b *driver.Fault) *driver.Fault {
	if a == nil {
		return b
	}
	both := *a
	if a.Code == "" && (b.Code != "" || b.Verdict > a.Verdict) {
		both = *b
	}
	both.Verdict, both.Crowded = max(a.Verdict, b.Verdict), a.Crowded || b.Crowded
	both.Err = fmt.Errorf("%w; %w", a.Err, b.Err)
	return &both
}

// Addresses returns where a host is dialled: at ip if that isn't "", else at what its name resolves to, in another order each
// time if shuffled is set.
func Addresses(ctx context.Context, lookup func(context.Context, string) ([]string, error), name, ip string, port int, shuffled bool,
) (addresses []string, err error) {
	ips := []string{ip}
	switch {
	case ip != "":
	case net.ParseIP(name) != nil:
		ips[0] = name
	default:
		if ips, err = lookup(ctx, name); err != nil {
			return nil, err
		}
		if len(ips) == 0 {
			return nil, &net.DNSError{Err: "no addresses", Name: name, IsNotFound: true}
		}
	}
	if shuffled {
		rand.Shuffle(len(ips), func(i, j int) { ips[i], ips[j] = ips[j], ips[i] })
	}
	for _, ip := range ips {
		addresses = append(addresses, net.JoinHostPort(ip, strconv.Itoa(port)))
	}
	return addresses, nil
}

// IsThisMachine reports whether name is what a user calls this very machine by, and address is there. A name that merely
// resolves to it doesn't count: what it resolves to is for others to say.
func IsThisMachine(name, address string) bool {
	host, _, err := net.SplitHostPort(address)
	named := strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") || net.ParseIP(name).IsLoopback()
	return named && err == nil && net.ParseIP(host).IsLoopback()
}

// Limited returns ctx for as long as connecting may take; negative is without end.
func Limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// Interruptible ends what blocks on conn when ctx ends. What it returns ends that, and reports whether ctx hasn't ended.
func Interruptible(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// Dialer opens network connections. alive needn't be enabled; what is 0 in it has net.Dialer's defaults. never is for no probes.
func Dialer(alive net.KeepAliveConfig, never bool) *net.Dialer {
	if never {
		return &net.Dialer{KeepAlive: -1}
	}
	alive.Enable = true
	return &net.Dialer{KeepAliveConfig: alive}
}

// Order returns the hosts as they are to be tried.
func Order[H any](hosts []H, shuffle bool) []H {
	hosts = slices.Clone(hosts)
	if shuffle {
		rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	}
	return hosts
}

// Label names a target in messages: its hosts and database, never who logs in.
func Label[H fmt.Stringer](scheme string, hosts []H, database string) string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.String()
	}
	label := scheme + "://" + strings.Join(names, ",")
	if database != "" {
		label += "/" + database
	}
	return label
}
