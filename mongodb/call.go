package mongodb

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
)

// call is the context of one call of the library's, and what is known of how far that got. The library tells by its command
// monitor, for which the context is the only way to find out whose command it is.
//
// The library repeats a retryable write under the same number, by which the server takes it once: nobody else can do that. It
// does so once or, if the context has a deadline, until that has passed (operation.go of driver 2.10.0: "If context is a Timeout
// context, automatically set retries to unlimited"). Once isn't enough where a second election follows the first, and until a
// deadline is too much. So the library is shown a deadline, if only one far off, and a call ends its own context when the write
// is about to be sent once more than maxRepeats allows. Reads are repeated by the engine alone.
type call struct {
	context.Context
	write bool // it is one, outside of a transaction

	sent  atomic.Int32 // commands of which at least the sending was begun
	again atomic.Int32 // of them, how often the last write was repeated
	last  atomic.Int64 // the last write's transaction number

	failure atomic.Pointer[error] // of the last command that says what may have become of it
}

// callKey is the key under which a context knows its call.
type callKey struct{}

// maxRepeats is how often the library may repeat a write: for two elections within it.
const maxRepeats = 2

// errRepeated ends a context whose write was repeated already.
var errRepeated = errors.New("the client library has sent it three times, which is as often as it may")

// farOff is the deadline that the library is shown of a write that has none. The server isn't told of it: it is longer than
// maxTimeMS can say.
const farOff = 100 * 24 * time.Hour

// Value implements context.Context.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Deadline implements context.Context.
func (c *call) Deadline() (time.Time, bool) {
	at, ok := c.Context.Deadline()
	if !ok && c.write {
		return time.Now().Add(farOff), true
	}
	return at, ok
}

// Err implements context.Context. The library asks before it sends.
func (c *call) Err() error {
	if c.again.Load() > maxRepeats {
		return errRepeated
	}
	return c.Context.Err()
}

// ended reports whether the caller's context has ended. The library sets the socket's deadline to the context's, and may
// notice it first.
func (c *call) ended() bool {
	at, ok := c.Context.Deadline()
	return c.Context.Err() != nil || ok && !time.Now().Before(at)
}

// unanswered reports whether the server may not have heard of it.
func (c *call) unanswered() bool {
	failed := c.failure.Load()
	if failed == nil {
		return c.sent.Load() == 0
	}
	answer := takeApart(*failed)
	return answer == nil || answer.Code == 0
}

// started is the library's command monitor: it hears of each command before it is sent.
func started(ctx context.Context, e *event.CommandStartedEvent) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	c.sent.Add(1)
	switch e.CommandName {
	case "insert", "update", "delete", "findAndModify", "bulkWrite", "commitTransaction", "abortTransaction":
		// A write that is repeated keeps its number; the next part of a large one has another.
		number, ok := e.Command.Lookup("txnNumber").AsInt64OK()
		if ok && c.last.Swap(number) == number {
			c.again.Add(1)
		} else {
			c.again.Store(0)
			c.failure.Store(nil)
		}
	}
}

// failed hears of each command that failed.
func failed(ctx context.Context, e *event.CommandFailedEvent) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok || errors.Is(e.Failure, errRepeated) { // which wasn't sent any more
		return
	}
	if said := takeApart(e.Failure); said != nil && said.is(labelNoWrites) && c.again.Load() > 0 && c.failure.Load() != nil {
		return // it says nothing of those sent before, of whom one may have written
	}
	c.failure.Store(&e.Failure)
}

// monitor is how the library tells.
func monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: started, Failed: failed}
}
