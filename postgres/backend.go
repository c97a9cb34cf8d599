// Package postgres is the driver for PostgreSQL, from version 12 on, and for what speaks its protocol in front of it.
//
// pgx's pgconn dials and logs in; what follows is spoken here: statements are prepared once a connection, values travel in
// binary where both sides know it, rows are read as they are asked for, and BEGIN travels with a transaction's first statement.
//
// A deadline or a cancel is kept by the client, with or without the server's help. A call that it ends sends the server a
// cancel request and gives it a moment to answer, for then it is known that nothing was applied. If no answer comes the call
// returns all the same, and says whether something may have been applied; the connection isn't used again, nor another
// opened in its place, before the server has answered and the cancel request is known to be over.
//
// What a session has set for itself (SET, LISTEN, temporary tables, advisory locks) belongs to one connection: use
// Engine.With. At its end the connection is made as new by DISCARD ALL, and Options.OnConnect runs on it again.
package postgres

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/sqltext"
	"github.com/plinthdb/plinth/pool"
)

// backend is one target, which may have several hosts, behind one pool.
type backend struct {
	to   *target
	host driver.Host
	pool *pool.Pool[*session]

	types       sync.Map     // uint32: *pgvalue.Type
	invalidated atomic.Int64 // when all connections were given up, in Unix nanoseconds

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
	b.pool, err = pool.New(pool.Config[*session]{
		Options: host.Pool,
		Dial:    b.dial,
		Check:   func(ctx context.Context, s *session) error { return s.check(ctx) },
		Cut:     (*session).cut,
		Close: func(s *session, reason pool.Reason) {
			s.close()
			host.Closed("", reason)
		},
		OnLeak: host.Leaked,
		OnOpen: func(took time.Duration, err error) { host.Opened(context.Background(), "", took, err) },
	})
	if err != nil {
		b.end()
		return nil, driver.Faultf(driver.Argument, "%w", err)
	}
	return b, nil
}

// dial opens a session. The error is a *driver.Fault.
func (b *backend) dial(ctx context.Context) (*session, error) {
	w, err := b.to.dial(ctx, b.host.Login)
	if err != nil {
		return nil, err
	}
	s := newSession(w, b)
	if err := s.configure(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// Info implements driver.Backend.
func (b *backend) Info() driver.Info {
	return driver.Info{Engine: "postgres", Target: b.to.label(), TransactionalDDL: true, GuardsReads: true}
}

// Compile implements driver.Backend.
func (b *backend) Compile(text string) (*driver.Stmt, error) {
	return sqltext.Compile(text, sqltext.PostgreSQL())
}

// Split implements driver.Splitter.
func (b *backend) Split(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return func(yield func(driver.ScriptStatement, error) bool) {
		for st, err := range sqltext.Statements(script, sqltext.PostgreSQL()) {
			if !yield(driver.ScriptStatement{Text: st.Text, Line: st.Line}, err) {
				return
			}
		}
	}
}

// Connect implements driver.Backend.
func (b *backend) Connect(ctx context.Context) error {
	if err := b.pool.Warm(ctx); err != nil {
		return acquireFault(ctx, err)
	}
	return nil
}

// Acquire implements driver.Backend.
//
// A session that its server has ended while it was idle isn't lent to a writer: what is written to it is lost, and nobody
// could tell that from a write whose answer was lost. A reader finds out by himself, and asks again.
func (b *backend) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	for {
		s, err := b.acquire(ctx, need)
		if err != nil {
			return nil, err
		}
		if need.Access == driver.Read || !s.sock.heard() || s.check(ctx) == nil {
			return s, nil
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
		return nil, acquireFault(ctx, err)
	}
	s := slot.Value()
	s.slot = slot
	return s, nil
}

// acquireFault turns an error of the pool's into a fault.
func acquireFault(ctx context.Context, err error) error {
	f := &driver.Fault{Phase: driver.Acquire, Verdict: driver.Again, Err: err}
	timeout, timedOut := errors.AsType[*pool.TimeoutError](err)
	dial, dialFailed := errors.AsType[*driver.Fault](err)
	switch {
	case errors.Is(err, pool.ErrClosed):
		f.Kind, f.Verdict = driver.Closed, driver.Never
	case ctx.Err() != nil:
		f.Kind, f.Verdict = contextKind(ctx), driver.Never
	case timedOut && timeout.InUse == 0 && dialFailed: // nobody holds a connection, none can be opened
		f.Kind, f.Verdict, f.Code, f.Hint = dial.Kind, dial.Verdict, dial.Code, dial.Hint
	case timedOut, errors.Is(err, pool.ErrWouldBlock):
		f.Kind, f.Verdict = driver.PoolExhausted, driver.Never // it was waited for already
	case dialFailed:
		return dial
	}
	return f
}

// Stats implements driver.Backend.
func (b *backend) Stats() []pool.Stats { return []pool.Stats{b.pool.Stats()} }

// Configure implements driver.Backend.
func (b *backend) Configure(o pool.Options) error {
	switch err := b.pool.Configure(o); {
	case errors.Is(err, pool.ErrClosed):
		return &driver.Fault{Kind: driver.Closed, Phase: driver.Acquire, Err: err}
	case err != nil:
		return driver.Faultf(driver.Argument, "%w", err)
	}
	return nil
}

// cutGrace is how long Close waits for calls that it has cut. It is less than a caller notices after his deadline.
const cutGrace = 60 * time.Millisecond

// Close implements driver.Backend.
func (b *backend) Close(ctx context.Context) error {
	err := b.pool.Close(ctx)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
	defer cancel()
	if err == nil {
		b.quiet(grace)
		b.end()
		return nil
	}
	_ = b.pool.Close(grace) // for its waiting; who was cut is known already
	b.quiet(grace)
	time.AfterFunc(cutTime, b.end) // the server shall still be asked to cancel what was cut
	f := ended(ctx, driver.Acquire, nil)
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

// cut ends what runs in a session that somebody uses: the server is asked to cancel it, and the connection is closed.
func (s *session) cut() {
	s.cancelAside()
	s.watch.kill(func() { _ = s.sock.Close() })
}

// cutTime is how long asking the server to cancel what was cut may take.
const cutTime = time.Second

// cancelAside sends a cancel request that nobody waits for, because the connection won't be used any more.
func (s *session) cancelAside() {
	s.back.aside(func() {
		ctx, cancel := context.WithTimeout(s.back.life, cutTime)
		defer cancel()
		_ = s.cancelRequest(ctx)
	})
}

// close closes the connection. It doesn't block: what can't be sent at once isn't sent.
func (s *session) close() {
	s.watch.release()
	if s.owed > 0 && s.cancel == nil && !s.watch.wasKilled() {
		s.cancelAside() // the server finds out that nobody listens only when it has something to say
	}
	if s.broken == nil && s.owed == 0 {
		_ = s.conn.SetDeadline(time.Now().Add(closeTime))
		_, _ = s.conn.Write([]byte{'X', 0, 0, 0, 4}) // Terminate
	}
	_ = s.sock.Close()
}

// closeTime is how long a good-bye may take that a full buffer holds up.
const closeTime = 50 * time.Millisecond
