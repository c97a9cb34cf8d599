package mariadb

import (
	"slices"
	"strconv"
	"testing"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/mariadb/internal/wire"
)

// TestRetryTable holds the faults to what is known of repeating what failed. Each number is met in a statement and at COMMIT.
func TestRetryTable(t *testing.T) {
	t.Parallel()
	to, err := Options{}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	const readOnly = "The MariaDB server is running with the --read-only option so it cannot execute this statement"
	for _, test := range []struct {
		number      uint16
		state       string
		message     string
		kind        driver.Kind
		run, commit driver.Verdict
		evict, dead bool
	}{
		{1213, "40001", "", driver.Deadlock, driver.Again, driver.Again, false, true},
		{1205, "HY000", "", driver.Locked, driver.Again, driver.Again, false, true},
		{1020, "HY000", "", driver.Serialization, driver.Again, driver.Again, false, true},
		{1040, "08004", "", driver.Unavailable, driver.Again, driver.Again, true, true},
		{1203, "42000", "", driver.Unavailable, driver.Again, driver.Again, true, true},
		{1047, "08S01", "WSREP has not yet prepared node for application use", driver.Unavailable, driver.Again, driver.Again, true, true},
		{1290, "HY000", readOnly, driver.ReadOnly, driver.Again, driver.Again, true, false},
		{1290, "HY000", "The MariaDB server is running with the --secure-file-priv option so it cannot execute this statement", driver.Unsupported, driver.Never, driver.Never, false, false},
		{1836, "HY000", "", driver.ReadOnly, driver.Again, driver.Again, true, false},
		{1792, "25006", "", driver.ReadOnly, driver.Again, driver.Again, true, false},
		{1053, "08S01", "", driver.Unavailable, driver.IfSafe, driver.Ambiguous, true, true},
		{1927, "70100", "", driver.Unavailable, driver.IfSafe, driver.Ambiguous, true, true},
		{1180, "HY000", "", driver.Unknown, driver.IfSafe, driver.Ambiguous, false, true},
		{2006, "HY000", "", driver.Unavailable, driver.IfSafe, driver.Ambiguous, true, true},
		{2013, "HY000", "", driver.Unavailable, driver.IfSafe, driver.Ambiguous, true, true},
		{1062, "23000", "", driver.Unique, driver.Never, driver.Never, false, false},
		{1064, "42000", "", driver.Syntax, driver.Never, driver.Never, false, false},
		{1044, "42000", "", driver.Permission, driver.Never, driver.Never, false, false},
		{1045, "28000", "", driver.Auth, driver.Never, driver.Never, false, false},
		{1146, "42S02", "", driver.Undefined, driver.Never, driver.Never, false, false},
		{1451, "23000", "", driver.ForeignKey, driver.Never, driver.Never, false, false},
		{1452, "23000", "", driver.ForeignKey, driver.Never, driver.Never, false, false},
		{1317, "70100", "", driver.Canceled, driver.Never, driver.Never, false, false},
		{1969, "70100", "", driver.Timeout, driver.Never, driver.Never, false, false},
		{1226, "42000", "", driver.Unavailable, driver.Never, driver.Never, false, true},
		{4031, "HY000", "The client was disconnected by the server because of inactivity.", driver.Unavailable, driver.Again, driver.Again, true, true},
		{9999, "HY000", "", driver.Unknown, driver.Never, driver.Never, false, false},
		{9999, "40001", "", driver.Unknown, driver.Never, driver.Never, false, false},
		{9999, "23000", "", driver.Check, driver.Never, driver.Never, false, false},
		{9999, "", "", driver.Unknown, driver.Never, driver.Never, false, false},
	} {
		for phase, want := range map[driver.Phase]driver.Verdict{driver.Run: test.run, driver.Commit: test.commit} {
			f := to.serverFault(phase, &wire.ServerError{Number: test.number, State: test.state, Message: test.message})
			if f.Kind != test.kind || f.Verdict != want || f.Evict != test.evict || f.TxDead != test.dead || f.Code != strconv.Itoa(int(test.number)) {
				t.Errorf("%d (%s) in %v: %+v, want verdict %v", test.number, test.message, phase, f, want)
			}
		}
	}
	for _, test := range []struct {
		number  uint16
		verdict driver.Verdict
		down    bool
	}{
		{1040, driver.Again, false}, {1203, driver.Again, false}, {1226, driver.Again, false}, {1047, driver.Again, true},
		{1053, driver.Again, true}, {1045, driver.Never, false},
	} {
		f := to.serverFault(driver.Dial, &wire.ServerError{Number: test.number, State: "08004"})
		if f.Verdict != test.verdict || f.Unreachable() != test.down {
			t.Errorf("%d while dialling: %v, down %v, want %+v", test.number, f.Verdict, f.Unreachable(), test)
		}
	}
}

func TestEachRuleIsListedOnceWithItsName(t *testing.T) {
	t.Parallel()
	var seen []string
	for _, r := range Rules() {
		if slices.Contains(seen, r.Code) {
			t.Errorf("%s is listed twice", r.Code)
		}
		seen = append(seen, r.Code)
		if _, err := strconv.Atoi(r.Code); err == nil && len(r.Code) == 4 && r.Name == "" {
			t.Errorf("%s has no name", r.Code)
		}
		if r.Verdict == driver.Again && r.Commit == driver.Never {
			t.Errorf("%s may run again, but not if it was COMMIT", r.Code)
		}
	}
}
