package sqltext

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth/driver"
)

func TestStatementsAreClassified(t *testing.T) {
	t.Parallel()
	const (
		read, write                          = driver.Read, driver.Write
		ordinary, schema, transaction, setup = driver.Ordinary, driver.Schema, driver.Transaction, driver.Setting
	)
	for _, c := range []struct {
		in     string // dialects: s, p, m; empty for all
		text   string
		verb   string
		access driver.Access
		class  driver.Class
	}{
		// Reads.
		{"", "select 1", "SELECT", read, ordinary},
		{"", "  /* a */ -- b\n SELECT a, b FROM t WHERE c = 'INSERT INTO x' -- FOR UPDATE", "SELECT", read, ordinary},
		{"", "(SELECT 1) UNION (SELECT 2)", "SELECT", read, ordinary},
		{"", "((SELECT 1))", "SELECT", read, ordinary},
		{"", "SELECT count(*), max(a), lower(b), coalesce(c, 1) FROM t", "SELECT", read, ordinary},
		{"", "SELECT a FROM t WHERE b IN (1) AND EXISTS (SELECT 1) AND NOT (c OR (d)) GROUP BY (a) HAVING (a) > 1 LIMIT (1) OFFSET (2)", "SELECT", read, ordinary},
		{"", "SELECT a FROM t JOIN u USING (a) JOIN v ON (v.a = t.a) CROSS JOIN (SELECT 1) AS w", "SELECT", read, ordinary},
		{"", "SELECT row_number() OVER (PARTITION BY a ORDER BY (b)), sum(a) FILTER (WHERE a > 1) FROM t", "SELECT", read, ordinary},
		{"", "SELECT CASE WHEN (a) THEN (b) ELSE (c) END, CAST(a AS numeric(10, 2)), CAST(a AS VARCHAR(3)) FROM t", "SELECT", read, ordinary},
		{"", "SELECT t.update, x.delete FROM t, u AS x", "SELECT", read, ordinary},
		{"", "SELECT replace(a, 'x', 'y') FROM t", "SELECT", read, ordinary},
		{"", "VALUES (1), (2)", "VALUES", read, ordinary},
		{"", "WITH x AS (SELECT 1) SELECT * FROM x", "SELECT", read, ordinary},
		{"", "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x), y (a, b) AS (VALUES (1, 2)) SELECT * FROM x, y", "SELECT", read, ordinary},
		{"", "WITH x AS (SELECT 1) (SELECT * FROM x)", "SELECT", read, ordinary},
		{"", "(WITH x(a) AS (SELECT 1), y(b) AS (SELECT 2) SELECT * FROM x, y)", "SELECT", read, ordinary},
		{"", "WITH x AS (SELECT 1) VALUES (1)", "VALUES", read, ordinary},
		{"", "SELECT * FROM (WITH x(a) AS (SELECT 1), y(b) AS (SELECT 2) SELECT * FROM x, y) AS z", "SELECT", read, ordinary},
		{"sp", "WITH x AS NOT MATERIALIZED (SELECT 1), y AS MATERIALIZED (SELECT 2) SELECT * FROM x, y", "SELECT", read, ordinary},
		{"sp", `WITH "x"(a) AS (SELECT 1) SELECT * FROM x`, "SELECT", read, ordinary},
		{"", "EXPLAIN SELECT 1", "EXPLAIN", read, ordinary},
		{"", "EXPLAIN UPDATE t SET a = 1", "EXPLAIN", read, ordinary},
		{"s", "EXPLAIN QUERY PLAN WITH x(a) AS (SELECT 1), y(b) AS (SELECT 2) DELETE FROM t", "EXPLAIN", read, ordinary},
		{"p", "EXPLAIN (FORMAT json, VERBOSE) SELECT 1", "EXPLAIN", read, ordinary},
		{"pm", "SHOW TABLES", "SHOW", read, ordinary},
		{"m", "DESCRIBE t", "DESCRIBE", read, ordinary},
		{"m", "DESC t", "DESC", read, ordinary},
		{"pm", "TABLE t", "TABLE", read, ordinary},
		{"s", "PRAGMA table_info(t)", "PRAGMA", read, ordinary},
		{"s", "PRAGMA main.table_xinfo('t')", "PRAGMA", read, ordinary},
		{"s", "PRAGMA integrity_check(10)", "PRAGMA", read, ordinary},
		{"s", "PRAGMA main.user_version", "PRAGMA", read, ordinary},
		{"s", "PRAGMA journal_mode;", "PRAGMA", read, ordinary},
		{"s", "SELECT * FROM pragma_table_info('t'), json_each('[1]'), json_tree(a), generate_series(1, 3)", "SELECT", read, ordinary},
		{"s", "SELECT strftime('%s', a), random(), hex(randomblob(4)), sqlite_version(), group_concat(a), bm25(t) FROM t", "SELECT", read, ordinary},
		{"p", "SELECT * FROM generate_series(1, 3) AS g(i), unnest(ARRAY[1]) WITH ORDINALITY AS u(x, n), LATERAL (SELECT 1) AS l", "SELECT", read, ordinary},
		{"p", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a), date_trunc('day', now()), pg_catalog.lower(a), a::varchar(3) FROM t", "SELECT", read, ordinary},
		{"p", "SELECT substring(a FROM 1 FOR 2), a = ANY (b) FROM ONLY (t) GROUP BY GROUPING SETS ((a), (b)) FETCH FIRST (3) ROWS ONLY", "SELECT", read, ordinary},
		{"p", "SELECT a FROM t TABLESAMPLE SYSTEM (1) WHERE a AT TIME ZONE ('UTC') > b", "SELECT", read, ordinary},
		{"m", "SELECT @a, @@global.x, IF(a, b, c), MATCH (a) AGAINST ('x') FROM t USE INDEX (i) WHERE a REGEXP ('b')", "SELECT", read, ordinary},

		// Not known to be reads.
		{"", "INSERT INTO t VALUES (1)", "INSERT", write, ordinary},
		{"", "UPDATE t SET a = 1", "UPDATE", write, ordinary},
		{"", "DELETE FROM t", "DELETE", write, ordinary},
		{"", "REPLACE INTO t VALUES (1)", "REPLACE", write, ordinary},
		{"", "MERGE INTO t USING u ON (a = b) WHEN MATCHED THEN DELETE", "MERGE", write, ordinary},
		{"", "CALL p(1)", "CALL", write, ordinary},
		{"", "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "INSERT", write, ordinary},
		{"", "WITH x AS (SELECT 1) UPDATE t SET a = 1", "UPDATE", write, ordinary},
		{"", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "SELECT", write, ordinary},
		{"", "WITH x AS (SELECT 1), y AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", "SELECT", write, ordinary},
		{"", "SELECT * FROM t FOR UPDATE", "SELECT", write, ordinary},
		{"", "SELECT * FROM t FOR SHARE", "SELECT", write, ordinary},
		{"p", "SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED", "SELECT", write, ordinary},
		{"p", "SELECT * FROM t FOR KEY SHARE", "SELECT", write, ordinary},
		{"m", "SELECT * FROM t LOCK IN SHARE MODE", "SELECT", write, ordinary},
		{"", "SELECT a INTO b FROM t", "SELECT", write, ordinary},
		{"p", "SELECT a INTO TEMP b FROM t", "SELECT", write, setup},
		{"m", "SELECT a FROM t INTO OUTFILE '/tmp/x'", "SELECT", write, ordinary},
		{"m", "SELECT @a := 1", "SELECT", write, setup},
		{"m", "SELECT 1 /*!50000 + 1 */", "SELECT", write, ordinary},
		{"m", "SELECT NEXT VALUE FOR s", "SELECT", write, ordinary},
		{"m", "SELECT s.nextval, nextval(s)", "SELECT", write, ordinary},
		{"m", "SELECT get_lock('a', 1)", "SELECT", write, setup},
		{"m", "SELECT 1st(a) FROM t", "SELECT", write, ordinary},
		{"", "SELECT mine(1)", "SELECT", write, ordinary},
		{"", "SELECT lower (mine (1))", "SELECT", write, ordinary},
		{"", "SELECT a.lower(1)", "SELECT", write, ordinary},
		{"sp", `SELECT "lower"(1)`, "SELECT", write, ordinary},
		{"", "SELECT filter(1), over(1)", "SELECT", write, ordinary},
		{"", "SELECT 1 WITH x, mine(2)", "SELECT", write, ordinary},
		{"p", "SELECT * FROM generate_series(1, 2) WITH ORDINALITY, mine(1)", "SELECT", write, ordinary},
		{"p", "SELECT * FROM dblink('x', 'y') AS (a int)", "SELECT", write, ordinary},
		{"p", "SELECT DISTINCT ON (a) mine(b) FROM t", "SELECT", write, ordinary},
		{"p", "SELECT system(1)", "SELECT", write, ordinary},
		{"p", "SELECT nextval('s'), lo_unlink(1)", "SELECT", write, ordinary},
		{"p", "SELECT pg_advisory_lock(1)", "SELECT", write, setup},
		{"p", "SELECT pg_sleep(1)", "SELECT", write, ordinary},
		{"p", "VALUES (nextval('s'))", "VALUES", write, ordinary},
		{"s", "SELECT last_insert_rowid(), changes(), total_changes()", "SELECT", write, ordinary},
		{"s", "SELECT load_extension('x')", "SELECT", write, setup},
		{"s", "SHOW TABLES", "SHOW", write, ordinary},
		{"s", "TABLE t", "TABLE", write, ordinary},
		{"p", "EXPLAIN ANALYZE SELECT 1", "EXPLAIN", write, ordinary},
		{"p", "EXPLAIN (costs off, analyse) SELECT 1", "EXPLAIN", write, ordinary},
		{"p", "EXPLAIN SELECT mine(1)", "EXPLAIN", write, ordinary},
		{"m", "ANALYZE SELECT 1", "ANALYZE", write, schema},
		{"p", "COPY t TO stdout", "COPY", write, ordinary},
		{"m", "DO mine(1)", "DO", write, ordinary},
		{"m", "LOAD DATA INFILE 'x' INTO TABLE t", "LOAD", write, ordinary},
		{"m", "BEGIN NOT ATOMIC DELETE FROM t; END", "BEGIN", write, ordinary},
		{"", "\\x", "\\", write, ordinary},
		{"", "'a'", "'", write, ordinary},

		// Transactions.
		{"", "BEGIN", "BEGIN", write, transaction},
		{"s", "BEGIN IMMEDIATE;", "BEGIN", write, transaction},
		{"", "START TRANSACTION READ ONLY", "START", write, transaction},
		{"m", "START SLAVE", "START", write, ordinary},
		{"", "commit", "COMMIT", write, transaction},
		{"", "END", "END", write, transaction},
		{"", "ROLLBACK TO SAVEPOINT a", "ROLLBACK", write, transaction},
		{"", "ABORT", "ABORT", write, transaction},
		{"", "SAVEPOINT a", "SAVEPOINT", write, transaction},
		{"", "RELEASE SAVEPOINT a", "RELEASE", write, transaction},
		{"p", "PREPARE TRANSACTION 'x'", "PREPARE", write, transaction},
		{"m", "XA COMMIT 'x'", "XA", write, transaction},
		{"m", "/*!40000 COMMIT */", "COMMIT", write, transaction},

		// Settings.
		{"", "SET a = 1", "SET", write, setup},
		{"p", "DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$", "DO", write, setup},
		{"p", "CREATE TABLE pg_temp.a (b int)", "CREATE", write, setup},
		{"p", `CREATE OR REPLACE VIEW "pg_temp".a AS SELECT 1`, "CREATE", write, setup},
		{"p", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE", write, setup},
		{"p", "SELECT 1 AS a INTO pg_temp.b", "SELECT", write, setup},
		{"p", "SELECT 1 AS a INTO TABLE pg_temp.b", "SELECT", write, setup},
		{"p", "INSERT INTO pg_temp.b SELECT 1", "INSERT", write, ordinary},
		{"p", "RESET ALL", "RESET", write, setup},
		{"p", "LISTEN a", "LISTEN", write, setup},
		{"p", "LOAD 'auto_explain'", "LOAD", write, setup},
		{"p", "PREPARE a AS SELECT 1", "PREPARE", write, setup},
		{"m", "USE a", "USE", write, setup},
		{"m", "LOCK TABLES a READ", "LOCK", write, setup},
		{"p", "LOCK TABLE a", "LOCK", write, ordinary},
		{"s", "ATTACH 'a' AS b", "ATTACH", write, setup},
		{"s", "DETACH b", "DETACH", write, setup},
		{"s", "PRAGMA foreign_keys = on", "PRAGMA", write, setup},
		{"s", "PRAGMA foreign_keys", "PRAGMA", write, setup},
		{"s", "PRAGMA user_version = 3", "PRAGMA", write, setup},
		{"s", "PRAGMA main.journal_mode(wal)", "PRAGMA", write, setup},
		{"s", "PRAGMA wal_checkpoint", "PRAGMA", write, setup},
		{"s", "EXPLAIN PRAGMA foreign_keys = on", "EXPLAIN", write, setup},
		{"", "CREATE TEMP TABLE a (b int)", "CREATE", write, setup},
		{"", "CREATE TEMPORARY VIEW a AS SELECT 1", "CREATE", write, setup},
		{"", "CREATE OR REPLACE TEMPORARY TABLE a (b int)", "CREATE", write, setup},
		{"s", "CREATE TABLE IF NOT EXISTS temp.a (b int)", "CREATE", write, setup},

		// Schema.
		{"", "CREATE TABLE a (b int, temp int)", "CREATE", write, schema},
		{"", "CREATE TABLE temp (a int)", "CREATE", write, schema},
		{"", "ALTER TABLE a ADD b int", "ALTER", write, schema},
		{"", "DROP TABLE a", "DROP", write, schema},
		{"", "TRUNCATE a", "TRUNCATE", write, schema},
		{"s", "REINDEX", "REINDEX", write, schema},
		{"s", "VACUUM INTO 'x'", "VACUUM", write, schema},
		{"m", "RENAME TABLE a TO b", "RENAME", write, schema},
		{"", "GRANT SELECT ON a TO b", "GRANT", write, schema},
		{"", "REVOKE SELECT ON a FROM b", "REVOKE", write, schema},
		{"p", "COMMENT ON TABLE a IS 'x'", "COMMENT", write, schema},
		{"s", "CREATE TRIGGER a AFTER INSERT ON b BEGIN DELETE FROM c; END", "CREATE", write, schema},
		{"s", "ANALYZE", "ANALYZE", write, ordinary},
		{"m", "ANALYZE TABLE a", "ANALYZE", write, schema},
	} {
		for _, d := range dialects() {
			if c.in != "" && !strings.Contains(c.in, d.name[:1]) {
				continue
			}
			st := compile(t, c.text, d)
			if st.Verb != c.verb || st.Access != c.access || st.Class != c.class {
				t.Errorf("%s: %s\n  is  %s, access %d, class %d\n want %s, access %d, class %d",
					d.name, c.text, st.Verb, st.Access, st.Class, c.verb, c.access, c.class)
			}
			if st.Text != c.text {
				t.Errorf("Text is %q, want the caller's %q", st.Text, c.text)
			}
		}
	}
}
