package netdriver

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
)

// peer is a session of a protocol in which one thing can be asked, and which a cancel request ends.
type peer struct {
	driver.Session // nothing of it is called
	shared
	did  []string
	owed int
	hits int // answers that a cancel request still ends

	putOff  bool
	reads   bool // what was sent last writes nothing
	inTx    bool
	refuses *driver.Fault // of Sync
	keeps   *driver.Fault // of RollBack
	failing error         // of the host's OnConnect
	aborted chan struct{}
	politer []bool // how it was disconnected
	request func(context.Context) (sent bool, err error)
	answers chan struct{}
	resets  func(context.Context) error // nil: at once
}

// shared is a Session under a name that driver.Session doesn't have.
type shared = Session

func (p *peer) note(what string)                       { p.did = append(p.did, what) }
func (p *peer) Release(fate driver.Fate)               { p.shared.Release(fate) }
func (p *peer) Check(context.Context) error            { return nil }
func (p *peer) Heard() bool                            { return false }
func (p *peer) Awaited() int                           { return p.owed }
func (p *peer) Hit() bool                              { p.hits--; return p.hits >= 0 }
func (p *peer) MayHaveApplied() bool                   { return !p.reads }
func (p *peer) Cancellable() bool                      { return !p.putOff }
func (p *peer) Abort(context.Context)                  { close(p.aborted) }
func (p *peer) Idle() bool                             { return !p.inTx }
func (p *peer) DropRows()                              {}
func (p *peer) RollBack(context.Context) *driver.Fault { p.note("roll back"); return p.keeps }

func (p *peer) Disconnect(polite bool) {
	p.note("disconnect")
	p.politer = append(p.politer, polite)
}

func (p *peer) CancelRequest(ctx context.Context) (bool, error) { return p.request(ctx) }

func (p *peer) Reset(ctx context.Context) error {
	p.note("reset")
	if p.resets != nil {
		return p.resets(ctx)
	}
	return nil
}

func (p *peer) Sync(context.Context, driver.Phase) *driver.Fault {
	p.note("sync")
	if p.refuses != nil {
		return p.refuses
	}
	p.owed++
	return nil
}

// Skip reads an answer as a driver does: until the connection's deadline, and then as TimedOut says.
func (p *peer) Skip(ctx context.Context) *driver.Fault {
	if len(p.did) > 0 && p.did[len(p.did)-1] == "sync" {
		p.owed--
		return nil
	}
	for {
		select {
		case <-p.answers:
			p.owed--
			return nil
		case <-time.After(time.Millisecond):
		}
		if !p.watch.conn.(*dials).over() {
			continue
		}
		if err := p.TimedOut(os.ErrDeadlineExceeded); err != nil {
			return p.Unanswered(ctx, driver.Run, true)
		}
	}
}

// spoken runs f with a peer that is borrowed.
func spoken(t *testing.T, f func(p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{answers: make(chan struct{}), aborted: make(chan struct{})}
		p.request = func(context.Context) (bool, error) { return true, nil }
		var b Backend
		host := driver.Host{
			Opened: func(context.Context, string, time.Duration, error) {}, Closed: func(string, pool.Reason) {},
			OnConnect: func(context.Context, driver.Session) error { p.note("configure"); return p.failing },
		}
		if err := b.Open(host, func(context.Context) (Protocol, error) { return p, nil }); err != nil {
			t.Fatal(err)
		}
		p.Init(p, &b, &dials{})
		if _, err := b.Acquire(t.Context(), driver.Need{}); err != nil {
			t.Fatal(err)
		}
		f(p)
		p.Release(driver.Destroy)
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// call sends something whose context ends, and returns what reading the answer came to.
func (p *peer) call() *driver.Fault {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	p.StartCall(ctx)
	defer p.EndCall()
	p.owed++
	return p.Skip(ctx)
}

func TestACallReturnsSoonAfterItsContextThoughNothingAnswers(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		p.request = func(ctx context.Context) (bool, error) { <-ctx.Done(); return true, context.Cause(ctx) }
		begin := time.Now()
		f := p.call()
		if f == nil || f.Kind != driver.Timeout || f.Verdict != driver.IfSafe || !f.Sent {
			t.Fatalf("%+v", f)
		}
		if took := time.Since(begin); took > 200*time.Millisecond+AnswerTime+moreTime {
			t.Errorf("it took %v", took)
		}
		if !p.Unsettled() || !p.CancelSent() {
			t.Error("the session counts as settled")
		}
	})
}

func TestNothingIsSentBeforeACancelRequestIsOver(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		over := make(chan struct{})
		p.request = func(context.Context) (bool, error) { <-over; return true, nil }
		if f := p.call(); f == nil {
			t.Fatal("the call was answered")
		}
		go func() { p.answers <- struct{}{} }()
		time.AfterFunc(time.Second, func() { close(over) })
		begin := time.Now()
		p.hits = 2
		if f := p.Settle(context.Background(), driver.Prepare); f != nil {
			t.Fatal(f)
		}
		if took := time.Since(begin); took < time.Second {
			t.Errorf("it was settled after %v, while the cancel request was on its way", took)
		}
		if want := []string{"sync", "sync", "sync"}; !slices.Equal(p.did, want) || p.Unsettled() {
			t.Errorf("%v, want %v: until one isn't hit", p.did, want)
		}
	})
}

func TestACancelRequestThatMayStillComeSpoilsTheConnection(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for _, sent := range []bool{true, false} {
		spoken(t, func(p *peer) {
			p.request = func(context.Context) (bool, error) { return sent, lost }
			if f := p.call(); f == nil {
				t.Fatal("the call was answered")
			}
			go func() { p.answers <- struct{}{} }()
			f := p.Settle(context.Background(), driver.Prepare)
			if broken := p.Broken != nil; broken != sent || (f != nil) != sent {
				t.Errorf("sent %v: broken %v, %v", sent, broken, f)
			}
			if sent && (f.Verdict != driver.Again || !f.Evict || f.Sent || !errors.Is(f, lost)) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestACancelRequestThatWasPutOffIsSentWhenItMay(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		p.putOff = true
		requests := 0
		p.request = func(context.Context) (bool, error) {
			if p.putOff {
				t.Error("it was sent while it might not")
			}
			requests++
			go func() { p.answers <- struct{}{} }()
			return true, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		time.AfterFunc(210*time.Millisecond, func() {
			p.putOff = false
			p.CancelNow()
		})
		p.StartCall(ctx)
		defer p.EndCall()
		p.owed++
		if f := p.Skip(ctx); f != nil {
			t.Errorf("%+v", f)
		}
		p.CancelNow() // which was done
		synctest.Wait()
		if requests != 1 {
			t.Errorf("%d requests, want 1", requests)
		}
	})
}

func TestASessionThatIsGivenBackDirtyIsMadeAsNew(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		p.Dirty = true
		p.Release(driver.Keep)
		p.Release(driver.Keep) // which is nobody's any more
		synctest.Wait()
		if want := []string{"roll back", "reset", "configure", "roll back"}; !slices.Equal(p.did, want) || p.Dirty {
			t.Errorf("%v, want %v", p.did, want)
		}
		if _, err := p.back.Acquire(t.Context(), driver.Need{}); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWaitsForNoAnswerThatNobodyElseWaitsFor(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"the answer", "the cancel request", "the reset"} {
		spoken(t, func(p *peer) {
			switch what {
			case "the cancel request":
				p.request = func(ctx context.Context) (bool, error) { <-ctx.Done(); return true, context.Cause(ctx) }
				p.call()
				go func() { p.answers <- struct{}{} }()
			case "the answer":
				p.call()
			case "the reset":
				p.Dirty, p.resets = true, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			}
			p.Release(driver.Keep)
			synctest.Wait()
			begin := time.Now()
			if err := p.back.Close(context.Background()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("%s: closing took %v", what, took)
			}
			time.Sleep(cutTime) // nothing is left then, or synctest would say so
		})
	}
}

func TestCloseLetsASettlingSessionFinishThatIsAboutTo(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		p.Dirty, p.resets = true, func(ctx context.Context) error {
			time.Sleep(cutGrace / 2)
			return ctx.Err()
		}
		p.Release(driver.Keep)
		if err := p.back.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if want := []string{"roll back", "reset", "configure", "roll back", "disconnect"}; !slices.Equal(p.did, want) {
			t.Errorf("%v, want %v", p.did, want)
		}
	})
}

func TestWhatBecameOfACallIsSaidByItsPhase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		phase driver.Phase
		sent  bool
		reads bool
		want  driver.Verdict
	}{
		{driver.Run, false, false, driver.Never}, {driver.Run, true, false, driver.IfSafe}, {driver.Run, true, true, driver.Never},
		{driver.Commit, false, true, driver.Never}, {driver.Commit, true, true, driver.Ambiguous},
	} {
		spoken(t, func(p *peer) {
			p.reads = test.reads
			if f := p.Unanswered(context.Background(), test.phase, test.sent); f.Verdict != test.want || f.Sent != test.sent || f.Evict {
				t.Errorf("%+v: without an answer %+v", test, f)
			}
			p.watch.kill()
			f := p.Lost(context.Background(), test.phase, test.sent, io.EOF, "")
			if f.Kind != driver.Closed || f.Verdict != test.want || f.Sent != test.sent || f.Phase != test.phase || !f.Evict {
				t.Errorf("%+v: cut %+v", test, f)
			}
			if f := p.Useless(test.phase); f.Kind != driver.Unavailable || f.Verdict != driver.Again || f.Sent || f.Phase != test.phase {
				t.Errorf("%+v: after that %+v", test, f)
			}
		})
	}
}

func TestASessionIsGivenBackAsItIs(t *testing.T) {
	t.Parallel()
	renewed := []string{"roll back", "reset", "configure", "roll back"}
	for name, test := range map[string]struct {
		fate driver.Fate
		with func(p *peer)
		want []string
	}{
		"clean":                 {driver.Keep, func(*peer) {}, nil},
		"in a transaction":      {driver.Keep, func(p *peer) { p.inTx = true }, []string{"roll back"}},
		"to be reset":           {driver.Reset, func(*peer) {}, renewed},
		"to be destroyed":       {driver.Destroy, func(*peer) {}, []string{"disconnect"}},
		"broken":                {driver.Keep, func(p *peer) { p.Broken = io.EOF }, []string{"disconnect"}},
		"spent":                 {driver.Keep, func(p *peer) { p.Spent = true }, []string{"disconnect"}},
		"not to be made ready":  {driver.Reset, func(p *peer) { p.failing = io.EOF }, []string{"roll back", "reset", "configure", "disconnect"}},
		"not to be rolled back": {driver.Keep, func(p *peer) { p.inTx, p.keeps = true, &driver.Fault{} }, []string{"roll back", "disconnect"}},
		"never to be answered":  {driver.Keep, func(p *peer) { p.owed = 1 }, []string{"disconnect"}},
		"within a call":         {driver.Keep, func(p *peer) { p.watch.fireNow(context.Background()); p.watch.patience(time.Now()) }, nil},
	} {
		spoken(t, func(p *peer) {
			test.with(p)
			p.Release(test.fate)
			time.Sleep(2 * SettleTime)
			synctest.Wait()
			if !slices.Equal(p.did, test.want) {
				t.Errorf("%s: %v, want %v", name, p.did, test.want)
			}
			if !slices.Contains(test.want, "disconnect") && !p.watch.conn.(*dials).none() {
				t.Errorf("%s: a deadline is left", name)
			}
		})
	}
}

func TestOnlyAConnectionInOrderIsClosedWithAGoodBye(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		with    func(p *peer)
		polite  bool
		aborted bool
	}{
		{"idle", func(*peer) {}, true, false}, {"broken", func(p *peer) { p.Broken = io.EOF }, false, false},
		{"at work", func(p *peer) { p.owed = 1 }, false, true},
		{"at work and cancelled", func(p *peer) { p.owed, p.cancel = 1, &canceling{} }, false, false},
		{"at work and cut", func(p *peer) { p.owed = 1; p.watch.kill() }, false, false},
	} {
		spoken(t, func(p *peer) {
			test.with(p)
			p.Release(driver.Destroy)
			synctest.Wait()
			aborted := false
			select {
			case <-p.aborted:
				aborted = true
			default:
			}
			if !slices.Equal(p.politer, []bool{test.polite}) || aborted != test.aborted {
				t.Errorf("%s: with a good-bye %v, aborted %v", test.name, p.politer, aborted)
			}
			if patient := !p.watch.conn.(*dials).none(); patient != test.polite {
				t.Errorf("%s: it has a deadline: %v", test.name, patient)
			}
		})
	}
}

func TestAStatementThatIsntEndedIsCancelledAgain(t *testing.T) {
	t.Parallel()
	for _, lost := range []error{nil, io.EOF} {
		spoken(t, func(p *peer) {
			var requests atomic.Int32
			p.request = func(context.Context) (bool, error) {
				if requests.Add(1) == 5 {
					go func() { p.answers <- struct{}{} }()
				}
				return false, lost
			}
			begin := time.Now()
			f := p.call()
			took, want, more := time.Since(begin), int32(1), time.Duration(0)
			if lost == nil { // the server is alive
				want, more = 2, moreTime
			}
			if f == nil || requests.Load() != want || took < 200*time.Millisecond+AnswerTime+more || took > 205*time.Millisecond+AnswerTime+more {
				t.Errorf("%v: %d requests, %d wanted, and %v: %v", lost, requests.Load(), want, took, f)
			}
			if lost != nil {
				go func() { time.Sleep(time.Second); p.answers <- struct{}{} }()
			}
			p.settles(t, lost)
		})
	}
}

// settles settles a session, and looks that nothing is left of what that took.
func (p *peer) settles(t *testing.T, lost error) {
	t.Helper()
	if f := p.Settle(context.Background(), driver.Prepare); f != nil || p.Unsettled() {
		t.Errorf("%v: %v", lost, f)
	}
	if !p.watch.conn.(*dials).none() {
		t.Error("a deadline is left")
	}
	if err := p.TimedOut(os.ErrDeadlineExceeded); err == nil {
		t.Error("the next call goes on after a time-out of its connection")
	}
}

func TestSettlingEndsWithWhatItCanNotDo(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		p.call()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if f := p.Settle(ctx, driver.Prepare); f == nil || f.Kind != driver.Timeout || f.Sent || len(p.did) > 0 {
			t.Errorf("without an answer: %+v, %v", f, p.did)
		}
		go func() { p.answers <- struct{}{} }()
		p.refuses = &driver.Fault{Kind: driver.Unavailable}
		if f := p.Settle(context.Background(), driver.Prepare); f != p.refuses {
			t.Errorf("with a connection that can't be written to: %+v", f)
		}
	})
}

func TestAConnectionThatBreaksIsntTakenForALateAnswer(t *testing.T) {
	t.Parallel()
	spoken(t, func(p *peer) {
		p.watch.fireNow(context.Background())
		defer p.EndCall()
		for _, err := range []error{io.EOF, &net.OpError{Op: "read", Err: syscall.ECONNRESET}} {
			if got := p.TimedOut(err); got != err {
				t.Errorf("%v became %v", err, got)
			}
		}
	})
}
