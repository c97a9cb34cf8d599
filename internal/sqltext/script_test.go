package sqltext

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/plinthdb/plinth/driver"
)

// split returns a script's statements as "line:col text".
func split(r io.Reader, d Dialect) (all []string, err error) {
	for st, err := range Statements(r, d) {
		if err != nil {
			return all, err
		}
		meta := ""
		if st.Meta {
			meta = "meta "
		}
		all = append(all, fmt.Sprintf("%d:%d %s%s", st.Line, st.Col, meta, st.Text))
	}
	return all, nil
}

func TestScriptsAreSplit(t *testing.T) {
	t.Parallel()
	one := func(s string) []string { return []string{"1:1 " + s} }
	for _, c := range []struct {
		in, script string
		want       []string
	}{
		{"", "", nil},
		{"", " ;\n; -- a\n /* b; */ ;", nil},
		{"", "SELECT 1", one("SELECT 1")},
		{"", "SELECT 1;", one("SELECT 1")},
		{"", "\ufeffSELECT 1 ; SELECT 2\r\n;\r\n  SELECT\r\n3 -- x", []string{"1:1 SELECT 1", "1:12 SELECT 2", "3:3 SELECT\r\n3"}},
		{"", "-- a\n/* ä */ SELECT 'ä;\n''' /* ; */ , 1 -- ;\n; SELECT 2", []string{"2:9 SELECT 'ä;\n''' /* ; */ , 1", "4:3 SELECT 2"}},
		{"sp", `SELECT ";", ';'; SELECT 2`, []string{`1:1 SELECT ";", ';'`, "1:18 SELECT 2"}},
		{"sm", "SELECT `;`; SELECT 2", []string{"1:1 SELECT `;`", "1:13 SELECT 2"}},
		{"s", "SELECT [;]; SELECT 2", []string{"1:1 SELECT [;]", "1:13 SELECT 2"}},
		{"p", "SELECT $$;$$, $a$ $$;$a$, E'\\';'; SELECT /* /* */ ; */ 2", []string{"1:1 SELECT $$;$$, $a$ $$;$a$, E'\\';'", "1:35 SELECT /* /* */ ; */ 2"}},
		{"m", "SELECT '\\';', \";\" # ;\n; SELECT 2", []string{"1:1 SELECT '\\';', \";\"", "2:3 SELECT 2"}},

		// Bodies.
		{"", "CREATE TEMP TRIGGER IF NOT EXISTS a AFTER INSERT ON b FOR EACH ROW BEGIN UPDATE c SET d = CASE WHEN NEW.begin > NEW.end THEN 1 END; DELETE FROM e; END; SELECT 2",
			[]string{"1:1 CREATE TEMP TRIGGER IF NOT EXISTS a AFTER INSERT ON b FOR EACH ROW BEGIN UPDATE c SET d = CASE WHEN NEW.begin > NEW.end THEN 1 END; DELETE FROM e; END", "1:153 SELECT 2"}},
		{"s", "create trigger a after insert on b begin select end, begin, case when 1 then case 2 when 3 then 4 end end; end; SELECT 2",
			[]string{"1:1 create trigger a after insert on b begin select end, begin, case when 1 then case 2 when 3 then 4 end end; end", "1:113 SELECT 2"}},
		{"s", "EXPLAIN QUERY PLAN CREATE TRIGGER a AFTER INSERT ON b BEGIN DELETE FROM begin; END; SELECT 2",
			[]string{"1:1 EXPLAIN QUERY PLAN CREATE TRIGGER a AFTER INSERT ON b BEGIN DELETE FROM begin; END", "1:85 SELECT 2"}},
		{"p", "CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION c(); SELECT 2",
			[]string{"1:1 CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION c()", "1:71 SELECT 2"}},
		{"p", "CREATE OR REPLACE FUNCTION a() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE 1 WHEN 2 THEN 3 END; SELECT 1; END; SELECT 2",
			[]string{"1:1 CREATE OR REPLACE FUNCTION a() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE 1 WHEN 2 THEN 3 END; SELECT 1; END", "1:118 SELECT 2"}},
		{"p", "CREATE FUNCTION a() RETURNS int AS $$ BEGIN; END $$ LANGUAGE plpgsql; SELECT 2",
			[]string{"1:1 CREATE FUNCTION a() RETURNS int AS $$ BEGIN; END $$ LANGUAGE plpgsql", "1:71 SELECT 2"}},
		{"p", "CREATE RULE a AS ON INSERT TO b DO ALSO (DELETE FROM c; DELETE FROM d); SELECT 2",
			[]string{"1:1 CREATE RULE a AS ON INSERT TO b DO ALSO (DELETE FROM c; DELETE FROM d)", "1:73 SELECT 2"}},
		{"m", "CREATE DEFINER=`r`@`%` PROCEDURE a() b: BEGIN DECLARE EXIT HANDLER FOR NOT FOUND BEGIN SET @x = 1; END; IF 1 THEN c:LOOP LEAVE c; END LOOP; ELSEIF IF(1, 2, 3) THEN SELECT 1; ELSE IF 2 THEN SELECT 3; END IF; END IF; WHILE 1 DO SET @y = 1; END WHILE; CASE 1 WHEN 2 THEN SELECT 3; END CASE; REPEAT SELECT REPEAT('x', 2); UNTIL 1 END REPEAT; FOR i IN 1..2 DO SELECT CASE i WHEN 1 THEN 2 END FOR UPDATE; END FOR; END b; SELECT 2",
			[]string{"1:1 CREATE DEFINER=`r`@`%` PROCEDURE a() b: BEGIN DECLARE EXIT HANDLER FOR NOT FOUND BEGIN SET @x = 1; END; IF 1 THEN c:LOOP LEAVE c; END LOOP; ELSEIF IF(1, 2, 3) THEN SELECT 1; ELSE IF 2 THEN SELECT 3; END IF; END IF; WHILE 1 DO SET @y = 1; END WHILE; CASE 1 WHEN 2 THEN SELECT 3; END CASE; REPEAT SELECT REPEAT('x', 2); UNTIL 1 END REPEAT; FOR i IN 1..2 DO SELECT CASE i WHEN 1 THEN 2 END FOR UPDATE; END FOR; END b", "1:416 SELECT 2"}},
		{"m", "CREATE DEFINER = root@localhost FUNCTION a() RETURNS INT RETURN CASE WHEN 1 THEN 2 END; SELECT 2",
			[]string{"1:1 CREATE DEFINER = root@localhost FUNCTION a() RETURNS INT RETURN CASE WHEN 1 THEN 2 END", "1:89 SELECT 2"}},
		{"m", "CREATE EVENT a ON SCHEDULE EVERY 1 DAY DO BEGIN b:BEGIN DELETE FROM c; END b; END; SELECT 2",
			[]string{"1:1 CREATE EVENT a ON SCHEDULE EVERY 1 DAY DO BEGIN b:BEGIN DELETE FROM c; END b; END", "1:84 SELECT 2"}},
		{"m", "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW SET NEW.c = 1; SELECT 2",
			[]string{"1:1 CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW SET NEW.c = 1", "1:65 SELECT 2"}},
		{"m", "BEGIN NOT ATOMIC SELECT 1; END; BEGIN; SELECT 2",
			[]string{"1:1 BEGIN NOT ATOMIC SELECT 1; END", "1:33 BEGIN", "1:40 SELECT 2"}},
		{"", "CREATE TABLE trigger_log (begin int, end int); BEGIN; END; SELECT 2",
			[]string{"1:1 CREATE TABLE trigger_log (begin int, end int)", "1:48 BEGIN", "1:55 END", "1:60 SELECT 2"}},

		// What clients read themselves.
		{"m", "DELIMITER //\nCREATE PROCEDURE a() IF 1 THEN SELECT 1; END IF//\nSELECT 3// delimiter $$ \r\nSELECT @a$$SELECT a$$SELECT 1$$\nDELIMITER ;\nSELECT 2; SELECT 3",
			[]string{"2:1 CREATE PROCEDURE a() IF 1 THEN SELECT 1; END IF", "3:1 SELECT 3", "4:1 SELECT @a", "4:12 SELECT a", "4:22 SELECT 1", "6:1 SELECT 2", "6:11 SELECT 3"}},
		{"m", "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SELECT 1; END */;;\nDELIMITER ;\n/*!40101 SET NAMES utf8; */;",
			[]string{"2:1 /*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN SELECT 1; END */", "4:1 /*!40101 SET NAMES utf8; */"}},
		{"m", "/*M!999999\\- enable the sandbox mode */ \nSELECT 1;", []string{"2:1 SELECT 1"}},
		{"p", "\\c album;\n\\restrict x'y\nSELECT 1;\n  \\q", []string{"1:1 meta \\c album", "2:1 meta \\restrict x'y", "3:1 SELECT 1", "4:3 meta \\q"}},
		{"s", ".mode box\nSELECT .5;\n.quit\n", []string{"1:1 meta .mode box", "2:1 SELECT .5", "3:1 meta .quit"}},
		{"p", "COPY a FROM '/x'; COPY b TO stdout; SELECT 1", []string{"1:1 COPY a FROM '/x'", "1:19 COPY b TO stdout", "1:37 SELECT 1"}},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			for how, r := range map[string]io.Reader{"whole": strings.NewReader(c.script), "byte by byte": iotest.OneByteReader(strings.NewReader(c.script))} {
				got, err := split(r, d)
				if err != nil || strings.Join(got, "\n") != strings.Join(c.want, "\n") {
					t.Errorf("%s, %s: %q\n  is  %q, %v\n want %q", d.name, how, c.script, got, err, c.want)
				}
			}
		}
	}
}

func TestScriptsThatCannotBeSplitSayWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, script string
		kind       driver.Kind
		says       string
	}{
		{"", "SELECT 1;\nSELECT 'a;\n", driver.Syntax, "line 2, column 8: the string that begins here never ends"},
		{"", "SELECT 1;\n\n ä /* a", driver.Syntax, "line 3, column 4: the comment that begins here never ends"},
		{"sp", "SELECT 1;\nSELECT \"a;\n", driver.Syntax, "line 2, column 8: the quoted name that begins here never ends"},
		{"p", "SELECT 1;\nDO $a$ $$", driver.Syntax, "line 2, column 4: the string that begins here never ends"},
		{"m", "SELECT 1;\n/*!50000 SELECT 2;", driver.Syntax, "line 2, column 1: the comment that begins here never ends"},
		{"m", "SELECT 1;\nDELIMITER", driver.Syntax, "line 2, column 1: DELIMITER needs"},
		{"m", "SELECT 1;\nDELIMITER \\\\\n", driver.Syntax, "line 2, column 1: DELIMITER needs"},
		{"p", "SELECT 1;\nCOPY public.a (b) FROM stdin WITH (FORMAT csv);\n1\n\\.\n", driver.Unsupported, "line 2, column 1: COPY … FROM stdin"},
		{"p", "SELECT 1;\ncopy a from STDIN", driver.Unsupported, "line 2, column 1: COPY … FROM stdin"},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			got, err := split(iotest.OneByteReader(strings.NewReader(c.script)), d)
			checkFault(t, err, c.kind, c.says)
			if len(got) != 1 {
				t.Errorf("%s: %q: %d statements before the error, want 1", d.name, c.script, len(got))
			}
		}
	}
}

func TestTheRowsOfCopyFollowIt(t *testing.T) {
	t.Parallel()
	const script = "SELECT 1;\nCOPY a (b) FROM stdin;\n1\tx;'\n\n\\N\r\n\\.\nCOPY b FROM STDIN ; \n\\.\n SELECT 2; COPY c FROM stdin;\nskipped\n\\.\nSELECT 3"
	for _, in := range []io.Reader{strings.NewReader(script), iotest.OneByteReader(strings.NewReader(script))} {
		var got []string
		for st, err := range StatementsAndRows(in, PostgreSQL()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%d:%d %s", st.Line, st.Col, st.Text))
			if st.Rows == nil || strings.HasPrefix(st.Text, "COPY c") {
				continue
			}
			for row, err := range st.Rows {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%d %q", row.Line, row.Text))
			}
		}
		want := []string{"1:1 SELECT 1", "2:1 COPY a (b) FROM stdin", `3 "1\tx;'"`, `4 ""`, `5 "\\N"`, "7:1 COPY b FROM STDIN", "9:2 SELECT 2", "9:12 COPY c FROM stdin", "12:1 SELECT 3"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	for script, says := range map[string]string{
		"COPY a FROM stdin;\n1\n":              "line 3, column 1: the rows of COPY … FROM stdin end without a \\.",
		"COPY a FROM stdin;":                   "line 1, column 19: the rows of COPY … FROM stdin end without a \\.",
		"\n COPY a FROM stdin; SELECT 1;\n\\.": "line 2, column 2: the rows of COPY … FROM stdin begin on the line behind it",
	} {
		for _, read := range []bool{true, false} {
			var err error
			for st, e := range StatementsAndRows(strings.NewReader(script), PostgreSQL()) {
				if err = e; st.Rows != nil && read {
					for _, e := range st.Rows {
						err = e
					}
					break
				}
			}
			checkFault(t, err, driver.Syntax, says)
		}
	}
}

func TestScriptsStopWhereTheReaderFailsOrTheLoopEnds(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := split(io.MultiReader(strings.NewReader("SELECT 1; SELECT 2"), iotest.ErrReader(broken)), SQLite())
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := split(iotest.ErrReader(fmt.Errorf("cut off: %w", io.EOF)), SQLite()); err == nil {
		t.Error("a failure that wraps io.EOF is taken for the script's end")
	}
	if _, err = split(stuck{}, SQLite()); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
	for st, err := range Statements(io.MultiReader(strings.NewReader("SELECT 1; SELECT 2;"), iotest.ErrReader(broken)), SQLite()) {
		if err != nil {
			t.Error("read on, though there was a statement:", err)
		}
		if st.Bytes != 9 {
			t.Errorf("%d bytes read, want 9", st.Bytes)
		}
		break
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// endless is a script that never ends.
type endless struct{ text string }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.text), nil }

func TestStatementsBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{"SELECT '", "SELECT ", "/* ", "CREATE TRIGGER a AFTER INSERT ON b BEGIN "} {
		s := newSplitter(io.MultiReader(strings.NewReader("SELECT 1;\n "+begin), endless{strings.Repeat("x ;", 1<<20)[:3<<20-1]}), SQLite())
		s.limit = 2 << 20
		if begin == "SELECT " {
			s.in = io.MultiReader(strings.NewReader("SELECT 1;\n SELECT "), endless{strings.Repeat("x, ", 1<<20)})
		}
		if st, err := s.next(); err != nil || st.Text != "SELECT 1" {
			t.Fatal(st, err)
		}
		_, err := s.next()
		checkFault(t, err, driver.TooLarge, "line 2, column 2: the statement that begins here is larger than 2 MB")
	}
	if newSplitter(nil, SQLite()).limit != 64<<20 {
		t.Error("the limit isn't the documented 64 MB")
	}
}

func TestMemoryIsBoundedByTheLargestStatement(t *testing.T) {
	const size = 8 << 20
	s := newSplitter(io.LimitReader(endless{strings.Repeat("-- a comment\nINSERT INTO t VALUES (1);\n", 100)}, size), SQLite())
	for n := 0; ; n++ {
		st, err := s.next()
		if errors.Is(err, errEnd) {
			if n < size/100 || s.base < size-chunk {
				t.Errorf("%d statements, %d bytes", n, s.base)
			}
			return
		}
		if err != nil {
			t.Fatal(st, err)
		}
		if len(s.lex.text) > 2*chunk || len(s.buf) > chunk {
			t.Fatalf("%d and %d bytes are held after %d", len(s.lex.text), len(s.buf), st.Bytes)
		}
	}
}

func TestDumpsAreSplit(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		d     Dialect
		verbs string
	}{
		"chinook_sqlite.sql":   {SQLite(), "DROP DROP CREATE CREATE CREATE INSERT INSERT"},
		"chinook_postgres.sql": {PostgreSQL(), "DROP CREATE meta CREATE ALTER CREATE INSERT"},
		"chinook_mysql.sql":    {MariaDB(), "DROP CREATE USE CREATE ALTER CREATE INSERT"},
		"mariadb_dump.sql":     {MariaDB(), "SET SET DROP CREATE LOCK ALTER INSERT ALTER UNLOCK SET CREATE SET CREATE SET"},
		"pg_dump.sql":          {PostgreSQL(), "meta SET SELECT CREATE CREATE CREATE INSERT CREATE meta"},
	} {
		f, err := os.Open(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var verbs []string
		for st, err := range Statements(f, c.d) {
			if err != nil {
				t.Fatal(file, err)
			}
			if st.Meta {
				verbs = append(verbs, "meta")
				continue
			}
			verbs = append(verbs, compile(t, st.Text, c.d).Verb)
		}
		if got := strings.Join(verbs, " "); got != c.verbs {
			t.Errorf("%s is\n     %s\nwant %s", file, got, c.verbs)
		}
	}
}
