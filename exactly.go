package plinth

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/hook"
)

const (
	maxToken       = 255      // bytes; what every database takes as a key
	maxTokenResult = 64 << 10 // bytes of JSON
	markerWait     = 2 * time.Second
	pruneBatch     = 1000
	leastAge       = time.Minute // of tokens that are pruned
)

// exactlyOnce is how errors and events call it.
const exactlyOnce = "exactlyonce"

// errMarked says that the token is there already, and committed.
var errMarked = errors.New("the token was used before")

// ExactlyOnce runs fn in a transaction and applies what it does once for a token, however often it's called with that
// token, by whichever process, and whatever breaks in between. The token is inserted into the table plinth_tokens as the
// transaction's first statement, and fn's result is stored with it before COMMIT. Where the token is there already fn isn't
// run, or is rolled back: alreadyApplied is true, and result is what was stored. So the caller has to make the token before
// the first try and keep it for all others: the id of an order, an Idempotency-Key of a request. CreateTokens makes the
// table.
//
// fn runs again for the reasons InTx has, and when the answer to COMMIT was lost: the token then tells whether it had been
// applied. (alreadyApplied is true if it had.) A session of this engine that was lost and still holds the token is ended on
// the server first. fn must do all its work on tx, must leave it open, and must run no schema change where that commits. An
// error of fn's is returned as it is, and the token isn't used.
//
// A token is valid UTF-8 of 1 to 255 bytes. T is stored as JSON, up to 64 KiB of it; a struct{} isn't stored. Errors:
//   - ErrOutcomeUnknown: what became of a COMMIT couldn't be found out before the attempts or ctx ended. Call it again with
//     the same token.
//   - ErrLocked: another call with the token is running, or a lost connection that the server hasn't given up yet. Nothing
//     was applied.
//   - ErrUndefined: there is no table plinth_tokens.
//   - ErrTooLarge: the result. Nothing was applied.
//   - with alreadyApplied: it was applied, but its result couldn't be read (ErrOutcomeUnknown, too: call again), or doesn't
//     fit T (ErrScan).
func ExactlyOnce[T any](ctx context.Context, e *Engine, token string, fn func(ctx context.Context, tx *Tx) (T, error),
	opts ...TxOptions) (result T, alreadyApplied bool, err error) {
	var none T
	o, err := e.once(ctx, token, opts)
	if err != nil {
		return none, false, err
	}
	o.stores = reflect.TypeFor[T]().Size() > 0
	err = o.run(ctx, func(ctx context.Context, tx *Tx) (any, error) {
		v, err := fn(ctx, tx)
		result = v
		return v, err
	})
	switch {
	case o.found && err == nil:
		result = none
		if err = o.read(&result); err != nil {
			result = none
		}
	case err != nil:
		result = none
	}
	return result, o.found, err
}

// CreateTokens makes the table that ExactlyOnce needs, unless it's there: plinth_tokens, with the columns token (the
// primary key), result (JSON, NULL if there is none) and created_at. It takes the rights to do that, and is for a migration
// or a deployment. ErrUnsupported: the server has no transactions (a MongoDB that stands alone), so nothing could be applied once.
func CreateTokens(ctx context.Context, e *Engine) error {
	st, err := e.tokens("create tokens")
	if err != nil {
		return err
	}
	if err := e.InTx(ctx, func(context.Context, *Tx) error { return nil }); err != nil {
		return err
	}
	for _, text := range st.Create {
		_, err := e.Execute(ctx, text)
		if errors.Is(err, ErrExists) || errors.Is(err, ErrUnique) { // PostgreSQL, if another process makes it at the same time
			_, err = e.Execute(ctx, text)
		}
		if err != nil && !errors.Is(err, ErrExists) { // MongoDB has no other way to say it
			return err
		}
	}
	return nil
}

// PruneTokens deletes the tokens that are older than that, by the database's clock, and returns how many. It's done in
// batches of a thousand, so that nobody waits for long. A token that was deleted can be applied again: keep them for longer
// than anybody may still come back with one, and than a call with one may take. Less than a minute is refused: such a call
// may be finding out what became of its COMMIT.
func PruneTokens(ctx context.Context, e *Engine, olderThan time.Duration) (int64, error) {
	const op = "prune tokens"
	st, err := e.tokens(op)
	switch {
	case err != nil:
		return 0, err
	case olderThan < leastAge:
		return 0, e.usage(ErrArgument, op, "tokens older than %v would go, also those that somebody is about to come back with: keep them for %v at least", olderThan, leastAge)
	}
	var sum int64
	for {
		r, err := e.Execute(Idempotent(ctx), st.Prune, olderThan.Seconds(), pruneBatch)
		if err != nil {
			return sum, missing(err)
		}
		if sum += r.RowsAffected; r.RowsAffected < pruneBatch {
			return sum, nil
		}
	}
}

// tokens returns the backend's statements.
func (e *Engine) tokens(op string) (driver.TokenStatements, error) {
	if err := e.usable(op); err != nil {
		return driver.TokenStatements{}, err
	}
	if t, ok := e.state.Load().backend.(driver.Tokens); ok {
		return t.Tokens(), nil
	}
	return driver.TokenStatements{}, e.usage(ErrUnsupported, op, "this database's driver keeps no tokens")
}

// missing adds to the error of a statement about tokens what to do if there is no table.
func missing(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == ErrUndefined {
		e.Hint = "run plinth.CreateTokens once: it makes the table plinth_tokens"
	}
	return err
}

// once is one call of ExactlyOnce.
type once struct {
	eng    *Engine
	st     driver.TokenStatements
	token  string
	key    any // the token as the database is given it
	opts   TxOptions
	stores bool

	found   bool    // it was applied before
	stored  *string // then
	unknown error   // of a COMMIT of which nobody knows yet what became of it
	locked  bool    // the last attempt couldn't insert the token
	waits   bool    // nor did the server wait until it could
	fenced  error   // why a lost session couldn't be ended
}

// once returns a call, or says why there can't be one.
func (e *Engine) once(ctx context.Context, token string, opts []TxOptions) (*once, error) {
	o := &once{eng: e, token: token, key: token}
	var err error
	if o.st, err = e.tokens(exactlyOnce); err != nil {
		return nil, err
	}
	if o.opts, err = e.txOptions(opts); err != nil {
		return nil, err
	}
	switch {
	case token == "":
		return nil, e.usage(ErrArgument, exactlyOnce, "the token is empty")
	case len(token) > maxToken:
		return nil, e.usage(ErrArgument, exactlyOnce, "the token has %d bytes, and may have %d", len(token), maxToken)
	case !utf8.ValidString(token):
		return nil, e.usage(ErrArgument, exactlyOnce, "the token isn't valid UTF-8")
	case o.opts.ReadOnly:
		return nil, e.usage(ErrArgument, exactlyOnce, "a transaction that only reads can't keep a token")
	case e.heldTx(ctx) != nil:
		err := e.usage(ErrArgument, exactlyOnce, "the context holds a transaction, and what is applied once can't be a part of that")
		err.Hint = "call it outside of the transaction, and do the transaction's work in the function"
		return nil, err
	}
	if o.st.Bytes {
		o.key = []byte(token)
	}
	return o, nil
}

// run runs the work until it's known to be applied, or not to be.
func (o *once) run(ctx context.Context, work func(context.Context, *Tx) (any, error)) error {
	err := o.eng.replay(ctx, func(ctx context.Context) error {
		known := o.unknown == nil
		err := o.attemptInTurn(ctx, work)
		if known && o.unknown != nil && o.eng.under(ctx, o.eng.state.Load()).policy.Attempts != 1 && ctx.Err() == nil {
			// To find out what became of a COMMIT isn't a retry that an overloaded server has to be spared: at once, and once
			// without a charge to the budget.
			o.eng.retries.Add(1)
			err = o.attemptInTurn(ctx, work)
		}
		return err
	})
	if err == errMarked { //nolint:errorlint // itself
		o.found, o.unknown = true, nil
		return o.find(ctx)
	}
	if err != nil && o.unknown != nil {
		return o.unresolved(err)
	}
	return err
}

// How long the pauses are in which another call is waited for by asking again: they double.
const (
	turnPause = 5 * time.Millisecond
	turnMost  = 100 * time.Millisecond
)

// attemptInTurn is attempt, where the server doesn't wait until another call has ended that holds the token: it's this one that
// does, as long as it would wait for the lock of another database.
func (o *once) attemptInTurn(ctx context.Context, work func(context.Context, *Tx) (any, error)) error {
	until := time.Now().Add(markerWait)
	for pause := turnPause; ; pause = min(2*pause, turnMost) {
		o.waits = false
		err := o.attempt(ctx, work)
		if !o.waits || !time.Now().Before(until) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// attempt runs the work in a transaction. Whether a COMMIT whose answer is lost was carried out the next attempt finds out,
// so it's an error to be tried again.
func (o *once) attempt(ctx context.Context, work func(context.Context, *Tx) (any, error)) error {
	e := o.eng
	if o.locked {
		o.fence(ctx)
	}
	tx, err := e.begin(ctx, o.opts, true)
	if err != nil {
		return err
	}
	tx.hold.exact = true
	var identity any
	o.locked = false
	err = tx.run(ctx, func(ctx context.Context, tx *Tx) (err error) {
		if identity, err = o.identify(ctx, tx); err != nil {
			return err
		}
		if err = o.mark(ctx, tx); err != nil {
			return err
		}
		o.unknown = nil // nobody else can have committed it, nor will
		e.lost.forget(o.token)
		v, err := work(ctx, tx)
		if err != nil || !o.stores {
			return err
		}
		return o.store(ctx, tx, v)
	})
	if err == nil {
		return nil
	}
	if identity != nil && tx.hold.isLost() {
		e.lost.add(o.token, lostSession{tx.hold.st.target, identity})
	}
	if tx.applied {
		o.unknown = err
		if s, ok := err.(*spent); ok {
			err, o.unknown = s.error, s.error
		}
		if pe, ok := errors.AsType[*Error](err); ok {
			pe.verdict = driver.Again
		}
	}
	return err
}

// identify asks who the transaction's session is on the server, if that can be asked.
func (o *once) identify(ctx context.Context, tx *Tx) (any, error) {
	f, ok := tx.hold.sess.(driver.Fencer)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, markerWait)
	defer cancel()
	if err := tx.hold.enter(&tx.place, exactlyOnce); err != nil {
		return nil, err
	}
	defer tx.hold.leave()
	id, err := f.Identity(ctx)
	if err != nil {
		failure := tx.hold.st.failed(exactlyOnce, nil, err, false, true)
		failure.in = tx.hold
		tx.hold.note(nil, failure, err)
		return nil, failure
	}
	return id, nil
}

// mark inserts the token. Another transaction that has inserted it and is still open is waited for, but not for ever.
func (o *once) mark(ctx context.Context, tx *Tx) error {
	wait, cancel := context.WithTimeout(ctx, markerWait)
	defer cancel()
	r, err := tx.Execute(wait, o.st.Insert, o.key)
	if err == nil && r.RowsAffected > 0 {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case err == nil, ok && e.Kind == ErrUnique:
		return errMarked
	case !ok:
		return err
	case e.Kind == ErrTimeout && wait.Err() != nil && ctx.Err() == nil:
		e.Kind, e.verdict = ErrLocked, driver.Again // nothing was applied: no COMMIT was sent
		fallthrough
	case e.Kind == ErrLocked, e.Kind == ErrSerialization && o.st.Conflicts:
		o.waits = e.Kind == ErrSerialization
		o.locked, e.Kind = true, ErrLocked
		e.Hint = "another call with this token is still running, or was lost in a way that the server hasn't noticed yet: call again with the same token"
	}
	return missing(err)
}

// store stores the result with the token.
func (o *once) store(ctx context.Context, tx *Tx, result any) error {
	text, err := json.Marshal(result)
	switch {
	case err != nil:
		return o.eng.usage(ErrArgument, exactlyOnce, "the result can't be stored as JSON: %w", err)
	case len(text) > maxTokenResult:
		err := o.eng.usage(ErrTooLarge, exactlyOnce, "the result is %d bytes of JSON, and %d can be stored with a token", len(text), maxTokenResult)
		err.Hint = "return what names it, such as an id, and read the rest where it's needed"
		return err
	}
	r, err := tx.Execute(ctx, o.st.Store, string(text), o.key)
	if err == nil && r.RowsAffected == 0 {
		return o.eng.usage(ErrArgument, exactlyOnce, "the function has removed its own token from plinth_tokens")
	}
	return err
}

// find reads what was stored. It's done in a transaction, which whatever stands in front of the databases sends to the one
// that is written to. That the token couldn't be inserted doesn't say that it's there: a trigger or a column that CreateTokens
// doesn't make may be the reason. So it's looked for also where nothing was stored.
func (o *once) find(ctx context.Context) error {
	read := false
	err := o.eng.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
		o.stored, err = One[*string](ctx, tx, o.st.Find, o.key)
		read = err == nil
		return err
	})
	if read { // whatever became of a COMMIT that had nothing to commit
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
	case e.Kind == ErrNotFound:
		o.found = false
		err := o.eng.usage(ErrOutcomeUnknown, exactlyOnce, "the database says that the token is there already, and can't find it")
		err.Hint = "it was deleted at this moment, or plinth_tokens isn't as plinth.CreateTokens makes it: look before you call again"
		return err
	case !o.stores: // there is nothing to be read, and no other reason to doubt it
		return nil
	default: // who knows errors only, and not what comes with them, mustn't take it for not applied
		e.doubt("the token's work was applied; only its result couldn't be read: call again with the same token")
	}
	return err
}

// read reads the stored result into dest.
func (o *once) read(dest any) error {
	switch {
	case !o.stores:
		return nil
	case o.stored == nil:
		return o.eng.usage(ErrScan, exactlyOnce, "the token's work was applied, but no result was stored with it")
	}
	if err := json.Unmarshal([]byte(*o.stored), dest); err != nil {
		return o.eng.usage(ErrScan, exactlyOnce, "the token's work was applied, but its stored result doesn't fit a %s: %w", reflect.TypeOf(dest).Elem(), err)
	}
	return nil
}

// unresolved is the error of a call that couldn't find out what became of its COMMIT: err kept it from that.
func (o *once) unresolved(err error) error {
	const hint = "call ExactlyOnce again with the same token, which finds it out"
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != ErrOutcomeUnknown {
		out := o.eng.usage(ErrOutcomeUnknown, exactlyOnce, "the answer to COMMIT was lost, and what became of it couldn't be found out: %w", err)
		if ok {
			out.Attempts = e.Attempts
		}
		e = out
	}
	e.Op, e.Hint = exactlyOnce, hint
	if o.fenced != nil {
		e.Hint += "; the lost session may hold the token, and couldn't be ended: " + o.fenced.Error()
	}
	return e
}

// refuses returns an error for what a function that ExactlyOnce runs must not do.
func (h *hold) refuses(e *Engine, stmt *statement) error {
	if h == nil || !h.exact || stmt.Class != driver.Schema || h.st.info.TransactionalDDL {
		return nil
	}
	err := e.usage(ErrUnsupported, string(hook.Execute), "a schema change commits here, and with it the token before its work is done")
	err.Hint = "change the schema outside of ExactlyOnce"
	return err
}
