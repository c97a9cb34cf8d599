// Package mongodb is the driver for MongoDB, from version 4.4 on, on the official client library. It is experimental: see
// docs/mongodb.md for what was tested on which server.
//
// Statements are written as in mongosh, db.tracks.find({ms: {$gt: ?}}).limit(10), or as database commands,
// {"find": "tracks", "filter": {"ms": {"$gt": ?}}}. A bound value is only ever a value: a document that would act as an operator
// is refused, unless it is wrapped in Operators.
//
// The client library has a pool of its own, without an order and without a limit on how long one waits. In front of it
// are sessions, each of which uses one of its connections at most. They are what the engine's pool keeps, with its time-out,
// its statistics and its word on who holds them.
//
// Each row is a document with keys of its own. Into a struct go the keys that have a field; a key that is missing is as NULL.
package mongodb

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"github.com/plinthdb/plinth/mongodb/internal/lang"
	"github.com/plinthdb/plinth/pool"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// Operators marks an argument, or a part of one, as written by the program and not by its users: keys that begin with $ act as
// operators in it, as in Operators{Value: bson.M{"$gt": 5}}. Never wrap what came from outside. Code for the server ($where,
// $function, $accumulator) is refused even so.
type Operators = lang.Operators

// backend is one target: a pool of sessions in front of a client.
type backend struct {
	to      *target
	host    driver.Host
	pool    *pool.Pool[*session]
	clients clients

	life context.Context // of what goes on in the background
	end  context.CancelFunc

	mu      sync.Mutex
	asides  int           // how much goes on there
	noAside chan struct{} // closed when nothing does; nil if nobody waits for that
}

// NewBackend returns a backend for package plinth's New. It opens no connection.
func NewBackend(o Options, host driver.Host) (driver.Backend, error) {
	to, err := o.resolve()
	if err != nil {
		return nil, err
	}
	b := &backend{to: to, host: host}
	b.life, b.end = context.WithCancel(context.Background())
	var breaker func(pool.BreakerState, error)
	if host.Breaker != nil {
		breaker = func(state pool.BreakerState, err error) { host.Breaker("", state, err) }
	}
	b.pool, err = pool.New(pool.Config[*session]{
		Options: host.Pool,
		Dial:    b.open,
		Cut:     (*session).cut,
		Close: func(s *session, reason pool.Reason) {
			s.close()
			host.Closed("", reason)
		},
		OnLeak: host.Leaked,
		OnOpen: func(took time.Duration, err error) { host.Opened(context.Background(), "", took, err) },

		OnBreaker: breaker,
	})
	if err != nil {
		b.end()
		return nil, driver.Faultf(driver.Argument, "%w", err)
	}
	return b, nil
}

// openTime is how long the opening of a session waits for a server that will do. The library goes on looking for one, and the
// pool asks again; meanwhile those who wait are told why there is none.
const openTime = 2 * time.Second

// open opens a session: a server has to answer. The error is a *driver.Fault.
func (b *backend) open(ctx context.Context) (*session, error) {
	c, err := b.use(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{back: b, client: c, life: b.life, access: driver.Read}
	s.rows.s = s
	if f := s.greet(ctx); f != nil {
		b.unuse(c)
		return nil, f
	}
	if err := b.host.OnConnect(ctx, s); err != nil {
		b.unuse(c)
		return nil, err
	}
	return s, nil
}

// greet asks a server who it is. A server that was found has ConnectTimeout for the login.
func (s *session) greet(ctx context.Context) *driver.Fault {
	c, start := s.begin(ctx), time.Now()
	var err error
	for {
		limited, cancel := context.WithTimeout(c, openTime)
		_, err = s.client.learn(limited, options.RunCmd().SetReadPreference(s.preference()))
		cancel()
		_, loggingIn := errors.AsType[topology.WaitQueueTimeoutError](err)
		passed := time.Since(start)
		switch {
		case ctx.Err() != nil:
		case loggingIn && passed < s.back.to.ConnectTimeout:
			continue
		case s.client.refused.Load() && paused(err) && passed < openTime: // that was another's login: of this one nobody has said anything
			time.Sleep(commitPause)
			continue
		}
		break
	}
	if err == nil {
		s.client.refused.Store(false)
		return nil
	}
	f := s.fault(c, driver.Dial, err)
	s.client.refused.Store(f.Kind == driver.Auth)
	f.Phase, f.Sent = driver.Dial, false
	if f.Kind == driver.Timeout && ctx.Err() == nil {
		f.Kind = driver.Unavailable
	}
	if f.Kind == driver.Unavailable {
		f.Verdict = driver.Again
		s.back.to.explain(f)
	}
	return f
}

// Info implements driver.Backend.
func (b *backend) Info() driver.Info {
	return driver.Info{Engine: "mongodb", Target: b.to.label()}
}

// Compile implements driver.Backend.
func (b *backend) Compile(text string) (*driver.Stmt, error) { return Compile(text) }

// Compile reads one statement without a database: for programs that look at it before it is run. The error is a
// *driver.Fault of kind Syntax. What it returns is safe for use by many goroutines.
func Compile(text string) (*driver.Stmt, error) {
	st, err := lang.Parse(text)
	if err != nil {
		f := driver.Faultf(driver.Syntax, "%w", err)
		if e, ok := errors.AsType[*lang.SyntaxError](err); ok {
			f.Position = len([]rune(text[:min(max(0, e.Offset), len(text))])) + 1
		}
		return nil, f
	}
	class := driver.Ordinary
	if st.Schema {
		class = driver.Schema
	}
	return &driver.Stmt{Text: text, Verb: st.Name, Access: st.Access, Class: class, Binder: statement{st, text}}, nil
}

// statement is a compiled text as the seam knows it.
type statement struct {
	*lang.Statement
	text string
}

// Bind implements driver.Binder.
func (s statement) Bind(args []any) (native string, flat []any, err error) {
	flat, err = s.Statement.Bind(args)
	return s.text, flat, err
}

// Split implements driver.Splitter.
func (b *backend) Split(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return func(yield func(driver.ScriptStatement, error) bool) {
		for st, err := range lang.Statements(script) {
			if !yield(st, err) {
				return
			}
		}
	}
}

// Connect implements driver.Backend.
func (b *backend) Connect(ctx context.Context) error {
	if err := b.pool.Warm(ctx); err != nil {
		return netdriver.AcquireFault(ctx, err)
	}
	return nil
}

// Acquire implements driver.Backend. A session of a client whose login is no longer the one that counts isn't lent.
func (b *backend) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	for {
		s, err := b.acquire(ctx, need)
		if err != nil || !s.client.left.Load() {
			return s, err
		}
		s.slot.Destroy()
	}
}

func (b *backend) acquire(ctx context.Context, need driver.Need) (*session, error) {
	var slot *pool.Conn[*session]
	var err error
	switch {
	case need.NoWait:
		slot, err = b.pool.TryAcquire(ctx)
	case need.Timeout != 0:
		slot, err = b.pool.AcquireWithin(ctx, need.Timeout)
	default:
		slot, err = b.pool.Acquire(ctx)
	}
	if err != nil {
		return nil, netdriver.AcquireFault(ctx, err)
	}
	s := slot.Value()
	s.slot, s.access = slot, need.Access
	return s, nil
}

// Stats implements driver.Backend.
func (b *backend) Stats() []pool.Stats { return []pool.Stats{b.pool.Stats()} }

// Configure implements driver.Backend. Where more sessions are allowed than the client was made for, the next one that is opened
// comes with another client.
func (b *backend) Configure(o pool.Options) error {
	return netdriver.ConfigureFault(b.pool.Configure(o))
}

// cutGrace is how long Close waits for calls that it has cut. It is less than a caller notices after his deadline.
const cutGrace = 60 * time.Millisecond

// Close implements driver.Backend.
func (b *backend) Close(ctx context.Context) error {
	err := b.pool.Close(ctx)
	b.clients.mu.Lock()
	b.clients.closed = true
	b.leave(b.clients.current)
	b.clients.current = nil
	b.clients.mu.Unlock()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
	defer cancel()
	if err == nil {
		b.quiet(grace)
		b.end()
		return nil
	}
	_ = b.pool.Close(grace) // for its waiting; who was cut is known already
	b.quiet(grace)
	b.end()
	f := netdriver.Ended(ctx, driver.Acquire, nil)
	f.Err, f.Hint = err, "close rows and end transactions before the engine"
	return f
}

// aside runs f in the background.
func (b *backend) aside(f func()) {
	b.mu.Lock()
	b.asides++
	b.mu.Unlock()
	go func() {
		f()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.asides--; b.asides == 0 && b.noAside != nil {
			close(b.noAside)
			b.noAside = nil
		}
	}()
}

// quiet waits until nothing goes on in the background.
func (b *backend) quiet(ctx context.Context) {
	b.mu.Lock()
	if b.asides == 0 {
		b.mu.Unlock()
		return
	}
	if b.noAside == nil {
		b.noAside = make(chan struct{})
	}
	quiet := b.noAside
	b.mu.Unlock()
	select {
	case <-quiet:
	case <-ctx.Done():
	}
}
