package mariadb

import (
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// TestAStatementThatTheServerHasForgottenIsPreparedAgain where nothing of it can have been applied.
func TestAStatementThatTheServerHasForgottenIsPreparedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		verb, code string
		before     bool // it was prepared before this call
		inTx       bool
		again      bool
		verdict    driver.Verdict
		dropped    bool
	}{
		"a write":                        {"UPDATE", noSuchStatement, true, false, true, driver.Never, true},
		"tables that changed too often":  {"SELECT", reprepare, true, false, true, driver.Never, true},
		"in a transaction":               {"UPDATE", noSuchStatement, true, true, false, driver.Again, true},
		"prepared in this call":          {"UPDATE", reprepare, false, false, false, driver.Never, true},
		"a procedure":                    {"CALL", noSuchStatement, true, false, false, driver.Never, true},
		"a procedure in a transaction":   {"CALL", noSuchStatement, true, true, false, driver.Never, true},
		"another error":                  {"UPDATE", "1062", true, false, false, driver.Never, false},
		"another error in a transaction": {"UPDATE", "1062", true, true, false, driver.Never, false},
	} {
		s := refusing(t, Options{})
		s.cache.init(2)
		st := &prepared{text: "text", stmt: &wire.Stmt{ID: 7}}
		if s.cache.put(st); test.before && s.cache.get("text") != st {
			t.Fatal("it isn't kept")
		}
		s.running.stmt, s.tx.open = &driver.Stmt{Verb: test.verb}, test.inTx
		f := &driver.Fault{Kind: driver.Undefined, Phase: driver.Run, Code: test.code}
		if again := s.outdated(st, f); again != test.again || f.Verdict != test.verdict {
			t.Errorf("%s: again %v, verdict %v", name, again, f.Verdict)
		}
		if dropped := len(s.cache.closed) == 1; dropped != test.dropped || dropped != (s.cache.get("text") == nil) {
			t.Errorf("%s: dropped %v", name, dropped)
		}
	}
}
