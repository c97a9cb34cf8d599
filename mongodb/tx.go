package mongodb

import (
	"context"
	"errors"
	"time"

	"github.com/plinthdb/plinth/driver"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// transaction is where the session stands.
type transaction struct {
	open  bool // Begin was called, and End wasn't
	begun bool // the server may know of it
	dead  bool // only rolling back is possible
	lost  bool // because the server didn't answer
	opts  driver.TxOptions
	lib   *mongo.Session
}

// Begin implements driver.Session. The server hears of it with the first statement.
func (s *session) Begin(ctx context.Context, opts driver.TxOptions) error {
	if f := s.usable(ctx, driver.Begin); f != nil {
		return f
	}
	if s.tx.open {
		return driver.Faultf(driver.Argument, "a transaction is open already")
	}
	if !s.client.transactions() {
		f := driver.Faultf(driver.Unsupported, "the server has no transactions, because it stands alone")
		f.Phase, f.Hint = driver.Begin, "make it a replica set, of one member if need be (rs.initiate), or change one document at a time"
		return f
	}
	o := options.Transaction().SetReadPreference(readpref.Primary())
	switch opts.Isolation {
	case driver.Serializable:
		f := driver.Faultf(driver.Unsupported, "MongoDB's transactions read a snapshot, and aren't serializable")
		f.Phase, f.Hint = driver.Begin, "ask for RepeatableRead, under which two transactions that change the same document conflict"
		return f
	case driver.RepeatableRead:
		o.SetReadConcern(readconcern.Snapshot())
	case driver.ReadCommitted:
		o.SetReadConcern(readconcern.Majority())
	}
	if w := s.back.to.Write; w.W == "" {
		o.SetWriteConcern(writeconcern.Majority())
	}
	lib, err := s.client.StartSession()
	if err == nil {
		err = lib.StartTransaction(o)
	}
	if err != nil {
		return &driver.Fault{Kind: driver.Unknown, Phase: driver.Begin, Err: withoutSecrets(err)}
	}
	s.tx = transaction{open: true, opts: opts, lib: lib}
	return nil
}

// in returns the context for the library, with the transaction that is open.
func (s *session) in(ctx context.Context) context.Context {
	if s.tx.lib == nil {
		return ctx
	}
	return mongo.NewSessionContext(ctx, s.tx.lib)
}

// How often COMMIT is tried where its outcome is unknown: until the context ends or, without a deadline, for commitTime.
// The server takes one that it has done already for done.
const (
	commitTime  = 30 * time.Second
	commitPause = 5 * time.Millisecond // it doubles
	commitMost  = 500 * time.Millisecond
)

// End implements driver.Session. A commit that fails leaves no transaction open.
func (s *session) End(ctx context.Context, commit bool) error {
	switch {
	case !commit:
		s.rollback(ctx)
		return nil
	case !s.tx.open:
		return driver.Faultf(driver.TxDone, "no transaction is open")
	}
	if f := s.usable(ctx, driver.Commit); f != nil {
		if f.Kind == driver.TxDone {
			s.rollback(ctx)
		}
		return f
	}
	lib := s.tx.lib
	s.tx = transaction{}
	limited, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	unknown := false // one before was sent, and nobody knows what became of it
	for pause := commitPause; ; pause = min(2*pause, commitMost) {
		c := s.begin(limited)
		err := lib.CommitTransaction(c)
		if err == nil {
			lib.EndSession(ctx)
			return nil
		}
		f := s.fault(c, driver.Commit, err)
		f.TxDead = true
		if unknown && f.Code != noTransaction { // that this one wasn't even sent says nothing of the one before
			f.Phase, f.Sent, f.Verdict = driver.Commit, true, driver.Ambiguous
		}
		unknown = f.Verdict == driver.Ambiguous
		if f.Verdict != driver.Ambiguous || f.Code == maxTimeExpired || !mayResolve(err) {
			s.leave(ctx, lib, f)
			return f
		}
		select {
		case <-time.After(pause):
		case <-limited.Done():
			s.leave(ctx, lib, f)
			return f
		}
	}
}

// leave ends the use of a library's session whose COMMIT has failed.
func (s *session) leave(ctx context.Context, lib *mongo.Session, f *driver.Fault) {
	if f.Code != "" && f.Verdict != driver.Ambiguous { // the server has ended it
		lib.EndSession(ctx)
		return
	}
	b, c := s.back, s.client
	b.aside(func() { c.kill(b.life, lib) })
}

// mayResolve reports whether the same COMMIT may yet tell.
func mayResolve(err error) bool {
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && e.HasErrorLabel(labelUnknownCommit) || networked(err) || errors.Is(err, errRepeated)
}

// abortWait is how long a roll-back waits for the server's word where its context is one of cleaning up, which may be of a call
// whose time is up. The server undoes what nobody commits.
const abortWait = 60 * time.Millisecond

// rollback ends the transaction. Where the server can't be told it finds out by itself, and nothing can commit it any more.
func (s *session) rollback(ctx context.Context) {
	if s.rows.open {
		s.rows.forget()
	}
	lib, begun, lost := s.tx.lib, s.tx.begun, s.tx.lost
	s.tx = transaction{}
	if lib == nil {
		return
	}
	done := make(chan struct{})
	back, client := s.back, s.client
	back.aside(func() {
		limited, cancel := context.WithTimeout(back.life, releaseTime)
		defer cancel()
		c := s.begin(limited)
		_ = lib.AbortTransaction(c)
		close(done)
		if begun && c.unanswered() {
			client.kill(back.life, lib)
			return
		}
		lib.EndSession(limited)
	})
	wait := releaseTime
	if at, ok := ctx.Deadline(); lost || ok && time.Until(at) <= releaseTime {
		wait = abortWait
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-done:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// undo is rollback for a context that may have ended.
func (s *session) undo(ctx context.Context) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
	}
	s.rollback(ctx)
}

// orphanTime is how long the server is asked to end what a lost connection has left. After that it does it by itself:
// transactionLifetimeLimitSeconds is 60 unless somebody has set it.
const orphanTime = time.Minute

// kill has the server end the transaction of a library's session, of which it may not have heard that it's over: it isn't the
// connection's, and would hold its locks on. The session is nobody else's before that. Who opened a session may kill it
// (https://www.mongodb.com/docs/manual/reference/command/killSessions/).
func (c *client) kill(ctx context.Context, lib *mongo.Session) {
	ctx, cancel := context.WithTimeout(ctx, orphanTime)
	defer cancel()
	defer lib.EndSession(ctx)
	for pause := commitPause; ; pause = min(2*pause, commitMost) {
		limited, cancel := context.WithTimeout(ctx, releaseTime)
		err := c.Database("admin").RunCommand(limited, bson.D{{Key: "killSessions", Value: bson.A{lib.ID()}}}).Err()
		cancel()
		answer := takeApart(err)
		if err == nil || answer != nil && answer.Code != 0 || errors.Is(err, mongo.ErrClientDisconnected) {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// releaseTime is how long the roll-back of a transaction may take that was left open.
const releaseTime = time.Second

// over is the fault of a call in a transaction that can't go on.
func (s *session) over() *driver.Fault {
	f := driver.Faultf(driver.TxDone, "MongoDB has ended the transaction because of an earlier error")
	f.TxDead = true
	return f
}

// Savepoint implements driver.Session.
func (s *session) Savepoint(ctx context.Context, _ driver.SavepointOp, _ string) error {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return f
	}
	f := driver.Faultf(driver.Unsupported, "MongoDB has no savepoints: a transaction is kept or undone as a whole")
	f.Hint = "run the function on the transaction itself"
	return f
}

// TxState implements driver.Session.
func (s *session) TxState() driver.TxState {
	switch {
	case s.gone.Load():
		return driver.TxUnknown
	case s.tx.dead:
		return driver.TxDead
	case s.tx.open:
		return driver.TxOpen
	}
	return driver.TxIdle
}

// preference is from where reads come: what the URL says, but the primary for who may write, too. So plinth.OnPrimary holds, and
// a Conn reads what it wrote.
func (s *session) preference() *readpref.ReadPref {
	if s.access == driver.Read && !s.tx.open || s.back.to.pref.Mode() == readpref.PrimaryMode {
		return s.back.to.pref
	}
	return readpref.Primary()
}
