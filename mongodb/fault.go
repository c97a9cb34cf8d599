package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/netdriver"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	library "go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// The labels that say of an error what may be done about it
// (https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md, …/transactions.md).
const (
	labelTransient     = "TransientTransactionError"
	labelUnknownCommit = "UnknownTransactionCommitResult"
	labelNoWrites      = "NoWritesPerformed"
	labelRetryable     = "RetryableWriteError"
	labelOverloaded    = "SystemOverloadedError"
	labelRetry         = "RetryableError"
	labelNetwork       = "NetworkError"
)

const (
	duplicateKey   = "11000"
	unauthorized   = "13"
	maxTimeExpired = "50"
	exceededTime   = "262"
	noTransaction  = "251"
)

// ServerError is what the server said. Errors of this package wrap it, and through it the client library's own error.
type ServerError struct {
	Code    int
	Name    string   // the code's
	Message string   // as the server wrote it; it may hold values of the statement
	Labels  []string // such as TransientTransactionError
	Err     error    // the client library's: a mongo.CommandError, WriteException or BulkWriteException
}

// Error returns the name and the message without the values that it quotes.
func (e *ServerError) Error() string {
	message, _, _ := strings.Cut(e.Message, " dup key: ")
	if e.Name == "" {
		return message
	}
	return e.Name + ": " + message
}

// Unwrap returns the client library's error.
func (e *ServerError) Unwrap() error { return e.Err }

// is reports whether the error has the label.
func (e *ServerError) is(label string) bool { return slices.Contains(e.Labels, label) }

// said is an error of the library's taken apart.
type said struct {
	*ServerError
	raw     bson.Raw // of the error itself
	index   int      // of the write in a bulk, from 0
	concern bool     // the write was done, but not confirmed by as many servers as asked for
}

// takeApart returns what the server said; nil if nothing was.
func takeApart(err error) *said {
	if e, ok := errors.AsType[mongo.BulkWriteException](err); ok {
		if len(e.WriteErrors) > 0 {
			return ofWrite(e.WriteErrors[0].WriteError, e.Labels, err)
		}
		return ofConcern(e.WriteConcernError, e.Labels, err)
	}
	if e, ok := errors.AsType[mongo.WriteException](err); ok {
		if len(e.WriteErrors) > 0 {
			return ofWrite(e.WriteErrors[0], e.Labels, err)
		}
		return ofConcern(e.WriteConcernError, e.Labels, err)
	}
	if e, ok := errors.AsType[mongo.CommandError](err); ok {
		s := &said{ServerError: &ServerError{int(e.Code), e.Name, e.Message, e.Labels, err}, raw: e.Raw}
		if s.Code == 0 && s.Name == "" && len(e.Raw) == 0 {
			s.Message = ""
		}
		return s
	}
	if e, ok := errors.AsType[library.Error](err); ok {
		return &said{ServerError: &ServerError{int(e.Code), e.Name, e.Message, e.Labels, err}, raw: bson.Raw(e.Raw)}
	}
	return nil
}

func ofWrite(e mongo.WriteError, labels []string, err error) *said {
	return &said{ServerError: &ServerError{e.Code, "", e.Message, labels, err}, raw: e.Raw, index: e.Index}
}

func ofConcern(e *mongo.WriteConcernError, labels []string, err error) *said {
	if e == nil {
		return nil
	}
	return &said{ServerError: &ServerError{e.Code, e.Name, e.Message, labels, err}, concern: true}
}

// fault turns an error of the library's into a fault. What runs is said by s.running.
func (s *session) fault(c *call, phase driver.Phase, err error) *driver.Fault {
	if !errors.Is(err, errRepeated) {
		return s.faultOf(c, phase, err)
	}
	if failed := c.failure.Load(); failed != nil {
		err = fmt.Errorf("%w: %w", err, *failed)
	}
	f := s.faultOf(c, phase, err)
	f.Hint = "it was sent three times, by a number under which the server takes it once, and no answer told: look whether it was done"
	return f
}

func (s *session) faultOf(c *call, phase driver.Phase, err error) *driver.Fault {
	sent := c.sent.Load() > 0
	answer := takeApart(err)
	if answer != nil && (answer.Code != 0 || answer.is(labelOverloaded)) {
		return s.serverFault(c, phase, sent, answer)
	}
	err = readable(err)
	// A session that found no server gives its place up: the next has to be opened, and by that the pool's breaker learns of it.
	_, nobody := errors.AsType[*selectionError](err)
	f := &driver.Fault{Kind: driver.Unavailable, Phase: phase, Sent: sent, Verdict: driver.Again, TxDead: s.tx.open, Err: err, Evict: nobody}
	switch {
	case s.gone.Load():
		f.Kind, f.Verdict, f.Hint, f.Evict = driver.Closed, driver.Never, "", true
		f.Err = fmt.Errorf("interrupted, because the engine was closed: %w", f.Err)
	case c.ended():
		f.Kind, f.Verdict, f.Hint, f.Err = netdriver.ContextKind(c.Context), driver.Never, "", context.Cause(c.Context)
		if f.Err == nil { // the socket was faster
			f.Kind, f.Err = driver.Timeout, context.DeadlineExceeded
		}
	case !unreachable(err) && errors.Is(err, context.DeadlineExceeded): // the library doesn't begin what wouldn't end in time
		f.Kind, f.Verdict = driver.Timeout, driver.Never
	case errors.Is(err, mongo.ErrClientDisconnected):
		f.Kind, f.Verdict = driver.Closed, driver.Never
	case !sent && !networked(err) && !unreachable(err):
		f.Kind, f.Verdict, f.Phase, f.TxDead = driver.Argument, driver.Never, driver.Prepare, false
	}
	switch {
	case !sent:
		if f.Phase == driver.Run && f.Kind == driver.Unavailable {
			f.Phase = driver.Dial
			s.back.to.explain(f)
		}
	case phase == driver.Commit:
		f.Verdict = driver.Ambiguous
	case answer != nil && answer.is(labelTransient):
		if f.Verdict != driver.Never {
			f.Verdict = driver.Again
		}
	case s.tx.open:
	case s.writes() || f.Verdict == driver.Again:
		f.Verdict = driver.IfSafe
	}
	s.noReadTwice(f)
	return f
}

// serverFault is the fault of what the server said.
func (s *session) serverFault(c *call, phase driver.Phase, sent bool, e *said) *driver.Fault {
	code := strconv.Itoa(e.Code)
	rule := s.back.to.rules.Lookup(code)
	if e.Name == "" && rule.Name != "" {
		e.Name = rule.Name
	}
	f := rule.Fault(phase, code, e.ServerError)
	f.Sent = sent
	f.TxDead = f.TxDead || s.tx.open // the server ends the transaction at each error
	if code == unauthorized && strings.HasSuffix(e.Message, " requires authentication") {
		f.Kind, f.Hint = driver.Auth, "the server asks who logs in: write a user and a password into the URL"
	}
	if code == duplicateKey {
		f.Constraint, f.Table, f.Column = place(e)
	}
	switch {
	case e.concern:
		f.Kind, f.Verdict = driver.OutcomeUnknown, driver.IfSafe
		f.Hint = "the primary has it, but not as many servers as asked for have confirmed it: an election may yet undo it"
		if phase == driver.Commit {
			f.Verdict = driver.Ambiguous
		}
	case phase == driver.Commit && e.is(labelUnknownCommit):
		f.Verdict = driver.Ambiguous
	case e.is(labelTransient), e.is(labelNoWrites), e.is(labelOverloaded) && e.is(labelRetry):
		f.Verdict = driver.Again
		if f.Kind == driver.TxDone || f.Kind == driver.Unknown {
			f.Kind = driver.Serialization
			if e.is(labelOverloaded) {
				f.Kind = driver.Unavailable
			}
		}
	case code == maxTimeExpired, code == exceededTime, f.Kind == driver.Canceled:
		if s.writesMany() && !s.tx.open {
			f.Verdict = driver.IfSafe
		}
	case e.is(labelRetryable) && s.writes():
		f.Verdict = driver.IfSafe
	}
	if c.ended() && f.Verdict == driver.Again {
		f.Verdict = driver.Never
	}
	if !sent {
		f.Phase = driver.Dial
		if f.Verdict == driver.IfSafe || f.Verdict == driver.Ambiguous {
			f.Verdict = driver.Again
		}
	}
	s.noReadTwice(f)
	return f
}

// noReadTwice holds what retryReads=false asks for.
func (s *session) noReadTwice(f *driver.Fault) {
	if s.back.to.NoRetryReads && f.Sent && !s.writes() && !s.tx.open && f.Phase != driver.Commit {
		f.Verdict = driver.Never
	}
}

// networked reports whether the library says that it's the network's fault.
func networked(err error) bool {
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && e.HasErrorLabel(labelNetwork) || mongo.IsNetworkError(err) || mongo.IsTimeout(err)
}

// unreachable reports whether no server, or no connection to it, was to be had.
func unreachable(err error) bool {
	if _, ok := errors.AsType[*selectionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.WaitQueueTimeoutError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok {
		return true
	}
	return paused(err)
}

// paused reports whether the library has just given up its connections to the server, and waits until that answers again.
func paused(err error) bool {
	var pool library.RetryablePoolError
	return errors.As(err, &pool)
}

// place returns where a key exists already. The keys of the index tell the server; in older messages only its name is.
func place(e *said) (index, collection, keys string) {
	_, rest, _ := strings.Cut(e.Message, " collection: ")
	namespace, rest, _ := strings.Cut(rest, " ")
	_, collection, _ = strings.Cut(namespace, ".")
	if _, rest, ok := strings.Cut(rest, "index: "); ok {
		index, _, _ = strings.Cut(rest, " ")
	}
	if i := strings.LastIndex(index, ".$"); i >= 0 { // before 3.2, db.collection.$index
		index = index[i+2:]
	}
	pattern, ok := e.raw.Lookup("keyPattern").DocumentOK()
	if !ok {
		return index, collection, ""
	}
	elements, err := pattern.Elements()
	if err != nil {
		return index, collection, ""
	}
	var names []string
	for _, el := range elements {
		names = append(names, el.Key())
	}
	return index, collection, strings.Join(names, ", ")
}

// asFault returns a fault of the language's.
func asFault(err error) *driver.Fault {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		return f
	}
	return driver.Faultf(driver.Argument, "%w", err)
}

// selectionError says of each server why it won't do.
type selectionError struct {
	text  string
	cause []error // the library's error, and then the servers'
}

func (e *selectionError) Error() string   { return e.text }
func (e *selectionError) Unwrap() []error { return e.cause }

// readable makes the library's error one that a person can read.
func readable(err error) error {
	e, ok := errors.AsType[topology.ServerSelectionError](err)
	if !ok {
		return withoutSecrets(err)
	}
	selection := &selectionError{text: "no server will do", cause: []error{err}}
	for i, s := range e.Desc.Servers {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		selection.text += sep + string(s.Addr) + " "
		switch {
		case s.LastError != nil:
			selection.text += "(" + s.LastError.Error() + ")"
			selection.cause = append(selection.cause, s.LastError)
		case s.Kind == 0:
			selection.text += "hasn't answered yet"
		default:
			selection.text += "is a " + s.Kind.String()
		}
	}
	return selection
}

// withoutSecrets is for errors of the library that may quote a connection string.
func withoutSecrets(err error) error {
	if strings.Contains(err.Error(), "mongodb://") || strings.Contains(err.Error(), "mongodb+srv://") {
		return fmt.Errorf("the client library refused its options")
	}
	return err
}
