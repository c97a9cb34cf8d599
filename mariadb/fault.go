package mariadb

import (
	"strconv"
	"strings"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// The numbers of errors that more is known of than the table says.
const (
	notReady           = 1047
	duplicateEntry     = 1062
	parseError         = 1064
	userLimit          = 1226
	optionPrevents     = 1290
	interrupted        = 1317
	readOnlyTx         = 1792
	readOnlyMode       = 1836
	interactionTimeout = 4031 // of MySQL; another error of MariaDB's
)

// The same as the code of a fault.
const (
	queryInterrupted = "1317"
	noSuchStatement  = "1243"
	cantPrepare      = "1295"
	reprepare        = "1615" // ER_NEED_REPREPARE, after several attempts of the server's own
)

// ServerError is what the server said. Errors of this package wrap it; its message may hold values of the statement,
// so it isn't part of theirs.
type ServerError struct {
	Number  int    // https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference
	State   string // the SQLSTATE
	Message string // as the server wrote it
}

// Error returns the number, the message without the values that it quotes, and the SQLSTATE.
func (e *ServerError) Error() string {
	return "error " + strconv.Itoa(e.Number) + ": " + shownMessage(e) + " (SQLSTATE " + e.State + ")"
}

// serverFault turns what the server said into a fault, which wraps it as a *ServerError. What only the caller knows is left
// to it: that a statement was cancelled by its context (1317), and that a transaction was begun as read-only (1792).
func (t *target) serverFault(phase driver.Phase, e *wire.ServerError) *driver.Fault {
	native := &ServerError{Number: int(e.Number), State: e.State, Message: e.Message}
	code := strconv.Itoa(native.Number)
	f := t.rules.Lookup(code, native.State[:min(2, len(native.State))]).Fault(phase, code, native)
	f.Constraint, f.Table, f.Column = place(native)
	switch native.Number {
	case optionPrevents:
		if m := native.Message; strings.Contains(m, "read-only") || strings.Contains(m, "read_only") {
			f = t.rules.Lookup(strconv.Itoa(readOnlyMode)).Fault(phase, code, native)
		}
	case interactionTimeout:
		if strings.Contains(native.Message, "inactivity") { // the server hadn't read the statement
			f.Kind, f.Verdict, f.Evict, f.TxDead = driver.Unavailable, driver.Again, true, true
		}
	case userLimit:
		if phase != driver.Dial {
			f.Verdict, f.Evict = driver.Never, false
		}
	}
	if phase == driver.Dial && f.Verdict == driver.IfSafe { // nothing was sent yet that could have been applied
		f.Verdict = driver.Again
	}
	return f
}
