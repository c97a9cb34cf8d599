package sqltext

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func TestPlaceholdersBecomeNative(t *testing.T) {
	t.Parallel()
	const same = ""
	for _, c := range []struct {
		in, text, native string // in: dialects: s, p, m; empty for all
		takes            int
	}{
		{"", "SELECT 1", same, 0},
		{"sm", "SELECT ?, ?", same, 2},
		{"p", "SELECT ?, ?", "SELECT $1, $2", 2},
		{"s", "SELECT :a, :b, :a", "SELECT ?1, ?2, ?1", 2},
		{"p", "SELECT :a, :b, :a", "SELECT $1, $2, $1", 2},
		{"m", "SELECT :a, :b, :a", "SELECT ?, ?, ?", 2},
		{"p", "SELECT :größe_1", "SELECT $1", 1},

		// Native ones.
		{"s", "SELECT ?2, ?1, ?4", same, 4},
		{"s", "SELECT $2, :1", "SELECT ?2, ?1", 2},
		{"s", "SELECT @a, @b, @a", "SELECT ?1, ?2, ?1", 2},
		{"s", "SELECT $x + $y", "SELECT ?1 + ?2", 2},
		{"p", "SELECT $2, $1, $2", same, 2},
		{"p", "SELECT a ? 'b' AND c ?| $1 AND d ?? $2", same, 2},
		{"m", "SELECT @a, @@global.b, @`c`, $d", same, 0},
		{"p", "SELECT @a, #a, a # b", same, 0},

		// Operators.
		{"p", "SELECT a ?? 'b'", "SELECT a ? 'b'", 0},
		{"p", "SELECT a ??| :b", "SELECT a ?| $1", 1},
		{"p", "SELECT a::text, f(b := :c)", "SELECT a::text, f(b := $1)", 1},
		{"p", "SELECT a[1:2], a[b:c], a[:n], a[1 :n], a[f(x):g], (a):b", "SELECT a[1:2], a[b:c], a[$1], a[1 $1], a[f(x):g], (a)$2", 2},
		{"m", "SELECT @a:=?, @b:=1", same, 1},
		{"", "SELECT a : b", same, 0},

		// What only looks like one.
		{"sm", "SELECT '?', ':a', '$1', 'it''s ?', ?", same, 1},
		{"p", "SELECT '?', ':a', '$1', 'it''s ?', ?", "SELECT '?', ':a', '$1', 'it''s ?', $1", 1},
		{"", "SELECT /* ? :a */ 1 -- ? :b\n", same, 0},
		{"sp", `SELECT "?", ":a", "a""?"`, same, 0},
		{"m", `SELECT "?", ":a", "a""?", "\"?"`, same, 0},
		{"sm", "SELECT `?`, `a``:b`", same, 0},
		{"s", "SELECT [?], [:a], a", same, 0},
		{"s", `SELECT '\', ?`, same, 1},
		{"p", `SELECT '\', ?`, `SELECT '\', $1`, 1},
		{"m", `SELECT '\', ?'`, same, 0},
		{"p", `SELECT E'\', ?', e'\\', ?`, `SELECT E'\', ?', e'\\', $1`, 1},
		{"p", "SELECT E'a' -- ?\n '\\'?', ?", "SELECT E'a' -- ?\n '\\'?', $1", 1},
		{"p", "SELECT E'a' '\\', ?", "SELECT E'a' '\\', $1", 1},
		{"p", `SELECT U&'\?', U&"?", x'?', B'?'`, same, 0},
		{"p", "SELECT $$ ? $a$ :b $$, $a$ $$ ? $a$, $ä_1$?$ä_1$, ?", "SELECT $$ ? $a$ :b $$, $a$ $$ ? $a$, $ä_1$?$ä_1$, $1", 1},
		{"p", "SELECT a$b$, ?, c$b$", "SELECT a$b$, $1, c$b$", 1},
		{"p", "SELECT /* /* ? */ ? */ ?", "SELECT /* /* ? */ ? */ $1", 1},
		{"s", "SELECT /* /* ? */ ?", same, 1},
		{"p", "SELECT 1 -- ?\r, ?", "SELECT 1 -- ?\r, $1", 1},
		{"m", "SELECT 1 # ?\n, 2--? -- ?\n--\t?\n--", same, 1},
		{"m", "SELECT 1 /*! + ? */ /*M!100100 + ? */ /*M!999999 ? */", same, 2},
		{"m", `SELECT N'\'?', x'?', _utf8mb4'?'`, same, 0},

		// Native ones must not run into their neighbours.
		{"p", "SELECT a LIMIT?", "SELECT a LIMIT $1", 1},
		{"p", "SELECT?FROM t", "SELECT $1 FROM t", 1},
		{"p", "SELECT $?", "SELECT $ $1", 1},
		{"s", "SELECT ?1a, 1", "SELECT ?1 a, 1", 1},
		{"s", "SELECT :a'x', :a1", "SELECT ?1'x', ?2", 2},

		// Only the statement itself is passed on.
		{"", "SELECT 1;", "SELECT 1", 0},
		{"", "\ufeff;; SELECT 1 ;; -- ?\n", " SELECT 1 ", 0},
		{"s", "/* a */ SELECT ? -- b\n; /* c */", "/* a */ SELECT ? -- b\n", 1},
		{"m", "/*!40101 SET NAMES utf8; */ -- b", same, 0},

		// Bodies hold semicolons and labels, but no placeholders.
		{"", "CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW BEGIN UPDATE c SET d = ?; e:LOOP SELECT :f; END LOOP; END;", "CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW BEGIN UPDATE c SET d = ?; e:LOOP SELECT :f; END LOOP; END", 0},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			want := c.native
			if want == same {
				want = c.text
			}
			b := compile(t, c.text, d).Binder.(*binder)
			if b.native != want || b.takes != c.takes {
				t.Errorf("%s: %q\n  is  %q taking %d\n want %q taking %d", d.name, c.text, b.native, b.takes, want, c.takes)
			}
		}
	}
}

func TestCompileRefusesWhatIsNotOneStatement(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " \n", ";", " ; ;\n", "-- a", "/* a */ ; -- b", "\ufeff"} {
		for _, d := range dialects() {
			_, err := Compile(text, d)
			checkFault(t, err, driver.Argument, "no statement")
		}
	}
	for _, d := range dialects() {
		_, err := Compile("SELECT 1;\n -- a\n  DROP TABLE ä", d)
		f := checkFault(t, err, driver.Argument, "several statements", "line 3, column 3")
		if f.Position != 19 {
			t.Errorf("Position is %d, want 19", f.Position)
		}
		_, err = Compile("CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW BEGIN DELETE FROM c; END; SELECT 1", d)
		checkFault(t, err, driver.Argument, "several statements", "column 75")
	}
	_, err := Compile("/*! SELECT 1; DROP TABLE a */", MariaDB())
	checkFault(t, err, driver.Argument, "several statements", "column 15")
}

func TestCompileSaysWhereWhatNeverEndsBegan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, text, what, where string }{
		{"", "SELECT 'a", "string", "line 1, column 8"},
		{"", "SELECT 'ä', -- '\n 'it''s ", "string", "line 2, column 2"},
		{"", "SELECT 1 /* a", "comment", "line 1, column 10"},
		{"p", "SELECT /* /* */", "comment", "line 1, column 8"},
		{"p", "SELECT $a$ $b$", "string", "line 1, column 8"},
		{"p", `SELECT E'\'`, "string", "line 1, column 8"},
		{"m", `SELECT '\'`, "string", "line 1, column 8"},
		{"m", `SELECT "a`, "string", "line 1, column 8"},
		{"sp", `SELECT "a`, "quoted name", "line 1, column 8"},
		{"sm", "SELECT `a", "quoted name", "line 1, column 8"},
		{"s", "SELECT [a", "quoted name", "line 1, column 8"},
		{"m", "SELECT 1 /*!50000 + 1", "comment", "line 1, column 10"},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			_, err := Compile(c.text, d)
			checkFault(t, err, driver.Syntax, "the "+c.what+" that begins at "+c.where)
		}
	}
	_, err := Compile("SELECT 1\x00; DROP TABLE a", SQLite())
	checkFault(t, err, driver.Syntax, "zero byte", "line 1, column 9")
}

func TestMixedPlaceholderStylesAreRefusedNamingBoth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, text, one, other string }{
		{"", "SELECT ?,\n :a", "? at line 1, column 8", ":a at line 2, column 2"},
		{"", "SELECT :a, ?", ":a at line 1, column 8", "? at line 1, column 12"},
		{"s", "SELECT ?, ?1", "? at line 1, column 8", "?1 at line 1, column 11"},
		{"s", "SELECT @a, $b", "@a at line 1, column 8", "$b at line 1, column 12"},
		{"s", "SELECT :a, @a", ":a at line 1, column 8", "@a at line 1, column 12"},
		{"p", "SELECT $1, :a", "$1 at line 1, column 8", ":a at line 1, column 12"},
		{"p", "SELECT :a, $1", ":a at line 1, column 8", "$1 at line 1, column 12"},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			_, err := Compile(c.text, d)
			checkFault(t, err, driver.Argument, c.one, c.other)
		}
	}
}

func TestPlaceholdersOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    Dialect
		text string
		says string
	}{
		{SQLite(), "SELECT ?0", "from 1 to 32766"},
		{SQLite(), "SELECT ?32767", "from 1 to 32766"},
		{SQLite(), "SELECT ?99999999999999999999", "from 1 to 32766"},
		{PostgreSQL(), "SELECT $0", "from 1 to 65535"},
		{SQLite(), "VALUES (?" + strings.Repeat(",?", 32766) + ")", "needs 32767 placeholders, SQLite takes at most 32766"},
		{PostgreSQL(), "VALUES (?" + strings.Repeat(",?", 65535) + ")", "needs 65536 placeholders, PostgreSQL takes at most 65535"},
		{MariaDB(), "VALUES (:a" + strings.Repeat(",:a", 65535) + ")", "needs 65536 placeholders, MariaDB takes at most 65535"},
		{SQLite(), "SELECT a ?? b", "?? at line 1, column 10 stands for the operator ?, which SQLite doesn't have"},
		{MariaDB(), "SELECT a ?? b", "which MariaDB doesn't have"},
	} {
		_, err := Compile(c.text, c.d)
		checkFault(t, err, driver.Argument, c.says)
	}
}

func TestPositionCountsCharacters(t *testing.T) {
	t.Parallel()
	for offset, want := range map[int][2]int{-1: {1, 1}, 0: {1, 1}, 2: {1, 2}, 3: {1, 3}, 5: {2, 1}, 99: {2, 3}} {
		if line, col := Position("äb\r\ncd", offset); line != want[0] || col != want[1] {
			t.Errorf("offset %d is line %d, column %d, want %v", offset, line, col, want)
		}
	}
}
