package mariadb_test

import "github.com/plinthdb/plinth/integration/suite"

// guard is what writes on MariaDB, though it looks as if it only read, and what must not slip through.
var guard = suite.Guard{
	Tables: []string{
		"create table written (x int) engine = innodb",
		"create function w() returns int begin insert into written values (1); return 1; end",
		"create view v as select w() as x",
		"create table t (a int) engine = innodb",
		"insert into t values (1)",
		"create procedure commits() begin commit; insert into written values (2); end",
		"create sequence s",
	},
	Sly: map[string]string{
		"a view":             "select * from v",
		"a view in a query":  "select t.a from t where t.a in (select x from v) or t.a = 1",
		"a view in a CTE":    "with w as (select x from v) select * from w",
		"a view in a union":  "select 7 union all select x from v",
		"a view with values": "select * from v where x = ?",
	},
	Refused: map[string]string{
		"a table analyzed": "analyze table t", "a grant": "grant select on t to current_user",
		"a procedure": "call commits()", "a block": "begin not atomic commit; insert into written values (3); end",
		"a text that is run": "execute immediate 'insert into written values (4)'", "a sequence": "select nextval(s)",
		"a global setting": "set @a = 1, global max_connect_errors = 77", "another": "set @@global.max_connect_errors = 77",
		"a password": "set password = ''", "a role": "set default role none",
		"a setting for a schema change": "set statement max_statement_time = 10 for create table other (a int)",
		"a DO":                          "do w()", "a SET": "set @a = (select w())",
	},
	RefusedInTx: map[string]string{"a procedure that commits": "call commits()"},
	Unguard:     "set session transaction read write",
}
