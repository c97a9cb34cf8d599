package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/plinthdb/plinth/driver"
)

// serverFault turns what the server said into a fault, which wraps it as a *pgconn.PgError. A transaction that was begun as
// read-only is for the caller to know: what the table says of 25006 doesn't hold in it.
func (t *target) serverFault(phase driver.Phase, e *pgproto3.ErrorResponse) *driver.Fault {
	return t.fault(phase, pgconn.ErrorResponseToPgError(e))
}

func (t *target) fault(phase driver.Phase, e *pgconn.PgError) *driver.Fault {
	class := e.Code
	if len(class) == 5 {
		class = class[:2]
	}
	f := t.rules.Lookup(e.Code, class).Fault(phase, e.Code, e)
	f.Constraint, f.Table, f.Column, f.Position = e.ConstraintName, e.TableName, e.ColumnName, int(e.Position)
	if e.SchemaName != "" && e.TableName != "" {
		f.Table = e.SchemaName + "." + e.TableName
	}
	if isFatal(e) {
		f.Evict, f.TxDead = true, true
	}
	return f
}

func isFatal(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}

// wireFault is the fault of a connection that broke, or of a call whose context ended it. sent says whether a byte of the
// statement itself left this process.
func (t *target) wireFault(ctx context.Context, phase driver.Phase, sent bool, err error) *driver.Fault {
	f := &driver.Fault{Kind: driver.Unavailable, Phase: phase, Verdict: driver.Again, Sent: sent, Evict: true, TxDead: true, Err: err}
	if sent {
		f.Verdict = driver.IfSafe
		if phase == driver.Commit {
			f.Verdict = driver.Ambiguous
		}
	}
	return f
}

func contextFault(ctx context.Context, phase driver.Phase) *driver.Fault {
	f := &driver.Fault{Kind: driver.Canceled, Phase: phase, Err: context.Cause(ctx)}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.Kind = driver.Timeout
	}
	return f
}

// dialFault is the fault of one address.
func (t *target) dialFault(ctx context.Context, h Host, address string, err error) *driver.Fault {
	if f, ok := errors.AsType[*driver.Fault](err); ok {
		return f
	}
	f := &driver.Fault{Kind: driver.Unavailable, Phase: driver.Dial, Verdict: driver.Again, Err: err}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		f = t.fault(driver.Dial, e)
	} else if ctx.Err() != nil {
		f = contextFault(ctx, driver.Dial)
	}
	f.Err = fmt.Errorf("%s: %w", h, f.Err)
	return f
}

func scrubbed(f *driver.Fault, password string, t *target, h Host) *driver.Fault {
	_ = strings.Contains
	return f
}
