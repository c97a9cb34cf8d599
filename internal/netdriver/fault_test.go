package netdriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

func TestABrokenConnectionSaysWhatMayHaveHappened(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	deadline := fmt.Errorf("read: %w", os.ErrDeadlineExceeded)
	for _, test := range []struct {
		name    string
		ctx     context.Context
		phase   driver.Phase
		sent    bool
		err     error
		kind    driver.Kind
		verdict driver.Verdict
		evict   bool
	}{
		{"nothing was sent", context.Background(), driver.Run, false, io.ErrUnexpectedEOF, driver.Unavailable, driver.Again, true},
		{"a statement was sent", context.Background(), driver.Run, true, io.ErrUnexpectedEOF, driver.Unavailable, driver.IfSafe,
			true},
		{"rows were read", context.Background(), driver.Fetch, true, io.ErrUnexpectedEOF, driver.Unavailable, driver.IfSafe, true},
		{"COMMIT was sent", context.Background(), driver.Commit, true, io.ErrUnexpectedEOF, driver.Unavailable, driver.Ambiguous,
			true},
		{"COMMIT wasn't sent", context.Background(), driver.Commit, false, io.ErrUnexpectedEOF, driver.Unavailable, driver.Again,
			true},
		{"BEGIN was sent", context.Background(), driver.Begin, true, io.ErrUnexpectedEOF, driver.Unavailable, driver.Again, true},
		{"ROLLBACK was sent", context.Background(), driver.Rollback, true, io.ErrUnexpectedEOF, driver.Unavailable, driver.Again,
			true},
		{"cancelled before", canceled, driver.Run, false, deadline, driver.Canceled, driver.Never, false},
		{"cancelled", canceled, driver.Run, true, deadline, driver.Canceled, driver.IfSafe, false},
		{"cancelled at COMMIT", canceled, driver.Commit, true, deadline, driver.Canceled, driver.Ambiguous, false},
		{"cancelled and broken", canceled, driver.Run, true, io.ErrUnexpectedEOF, driver.Canceled, driver.IfSafe, true},
		{"cancelled before it was written", canceled, driver.Run, false, context.Canceled, driver.Canceled, driver.Never, false},
		{"silent", context.Background(), driver.Run, true, deadline, driver.Unavailable, driver.IfSafe, true},
		{"reset", context.Background(), driver.Run, true, syscall.ECONNRESET, driver.Unavailable, driver.IfSafe, true},
		{"late", late, driver.Run, true, deadline, driver.Timeout, driver.IfSafe, false},
		{"late before", late, driver.Run, false, deadline, driver.Timeout, driver.Never, false},
	} {
		f := WireFault(test.ctx, test.phase, test.sent, test.err, "look")
		if f.Kind != test.kind || f.Verdict != test.verdict || f.Evict != test.evict || f.Sent != test.sent || f.Phase != test.phase {
			t.Errorf("%s: %v, %v, evict %v, sent %v", test.name, f.Kind, f.Verdict, f.Evict, f.Sent)
		}
		if err := test.ctx.Err(); err != nil && !errors.Is(f, err) {
			t.Errorf("%s: %v isn't the context's", test.name, f)
		}
		if f.TxDead != test.evict {
			t.Errorf("%s: the transaction is over: %v", test.name, f.TxDead)
		}
		hint := "look"
		switch {
		case test.ctx.Err() != nil:
			hint = ""
		case test.err == deadline:
			hint = "the server doesn't answer any more"
		}
		if f.Hint != hint {
			t.Errorf("%s: the hint is %q", test.name, f.Hint)
		}
		if test.evict && !errors.Is(f, test.err) {
			t.Errorf("%s: %v isn't the connection's", test.name, f)
		}
	}
}

func TestOfSeveralHostsOneThatIsOnlyFullIsReachable(t *testing.T) {
	t.Parallel()
	full := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Code: "53300", Crowded: true, Err: io.EOF}
	starting := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Code: "57P03", Err: io.EOF}
	silent := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: io.EOF}
	for _, pair := range [][2]*driver.Fault{{full, silent}, {silent, full}, {full, starting}, {starting, full}} {
		if f := BothFailed(pair[0], pair[1]); f.Unreachable() {
			t.Errorf("%+v and %+v: neither is to be reached", pair[0], pair[1])
		}
	}
	if f := BothFailed(silent, starting); !f.Unreachable() {
		t.Errorf("%+v", f)
	}
}
