// Package drivertest is the conformance suite that every driver passes. A driver in another module proves itself by a
// test that calls Run:
//
//	func TestConformance(t *testing.T) {
//		drivertest.Run(t, drivertest.Harness{
//			Opener:     func(t testing.TB) driver.Opener { … },
//			Statements: drivertest.SQL(drivertest.Types{ … }),
//		})
//	}
//
// The suite has four parts. The first three run the same cases, which speak to the database through an engine and expect the
// same answers: bare, with everything around the call switched off, and full, with retries, a time-out, hooks,
// observers, query log and leak detection, and with a watch over what the engine asks of the driver, and pipelined: bare, but
// with each statement that can be part of a batch in one, if the driver has batches. The fourth part, seam, asks the driver itself.
package drivertest

import (
	"slices"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
	"go.uber.org/goleak"
)

// Harness is what the suite has to know of a database.
type Harness struct {
	// Opener returns the opener of a new, empty database that nobody else uses, and removes the database when t has
	// ended. An opener that is used twice gives two backends of the same database. It is called by several
	// goroutines at once.
	Opener func(t testing.TB) driver.Opener

	Statements Statements // what the suite says to the database
	Limits     Limits

	// Serial are the options of a transaction that reads, computes and writes without losing another's update. The zero
	// value asks for driver.Serializable.
	Serial driver.TxOptions
}

// Limits are where databases differ in what they keep.
type Limits struct {
	Uint64    bool          // integers beyond the largest int64 fit; else they have to be refused
	ZeroByte  bool          // text may hold U+0000; else it has to be refused
	Precision time.Duration // what a time is cut to; 0: a microsecond

	NoSavepoints   bool // Session.Savepoint answers with driver.Unsupported
	NoTransactions bool // so does Session.Begin: the cases that need a transaction check for that error instead
	Documents      bool // rows are documents: each has its own columns, and a struct takes those it has fields for
	OwnUnit        bool // sessions are driver.SelfContained: what an ExecuteMany's unit does can't be seen from here
	LosesUpdates   bool // the server itself lets one of two updates of a row at the same time overwrite the other (FerretDB 1)

	Huge int // bytes of the largest value that is tried; 0: 100 MB, which is cut to a tenth with -short
}

// Run runs the suite as subtests of t. It runs cases in parallel, but must not be called by a test that is parallel
// itself: at its end it looks for goroutines left behind.
func Run(t *testing.T, h Harness) {
	if h.Serial == (driver.TxOptions{}) {
		h.Serial.Isolation = driver.Serializable
	}
	if h.Limits.Precision == 0 {
		h.Limits.Precision = time.Microsecond
	}
	if h.Limits.Huge == 0 {
		h.Limits.Huge = 100_000_000
	}
	before := goleak.IgnoreCurrent()
	t.Run("bare", func(t *testing.T) { (&suite{Harness: h}).run(t, engineGroups()) })
	t.Run("full", func(t *testing.T) { (&suite{Harness: h, full: true}).run(t, engineGroups()) })
	t.Run("pipelined", func(t *testing.T) { (&suite{Harness: h, pipelined: true}).run(t, batchedGroups()) })
	t.Run("seam", func(t *testing.T) { (&suite{Harness: h}).run(t, seamGroups()) })
	if err := goleak.Find(before); err != nil {
		t.Errorf("goroutines were left behind: %v", err)
	}
}

// group is the cases of one subject.
type group struct {
	name  string
	cases []testCase
	tx    bool // each needs transactions
	own   bool // of statements that have a connection to themselves, and so join no batch
}

// testCase is one promise, in words, and the function that holds the engine to it.
type testCase struct {
	name  string
	run   func(t *testing.T, s *suite)
	tx    bool // it needs transactions
	alone bool // it measures memory, or time more closely than others beside it would allow
}

func engineGroups() []group {
	return []group{
		{name: "verbs", cases: verbCases()},
		{name: "rows", cases: rowsCases()},
		{name: "scan", cases: scanCases()},
		{name: "values", cases: valueCases()},
		{name: "arguments", cases: argumentCases()},
		{name: "errors", cases: errorCases()},
		{name: "transactions", tx: true, own: true, cases: txCases()},
		{name: "savepoints", tx: true, own: true, cases: savepointCases()},
		{name: "isolation", tx: true, own: true, cases: isolationCases()},
		{name: "retry", cases: retryCases()},
		{name: "replay", tx: true, own: true, cases: replayCases()},
		{name: "many", own: true, cases: manyCases()},
		{name: "with", own: true, cases: withCases()},
		{name: "cancel", cases: cancelCases()},
		{name: "pool", cases: poolCases()},
		{name: "hooks", cases: hookCases()},
		{name: "close", cases: closeCases()},
		{name: "concurrency", cases: concurrencyCases()},
		{name: "size", cases: sizeCases()},
	}
}

// batchedGroups are those whose statements can be part of a batch.
func batchedGroups() []group {
	return slices.DeleteFunc(engineGroups(), func(g group) bool { return g.own })
}

func seamGroups() []group {
	return []group{
		{name: "sessions", cases: seamSessionCases()},
		{name: "rows", cases: seamRowsCases()},
		{name: "transactions", cases: seamTxCases()},
	}
}

// suite is one part of a run.
type suite struct {
	Harness
	full      bool
	pipelined bool
}

func (s *suite) run(t *testing.T, groups []group) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					if !c.alone {
						t.Parallel()
					}
					if s.Limits.NoTransactions && (g.tx || c.tx) {
						s.refusesTransactions(t)
						return
					}
					c.run(t, s)
				})
			}
		})
	}
}
