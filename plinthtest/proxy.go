package plinthtest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy forwards connections to a server, and lets befall them what it's told. Its methods may be called by many
// goroutines at once, at any time; after Close they do nothing.
type Proxy struct {
	dial   func(context.Context) (net.Conn, error)
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines
	port   *port          // nil in tests that serve pipes
	count  counters
	armed  atomic.Int32 // len(drops)

	closing  sync.Once
	closeErr error

	// mu guards the following. It's held briefly, and never while a lane's or a link's is being waited for.
	mu                 sync.Mutex
	listener           net.Listener // nil while refusing
	toServer, toClient Path         // of new connections
	plan               func(n int) Plan
	drops              []*drop
	all                []*link // of which something runs
	changed            chan struct{}
}

// NewProxy starts a proxy for the server at target, which ends with the test; the test ends if it can't be started. For
// target see Listen. If the test fails the proxy's counts are logged.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := Listen(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("proxy for %s: %+v", target, p.Stats())
		}
		if err := p.Close(); err != nil {
			t.Errorf("closing the proxy for %s: %v", target, err)
		}
	})
	return p
}

// Listen starts a proxy for the server at target on a free port of 127.0.0.1, for programs that aren't tests. target is
// host:port, or the path of a Unix socket (recognised by a / in it, or a leading @). Nothing is dialled before a client
// comes. The caller closes it.
func Listen(target string) (*Proxy, error) {
	network := "tcp"
	if strings.Contains(target, "/") || strings.HasPrefix(target, "@") {
		network = "unix"
	} else if _, _, err := net.SplitHostPort(target); err != nil {
		return nil, errors.New("plinthtest: target " + strconv.Quote(target) + " is neither host:port nor a socket's path")
	}
	port, err := holdPort()
	if err != nil {
		return nil, err
	}
	p := newProxy(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, target)
	})
	p.port = port
	if err := p.Accept(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// newProxy returns a proxy that doesn't listen; serve gives it connections.
func newProxy(dial func(context.Context) (net.Conn, error)) *Proxy {
	p := &Proxy{dial: dial}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Close ends all connections and stops listening. When it returns nothing of the proxy runs any more. It may be called
// again.
func (p *Proxy) Close() error {
	p.closing.Do(func() {
		p.cancel()
		p.closeErr = p.Refuse()
		p.mu.Lock()
		all := slices.Clone(p.all)
		p.mu.Unlock()
		for _, l := range all {
			l.close()
		}
		p.wg.Wait()
		if p.port != nil {
			p.closeErr = errors.Join(p.closeErr, p.port.release())
		}
	})
	return p.closeErr
}

// Addr returns where the proxy listens: 127.0.0.1 and its port.
func (p *Proxy) Addr() string { return net.JoinHostPort(p.Host(), strconv.Itoa(p.Port())) }

// Host returns 127.0.0.1.
func (p *Proxy) Host() string { return "127.0.0.1" }

// Port returns the port, which is the proxy's from its start to its Close, also while it refuses.
func (p *Proxy) Port() int { return p.port.number }

// Refuse stops accepting: who connects is refused by the operating system, as by a host on which no server runs. Open
// connections go on. The port stays the proxy's. The proxy doesn't see who is refused: to count the attempts use
// CutAfter(Both, 0, RST) instead.
func (p *Proxy) Refuse() error {
	p.mu.Lock()
	listener := p.listener
	p.listener = nil
	p.mu.Unlock()
	if listener == nil {
		return nil
	}
	return listener.Close()
}

// Accept ends Refuse.
func (p *Proxy) Accept() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.ctx.Err() != nil || p.port == nil {
		return nil
	}
	var err error
	var config net.ListenConfig
	if p.listener, err = config.Listen(p.ctx, "tcp4", p.Addr()); err != nil {
		return err
	}
	listener := p.listener
	p.wg.Go(func() { p.acceptAll(listener) })
	return nil
}

func (p *Proxy) acceptAll(listener net.Listener) {
	for {
		client, err := listener.Accept()
		switch {
		case err == nil:
			p.serve(client)
		case errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files, which passes: wait for it as net/http does
			select {
			case <-time.After(5 * time.Millisecond):
			case <-p.ctx.Done():
			}
		}
	}
}

// serve forwards what client sends and gets until one side ends.
func (p *Proxy) serve(client net.Conn) {
	n := int(p.count.accepted.Add(1))
	p.mu.Lock()
	ask := p.plan
	p.mu.Unlock()
	var plan Plan
	if ask != nil {
		plan = ask(n)
	}
	p.mu.Lock()
	plan.ToServer, plan.ToClient = plan.ToServer.over(p.toServer), plan.ToClient.over(p.toClient)
	l := newLink(p, client, plan)
	p.all = append(p.all, l)
	p.count.open.Add(1)
	p.mu.Unlock()
	p.notify()
	p.wg.Go(l.run)
	if p.ctx.Err() != nil { // Close may have looked before
		l.close()
	}
}

// links returns those that aren't over.
func (p *Proxy) links() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	var open []*link
	for _, l := range p.all {
		if l.ctx.Err() == nil {
			open = append(open, l)
		}
	}
	return open
}

// closed is told of each link once, when nothing of it runs any more.
func (p *Proxy) closed(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = slices.DeleteFunc(p.all, func(o *link) bool { return o == l })
}
