package tap

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"github.com/plinthdb/plinth/driver"
)

// session is a tapped driver.Session. It notes what the engine must not do: use a session after Release, from two
// goroutines at once, while rows are open or after a fault that evicts, or give it back in a state that the Fate doesn't tell.
type session struct {
	driver.Session
	tap      *Tap
	using    atomic.Bool
	released atomic.Bool
	open     *rows
	native   bool // Native was called
	broken   bool // a fault said that it must not be used again
}

// run makes a call and watches it.
func (s *session) run(ctx context.Context, op Op, call func() error) error {
	switch {
	case s.released.Load():
		s.tap.complain("%s on a session that was released", op)
	case !s.using.CompareAndSwap(false, true):
		s.tap.complain("%s on a session that is in use", op)
	case s.open != nil && op != Rollback:
		s.tap.complain("%s on a session whose rows are open", op)
	case s.broken && op != Rollback:
		s.tap.complain("%s on a session that must not be used again", op)
	}
	defer s.using.Store(false)
	err := s.tap.call(ctx, op, call)
	s.note(op, err)
	return err
}

// note looks at the error of a call.
func (s *session) note(op Op, err error) {
	if f, ok := err.(*driver.Fault); ok { //nolint:errorlint // nothing may be around it
		s.broken = s.broken || f.Evict
	} else if err != nil {
		s.tap.complain("%s: the driver returned a %T, not a *driver.Fault: %v", op, err, err)
	}
}

func (s *session) Execute(ctx context.Context, req *driver.Request) (res driver.Result, err error) {
	err = s.run(ctx, Execute, func() (err error) {
		res, err = s.Session.Execute(ctx, req)
		return err
	})
	return res, err
}

func (s *session) Query(ctx context.Context, req *driver.Request) (driver.Rows, error) {
	var inner driver.Rows
	err := s.run(ctx, Query, func() (err error) {
		inner, err = s.Session.Query(ctx, req)
		return err
	})
	if err != nil {
		if inner != nil { // made, and then planned to fail
			_, _ = inner.Close(ctx)
		}
		return nil, err
	}
	s.open = &rows{Rows: inner, s: s}
	return s.open, nil
}

func (s *session) Begin(ctx context.Context, opts driver.TxOptions) error {
	return s.run(ctx, Begin, func() error { return s.Session.Begin(ctx, opts) })
}

func (s *session) End(ctx context.Context, commit bool) error {
	op := Rollback
	if commit {
		op = Commit
	}
	return s.run(ctx, op, func() error { return s.Session.End(ctx, commit) })
}

func (s *session) Savepoint(ctx context.Context, op driver.SavepointOp, name string) error {
	return s.run(ctx, Savepoint, func() error { return s.Session.Savepoint(ctx, op, name) })
}

func (s *session) Ping(ctx context.Context) (server driver.Server, err error) {
	err = s.run(ctx, Ping, func() (err error) {
		server, err = s.Session.Ping(ctx)
		return err
	})
	return server, err
}

func (s *session) Native() any {
	s.native = true
	return s.Session.Native()
}

func (s *session) TxState() driver.TxState {
	if s.released.Load() {
		s.tap.complain("TxState of a session that was released")
	}
	return s.Session.TxState()
}

func (s *session) Release(fate driver.Fate) {
	switch {
	case s.released.Swap(true):
		s.tap.complain("a session was released twice")
		return
	case s.using.Load():
		s.tap.complain("a session was released while a call ran on it")
	case s.open != nil:
		s.tap.complain("a session was released while its rows were open")
	case s.broken && fate != driver.Destroy:
		s.tap.complain("a session that must not be used again was released with fate %d, not Destroy", fate)
	case fate == driver.Keep && s.Session.TxState() != driver.TxIdle:
		s.tap.complain("a session in transaction state %d was released to be kept", s.Session.TxState())
	case fate == driver.Keep && s.native:
		s.tap.complain("a session whose native connection was handed out was released to be kept")
	}
	s.tap.mu.Lock()
	s.tap.fates = append(s.tap.fates, fate)
	s.tap.mu.Unlock()
	s.Session.Release(fate)
}

// selfContained is the session of a database that looks after the unit of an ExecuteMany itself.
type selfContained struct{ *session }

func (s selfContained) SelfContained() {}

// ExecuteMany makes the call, and watches it as one of Execute's.
func (s selfContained) ExecuteMany(ctx context.Context, requests iter.Seq2[*driver.Request, error]) (res driver.Result, row int, err error) {
	err = s.run(ctx, Execute, func() (err error) {
		res, row, err = s.Session.(driver.SelfContained).ExecuteMany(ctx, requests)
		return err
	})
	return res, row, err
}

// rows are tapped driver.Rows.
type rows struct {
	driver.Rows
	s      *session
	closed bool
}

func (r *rows) Documents() bool {
	d, ok := r.Rows.(driver.Documents)
	return ok && d.Documents()
}

func (r *rows) Next(ctx context.Context) (vals []driver.Value, err error) {
	if r.closed {
		r.s.tap.complain("Next on rows that were closed")
	}
	err = r.s.tap.call(ctx, Next, func() (err error) {
		vals, err = r.Rows.Next(ctx)
		return err
	})
	if err != io.EOF { //nolint:errorlint // itself, says the contract
		r.s.note(Next, err)
	}
	return vals, err
}

func (r *rows) Close(ctx context.Context) (res driver.Result, err error) {
	r.closed, r.s.open = true, nil
	err = r.s.tap.call(ctx, CloseRows, func() (err error) {
		res, err = r.Rows.Close(ctx)
		return err
	})
	r.s.note(CloseRows, err)
	return res, err
}
