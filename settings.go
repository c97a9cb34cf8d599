package plinth

import (
	"context"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/pool"
	"github.com/plinthdb/plinth/retry"
)

// settings are what a call is made with: the engine's own, or what the overrides in its context make of them. They never
// change.
type settings struct {
	timeout  time.Duration // of the call; 0: none
	acquire  time.Duration // longest wait for a connection; 0: the pool's, negative: as long as the context
	slow     time.Duration // from how long it is slow; 0: the query log's own, negative: never
	policy   retry.Policy
	readOnly bool // refuse to write
	refused  error
}

// settingsOf returns what a configuration says of calls. Where the whole engine only reads and the driver doesn't guard reads,
// its sessions see to that by themselves.
func (e *Engine) settingsOf(c *config.Config, info *driver.Info) settings {
	s := settings{timeout: max(0, c.Timeout), slow: c.SlowThreshold, policy: e.policy, readOnly: c.ReadOnly && info.GuardsReads}
	s.policy.Attempts, s.policy.Base, s.policy.Cap = c.RetryAttempts, c.RetryBaseDelay, c.RetryMaxDelay
	return s
}

// under returns the settings of a call. Without overrides in its context they cost one ctx.Value.
func (e *Engine) under(ctx context.Context, st *state) *settings {
	if s, ok := config.Derive(ctx, &st.config, st.derive); ok {
		return s
	}
	return &st.settings
}

// derived is under for a context that overrides something.
func (e *Engine) derived(st *state, c config.Config, err error) *settings {
	if err != nil {
		return &settings{refused: &Error{
			Kind: ErrArgument, Op: "configure", Engine: st.info.Engine, Target: st.info.Target, Err: err,
			Hint: "the context's override (config.WithOverride) is wrong",
		}}
	}
	s := e.settingsOf(&c, &st.info)
	if c.AcquireTimeout != st.config.AcquireTimeout {
		s.acquire = c.AcquireTimeout
	}
	s.readOnly = c.ReadOnly
	if !c.SameTarget(st.config) {
		s.refused = &Error{
			Kind: ErrArgument, Op: "configure", Engine: st.info.Engine, Target: st.info.Target,
			Err:  otherTarget(c.Redacted()),
			Hint: "take the engine from an open.Set, which has one for each target, or take the override out of the context",
		}
	}
	return &s
}

// otherTarget says which database a context asks for.
type otherTarget string

func (t otherTarget) Error() string { return "the context asks for another database, " + string(t) }

// admit says whether a call may be made with its settings.
func (c *call) admit() error {
	switch {
	case c.set.refused != nil && (c.stmt != nil || c.hold == nil || c.hold.tx == nil): // what ends a transaction always may
		return c.set.refused
	case c.set.readOnly && c.stmt != nil && c.writes():
		e := c.st.usage(ErrReadOnly, string(c.op), "the context asks for reading only")
		e.Statement = c.stmt.Binder.Fingerprint()
		return e
	}
	return nil
}

// writes reports whether a call that must only read has to be refused here, because the database wouldn't.
func (c *call) writes() bool {
	inTx := c.hold != nil && c.hold.tx != nil
	switch {
	case inTx && c.stmt.Class == driver.Setting: // SET TRANSACTION READ WRITE
		return strings.Contains(strings.ToUpper(c.stmt.Text), "TRANSACTION")
	case c.stmt.Access == driver.Read:
		return false
	case inTx:
		return !c.st.info.GuardsReads || c.hold.tx.access != driver.Read
	}
	return !c.st.info.GuardsReads
}

// over returns c with what the options say themselves, which goes before it.
func (o Options) over(c config.Config) config.Config {
	put(&c.MaxOpenConns, o.Pool.MaxOpenConns)
	put(&c.MaxIdleConns, o.Pool.MaxIdleConns)
	put(&c.MinConns, o.Pool.MinConns)
	if o.Pool.MaxOpenConns > 0 && o.Pool.MaxIdleConns == 0 { // what stays idle follows, unless it was said, too
		c.MaxIdleConns = min(c.MaxIdleConns, o.Pool.MaxOpenConns)
	}
	put(&c.ConnMaxLifetime, o.Pool.ConnMaxLifetime)
	put(&c.ConnMaxIdleTime, o.Pool.ConnMaxIdleTime)
	put(&c.AcquireTimeout, o.Pool.AcquireTimeout)
	put(&c.LeakThreshold, o.Pool.LeakThreshold)
	put(&c.Timeout, o.Timeout)
	put(&c.SlowThreshold, o.QueryLog.Threshold)
	put(&c.RetryAttempts, o.Retry.Attempts)
	put(&c.RetryBaseDelay, o.Retry.Base)
	put(&c.RetryMaxDelay, o.Retry.Cap)
	return c
}

// pool returns the settings of the pool: those that a configuration has, and those that only the options have.
func (o Options) pool(c *config.Config) pool.Options {
	p := o.Pool
	p.MaxOpenConns, p.MaxIdleConns, p.MinConns = c.MaxOpenConns, c.MaxIdleConns, c.MinConns
	p.ConnMaxLifetime, p.ConnMaxIdleTime, p.AcquireTimeout = c.ConnMaxLifetime, c.ConnMaxIdleTime, c.AcquireTimeout
	p.LeakThreshold = max(0, c.LeakThreshold)
	return p
}

// put sets a field to a value that was given.
func put[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}
