// Package sqlite is the driver for SQLite, in pure Go.
//
// A database has one connection that writes and several that read. In WAL mode, the default, nobody waits for
// anybody but a writer for another writer: inside the process in the pool's queue, first come first served, and
// between processes by SQLite's locks, for up to BusyTimeout. A database in memory has one connection for everything,
// which is never closed before the engine is.
//
// Values: BOOLEAN arguments are stored as 0 and 1, times as text in UTC as datetime() writes them, with a fraction, and
// decimals as text (which a NUMERIC column turns into a float: declare it TEXT to keep the digits). What is read is what
// SQLite stores: NULL, integer, float, text or bytes.
//
// Temporary tables, ATTACH and PRAGMAs belong to one connection: use Engine.With. A connection whose settings may have been
// changed is closed at the end of it. That of a database in memory can't be: what is temporary or attached goes, and the
// settings that Options has are made again, but other PRAGMAs stay as they were set.
//
// A file that is deleted or replaced while it's open is noticed by Ping and the pool's checks, and opened anew. Whoever
// replaces one has to remove its -wal and -shm files too, or SQLite takes them for the new file's.
package sqlite

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/sqltext"
	"github.com/plinthdb/plinth/pool"
)

// backend is one database file.
type backend struct {
	to   *target
	host driver.Host

	writer *pool.Pool[*session] // nil if the database is read-only
	reader *pool.Pool[*session] // the writer's, if the database has one connection for everything

	made     atomic.Bool // a connection was open: the file exists, and if it's gone a new one isn't made in its place
	readOnly atomic.Bool // the writer found that the file can't be written
	closed   atomic.Bool

	mu   sync.Mutex
	open map[*conn]struct{} // all connections
}

// NewBackend returns a backend for package plinth's New. It opens no connection.
func NewBackend(o Options, host driver.Host) (driver.Backend, error) {
	to, err := o.resolve()
	if err != nil {
		return nil, err
	}
	b := &backend{to: to, host: host, open: make(map[*conn]struct{})}
	b.readOnly.Store(to.ReadOnly)
	if !to.ReadOnly || to.single {
		if b.writer, err = b.newPool(writer, to.pool(writer, host.Pool)); err != nil {
			return nil, err
		}
		b.reader = b.writer
	}
	if !to.single {
		if b.reader, err = b.newPool(reader, to.pool(reader, host.Pool)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// pool returns the settings of one of the pools.
func (t *target) pool(r role, o pool.Options) pool.Options {
	o.BreakerFailures = -1 // what can't be opened is the file's own affair, and looking again costs next to nothing
	if r == reader {
		o.MaxOpenConns = t.readers(o.MaxOpenConns)
		return o
	}
	o.MaxOpenConns, o.MaxIdleConns, o.MinConns = 1, 0, 1
	if t.memory {
		o.ConnMaxLifetime, o.ConnMaxIdleTime, o.CheckAfter, o.KeepAlive = -1, -1, -1, -1
	}
	return o
}

// Configure implements driver.Backend. Of the connections that write there is one, whatever the settings say.
func (b *backend) Configure(o pool.Options) error {
	for _, p := range b.pools() {
		r := reader
		if p == b.writer {
			r = writer
		}
		if err := p.Configure(b.to.pool(r, o)); err != nil {
			return driver.Faultf(driver.Argument, "%w", err)
		}
	}
	return nil
}

func (b *backend) newPool(r role, o pool.Options) (*pool.Pool[*session], error) {
	name := r.String()
	cfg := pool.Config[*session]{
		Options: o,
		Name:    name,
		Dial:    func(ctx context.Context) (*session, error) { return b.dial(ctx, r) },
		Check:   check,
		Cut:     func(s *session) { s.watch.kill() },
		Close: func(s *session, reason pool.Reason) {
			b.close(s.conn)
			b.host.Closed(name, reason)
		},
		OnLeak: b.host.Leaked,
		OnOpen: func(took time.Duration, err error) { b.host.Opened(context.Background(), name, took, err) },
	}
	p, err := pool.New(cfg)
	if err != nil {
		return nil, driver.Faultf(driver.Argument, "%w", err)
	}
	return p, nil
}

// dial opens a connection. The error is a *driver.Fault.
func (b *backend) dial(ctx context.Context, r role) (*session, error) {
	if f := b.otherFile(); f != nil {
		b.invalidate()
		return nil, f
	}
	first := !b.made.Load()
	c, err := open(ctx, b.to, r, first)
	if err != nil {
		return nil, b.to.fault(ctx, driver.Dial, err)
	}
	b.mu.Lock()
	b.open[c] = struct{}{}
	b.mu.Unlock()
	b.made.Store(true)
	if first || r == writer {
		b.readOnly.Store(c.readOnly)
	}
	s := newSession(c, b)
	if err := b.host.OnConnect(ctx, s); err != nil {
		b.close(c)
		return nil, err
	}
	_ = s.endTx(ctx)
	others, err := c.text(ctx, "SELECT count(*) FROM pragma_database_list WHERE name <> 'main'")
	if err != nil {
		b.close(c)
		return nil, b.to.fault(ctx, driver.Dial, err)
	}
	s.dirty, s.foreign = false, others != "0"
	return s, nil
}

func (b *backend) close(c *conn) {
	_ = c.close()
	b.mu.Lock()
	delete(b.open, c)
	b.mu.Unlock()
}

// otherFile returns a fault if a connection is open to a file that is gone from the path. Two files of one path would
// share the write-ahead log's index, which SQLite starts anew for the second, under the feet of the first.
func (b *backend) otherFile() *driver.Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		if c.moved() {
			f := c.replaced()
			f.Phase, f.Sent = driver.Dial, false
			f.Hint = "the new file is opened once the connections to the old one are back"
			return f
		}
	}
	return nil
}

// check looks whether an idle connection is still good: it can only be that another file has taken its file's place.
func check(_ context.Context, s *session) error {
	if s.moved() {
		return s.replaced()
	}
	return nil
}

// invalidate has all connections opened anew.
func (b *backend) invalidate() {
	b.reader.Invalidate()
	if b.writer != nil {
		b.writer.Invalidate()
	}
}

func (b *backend) writable() bool { return !b.readOnly.Load() }

// Info implements driver.Backend.
func (b *backend) Info() driver.Info {
	return driver.Info{Engine: "sqlite", Target: b.to.label(), TransactionalDDL: true, SingleWriter: b.reader != b.writer, Volatile: b.to.memory}
}

// Compile implements driver.Backend.
func (b *backend) Compile(text string) (*driver.Stmt, error) {
	return sqltext.Compile(text, sqltext.SQLite())
}

// Split implements driver.Splitter.
func (b *backend) Split(script io.Reader) iter.Seq2[driver.ScriptStatement, error] {
	return func(yield func(driver.ScriptStatement, error) bool) {
		for st, err := range sqltext.Statements(script, sqltext.SQLite()) {
			if !yield(driver.ScriptStatement{Text: st.Text, Line: st.Line}, err) {
				return
			}
		}
	}
}

// Connect implements driver.Backend. The writer goes first: it makes the file.
func (b *backend) Connect(ctx context.Context) error {
	for _, p := range b.pools() {
		if err := p.Warm(ctx); err != nil {
			return b.acquireFault(ctx, p, err)
		}
	}
	return nil
}

// pools returns the pools, the writer's first.
func (b *backend) pools() []*pool.Pool[*session] {
	switch b.writer {
	case nil:
		return []*pool.Pool[*session]{b.reader}
	case b.reader:
		return []*pool.Pool[*session]{b.writer}
	}
	return []*pool.Pool[*session]{b.writer, b.reader}
}

// Acquire implements driver.Backend.
func (b *backend) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	if b.closed.Load() {
		return nil, &driver.Fault{Kind: driver.Closed, Phase: driver.Acquire, Err: pool.ErrClosed}
	}
	p := b.reader
	if need.Access == driver.Write && b.writer != nil {
		p = b.writer
	}
	var slot *pool.Conn[*session]
	var err error
	if need.NoWait {
		slot, err = p.TryAcquire(ctx)
	} else {
		slot, err = p.AcquireWithin(ctx, need.Timeout)
	}
	if err != nil {
		return nil, b.acquireFault(ctx, p, err)
	}
	s := slot.Value()
	s.slot = slot
	return s, nil
}

// acquireFault turns an error of the pool's into a fault.
func (b *backend) acquireFault(ctx context.Context, p *pool.Pool[*session], err error) error {
	f := &driver.Fault{Phase: driver.Acquire, Verdict: driver.Again, Err: err}
	timeout, timedOut := errors.AsType[*pool.TimeoutError](err)
	dial, dialFailed := errors.AsType[*driver.Fault](err)
	switch {
	case errors.Is(err, pool.ErrClosed):
		f.Kind, f.Verdict = driver.Closed, driver.Never
	case ctx.Err() != nil:
		f.Kind, f.Verdict = contextFault(ctx, driver.Acquire, nil).Kind, driver.Never
	case timedOut && timeout.Connecting():
		f.Kind, f.Verdict = driver.Unavailable, driver.Never // it was waited for already
		if dialFailed {
			f.Kind, f.Code, f.Hint = dial.Kind, dial.Code, dial.Hint
		}
	case timedOut, errors.Is(err, pool.ErrWouldBlock):
		f.Kind, f.Verdict = driver.PoolExhausted, driver.Never // it was waited for already
		switch {
		case b.reader == b.writer:
			f.Hint = "this database has one connection for everything: close the rows first, or read them at once with All"
		case p == b.writer:
			f.Hint = "SQLite has one writer: end its transaction and close its rows first, and run what belongs to a transaction on it"
		}
	case dialFailed:
		return dial
	}
	return f
}

// Stats implements driver.Backend.
func (b *backend) Stats() []pool.Stats {
	var stats []pool.Stats
	for _, p := range b.pools() {
		stats = append(stats, p.Stats())
	}
	return stats
}

// cutGrace is how long Close waits for calls that it has interrupted.
const cutGrace = 250 * time.Millisecond

// Close implements driver.Backend. The writer is closed last, and with it goes the write-ahead log.
func (b *backend) Close(ctx context.Context) error {
	b.closed.Store(true)
	pools := b.pools()
	slices.Reverse(pools)
	var errs []error
	for _, p := range pools {
		if err := p.Close(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutGrace)
	defer cancel()
	for _, p := range pools {
		_ = p.Close(grace) // for its waiting; who was cut is known already
	}
	f := contextFault(ctx, driver.Acquire, nil)
	f.Err = errors.Join(errs...)
	f.Hint = "close rows and end transactions before the engine"
	return f
}
