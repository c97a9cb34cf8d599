// Package tap puts itself between an engine and its backend. It watches that the engine keeps to the seam's contract, counts
// what goes over the seam, and fails calls as it is told.
package tap

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

// Op is a call over the seam.
type Op string

// The calls that are counted, and can be planned to fail.
const (
	Connect   Op = "connect"
	Acquire   Op = "acquire"
	Execute   Op = "execute"
	Query     Op = "query"
	Next      Op = "next"
	CloseRows Op = "close rows"
	Begin     Op = "begin"
	Commit    Op = "commit"
	Rollback  Op = "rollback"
	Savepoint Op = "savepoint"
	Ping      Op = "ping"
)

// Tap is between an engine and its backend. The zero Tap only watches and counts. It is safe for concurrent use.
type Tap struct {
	CommittingDDL bool // set before the engine is made: pretend that schema changes commit

	backend driver.Backend
	mu      sync.Mutex
	counts  map[Op]int
	plans   []*Plan
	fates   []driver.Fate
	wrong   []string
}

// Plan is what happens at calls to come.
type Plan struct {
	Op    Op
	Skip  int // calls that are left alone, first
	Times int // calls after those that the plan is for
	Fault *driver.Fault
	After bool                      // the call is made and then fails: its answer is lost. Else nothing is done
	Do    func(ctx context.Context) // runs before the call, if it isn't nil
}

// Plan has what is planned happen. Of several plans for the same call the first counts.
func (p *Tap) Plan(planned Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = append(p.plans, &planned)
}

// Fail has the next calls of op fail before anything is done.
func (p *Tap) Fail(op Op, times int, f driver.Fault) {
	p.Plan(Plan{Op: op, Times: times, Fault: &f})
}

// Lose has the next call of op done, and then fail.
func (p *Tap) Lose(op Op, f driver.Fault) {
	p.Plan(Plan{Op: op, Times: 1, Fault: &f, After: true})
}

// On has do run within the next call of op.
func (p *Tap) On(op Op, do func(ctx context.Context)) {
	p.Plan(Plan{Op: op, Times: 1, Do: do})
}

// Count returns how often op was called since the last Forget.
func (p *Tap) Count(op Op) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[op]
}

// Released returns the fates of the sessions that were given back since the last Forget.
func (p *Tap) Released() []driver.Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]driver.Fate{}, p.fates...)
}

// Forget drops counts and fates.
func (p *Tap) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts, p.fates = nil, nil
}

// Info is what the backend itself says of its database.
func (p *Tap) Info() driver.Info { return p.backend.Info() }

// Check reports where engine or driver broke the contract.
func (p *Tap) Check(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wrong {
		t.Errorf("seam: %s", w)
	}
}

func (p *Tap) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// call counts a call and makes it, or doesn't, as planned.
func (p *Tap) call(ctx context.Context, op Op, call func() error) error {
	planned := p.take(op)
	if planned.Do != nil {
		planned.Do(ctx)
	}
	if planned.Fault == nil {
		return call()
	}
	if planned.After {
		if err := call(); err != nil {
			return err
		}
	}
	f := *planned.Fault
	return &f
}

// take returns the plan for a call that is made now.
func (p *Tap) take(op Op) Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts = make(map[Op]int)
	}
	p.counts[op]++
	for _, planned := range p.plans {
		switch {
		case planned.Op != op || planned.Times == 0:
		case planned.Skip > 0:
			planned.Skip--
			return Plan{}
		default:
			planned.Times--
			return *planned
		}
	}
	return Plan{}
}

// Opener puts the tap in front of what open makes.
func (p *Tap) Opener(open driver.Opener) driver.Opener {
	return func(h driver.Host) (driver.Backend, error) {
		b, err := open(h)
		if err != nil {
			return nil, err
		}
		p.backend = b
		return &backend{Backend: b, tap: p}, nil
	}
}

// backend is a tapped driver.Backend.
type backend struct {
	driver.Backend
	tap *Tap
}

func (b *backend) Info() driver.Info {
	info := b.Backend.Info()
	info.TransactionalDDL = info.TransactionalDDL && !b.tap.CommittingDDL
	return info
}

func (b *backend) Connect(ctx context.Context) error {
	return b.tap.call(ctx, Connect, func() error { return b.Backend.Connect(ctx) })
}

func (b *backend) Acquire(ctx context.Context, need driver.Need) (driver.Session, error) {
	var s *session
	err := b.tap.call(ctx, Acquire, func() error {
		inner, err := b.Backend.Acquire(ctx, need)
		if err == nil {
			s = &session{Session: inner, tap: b.tap}
		}
		return err
	})
	if err != nil {
		if s != nil { // acquired, and then planned to fail
			s.Session.Release(driver.Keep)
		}
		return nil, err
	}
	if _, ok := s.Session.(driver.SelfContained); ok {
		return selfContained{s}, nil
	}
	return s, nil
}
