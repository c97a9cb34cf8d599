package sqltext

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFingerprintsHaveNoLiterals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, text, want string }{
		{"", "SELECT a FROM t WHERE b = 'x' AND c = 12 AND d > -1.5e-3", "SELECT a FROM t WHERE b = ? AND c = ? AND d > -?"},
		{"", "SELECT  a,\n\tb -- c 'x'\n FROM /* 'y' */ t ", "SELECT a, b FROM t"},
		{"", "SELECT TRUE, False, NULL, x'AB12', 0xFF, 1_000, .5", "SELECT TRUE, False, NULL, ?, ?, ?, ?"},
		{"", "SELECT 'it''s', ''", "SELECT ?, ?"},
		{"", "a=1", "a=?"},
		{"", "\ufeffSELECT 1", "SELECT ?"},
		{"", "", ""},
		{"", "-- only", ""},

		// Placeholders are values, too.
		{"", "SELECT a FROM t WHERE b = ? AND c = :name", "SELECT a FROM t WHERE b = ? AND c = ?"},
		{"s", "SELECT ?1, @a, $b", "SELECT ?, ?, ?"},
		{"p", "SELECT $1, a ?? b, a::text, a[1:2]", "SELECT ?, a ?? b, a::text, a[?:?]"},

		// Lists don't count.
		{"", "a IN (1, 2, 3) OR b NOT IN ('x')", "a IN (?) OR b NOT IN (?)"},
		{"", "a in(?)", "a in (?)"},
		{"", "a IN (:ids)", "a IN (?)"},
		{"", "(a, b) IN ((1, 'x'), (2, -3), (NULL, TRUE))", "(a, b) IN (?)"},
		{"", "a IN (SELECT b FROM c WHERE d = 1)", "a IN (SELECT b FROM c WHERE d = ?)"},
		{"", "a IN (1, lower('x'))", "a IN (?, lower(?))"},
		{"", "a IN (b, 1)", "a IN (b, ?)"},
		{"", "a IN (NULL)", "a IN (NULL)"},
		{"", "a IN (1, 2", "a IN (?, ?"},
		{"", "INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES (…)"},
		{"", "INSERT INTO t VALUES (1, f('x')), (2, (3)),\n(4, 'y') RETURNING a", "INSERT INTO t VALUES (…) RETURNING a"},
		{"", "VALUES (1), (2), a", "VALUES (…), a"},
		{"", "VALUES (1, 'x", "VALUES (…)"},
		{"", "SELECT values FROM t", "SELECT values FROM t"},

		// By dialect.
		{"sp", `SELECT "a b", 'x' FROM "t"`, `SELECT "a b", ? FROM "t"`},
		{"m", `SELECT "a b", 'x\'y', N'z' FROM t # 'x'`, "SELECT ?, ?, ? FROM t"},
		{"sm", "SELECT `a 1` FROM t", "SELECT `a 1` FROM t"},
		{"s", "SELECT [a 1] FROM t", "SELECT [a 1] FROM t"},
		{"s", `SELECT a FROM t WHERE "b" = "x" AND a <> "y"`, `SELECT a FROM t WHERE "b" = ? AND a <> ?`},
		{"s", `PRAGMA key("x")`, "PRAGMA key(?)"},
		{"s", `ATTACH "x" AS y KEY "z"`, "ATTACH ? AS y KEY ?"},
		{"p", "SELECT $$x$$, $a$ y $a$, E'z\\'z', U&'x', 'a'\n  'b', B'01'", "SELECT ?, ?, ?, ?, ?, ?"},
		{"m", "SELECT @a, /*!50000 b, 'x' */ c /*M! , 1 */", "SELECT @a, b, ? c , ?"},

		// Of what never ends nothing is shown.
		{"", "SELECT 'x y", "SELECT ?"},
		{"", "SELECT /* x y", "SELECT"},
		{"sp", `SELECT "x y`, "SELECT ?"},
		{"p", "SELECT $a$ x $b$", "SELECT ?"},
		{"m", "SELECT /*! x 'y", "SELECT x ?"},
		{"", "SELECT 12abc, 1e5x", "SELECT ?, ?"},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			if got := Fingerprint(c.text, d); got != c.want {
				t.Errorf("%s: %q\n  is  %q\n want %q", d.name, c.text, got, c.want)
			}
		}
	}
}

func TestFingerprintsAreOfOneStatementAndComputedOnce(t *testing.T) {
	b := compile(t, "; SELECT 'x' ; -- y", SQLite()).Binder
	if got := b.Fingerprint(); got != "SELECT ?" {
		t.Errorf("got %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { b.Fingerprint() }); n != 0 {
		t.Errorf("the second Fingerprint allocates %v times", n)
	}
}

func TestFingerprintsAreCutAt1000Bytes(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"a ", "ä ", "\xff ", "größe"} {
		for pad := range 4 {
			got := Fingerprint(strings.Repeat(" b", pad)+strings.Repeat(word, 1000), SQLite())
			if len(got) > 1000 || len(got) < 990 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
				t.Errorf("%q × 1000: %d bytes, %q", word, len(got), got[max(0, len(got)-20):])
			}
		}
	}
	long := strings.Repeat("a", 1000)
	if got := Fingerprint(long, SQLite()); got != long {
		t.Errorf("1000 bytes became %d", len(got))
	}
}
