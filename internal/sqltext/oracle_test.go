package sqltext

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/plinthdb/plinth/driver"
)

// pieces are what random statements are made of.
func pieces() []string {
	return strings.Split(`SELECT|*|a|b|t|u|FROM|WHERE|=|?|?|:x|:y|@z|?2|$n|,|(|)|(|)|;|'it''s'|';'|"a"|[b]|`+"`a`"+`|-- ? ;
|/* ? ; */|1|0x1F|1.5e-3|x'00'|NULL|AND|OR|NOT|IN (?)|IN (:x)|IN (1, 2)|EXISTS (SELECT 1)|CASE WHEN a THEN b END|lower(a)|count(*)|random()|last_insert_rowid()|changes()|coalesce(a, ?)|
WITH x AS (SELECT 1)|WITH x(a) AS (VALUES (1)), y(b) AS (SELECT 2)|INSERT INTO t|INSERT INTO t (a)|VALUES (1)|VALUES (?), (2)|UPDATE t SET a = 1|DELETE FROM t|REPLACE INTO t|RETURNING a|
ORDER BY a|GROUP BY b|LIMIT ?|LIMIT 1|OFFSET :y|UNION ALL|EXCEPT|JOIN u ON|CREATE TABLE v (a)|CREATE TEMP TABLE v (a)|CREATE TRIGGER r AFTER INSERT ON t BEGIN|END|BEGIN|COMMIT|DROP TABLE t|EXPLAIN|EXPLAIN QUERY PLAN|PRAGMA user_version|PRAGMA user_version = 1|PRAGMA table_info(t)|PRAGMA journal_mode|
replace(a, 'x', 'y')|json_each('[1]')|pragma_table_info('t')|generate_series(1, 2)|sum(a) OVER (PARTITION BY b)|sum(a) FILTER (WHERE b)|CAST(a AS numeric(1, 2))|ATTACH 'x' AS y|VACUUM|AS c|t.a|main.t|->|->>|'$.a'|||`, "|")
}

// templates are statements to spoil.
func templates() []string {
	return []string{
		"SELECT a, b FROM t WHERE a = ? AND b IN (?)", "SELECT * FROM t JOIN u ON t.a = u.b WHERE a = :x OR b = :y LIMIT :x",
		"WITH x(a) AS (SELECT 1), y(b) AS (SELECT 2) SELECT * FROM x, y", "INSERT INTO t (a) VALUES (?), (?2)", "INSERT INTO t (a) SELECT a FROM u WHERE b = @z RETURNING a",
		"CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE u SET a = CASE WHEN NEW.a THEN 1 END ; DELETE FROM u ; END", "EXPLAIN DELETE FROM t WHERE a = $n", "PRAGMA main.table_info(t)",
		"SELECT lower(a), 'it''s', \"a\", [b] FROM t -- ? ;\n WHERE a = /* ; */ ?", "UPDATE t SET a = ? WHERE b = ?", "SELECT 1", "VALUES (1), (2)",
		"SELECT ?, ?", "SELECT @a, $b", "SELECT :a FROM t",
	}
}

// TestSQLiteAgrees puts random statements to SQLite: of those that it takes, it must see as many parameters as there
// are values, one statement where one was read, and nothing written where a read was promised.
func TestSQLiteAgrees(t *testing.T) {
	t.Parallel()
	const seed, runs = 1, 5_000
	rnd := rand.New(rand.NewPCG(seed, seed))
	conn, err := sqlite.OpenConn(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteScript(conn, "CREATE TABLE t (a, b); CREATE TABLE u (a, b);", nil); err != nil {
		t.Fatal(err)
	}
	var acts []sqlite.OpType
	var functions []string
	conn.SetAuthorizer(sqlite.AuthorizeFunc(func(a sqlite.Action) sqlite.AuthResult {
		acts = append(acts, a.Type())
		if a.Type() == sqlite.OpFunction {
			functions = append(functions, a.String())
		}
		return sqlite.AuthResultOK
	}))
	taken, reads := 0, 0
	all, from := pieces(), templates()
	for range runs {
		text := random(rnd, all, from)
		acts, functions = nil, nil
		stmt, trailing, err := conn.PrepareTransient(text)
		if err != nil || stmt == nil {
			continue
		}
		params := stmt.BindParamCount()
		stmt.Finalize()
		acted := slices.Clone(acts)

		st, err := Compile(text, SQLite())
		rest := strings.TrimLeft(text[len(text)-trailing:], "; \n")
		_, restErr := Compile(rest, SQLite())
		empty := restErr != nil && strings.Contains(restErr.Error(), "no statement")
		if err != nil {
			if empty && !strings.Contains(err.Error(), "two styles") && !strings.Contains(err.Error(), "never ends") && !strings.Contains(err.Error(), "no statement") {
				t.Errorf("SQLite takes %q, but: %v", text, err)
			}
			continue
		}
		taken++
		if !empty {
			t.Errorf("%q is one statement, but SQLite leaves %q", text, rest)
		}
		b := st.Binder.(*binder)
		if params != b.takes && st.Class != driver.Schema {
			t.Errorf("%q takes %d arguments, SQLite says %d", text, b.takes, params)
		}
		if st.Access == driver.Read {
			reads++
			for _, act := range acted {
				switch act {
				case sqlite.OpRead, sqlite.OpSelect, sqlite.OpFunction, sqlite.OpRecursive, sqlite.OpPragma:
				default:
					if st.Verb != "EXPLAIN" {
						t.Errorf("%q is said to be a read, but does %v", text, act)
					}
				}
			}
		}
		args, values := make([]any, b.takes), map[string]any{}
		for i := range args {
			args[i] = []int{1, 2}
		}
		for _, name := range b.names {
			values[name] = []int{1, 2}
		}
		if b.names != nil {
			args = []any{values}
		}
		native, flat, err := b.Bind(args)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		spread, trailing, err := conn.PrepareTransient(native)
		if err != nil {
			if !strings.Contains(err.Error(), "columns") {
				t.Errorf("%q becomes %q: %v", text, native, err)
			}
			continue
		}
		if spread.BindParamCount() != len(flat) || trailing != 0 {
			t.Errorf("%q becomes %q with %d parameters for %d values, and %d bytes left", text, native, spread.BindParamCount(), len(flat), trailing)
		}
		spread.Finalize()
	}
	t.Logf("SQLite took %d of %d, of which %d are reads", taken, runs, reads)
	if taken < runs/20 || reads < runs/100 {
		t.Errorf("only %d statements and %d reads: the comparison means little", taken, reads)
	}
}

// random returns a statement with some of its words exchanged, left out or added.
func random(rnd *rand.Rand, pieces, templates []string) string {
	words := strings.Fields(templates[rnd.IntN(len(templates))])
	if rnd.IntN(4) == 0 {
		words = append(words, ";")
		words = append(words, strings.Fields(templates[rnd.IntN(len(templates))])...)
	}
	for range rnd.IntN(4) {
		at := rnd.IntN(len(words))
		piece := pieces[rnd.IntN(len(pieces))]
		switch rnd.IntN(3) {
		case 0:
			words[at] = piece
		case 1:
			words = slices.Insert(words, at, piece)
		case 2:
			words = slices.Delete(words, at, at+1)
		}
		if len(words) == 0 {
			words = []string{piece}
		}
	}
	text := strings.Join(words, " ")
	if rnd.IntN(3) == 0 {
		text = strings.NewReplacer(" ,", ",", "= ", "=", "( ", "(", " )", ")").Replace(text)
	}
	return text
}
