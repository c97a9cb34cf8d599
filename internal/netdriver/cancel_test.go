package netdriver

import (
	"context"
	"errors"
	"os"
	"slices"
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
func (p *peer) MayHaveApplied() bool                   { return true }
func (p *peer) Cancellable() bool                      { return !p.putOff }
func (p *peer) Abort(context.Context)                  {}
func (p *peer) Disconnect(bool)                        { p.note("disconnect") }
func (p *peer) Idle() bool                             { return true }
func (p *peer) DropRows()                              {}
func (p *peer) RollBack(context.Context) *driver.Fault { p.note("roll back"); return nil }

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
		p := &peer{answers: make(chan struct{})}
		p.request = func(context.Context) (bool, error) { return true, nil }
		var b Backend
		host := driver.Host{
			Opened: func(context.Context, string, time.Duration, error) {}, Closed: func(string, pool.Reason) {},
			OnConnect: func(context.Context, driver.Session) error { p.note("configure"); return nil },
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
