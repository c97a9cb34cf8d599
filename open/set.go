package open

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
)

// The settings of a Set whose own are zero.
const (
	DefaultMaxTargets  = 100
	DefaultIdleTimeout = 10 * time.Minute
)

// Set has an engine for each database that the contexts of its callers name: one for each tenant, region or shard. Which
// one it is says the configuration in force under a context (config.WithOverride), so that functions need not be told.
//
//	var tenants open.Set // the zero Set is ready to use
//
//	ctx = config.WithOverride(ctx, config.WithURL("sqlite:tenants/7.db"))
//	err := tenants.Use(ctx, func(ctx context.Context, db *plinth.Engine) error {
//		_, err := db.Execute(ctx, "insert into visit (at) values (?)", time.Now())
//		return err
//	})
//
// A context without an override names the database that Options name, as with Open. There is one engine, and so one pool,
// for each distinct target: product, addresses, database, user, password, the driver's parameters, and whether it's read
// only. An override of nothing but other settings leads to the same engine. They count for the calls under that context;
// but the sizes and times of a pool are those of the context under which it was opened.
//
// Use is for work; Engine is for what has to be handed an engine and uses it at once. A Set is safe for concurrent use. It
// must not be copied, nor its fields changed, after the first use.
type Set struct {
	// Options are those of every engine. The configuration that they lead to is read once. With Watch it is followed, and
	// so are those that the contexts' overrides lead to: from the next call under a new context on.
	Options plinth.Options

	// MaxTargets is how many targets are open at a time; 0: DefaultMaxTargets. Another one takes the place of the one
	// that has been idle for longest, and waits where none is idle.
	MaxTargets int

	// IdleTimeout is for how long an engine may have run nothing before it is closed, give or take a quarter;
	// 0: DefaultIdleTimeout, negative: it never is.
	IdleTimeout time.Duration

	base        atomic.Pointer[base]
	loading     sync.Mutex   // held by who makes a base
	bases       int64        // that were made
	resolutions atomic.Int64 // that were made

	mu      sync.Mutex
	seed    []byte // of the keys
	targets map[key]*target
	waiting int           // callers who wait for room
	closing int           // engines that take up room until they are closed
	changed chan struct{} // closed when something happened that those who wait want to know
	timer   *time.Timer   // of the next sweep; nil while there is no target
	counts  Counts
	closed  bool
	life    context.Context // ends with Close; see living
	end     context.CancelFunc

	closeOnce sync.Once
	closeErr  error

	open func(context.Context, config.Config, plinth.Options) (*plinth.Engine, error) // nil: OpenConfig
}

// target is one database of a Set. Set.mu guards what changes.
type target struct {
	key    key
	config config.Config // under which it was opened

	ready  chan struct{} // closed when engine or err is known
	engine *plinth.Engine
	err    error

	leases    int       // calls of Use, and callers who wait for ready
	keepUntil time.Time // it was handed out by Engine, and may not have been used yet; zero: it never was
	used      time.Time // when it was last seen in use
	acquires  int64     // how often connections of it had been used then

	following following
}

// handedOut is for how long an engine that Engine has returned isn't closed to make room, used or not.
const handedOut = time.Minute

// Use calls fn with the engine for the configuration in force under ctx, and returns what fn returns. The engine stays
// open until then; fn must not keep it, close it or reconfigure it. The first call for a target dials it, once for all who
// ask, and whoever stops waiting leaves the others waiting. A target that can't be reached is dialled anew by the next call.
//
// The errors of its own are *plinth.Error: ErrArgument if the configuration is wrong, ErrPoolExhausted if MaxTargets others
// were all in use for as long as the configuration's AcquireTimeout, ErrClosed after Close, and what the dial failed with.
func (s *Set) Use(ctx context.Context, fn func(ctx context.Context, db *plinth.Engine) error) error {
	t, err := s.lease(ctx)
	if err != nil {
		return err
	}
	defer s.release(t)
	return fn(ctx, t.engine)
}

// Engine returns the engine for the configuration in force under ctx, as Use does, for code that takes an engine and uses
// it within a minute. Once it was idle for IdleTimeout, or for a minute where there is no room for another target, the Set
// may close it, and its calls fail with ErrClosed. So it must not be kept: ask again, which costs little. Nor must it
// be closed or reconfigured.
func (s *Set) Engine(ctx context.Context) (*plinth.Engine, error) {
	t, err := s.lease(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	t.keepUntil = time.Now().Add(handedOut)
	s.mu.Unlock()
	s.release(t)
	return t.engine, nil
}

// lease returns the target of a context, open, and keeps it so until release.
func (s *Set) lease(ctx context.Context) (*target, error) {
	r, err := s.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, ended(r.config, err, "")
	}
	t, err := s.find(ctx, r)
	if err != nil {
		return nil, err
	}
	select {
	case <-t.ready:
	case <-ctx.Done():
		s.release(t)
		return nil, ended(r.config, ctx.Err(), "while the database was dialled")
	}
	if t.err != nil {
		s.release(t)
		return nil, t.err
	}
	if s.Options.Watch {
		s.follow(ctx, t, r)
	}
	return t, nil
}

func (s *Set) release(t *target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.leases--
	t.used = time.Now()
	s.tell()
}

// find returns a lease on the target, which may not be dialled yet, and makes room for it if it's new.
func (s *Set) find(ctx context.Context, r *resolved) (*target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var giveUp <-chan time.Time
	for waiting := false; ; waiting = true {
		switch t := s.targets[r.key]; {
		case s.closed:
			return nil, failed(plinth.ErrClosed, r.config, errors.New("the set was closed"))
		case t != nil:
			t.leases++
			return t, nil
		case len(s.targets)+s.closing < s.maxTargets():
			return s.add(r), nil
		}
		if !waiting && r.asked.AcquireTimeout > 0 {
			timer := time.NewTimer(r.asked.AcquireTimeout)
			defer timer.Stop()
			giveUp = timer.C
		}
		s.waiting++
		err := s.awaitRoom(ctx, r, giveUp)
		s.waiting--
		if err != nil {
			return nil, err
		}
	}
}

// lookAgain is how often one who waits looks for an engine that has become idle without being told.
const lookAgain = 50 * time.Millisecond

// awaitRoom has the engine closed that was idle for longest, and waits until there may be room. s.mu is held, but not
// while it waits.
func (s *Set) awaitRoom(ctx context.Context, r *resolved, giveUp <-chan time.Time) error {
	if s.closing < s.waiting { // else there will be room for all who wait
		if t := s.idlest(time.Now()); t != nil {
			s.counts.Evicted++
			s.shut(t)
		}
	}
	changed := s.next()
	s.mu.Unlock()
	defer s.mu.Lock()
	look := time.NewTimer(lookAgain)
	defer look.Stop()
	what := fmt.Sprintf("all %d targets of the set are in use", s.maxTargets())
	select {
	case <-changed:
	case <-look.C:
	case <-ctx.Done():
		return ended(r.config, ctx.Err(), what)
	case <-giveUp:
		err := failed(plinth.ErrPoolExhausted, r.config, fmt.Errorf("%s, and have been for %v", what, r.asked.AcquireTimeout))
		err.Hint = "raise Set.MaxTargets, or leave Use earlier"
		return err
	}
	return nil
}

// next returns what is closed when something happens that those who wait want to know. s.mu is held.
func (s *Set) next() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// tell wakes those who wait. s.mu is held.
func (s *Set) tell() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// ended is the error of a caller whose context ended.
func ended(c config.Config, err error, while string) error {
	kind := plinth.ErrCanceled
	if errors.Is(err, context.DeadlineExceeded) {
		kind = plinth.ErrTimeout
	}
	if while != "" {
		err = fmt.Errorf("%s: %w", while, err)
	}
	return failed(kind, c, err)
}

func failed(kind plinth.Kind, c config.Config, err error) *plinth.Error {
	return &plinth.Error{Kind: kind, Op: "open", Engine: string(c.Engine), Target: c.Redacted(), Err: err}
}

func (s *Set) maxTargets() int { return cmp.Or(s.MaxTargets, DefaultMaxTargets) }

func (s *Set) idleTimeout() time.Duration { return cmp.Or(s.IdleTimeout, DefaultIdleTimeout) }

func (s *Set) log() *slog.Logger { return cmp.Or(s.Options.Logger, slog.Default()) }
