package mariadb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
)

// Procedures of several results. An argument of 1 has one fail behind its last one.
var procedures = []string{
	"create table things (a int primary key)",
	"insert into things values (1), (2), (3)",
	`create procedure several(fail int) begin
		select a from things order by a;
		insert into things values (10), (11);
		select 'second' as other, a as b from things;
		delete from things where a >= 10;
		if fail = 1 then signal sqlstate '45000' set message_text = 'behind the results'; end if;
	end`,
	"create procedure empty_first() begin select a from things where a > 99; select a, 'x' as b from things; end",
	`create procedure nothing_first(fail int) begin
		insert into things values (20); update things set a = a + 100 where a < 20; delete from things where a > 99;
		delete from things where a = 20; insert into things values (1), (2), (3);
		select count(*) as n from things;
		if fail = 1 then insert into things values (1); end if;
	end`,
	"create procedure silent() begin insert into things values (30), (31); delete from things where a >= 30; end",
	"create procedure large() begin select 1 as a; select seq, repeat('x', 100) from seq_1_to_50000; signal sqlstate '45000'; end",
}

// called has one connection, so that what a call leaves unread meets the next one.
func called(t *testing.T) *plinth.Engine {
	t.Helper()
	e := openURL(t, servers.MariaDB(t).Database(t), poolOf(1))
	execute(t, e, procedures...)
	t.Cleanup(func() {
		if n, err := plinth.One[int](context.Background(), e, "select count(*) from things"); err != nil || n != 3 {
			t.Errorf("afterwards: %d rows, %v; want 3", n, err)
		}
	})
	return e
}

func TestExecuteRunsAProcedureToItsEnd(t *testing.T) {
	e := called(t)
	for _, test := range []struct {
		text string
		args []any
		rows int64
		kind error
	}{
		{"call several(0)", nil, 4, nil},
		{"call several(?)", []any{0}, 4, nil},
		{"call several(?)", []any{1}, 0, plinth.ErrCheck},
		{"call several(1)", nil, 0, plinth.ErrCheck},
		{"call nothing_first(?)", []any{0}, 11, nil},
		{"call nothing_first(?)", []any{1}, 0, plinth.ErrUnique},
		{"call silent()", nil, 4, nil},
		{"call large()", nil, 0, plinth.ErrCheck},
	} {
		for range 2 { // the second time it's prepared
			res, err := e.Execute(t.Context(), test.text, test.args...)
			if !errors.Is(err, test.kind) || res.RowsAffected != test.rows {
				t.Errorf("%s %v: %d rows affected, %v; want %d, %v", test.text, test.args, res.RowsAffected, err, test.rows, test.kind)
			}
		}
	}
}

func TestQueryHandsOutTheFirstResultOfAProcedureThatHasColumns(t *testing.T) {
	e := called(t)
	for _, test := range []struct {
		text   string
		args   []any
		column string
		rows   int
		kind   error
	}{
		{"call several(0)", nil, "a", 3, nil},
		{"call several(?)", []any{0}, "a", 3, nil},
		{"call several(?)", []any{1}, "a", 3, plinth.ErrCheck},
		{"call empty_first()", nil, "a", 0, nil},
		{"call nothing_first(?)", []any{0}, "n", 1, nil},
		{"call nothing_first(?)", []any{1}, "n", 1, plinth.ErrUnique},
		{"call silent()", nil, "", 0, nil},
		{"call large()", nil, "a", 1, plinth.ErrCheck},
	} {
		for _, read := range []int{99, 1, 0} { // rows before Close
			n := 0
			rows, err := e.Query(t.Context(), test.text, test.args...)
			if err == nil {
				if names := rows.Columns(); test.column == "" && len(names) != 0 || test.column != "" && (len(names) != 1 || names[0] != test.column) {
					t.Errorf("%s %v: columns %v, want %s", test.text, test.args, names, test.column)
				}
				for n < read && rows.Next() {
					n++
				}
				err = rows.Close()
			}
			if n != min(read, test.rows) || !errors.Is(err, test.kind) || test.kind == nil && err != nil {
				t.Errorf("%s %v: %d rows of %d, %v; want %v", test.text, test.args, n, read, err, test.kind)
			}
		}
	}
}

func TestAllReportsTheErrorBehindAProceduresRows(t *testing.T) {
	e := called(t)
	all, err := plinth.All[int](t.Context(), e, "call several(?)", 0)
	if err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
	if all, err = plinth.All[int](t.Context(), e, "call several(?)", 1); !errors.Is(err, plinth.ErrCheck) {
		t.Errorf("%v, %v", all, err)
	}
	if one, err := plinth.One[int](t.Context(), e, "call nothing_first(1)"); !errors.Is(err, plinth.ErrUnique) {
		t.Errorf("%v, %v", one, err)
	}
}

func TestAnErrorBehindAProceduresRowsIsOfItsTransaction(t *testing.T) {
	e := called(t)
	err := e.InTx(t.Context(), func(ctx context.Context, tx *plinth.Tx) error {
		rows, err := tx.Query(ctx, "call nothing_first(?)", 1)
		if err != nil {
			return err
		}
		if err := rows.Close(); !errors.Is(err, plinth.ErrUnique) {
			t.Errorf("Close says %v", err)
		}
		n, err := plinth.One[int](ctx, tx, "select count(*) from things")
		if err != nil || n != 3 {
			t.Errorf("the transaction goes on: %d, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
