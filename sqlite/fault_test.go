package sqlite

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
	zombiezen "zombiezen.com/go/sqlite"
)

func TestFaultsSayWhatWentWrongAndWhere(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	for _, text := range []string{
		"CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, n NOT NULL DEFAULT 0, UNIQUE (a, b), CONSTRAINT positive CHECK (n >= 0), CHECK (n < 100))",
		"CREATE UNIQUE INDEX by_expression ON t(a || b || n)",
		"CREATE TABLE child(id REFERENCES t(id))",
		"CREATE TABLE strict(i INTEGER) STRICT",
		"CREATE TABLE keyed(k TEXT PRIMARY KEY)",
		"CREATE VIEW v AS SELECT 1 AS a",
		"CREATE TRIGGER guard BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'not this one'); END",
		"INSERT INTO t(id, a, b) VALUES (1, 'x', 'y')",
		"INSERT INTO keyed VALUES ('k')",
	} {
		run(t, s, text)
	}
	for _, c := range []struct {
		text string
		want driver.Fault // Err is not compared
	}{
		{"INSERT INTO t(id) VALUES (1)", driver.Fault{Kind: driver.Unique, Code: "1555", Table: "t", Column: "id"}},
		{"INSERT INTO keyed VALUES ('k')", driver.Fault{Kind: driver.Unique, Code: "1555", Table: "keyed", Column: "k"}},
		{"INSERT INTO t(a, b, n) VALUES ('x', 'y', 1)", driver.Fault{Kind: driver.Unique, Code: "2067", Table: "t", Column: "a, b"}},
		{"INSERT INTO t(a, b) VALUES ('xy', '')", driver.Fault{Kind: driver.Unique, Code: "2067", Constraint: "by_expression"}},
		{"INSERT INTO t(n) VALUES (NULL)", driver.Fault{Kind: driver.NotNull, Code: "1299", Table: "t", Column: "n"}},
		{"INSERT INTO t(n) VALUES (-1)", driver.Fault{Kind: driver.Check, Code: "275", Constraint: "positive"}},
		{"INSERT INTO t(n) VALUES (100)", driver.Fault{Kind: driver.Check, Code: "275", Constraint: "n < 100"}},
		{"INSERT INTO child VALUES (9)", driver.Fault{Kind: driver.ForeignKey, Code: "787"}},
		{"DELETE FROM t", driver.Fault{Kind: driver.Check, Code: "1811"}},
		{"INSERT INTO strict VALUES ('x')", driver.Fault{Kind: driver.Invalid, Code: "3091", Table: "strict", Column: "i"}},
		{"INSERT INTO t(id) VALUES ('x')", driver.Fault{Kind: driver.Invalid, Code: "20"}},
		{"SELECT abs(-9223372036854775808)", driver.Fault{Kind: driver.Invalid, Code: "1"}},
		{"SELECT json('{')", driver.Fault{Kind: driver.Invalid, Code: "1"}},

		{"SELECT * FROM nope", driver.Fault{Kind: driver.Undefined, Code: "1", Table: "nope"}},
		{"SELECT * FROM main.nope", driver.Fault{Kind: driver.Undefined, Code: "1", Table: "nope"}},
		{"SELECT x.nope FROM t x", driver.Fault{Kind: driver.Undefined, Code: "1", Table: "x", Column: "nope", Position: 8}},
		{`SELECT "nope" FROM t x`, driver.Fault{Kind: driver.Undefined, Code: "1", Column: "nope", Position: 8}},
		{"INSERT INTO t(nope) VALUES (1)", driver.Fault{Kind: driver.Undefined, Code: "1", Table: "t", Column: "nope"}},
		{"SELECT nope(1)", driver.Fault{Kind: driver.Undefined, Code: "1", Position: 8}},
		{"DROP INDEX nope", driver.Fault{Kind: driver.Undefined, Code: "1"}},
		{"CREATE TABLE t(a)", driver.Fault{Kind: driver.Exists, Code: "1", Table: "t", Position: 14}},
		{"CREATE INDEX by_expression ON t(a)", driver.Fault{Kind: driver.Exists, Code: "1"}},
		{"ALTER TABLE t ADD COLUMN a", driver.Fault{Kind: driver.Exists, Code: "1", Column: "a"}},
		{"ALTER TABLE t RENAME TO keyed", driver.Fault{Kind: driver.Exists, Code: "1"}},

		{"SELEC 1", driver.Fault{Kind: driver.Syntax, Code: "1", Position: 1}},
		{"SELECT 'ü', FROM t", driver.Fault{Kind: driver.Syntax, Code: "1", Position: 13}},
		{"SELECT", driver.Fault{Kind: driver.Syntax, Code: "1"}},
		{"INSERT INTO t VALUES (1)", driver.Fault{Kind: driver.Syntax, Code: "1"}},
		{"INSERT INTO v VALUES (1)", driver.Fault{Kind: driver.Syntax, Code: "1"}},
		{"SELECT ?40000", driver.Fault{Kind: driver.Argument, Code: "1", Position: 8}},
		{"DELETE FROM sqlite_schema", driver.Fault{Kind: driver.Permission, Code: "1", Table: "sqlite_master"}},
		{"COMMIT", driver.Fault{Kind: driver.TxDone, Code: "1"}},
		{"SELECT 1" + strings.Repeat(" + 1", 2000), driver.Fault{Kind: driver.TooLarge, Code: "1"}},
	} {
		_, err := s.Execute(t.Context(), request(c.text))
		f := faultOf(t, err, c.want.Kind)
		text := c.text[:min(len(c.text), 60)]
		if f.Code != c.want.Code || f.Table != c.want.Table || f.Column != c.want.Column || f.Constraint != c.want.Constraint {
			t.Errorf("%s: code %s, table %q, column %q, constraint %q; want %s, %q, %q, %q", text, f.Code, f.Table, f.Column,
				f.Constraint, c.want.Code, c.want.Table, c.want.Column, c.want.Constraint)
		}
		if f.Position != c.want.Position {
			t.Errorf("%s: position %d, want %d", text, f.Position, c.want.Position)
		}
		if strings.Contains(f.Error(), "sqlite:") || f.Verdict != driver.Never {
			t.Errorf("%s: verdict %v, message %q", text, f.Verdict, f)
		}
		if got := zombiezen.ErrCode(err); strconv.Itoa(int(got)) != c.want.Code {
			t.Errorf("%s: the native error's code is %d", text, got)
		}
	}
}

func TestAWriteThatIsLedToAReaderSaysSo(t *testing.T) {
	t.Parallel()
	b := newFile(t, Options{})
	run(t, write(t, b), "CREATE TABLE t(a)")
	f := failing(t, reading(t, b), driver.ReadOnly, "INSERT INTO t VALUES (1)")
	if f.Code != "8" || !strings.Contains(f.Hint, "the transaction is read-only") {
		t.Errorf("code %s, hint %q", f.Code, f.Hint)
	}
}

func TestEveryResultCodeHasARule(t *testing.T) {
	t.Parallel()
	rules := driver.NewTable(Rules()...)
	names := map[string]bool{}
	for _, r := range Rules() {
		n, err := strconv.Atoi(r.Code)
		if err != nil || !strings.HasPrefix(r.Name, "SQLITE_") || names[r.Name] {
			t.Errorf("rule %+v", r)
		}
		names[r.Name] = true
		if code := zombiezen.ResultCode(n); !strings.HasPrefix(code.String(), "ResultCode(") && code.String() != r.Name {
			t.Errorf("code %d is %s, the rule says %s", n, code, r.Name)
		}
		if primary := strconv.Itoa(n & 0xff); rules.Lookup(primary).Code != primary {
			t.Errorf("code %s has no rule for its primary code", r.Code)
		}
	}
	for n := 1; n <= 28; n++ {
		if rules.Lookup(strconv.Itoa(n)).Code == "" {
			t.Errorf("primary code %d has no rule", n)
		}
	}
	if r := rules.Lookup(codes("16650")...); r.Code != "10" { // an extended code of the future
		t.Errorf("an unlisted extended code got rule %+v, want that of SQLITE_IOERR", r)
	}
}

func TestTheClassificationTable(t *testing.T) {
	t.Parallel()
	rules := driver.NewTable(Rules()...)
	for verdict, list := range map[driver.Verdict][]string{
		driver.Again:  {"5", "261", "517", "773", "6", "262"},
		driver.Never:  {"8", "9", "11", "13", "7", "19", "21", "26", "2067", "1"},
		driver.IfSafe: {"10", "778", "1034"},
	} {
		for _, code := range list {
			if got := rules.Lookup(code).Verdict; got != verdict {
				t.Errorf("code %s: %v, want %v", code, got, verdict)
			}
		}
	}
	for _, code := range []string{"10", "1034", "13", "7", "11"} {
		if got := rules.Lookup(code).Commit; got != driver.Ambiguous {
			t.Errorf("code %s at COMMIT: %v, want %v", code, got, driver.Ambiguous)
		}
	}
}

func TestFaultsWrapTheContextsCause(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"begin":     func() error { return s.Begin(ctx, driver.TxOptions{}) },
		"ping":      func() error { _, err := s.Ping(ctx); return err },
		"savepoint": func() error { return s.Savepoint(ctx, driver.SavepointSet, "a") },
		"query":     func() error { _, err := s.Query(ctx, request("SELECT 1")); return err },
	} {
		if f := faultOf(t, call(), driver.Canceled); f.Sent || f.Err != context.Canceled {
			t.Errorf("%s: sent %v, %v", name, f.Sent, f.Err)
		}
	}
}

func TestAPositionIsOneInTheCallersText(t *testing.T) {
	t.Parallel()
	s := write(t, newMemory(t))
	req := request("SELECT nope WHERE 1 IN (?)", 1, 2)
	req.Native = "SELECT nope WHERE 1 IN (?, ?)"
	_, err := s.Execute(t.Context(), req)
	if f := faultOf(t, err, driver.Undefined); f.Position != 8 {
		t.Errorf("before the list that was spread: position %d, want 8", f.Position)
	}
	req = request("SELECT 1 IN (?), nope", 1, 2)
	req.Native = "SELECT 1 IN (?, ?), nope"
	_, err = s.Execute(t.Context(), req)
	if f := faultOf(t, err, driver.Undefined); f.Position != 0 {
		t.Errorf("after it: position %d, want none", f.Position)
	}
}
