package driver

import "fmt"

// Fault is the only error that crosses the seam.
type Fault struct {
	Kind    Kind
	Phase   Phase
	Verdict Verdict // the classification table's word on running it again
	Sent    bool    // at least one byte of the statement itself left this process (or SQLite was stepped)
	Evict   bool    // the connection must not be used again
	TxDead  bool    // the transaction is over, whatever the session thinks
	Once    bool    // of a Verdict of Again: one more attempt is enough
	Crowded bool    // of Unavailable: the target is there, but has no room for another connection

	Code       string // the database's own code
	Constraint string // where the server tells
	Table      string
	Column     string
	Position   int    // 1-based character in the statement, 0 if unknown
	Hint       string // what to try, a short sentence without a full stop
	Err        error  // the native error, for errors.As
}

// Error returns the native error's text, or the kind's.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Kind.Error()
	}
	return f.Err.Error()
}

// Unwrap returns the native error.
func (f *Fault) Unwrap() error { return f.Err }

// Is matches the fault's kind.
func (f *Fault) Is(target error) bool {
	if k, ok := target.(Kind); ok {
		return f.Kind == k
	}
	return f.Kind.Is(target)
}

// Unreachable reports whether the fault is of a connection that couldn't be opened because the target serves nobody: it doesn't
// answer, or is starting or stopping. One that turns this client away (a wrong password), or has no room for it until somebody
// else leaves, was reached. Package pool asks for it.
func (f *Fault) Unreachable() bool {
	return f.Phase == Dial && (f.Kind == Unavailable && !f.Crowded || f.Kind == Timeout)
}

// Faultf returns a fault of kind that was found before anything was sent. It takes fmt.Errorf's format.
func Faultf(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Phase: Prepare, Err: fmt.Errorf(format, args...)}
}

// Phase is how far a call got.
type Phase uint8

// The phases, in the order a call goes through them.
const (
	Acquire  Phase = iota // waiting for a connection
	Dial                  // opening one, or logging in
	Prepare               // before anything of the statement itself was sent
	Run                   // the statement was sent
	Fetch                 // rows were being read
	Begin                 // opening a transaction
	Commit                // COMMIT was sent
	Rollback              // ROLLBACK was sent
)

// String returns the phase in a word.
func (p Phase) String() string {
	text := [...]string{"acquire", "dial", "prepare", "run", "fetch", "begin", "commit", "rollback"}
	if int(p) < len(text) {
		return text[p]
	}
	return "unlisted phase"
}

// Verdict is what the classification table says about running a unit of work again. The unit is the statement outside
// a transaction, and the whole closure inside one.
type Verdict uint8

// The verdicts.
const (
	Never     Verdict = iota // the same would come of it; also every unknown code
	Again                    // nothing was applied: the whole unit may run again
	IfSafe                   // may have been applied: again only for a read, or what the caller marked as repeatable
	Ambiguous                // may have been applied, and it was the COMMIT: resolve first
)

// String returns the verdict in a word or two.
func (v Verdict) String() string {
	text := [...]string{"never", "again", "if safe", "outcome unknown"}
	if int(v) < len(text) {
		return text[v]
	}
	return "unlisted verdict"
}

// Rule is one row of a driver's classification table: what a code of the database means.
type Rule struct {
	Code    string // the database's code, as Table.Lookup is asked for it
	Name    string // the database's name for it, for the docs
	Kind    Kind
	Verdict Verdict // while a statement ran
	Commit  Verdict // if it was COMMIT that failed
	Evict   bool
	TxDead  bool
	Once    bool // of Again: what may help once but won't the third time, such as a server short of resources
	Crowded bool // of Unavailable: the target is there, but has no room for another connection
	Hint    string
}

// Table is a driver's classification table. It is read-only after NewTable.
type Table struct{ rules map[string]Rule }

// NewTable returns a table of the rules. A code that is listed twice is a mistake of the driver's and panics.
func NewTable(rules ...Rule) Table {
	t := Table{rules: make(map[string]Rule, len(rules))}
	for _, r := range rules {
		if _, twice := t.rules[r.Code]; twice {
			panic("driver: code " + r.Code + " is listed twice in the classification table")
		}
		t.rules[r.Code] = r
	}
	return t
}

// Lookup returns the rule of the first code that is listed: ask for the exact code first and for its class after it.
// For codes that nobody listed it returns a rule of kind Unknown that is never repeated.
func (t Table) Lookup(codes ...string) Rule {
	for _, c := range codes {
		if r, ok := t.rules[c]; ok {
			return r
		}
	}
	return Rule{Kind: Unknown}
}

// Fault returns the rule as a fault of a code in a phase.
func (r Rule) Fault(phase Phase, code string, err error) *Fault {
	f := &Fault{
		Kind: r.Kind, Phase: phase, Verdict: r.Verdict, Sent: phase >= Run, Evict: r.Evict, TxDead: r.TxDead, Once: r.Once,
		Crowded: r.Crowded, Code: code, Hint: r.Hint, Err: err,
	}
	if phase == Commit {
		f.Verdict = r.Commit
	}
	return f
}
