package postgres_test

import "github.com/plinthdb/plinth/integration/suite"

// guard is what writes on PostgreSQL, though it looks as if it only read, and what must not slip through.
var guard = suite.Guard{
	Tables: []string{
		"create table written (x int)",
		"create function w() returns int language sql as 'insert into written values (1) returning x'",
		"create view v as select w() as x",
		"create function lower(int) returns text language sql as 'select w()::text'",
		"create function pair(int, int) returns int language sql as 'select w()'",
		"create operator @@@ (leftarg = int, rightarg = int, function = pair)",
		"create table t (a int)",
		"insert into t values (1)",
		"create function f(t) returns int language sql as 'select w()'",
		"create sequence s",
	},
	Sly: map[string]string{
		"a view":                          "select * from v",
		"an overload of a harmless name":  "select lower(1)",
		"an operator of the user's own":   "select 1 @@@ 2",
		"a function in attribute's shape": "select t.f from t",
		"TABLE":                           "table v",
	},
	Refused: map[string]string{"a sequence": "select nextval('s')", "a DO": "do $$ begin perform w(); end $$", "a grant": "grant select on t to current_user"},
	Unguard: "set default_transaction_read_only = off",
}
